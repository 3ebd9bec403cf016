-- name: events.append
-- Store one event of a run.
insert into events (run_id, seq, created_ms, event, data)
values (:run_id, :seq, :created_ms, :event, :data);

-- name: events.after
-- List the events of a run behind a position, in order.
select seq, created_ms, event, data from events
where run_id = :run_id and seq > :seq order by seq limit :limit;

-- name: events.last_seq
-- Get the highest position of a run.
select coalesce(max(seq), 0) from events where run_id = :run_id;

-- name: events.end
-- Record how a run ended.
insert into ends (run_id, thread_id, status, ended_ms, output, thread_status, metadata)
values (:run_id, :thread_id, :status, :ended_ms, :output, :thread_status, :metadata)
on conflict (run_id) do update
set thread_id = excluded.thread_id, status = excluded.status, ended_ms = excluded.ended_ms,
    output = excluded.output, thread_status = excluded.thread_status,
    metadata = excluded.metadata;

-- name: events.ended
-- Get how a run ended.
select run_id, thread_id, status, ended_ms, output, thread_status, metadata from ends
where run_id = :run_id;

-- name: events.purgeable
-- List runs that ended before a time, oldest first.
select run_id from ends where ended_ms < :ended_before_ms order by ended_ms, run_id limit :limit;

-- name: events.delete
-- Delete the events of a run.
delete from events where run_id = :run_id;

-- name: events.delete_end
-- Delete the record of how a run ended.
delete from ends where run_id = :run_id;

-- name: events.last_ms
-- Tell the time of a run's last event.
select created_ms from events where run_id = :run_id order by seq desc limit 1;

-- name: events.last_ends
-- Tell when each of these threads had its last end, null where it had none.
select value, (select max(ended_ms) from ends where ends.thread_id = value)
from json_each(:thread_ids);

-- name: events.ends_of
-- List when a thread's runs ended, from a time on, in order.
select run_id, ended_ms from ends
where thread_id = :thread_id and ended_ms >= :from_ms order by ended_ms, run_id limit :limit;
