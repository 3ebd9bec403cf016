-- name: threads.columns
-- The columns of a ThreadRow, in its order.
threads.thread_id, threads.status, threads.metadata, threads.config, threads.created_at,
threads.updated_at, threads.state_updated_at, thread_values."values", threads.error,
threads.interrupts, threads.ttl, threads.expires_ms

-- name: threads.get
-- Get one thread with its values.
select {threads.columns}
from threads left join thread_values on thread_values.thread_id = threads.thread_id
where threads.thread_id = :thread_id;

-- name: threads.lock
-- Get one thread and hold its row; here the whole database is held by the one writer.
{threads.get}

-- name: threads.hold
-- Hold the row of a thread; here the whole database is held by the one writer.
select 1 from threads where thread_id = :thread_id;

-- name: threads.try_hold
-- The same; nobody else can hold it.
{threads.hold};

-- name: threads.insert
-- Store a new thread unless its id is taken.
insert into threads (
    thread_id, status, metadata, config, created_at, updated_at, state_updated_at, error,
    interrupts, ttl, expires_ms
) values (
    :thread_id, :status, :metadata, :config, :created_at, :updated_at, :state_updated_at, :error,
    :interrupts, :ttl, :expires_ms
) on conflict (thread_id) do nothing;

-- name: threads.put_values
-- Store the values of a thread.
insert into thread_values (thread_id, "values") values (:thread_id, :values)
on conflict (thread_id) do update set "values" = excluded."values";

-- name: threads.delete_values
-- Forget the values of a thread.
delete from thread_values where thread_id = :thread_id;

-- name: threads.set_status
-- Change the status of a thread.
update threads set status = :status, updated_at = :updated_at where thread_id = :thread_id;

-- name: threads.set_metadata
-- Change what clients and runs say about a thread.
update threads set metadata = :metadata, config = :config, updated_at = :updated_at
where thread_id = :thread_id;

-- name: threads.set_ttl
-- Change when a thread expires.
update threads set ttl = :ttl, expires_ms = :expires_ms where thread_id = :thread_id;

-- name: threads.set_state
-- Mirror the newest checkpoint and the last outcome, apart from the values.
update threads
set status = :status, error = :error, interrupts = :interrupts,
    state_updated_at = :state_updated_at, updated_at = :state_updated_at, has_history = 1
where thread_id = :thread_id;

-- name: threads.show
-- Show how a run ended, apart from the values; a thread with an active run stays busy.
update threads
set status = case when ({runs.has_active}) then 'busy' else :shown_status end,
    error = :error, interrupts = :interrupts, state_updated_at = :updated_at,
    updated_at = :updated_at, has_history = 1
where thread_id = :thread_id;

-- name: threads.search
-- List threads that meet the conditions, sorted and bounded.
select {threads.columns}
from threads left join thread_values on thread_values.thread_id = threads.thread_id
where {conditions} order by {order} limit :limit offset :offset;

-- name: threads.count
-- Count threads that meet the conditions.
select count(*) from threads where {conditions};

-- name: threads.count_some
-- Count threads that meet the conditions, no further than a number.
select count(*) from (select 1 from threads where {conditions} limit :at_most) as found;

-- name: threads.search_ids
-- List the ids of threads that meet the conditions: rows that have to be sorted stay small.
select threads.thread_id from threads
where {conditions} order by {order} limit :limit offset :offset;

-- name: threads.labelled
-- Tell how many threads have a label; an empty key and value stand for all threads.
select coalesce(
    (select threads from thread_counts where key = :label_key and value = :label_value), 0
);

-- name: threads.where_label
-- The metadata has this member; a table of its own answers it.
threads.thread_id in (
    select thread_id from thread_labels where key = :label_key and value = :label_value
)

-- name: threads.where_member
-- The same, asked of one thread after the other.
exists (
    select 1 from thread_labels
    where thread_labels.key = :member_key and thread_labels.value = :member_value
        and thread_labels.thread_id = threads.thread_id
)

-- name: threads.where_status
-- In this status.
threads.status = :status

-- name: threads.where_thread_ids
-- One of these threads.
threads.thread_id in (select value from json_each(:thread_ids))

-- name: threads.where_graph_id
-- The metadata names this graph; an index answers it.
json_extract(threads.metadata, '$.graph_id') = :graph_id

-- name: threads.where_assistant_id
-- The metadata names this assistant; an index answers it.
json_extract(threads.metadata, '$.assistant_id') = :assistant_id

-- name: threads.where_metadata
-- The metadata contains this object.
json_contains(threads.metadata, :metadata)

-- name: threads.where_labels
-- The metadata contains this object, of which an index has told most already.
json_contains(threads.metadata, :labels)

-- name: threads.where_members
-- The metadata has these members, which the caller's rule demands.
json_contains(threads.metadata, :members)

-- name: threads.where_access
-- The metadata meets the caller's rule.
json_admits(threads.metadata, :access)

-- name: threads.where_values
-- The values contain this object.
json_contains(
    (
        select thread_values."values" from thread_values
        where thread_values.thread_id = threads.thread_id
    ),
    :values
)

-- name: threads.order_thread_id
-- By id.
threads.thread_id {direction}

-- name: threads.order_status
-- By status.
threads.status {direction}, threads.thread_id {direction}

-- name: threads.order_created_at
-- By creation.
threads.created_at {direction}, threads.thread_id {direction}

-- name: threads.order_updated_at
-- By last change.
threads.updated_at {direction}, threads.thread_id {direction}

-- name: threads.order_state_updated_at
-- By last change of state.
threads.state_updated_at {direction}, threads.thread_id {direction}

-- name: threads.expired
-- List threads whose time has come, the longest overdue first.
select thread_id from threads where expires_ms <= :now_ms order by expires_ms limit :limit;

-- name: threads.with_history
-- List threads at rest whose state changed before a time and that were not trimmed since.
select thread_id from threads
where has_history = 1 and status <> 'busy' and state_updated_at < :before
order by state_updated_at limit :limit;

-- name: threads.mark_trimmed
-- Note that a thread has no history to lose.
update threads set has_history = 0 where thread_id = :thread_id;

-- name: threads.delete
-- Delete the row of a thread.
delete from threads where thread_id = :thread_id;
