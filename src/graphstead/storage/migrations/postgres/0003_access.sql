-- compat: 1
-- Keys of this server, whose a temporary run was that has ended, and rules about access.

create table api_keys (
    key_id text collate "C" primary key,
    secret_hash bytea not null,
    identity text not null,
    name text not null,
    permissions text not null,
    created_ms bigint not null,
    expires_ms bigint,
    revoked_ms bigint,
    last_used_ms bigint
);
create index api_keys_by_time on api_keys (created_ms, key_id);

alter table ends add column metadata text;

-- A condition as `graphstead.storage.rules.as_json` writes it.
create function jsonb_admits(have jsonb, condition jsonb) returns boolean
    language plpgsql immutable parallel safe as $$
declare
    kind text := condition ->> 0;
    part jsonb;
begin
    if kind = 'equals' then
        return coalesce(have -> (condition ->> 1) = condition -> 2, false);
    elsif kind = 'contains' then
        part := have -> (condition ->> 1);
        return coalesce(jsonb_typeof(part) = 'array', false) and not exists (
            select 1 from jsonb_array_elements(condition -> 2) as wanted
            where not exists (
                select 1
                from jsonb_array_elements(
                    case when jsonb_typeof(part) = 'array' then part else '[]' end
                ) as one
                where one.value = wanted.value
            )
        );
    end if;
    for part in select value from jsonb_array_elements(condition - 0) loop
        if jsonb_admits(have, part) <> (kind = 'every') then
            return kind <> 'every';
        end if;
    end loop;
    return kind = 'every';
end;
$$;

create function json_admits(metadata text, condition text) returns boolean
    language sql immutable parallel safe
    return coalesce(jsonb_admits(searchable(metadata), searchable(condition)), false);
