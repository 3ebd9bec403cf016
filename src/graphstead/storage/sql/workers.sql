-- name: workers.beat
-- Insert a worker or renew its lease.
insert into workers (worker_id, host, pid, lease_until_ms)
values (:worker_id, :host, :pid, :lease_until_ms)
on conflict (worker_id) do update
set host = excluded.host, pid = excluded.pid, lease_until_ms = excluded.lease_until_ms;

-- name: workers.list
-- List every worker by id.
select worker_id, host, pid, lease_until_ms from workers order by worker_id;

-- name: workers.forget
-- Delete a worker.
delete from workers where worker_id = :worker_id;
