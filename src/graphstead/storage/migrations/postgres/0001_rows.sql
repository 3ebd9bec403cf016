-- compat: 1
-- Everything that is remembered: the tables of SQLite's migrations 0001 to 0007.
-- JSON is kept as the text it came in, so that numbers and the order of keys stay what they were;
-- indexes and searches see it as jsonb. Text that is sorted by goes by code points, as on SQLite.

create table schema_version (
    version integer primary key,
    compat_version integer not null,
    applied_at text not null
);

-- jsonb knows no U+0000; in searches alone another character that means nothing stands for it.
create function searchable(json text) returns jsonb
    language sql immutable parallel safe
    return cast(replace(json, '\u0000', '\uffff') as jsonb);

create function json_contains(whole text, part text) returns boolean
    language sql immutable parallel safe
    return searchable(whole) @> searchable(part);

create function json_has_items(whole text, items text) returns boolean
    language sql immutable parallel safe
    return not exists (
        select 1 from jsonb_each(searchable(items)) as item
        where searchable(whole) -> item.key is distinct from item.value
    );

create function label_of(json text, key text) returns text
    language sql immutable parallel safe
    return left(searchable(json) ->> key, 128);

-- Conditions on the members of an object, as `graphstead.storage.conditions` has them.
create function jsonb_holds(have jsonb, wanted jsonb) returns boolean
    language plpgsql immutable parallel safe as $$
declare
    operator text;
    bound jsonb;
    side integer;
