-- name: threads.columns
-- The columns of a ThreadRow, in its order; large values are kept out of the row by the server.
threads.thread_id, threads.status, threads.metadata, threads.config, threads.created_at,
threads.updated_at, threads.state_updated_at, threads."values", threads.error,
threads.interrupts, threads.ttl, threads.expires_ms

-- name: threads.get
-- Get one thread with its values.
select {threads.columns} from threads where threads.thread_id = :thread_id;

-- name: threads.lock
-- Get one thread as it is once nobody else holds its row, and hold it.
{threads.get} for update;

-- name: threads.hold
-- Hold the row of a thread.
select 1 from threads where thread_id = :thread_id for update;

-- name: threads.try_hold
-- Hold the row of a thread unless another transaction does.
select 1 from threads where thread_id = :thread_id for update skip locked;

-- name: threads.insert
-- Store a new thread unless its id is taken.
insert into threads (
    thread_id, status, metadata, config, created_at, updated_at, state_updated_at, "values",
    error, interrupts, ttl, expires_ms
) values (
    :thread_id, :status, :metadata, :config, :created_at, :updated_at, :state_updated_at,
    :values, :error, :interrupts, :ttl, :expires_ms
) on conflict (thread_id) do nothing;

-- name: threads.set_state
-- Mirror the newest checkpoint and the last outcome.
update threads
set status = :status, "values" = :values, error = :error, interrupts = :interrupts,
    state_updated_at = :state_updated_at, updated_at = :state_updated_at, has_history = 1
where thread_id = :thread_id;

-- name: threads.show
-- Show how a run ended; a thread with an active run stays busy, and its next run goes.
with shown as (
    update threads
    set status = case when ({runs.has_active}) then 'busy' else :shown_status end,
        "values" = case when :keeps_values = 1 then "values" else :values end,
        error = :error, interrupts = :interrupts, state_updated_at = :updated_at,
        updated_at = :updated_at, has_history = 1
    where thread_id = :thread_id
), released as ({runs.release_next} returning 1)
select count(*) from released;

-- name: threads.settle
-- Record how a run ended, give it its last status, and do the same; what reads here sees the run
-- as it was before, so it is left out by name. One update of each table: the server prepares all
-- indexes of a table for each. The ids are an array, not a subquery: a row that another transaction
-- has changed meanwhile is looked at once more, and a subquery may then lack it.
with ended as ({events.end}),
following as materialized (
    select run_id from runs
    where thread_id = :thread_id and status in ('pending', 'running')
        and status = 'pending' and blocked = 1 and run_id <> :run_id
        and not exists (
            select 1 from runs
            where thread_id = :thread_id and status = 'running' and run_id <> :run_id
        )
    order by start_ms, run_id limit 1
),
changed as (
    update runs
    set blocked = 0,
        status = case when run_id = :run_id then :status else status end,
        worker = case when run_id = :run_id then null else worker end,
        cancel = case when run_id = :run_id then null else cancel end,
        updated_at = case when run_id = :run_id then :updated_at else updated_at end
    where run_id = any(array(select :run_id union all select run_id from following))
),
shown as (
    update threads
    set status = case when exists (
            select 1 from runs
            where thread_id = :thread_id and status in ('pending', 'running')
                and run_id <> :run_id
        ) then 'busy' else :shown_status end,
        "values" = case when :keeps_values = 1 then "values" else :values end,
        error = :error, interrupts = :interrupts, state_updated_at = :updated_at,
        updated_at = :updated_at, has_history = 1
    where thread_id = :thread_id
)
select count(*) from following;

-- name: threads.search
-- List threads that meet the conditions, sorted and bounded.
select {threads.columns} from threads
where {conditions} order by {order} limit :limit offset :offset;

-- name: threads.where_thread_ids
-- One of these threads.
threads.thread_id in (select jsonb_array_elements_text(cast(:thread_ids as jsonb)))

-- name: threads.where_graph_id
-- The metadata names this graph; an index answers it.
label_of(threads.metadata, 'graph_id') = left(:graph_id, 128)

-- name: threads.where_assistant_id
-- The metadata names this assistant; an index answers it.
label_of(threads.metadata, 'assistant_id') = left(:assistant_id, 128)

-- name: threads.where_values
-- The values contain this object.
json_contains(threads."values", :values)

-- name: threads.where_labels
-- The metadata contains this object; written so that no index is asked, for one has told already.
json_contains(threads.metadata || '', :labels)
