-- compat: 1
-- Keys of this server, and whose a temporary run was that has ended.

create table api_keys (
    key_id text primary key not null,
    secret_hash blob not null,
    identity text not null,
    name text not null,
    permissions text not null,
    created_ms integer not null,
    expires_ms integer,
    revoked_ms integer,
    last_used_ms integer
);
create index api_keys_by_time on api_keys (created_ms, key_id);

alter table ends add column metadata text;
