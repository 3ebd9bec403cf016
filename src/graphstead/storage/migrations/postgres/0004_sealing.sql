-- compat: 1
-- The ciphers that the database is encrypted with; the first raises the compat version to 4.

create table sealing (
    cipher text collate "C" primary key,
    proof bytea not null,
    since text not null
);
