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
