-- name: runs.lock
-- Get one run and hold its row.
{runs.get} for update;

-- name: runs.claimable
-- Hold due runs that no sibling blocks, oldest first, one per thread, but none that others hold.
with due as materialized (
    select {runs.columns} from runs
    where status = 'pending' and blocked = 0 and start_ms <= :now_ms
    order by start_ms, run_id limit :limit
    for update skip locked
)
select * from due
where pg_try_advisory_xact_lock(hashtextextended(thread_id, 0)) order by start_ms, run_id;

-- name: runs.take
-- Start due runs that no sibling blocks and none is running beside, the first of each thread; list
-- them, and the other due ones as they are. None that others hold, and none of a thread of theirs.
with due as materialized (
    select run_id, thread_id, start_ms from runs
    where status = 'pending' and blocked = 0 and start_ms <= :now_ms
    order by start_ms, run_id limit :limit
    for update skip locked
), lone as materialized (
    select * from due where pg_try_advisory_xact_lock(hashtextextended(thread_id, 0))
), free as materialized (
    select distinct on (thread_id) run_id from lone
    where not exists (
        select 1 from runs where runs.thread_id = lone.thread_id and runs.status = 'running'
    )
    order by thread_id, start_ms, run_id
), started as (
    update runs
    set status = 'running', worker = :worker, gen = gen + 1, attempt = attempt + 1, blocked = 0,
        updated_at = :updated_at
    from free where runs.run_id = free.run_id
    returning {runs.columns}
)
select * from started
union all
select {runs.columns} from lone join runs on runs.run_id = lone.run_id
where lone.run_id not in (select run_id from free)
order by start_ms, run_id;

-- name: runs.enter
-- Store a new run, blocked where its thread makes it wait, and show the thread busy.
with entered as (
    insert into runs (
        run_id, thread_id, assistant_id, status, metadata, kwargs, multitask_strategy, created_at,
        updated_at, start_ms, blocked, temporary, gen, attempt, worker, cancel, base_checkpoint_id
    ) values (
        :run_id, :thread_id, :assistant_id, :status, :metadata, :kwargs, :multitask_strategy,
        :created_at, :updated_at, :start_ms, cast(({runs.must_wait}) as integer), :temporary, :gen,
        :attempt, :worker, :cancel, :base_checkpoint_id
    ) returning blocked
), shown as (
    update threads set status = 'busy', updated_at = :updated_at where thread_id = :thread_id
)
select blocked from entered;

-- name: runs.hold_owned
-- Hold a thread's row, then that of its run if it is still running under this generation; tell
-- what it is asked to do. The expression keeps the planner from walking all that is running.
select runs.cancel
from (
    select count(*) as number
    from (select 1 from threads where thread_id = :thread_id for update) as thread
) as held
cross join lateral (
    select cancel from runs
    where run_id = :run_id and gen = :gen and status || '' = 'running' and held.number >= 0
    for no key update
) as runs;

-- name: runs.owned
-- Tell whether a run is still running under this generation, and hold its row; the expression
-- keeps the planner from walking all that is running.
select exists (
    select 1 from (
        select 1 from runs
        where run_id = :run_id and gen = :gen and status || '' = 'running' for no key update
    ) as held
);

-- name: runs.by_active_status
-- List pending or running runs in any of these statuses.
select {runs.columns} from runs
where status in ('pending', 'running')
    and status in (select jsonb_array_elements_text(cast(:statuses as jsonb)))
order by start_ms, run_id limit :limit;

-- name: runs.by_status
-- List runs in any of these statuses by id; walks the table until the limit is reached.
select {runs.columns} from runs
where status in (select jsonb_array_elements_text(cast(:statuses as jsonb)))
order by run_id limit :limit;

-- name: runs.active_ids
-- List the ids of pending or running runs in any of these statuses behind an id.
select run_id from runs
where status in ('pending', 'running')
    and status in (select jsonb_array_elements_text(cast(:statuses as jsonb)))
    and run_id || '' > :after
order by run_id || '' limit :limit;
