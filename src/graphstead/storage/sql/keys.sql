-- name: keys.columns
-- The columns of an ApiKeyRow, in its order.
key_id, secret_hash, identity, name, permissions, created_ms, expires_ms, revoked_ms, last_used_ms

-- name: keys.add
-- Store a new key unless its id is taken.
insert into api_keys ({keys.columns}) values (
    :key_id, :secret_hash, :identity, :name, :permissions, :created_ms, :expires_ms, :revoked_ms,
    :last_used_ms
) on conflict (key_id) do nothing;

-- name: keys.get
-- Get one key.
select {keys.columns} from api_keys where key_id = :key_id;

-- name: keys.list
-- List keys, newest first.
select {keys.columns} from api_keys order by created_ms desc, key_id desc limit :limit;

-- name: keys.revoke
-- End a key that has not been ended.
update api_keys set revoked_ms = :now_ms where key_id = :key_id and revoked_ms is null;

-- name: keys.used
-- Note when a key was last seen.
update api_keys set last_used_ms = :now_ms where key_id = :key_id;
