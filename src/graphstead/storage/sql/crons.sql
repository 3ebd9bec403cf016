-- name: crons.columns
-- The columns of a CronRow, in its order.
cron_id, assistant_id, thread_id, user_id, caller, schedule, timezone, end_ms, payload, metadata,
on_run_completed, enabled, next_run_ms, created_at, updated_at

-- name: crons.get
-- Get one cron.
select {crons.columns} from crons where cron_id = :cron_id;

-- name: crons.lock
-- Get one cron; the transaction that writes holds the whole file.
select {crons.columns} from crons where cron_id = :cron_id;

-- name: crons.insert
-- Store a new cron.
insert into crons ({crons.columns}) values (
    :cron_id, :assistant_id, :thread_id, :user_id, :caller, :schedule, :timezone, :end_ms,
    :payload, :metadata, :on_run_completed, :enabled, :next_run_ms, :created_at, :updated_at
);

-- name: crons.replace
-- Overwrite what of a cron can change.
update crons
set schedule = :schedule, timezone = :timezone, end_ms = :end_ms, payload = :payload,
    metadata = :metadata, on_run_completed = :on_run_completed, enabled = :enabled,
    next_run_ms = :next_run_ms, updated_at = :updated_at
where cron_id = :cron_id;

-- name: crons.move
-- Set when the next run is due.
update crons set next_run_ms = :next_run_ms where cron_id = :cron_id;

-- name: crons.due
-- List enabled crons whose date has come, the longest overdue first.
select cron_id from crons
where enabled = 1 and next_run_ms is not null and next_run_ms <= :now_ms
order by next_run_ms, cron_id limit :limit;

-- name: crons.next_ms
-- Tell when the next enabled cron is due.
select min(next_run_ms) from crons where enabled = 1 and next_run_ms is not null;

-- name: crons.search
-- List crons that meet the conditions, sorted and bounded.
select {crons.columns} from crons
where {conditions} order by {order} limit :limit offset :offset;

-- name: crons.count
-- Count crons that meet the conditions.
select count(*) from crons where {conditions};

-- name: crons.where_assistant_id
-- Runs this assistant.
crons.assistant_id = :assistant_id

-- name: crons.where_thread_id
-- Runs on this thread.
crons.thread_id = :thread_id

-- name: crons.where_enabled
-- Switched on, or off.
crons.enabled = :enabled

-- name: crons.where_metadata
-- The metadata contains this object.
json_contains(crons.metadata, :metadata)

-- name: crons.where_access
-- The metadata meets the caller's rule.
json_admits(crons.metadata, :access)

-- name: crons.where_thread_access
-- It is on no thread, or on one whose metadata meets the caller's rule.
(
    crons.thread_id is null
    or exists (
        select 1 from threads
        where threads.thread_id = crons.thread_id
            and json_admits(threads.metadata, :thread_access)
    )
)

-- name: crons.order_cron_id
-- By id.
crons.cron_id {direction}

-- name: crons.order_assistant_id
-- By assistant.
crons.assistant_id {direction}, crons.cron_id {direction}

-- name: crons.order_thread_id
-- By thread, those without one last.
crons.thread_id {direction} nulls last, crons.cron_id {direction}

-- name: crons.order_next_run_date
-- By the next date, those without one last.
crons.next_run_ms {direction} nulls last, crons.cron_id {direction}

-- name: crons.order_end_time
-- By the end, those without one last.
crons.end_ms {direction} nulls last, crons.cron_id {direction}

-- name: crons.order_created_at
-- By creation.
crons.created_at {direction}, crons.cron_id {direction}

-- name: crons.order_updated_at
-- By last change.
crons.updated_at {direction}, crons.cron_id {direction}

-- name: crons.delete
-- Delete a cron.
delete from crons where cron_id = :cron_id;

-- name: crons.delete_of_thread
-- Delete every cron of a thread.
delete from crons where thread_id = :thread_id;

-- name: crons.delete_of_assistant
-- Delete every cron that runs an assistant.
delete from crons where assistant_id = :assistant_id;