begin
    if have is null then
        return false;
    end if;
    if jsonb_typeof(wanted) <> 'object' then
        return have = wanted;
    end if;
    if not exists (select 1 from jsonb_object_keys(wanted) as name where left(name, 1) = '$') then
        if jsonb_typeof(have) <> 'object' then
            return false;
        end if;
        for operator, bound in select * from jsonb_each(wanted) loop
            if not jsonb_holds(have -> operator, bound) then
                return false;
            end if;
        end loop;
        return true;
    end if;
    for operator, bound in select * from jsonb_each(wanted) loop
        if operator = '$eq' then
            if have <> bound then return false; end if;
        elsif operator = '$ne' then
            if have = bound then return false; end if;
        else
            if jsonb_typeof(have) <> jsonb_typeof(bound) then
                return false;
            elsif jsonb_typeof(have) = 'number' then
                side := sign(cast(have as numeric) - cast(bound as numeric));
            elsif jsonb_typeof(have) = 'string' then
                side := case
                    when (have #>> '{}') collate "C" < (bound #>> '{}') then -1
                    when (have #>> '{}') collate "C" > (bound #>> '{}') then 1
                    else 0
                end;
            else
                return false;
            end if;
            if not (
                (operator = '$gt' and side > 0) or (operator = '$gte' and side >= 0)
                or (operator = '$lt' and side < 0) or (operator = '$lte' and side <= 0)
            ) then
                return false;
            end if;
        end if;
    end loop;
    return true;
end;
$$;

create function json_meets(value text, conditions text) returns boolean
    language sql immutable parallel safe
    return jsonb_holds(searchable(value), searchable(conditions));

-- How alike two vectors of length one are; NULL where their numbers of dimensions differ.
create function vector_product(one real[], other real[]) returns double precision
    language sql immutable parallel safe
    return case when cardinality(one) = cardinality(other) then (
        select sum(cast(pair.one as double precision) * pair.other)
        from unnest(one, other) as pair (one, other)
    ) end;

create table assistants (
    assistant_id text collate "C" primary key,
    graph_id text collate "C" not null,
    name text not null,
    name_folded text collate "C" not null,
    description text,
    config text not null,
    context text not null,
    metadata text not null,
    version bigint not null,
    created_at text collate "C" not null,
    updated_at text collate "C" not null
);
create index assistants_by_graph on assistants (left(graph_id, 128), assistant_id);
create index assistants_by_created on assistants (created_at, assistant_id);
create index assistants_by_updated on assistants (updated_at, assistant_id);

create table assistant_versions (
    assistant_id text collate "C" not null,
    version bigint not null,
    graph_id text not null,
    name text not null,
    description text,
    config text not null,
    context text not null,
    metadata text not null,
    created_at text collate "C" not null,
    updated_at text collate "C" not null,
    primary key (assistant_id, version)
);

create table threads (
    thread_id text collate "C" primary key,
    status text collate "C" not null,
    metadata text not null,
    config text not null,
    created_at text collate "C" not null,
    updated_at text collate "C" not null,
    state_updated_at text collate "C" not null,
    "values" text,
    error text,
    interrupts text not null,
    ttl text,
    expires_ms bigint,
    has_history integer not null default 1
) with (fillfactor = 80);
create index threads_by_created on threads (created_at, thread_id);
create index threads_by_updated on threads (updated_at, thread_id);
create index threads_by_state_updated on threads (state_updated_at, thread_id);
create index threads_by_status on threads (status, thread_id);
create index threads_by_graph on threads (label_of(metadata, 'graph_id'), updated_at, thread_id);
create index threads_by_assistant
    on threads (label_of(metadata, 'assistant_id'), updated_at, thread_id);
create index threads_by_metadata on threads using gin (searchable(metadata) jsonb_path_ops);
create index threads_by_expiry on threads (expires_ms) where expires_ms is not null;
create index threads_with_history on threads (state_updated_at)
    where has_history = 1 and status <> 'busy';

create table runs (
    run_id text collate "C" primary key,
    thread_id text collate "C" not null,
    assistant_id text not null,
    status text collate "C" not null,
    metadata text not null,
    kwargs text not null,
    multitask_strategy text not null,
    created_at text collate "C" not null,
    updated_at text not null,
    start_ms bigint not null,
    blocked integer not null,
    temporary integer not null,
    gen bigint not null,
    attempt bigint not null,
    worker text collate "C",
    cancel text,
    base_checkpoint_id text
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
create index runs_claimable on runs (start_ms, run_id) where status = 'pending' and blocked = 0;
create unique index runs_one_running on runs (thread_id) where status = 'running';
create index runs_active on runs (thread_id, status, start_ms, run_id)
    where status in ('pending', 'running');
create index runs_of_worker on runs (worker) where status = 'running';
create index runs_of_thread on runs (thread_id, created_at, run_id);

create table workers (
    worker_id text collate "C" primary key,
    host text not null,
    pid bigint not null,
    lease_until_ms bigint not null
) with (fillfactor = 50);

create table events (
    run_id text collate "C" not null,
    seq bigint not null,
    created_ms bigint not null,
    event text not null,
    data bytea not null,
    primary key (run_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.02);

create table ends (
    run_id text collate "C" primary key,
    thread_id text collate "C" not null,
    status text not null,
    ended_ms bigint not null,
    output bytea not null
) with (autovacuum_vacuum_scale_factor = 0.02);
create index ends_by_time on ends (ended_ms, run_id);
create index ends_of_thread on ends (thread_id, ended_ms, run_id);

create table checkpoints (
    thread_id text collate "C" not null,
    checkpoint_ns text collate "C" not null,
    checkpoint_id text collate "C" not null,
    parent_checkpoint_id text,
    run_id text collate "C",
    type text not null,
    checkpoint bytea not null,
    metadata text not null,
    versions text,
    primary key (thread_id, checkpoint_ns, checkpoint_id)
);
create index checkpoints_of_run on checkpoints (run_id) where run_id is not null;
create index checkpoints_of_thread on checkpoints (thread_id, checkpoint_id);

create table checkpoint_blobs (
    thread_id text collate "C" not null,
    checkpoint_ns text collate "C" not null,
    channel text collate "C" not null,
    version text collate "C" not null,
    checkpoint_id text collate "C" not null,
    type text not null,
    blob bytea not null,
    primary key (thread_id, checkpoint_ns, channel, version)
);

create table checkpoint_writes (
    thread_id text collate "C" not null,
    checkpoint_ns text collate "C" not null,
    checkpoint_id text collate "C" not null,
    task_id text collate "C" not null,
    idx bigint not null,
    task_path text collate "C" not null,
    channel text not null,
    type text not null,
    blob bytea not null,
    primary key (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);

create table replays (
    scope text collate "C" not null,
    key text collate "C" not null,
    fingerprint text not null,
    answer bytea not null,
    created_ms bigint not null,
    primary key (scope, key)
);
create index replays_by_time on replays (created_ms, scope, key);

create table store_items (
    namespace text collate "C" not null,
    key text collate "C" not null,
    value text not null,
    created_at text collate "C" not null,
    updated_at text collate "C" not null,
    ttl_minutes double precision,
    expires_ms bigint,
    primary key (namespace, key)
);
create index store_items_by_updated on store_items (updated_at desc, namespace, key);
create index store_items_by_expiry on store_items (expires_ms) where expires_ms is not null;

create table store_vectors (
    namespace text collate "C" not null,
    key text collate "C" not null,
    number bigint not null,
    vector real[] not null,
    primary key (namespace, key, number)
);

create table crons (
    cron_id text collate "C" primary key,
    assistant_id text collate "C" not null,
    thread_id text collate "C",
    user_id text not null,
    caller text not null,
    schedule text not null,
    timezone text,
    end_ms bigint,
    payload text not null,
    metadata text not null,
    on_run_completed text,
    enabled integer not null,
    next_run_ms bigint,
    created_at text collate "C" not null,
    updated_at text collate "C" not null
);
create index crons_due on crons (next_run_ms, cron_id)
    where enabled = 1 and next_run_ms is not null;
create index crons_by_created on crons (created_at, cron_id);
create index crons_of_thread on crons (thread_id) where thread_id is not null;
create index crons_of_assistant on crons (assistant_id);

create table deliveries (
    run_id text collate "C" primary key,
    url text not null,
    payload bytea not null,
    created_ms bigint not null,
    next_try_ms bigint,
    attempts bigint not null,
    last_error text
);
create index deliveries_due on deliveries (next_try_ms, run_id) where next_try_ms is not null;
create index deliveries_dead on deliveries (created_ms, run_id) where next_try_ms is null;
