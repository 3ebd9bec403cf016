-- compat: 1
-- The ciphers that the database is encrypted with; the first raises the compat version to 9.

create table sealing (
    cipher text primary key not null,
    proof blob not null,
    since text not null
);
