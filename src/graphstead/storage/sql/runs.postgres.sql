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

-- name: runs.owned
-- Tell whether a run is still running under this generation, and hold its row.
select exists (
    select 1 from (
        select 1 from runs
        where run_id = :run_id and gen = :gen and status = 'running' for no key update
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
