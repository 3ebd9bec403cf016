-- name: deliveries.columns
-- The columns of a DeliveryRow, in its order.
run_id, url, payload, created_ms, next_try_ms, attempts, last_error

-- name: deliveries.add
-- Store a delivery, once for each run.
insert into deliveries ({deliveries.columns}) values (
    :run_id, :url, :payload, :created_ms, :next_try_ms, :attempts, :last_error
) on conflict (run_id) do nothing;

-- name: deliveries.take
-- Take what is due, and put its next try off.
update deliveries set next_try_ms = :until_ms, attempts = attempts + 1
where run_id in (
    select run_id from deliveries
    where next_try_ms is not null and next_try_ms <= :now_ms
    order by next_try_ms, run_id limit :limit
)
returning {deliveries.columns};

-- name: deliveries.next_ms
-- Tell when the next try is due.
select min(next_try_ms) from deliveries where next_try_ms is not null;

-- name: deliveries.put_off
-- Note a failure, and when to try again.
update deliveries set next_try_ms = :next_try_ms, last_error = :last_error
where run_id = :run_id;

-- name: deliveries.rewind
-- Make due now what was made later than now, or is due later than any pause allows.
update deliveries set next_try_ms = :now_ms
where next_try_ms > :now_ms and (created_ms > :now_ms or next_try_ms > :latest_ms);

-- name: deliveries.dead
-- List deliveries that are given up, newest first.
select {deliveries.columns} from deliveries where next_try_ms is null
order by created_ms desc, run_id desc limit :limit;

-- name: deliveries.revive
-- Make what is given up due again, all of it or that of one run.
update deliveries set next_try_ms = :now_ms, attempts = 0
where next_try_ms is null and (cast(:run_id as text) is null or run_id = :run_id);

-- name: deliveries.done
-- Forget a delivery that was made.
delete from deliveries where run_id = :run_id;

-- name: deliveries.purge
-- Forget some of what was given up for runs that ended before a time, oldest first.
delete from deliveries where run_id in (
    select run_id from deliveries
    where next_try_ms is null and created_ms < :before_ms
    order by created_ms, run_id limit :limit
) and next_try_ms is null;

-- name: deliveries.count_due
-- Count deliveries whose time has come.
select count(*) from deliveries where next_try_ms is not null and next_try_ms <= :now_ms;

-- name: deliveries.count_dead
-- Count deliveries that are given up.
select count(*) from deliveries where next_try_ms is null;
