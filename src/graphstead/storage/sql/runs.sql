-- name: runs.columns
-- The columns of a RunRow, in its order.
runs.run_id, runs.thread_id, runs.assistant_id, runs.status, runs.metadata, runs.kwargs,
runs.multitask_strategy, runs.created_at, runs.updated_at, runs.start_ms, runs.blocked,
runs.temporary, runs.gen, runs.attempt, runs.worker, runs.cancel, runs.base_checkpoint_id

-- name: runs.get
-- Get one run.
select {runs.columns} from runs where run_id = :run_id;

-- name: runs.lock
-- Get one run; the transaction that writes holds the whole file.
{runs.get};

-- name: runs.insert
-- Store a new run.
insert into runs (
    run_id, thread_id, assistant_id, status, metadata, kwargs, multitask_strategy, created_at,
    updated_at, start_ms, blocked, temporary, gen, attempt, worker, cancel, base_checkpoint_id
) values (
    :run_id, :thread_id, :assistant_id, :status, :metadata, :kwargs, :multitask_strategy,
    :created_at, :updated_at, :start_ms, :blocked, :temporary, :gen, :attempt, :worker, :cancel,
    :base_checkpoint_id
);

-- name: runs.active
-- List the running and pending runs of a thread: the running one first, then in their order.
select {runs.columns} from runs
where thread_id = :thread_id and status in ('pending', 'running')
order by status desc, start_ms, run_id;

-- name: runs.running
-- Get the running run of a thread.
select {runs.columns} from runs where thread_id = :thread_id and status = 'running';

-- name: runs.has_active
-- Tell whether a thread has a running or pending run.
select exists (
    select 1 from runs where thread_id = :thread_id and status in ('pending', 'running')
);

-- name: runs.must_wait
-- Tell whether a running run, or a due one that will be claimed, holds the thread.
select exists (
    select 1 from runs
    where thread_id = :thread_id and status in ('pending', 'running')
        and (status = 'running' or (blocked = 0 and start_ms <= :now_ms))
);

-- name: runs.claimable
-- List due runs that no sibling blocks, oldest first.
select {runs.columns} from runs
where status = 'pending' and blocked = 0 and start_ms <= :now_ms
order by start_ms, run_id limit :limit;

-- name: runs.next_start_ms
-- Tell when the earliest run that no sibling blocks is due.
select min(start_ms) from runs where status = 'pending' and blocked = 0;

-- name: runs.later
-- List pending runs that are due later than that, behind a position.
select {runs.columns} from runs
where status in ('pending', 'running') and status = 'pending' and start_ms > :due_ms
    and run_id > :after
order by run_id limit :limit;

-- name: runs.set_start
-- Change when a pending run is due.
update runs set start_ms = :start_ms where run_id = :run_id and status = 'pending';

-- name: runs.start
-- Mark a run running under a new generation.
update runs
set status = 'running', worker = :worker, gen = :gen, attempt = :attempt, blocked = 0,
    updated_at = :updated_at
where run_id = :run_id;

-- name: runs.owned
-- Tell whether a run is still running under this generation.
select exists (select 1 from runs where run_id = :run_id and gen = :gen and status = 'running');

-- name: runs.hold_owned
-- Tell whether a run is still running under this generation, and what it is asked to do.
select cancel from runs where run_id = :run_id and gen = :gen and status = 'running';

-- name: runs.set_kwargs
-- Replace what a run is to be executed with.
update runs set kwargs = :kwargs, metadata = :metadata where run_id = :run_id;

-- name: runs.finish
-- Give a run its last status.
update runs
set status = :status, worker = null, cancel = null, blocked = 0, updated_at = :updated_at
where run_id = :run_id;

-- name: runs.requeue
-- Return a run to pending; the newer generation fences its last owner.
update runs
set status = 'pending', worker = null, blocked = 0, gen = :gen, start_ms = :start_ms,
    updated_at = :updated_at
where run_id = :run_id;

-- name: runs.set_cancel
-- Ask a run to stop.
update runs set cancel = :action, updated_at = :updated_at where run_id = :run_id;

-- name: runs.cancels_of
-- List the running runs of a worker that are asked to stop.
select run_id, cancel from runs
where worker = :worker and status = 'running' and cancel is not null order by run_id;

-- name: runs.set_blocked
-- Let a run wait for its siblings, or no longer.
update runs set blocked = :blocked where run_id = :run_id;

-- name: runs.next_blocked
-- Get the first run of a thread that waits for its siblings.
select {runs.columns} from runs
where thread_id = :thread_id and status in ('pending', 'running')
    and status = 'pending' and blocked = 1
order by start_ms, run_id limit 1;

-- name: runs.release_next
-- Let the first run of a thread that waits for its siblings wait no longer, if none is running.
update runs set blocked = 0
where run_id = (
    select run_id from runs
    where thread_id = :thread_id and status in ('pending', 'running')
        and status = 'pending' and blocked = 1
    order by start_ms, run_id limit 1
) and not exists (select 1 from runs where thread_id = :thread_id and status = 'running');

-- name: runs.orphans
-- List running runs whose worker is unknown.
select {runs.columns} from runs left join workers on workers.worker_id = runs.worker
where runs.status = 'running' and workers.worker_id is null
order by runs.start_ms, runs.run_id limit :limit;

-- name: runs.of_worker
-- List the runs that are running under a worker.
select {runs.columns} from runs where worker = :worker and status = 'running' order by run_id;

-- name: runs.list
-- List the runs of a thread, newest first.
select {runs.columns} from runs
where thread_id = :thread_id and (cast(:status as text) is null or status = :status)
order by created_at desc, run_id desc limit :limit offset :offset;

-- name: runs.ids_of
-- List the ids of the runs of a thread, oldest first.
select run_id from runs where thread_id = :thread_id order by created_at, run_id;

-- name: runs.by_active_status
-- List pending or running runs in any of these statuses.
select {runs.columns} from runs
where status in ('pending', 'running') and status in (select value from json_each(:statuses))
order by start_ms, run_id limit :limit;

-- name: runs.active_ids
-- List the ids of pending or running runs in any of these statuses behind an id; an expression
-- keeps the planner from walking all runs by their ids.
select run_id from runs
where status in ('pending', 'running') and status in (select value from json_each(:statuses))
    and run_id || '' > :after
order by run_id || '' limit :limit;

-- name: runs.by_status
-- List runs in any of these statuses by id; walks the table until the limit is reached.
select {runs.columns} from runs
where status in (select value from json_each(:statuses)) order by run_id limit :limit;

-- name: runs.unstopped
-- List live runs of an assistant that nobody asked to stop.
select {runs.columns} from runs
where status in ('pending', 'running') and assistant_id <> '' and assistant_id = :assistant_id
    and cancel is null
order by start_ms, run_id limit :limit;

-- name: runs.delete
-- Delete the row of a run.
delete from runs where run_id = :run_id;

-- name: runs.counts
-- Count pending and running runs.
select count(*) filter (where status = 'pending'), count(*) filter (where status = 'running')
from runs where status in ('pending', 'running');

-- name: runs.waiting_since
-- Tell since when the longest waiting due run waits, whether a sibling blocks it or not.
select min(start_ms), count(*) from runs
where status in ('pending', 'running') and status = 'pending' and start_ms <= :now_ms;

-- name: runs.median_start
-- Get the due time of the run in the middle of those that wait.
select start_ms from runs
where status in ('pending', 'running') and status = 'pending' and start_ms <= :now_ms
order by start_ms limit 1 offset :offset;
