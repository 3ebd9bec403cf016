-- name: streams.get
-- Get up to which number a run's events are in Redis (null: still open), and whether they are lost.
select until_seq, lost from event_streams where run_id = :run_id;

-- name: streams.add
-- Note that a run's events go to Redis from now on.
insert into event_streams (run_id) values (:run_id);

-- name: streams.leave
-- Note that a run's events behind a number are rows, not in Redis.
update event_streams set until_seq = :until_seq, lost = :lost
where run_id = :run_id and until_seq is null;

-- name: streams.delete
-- Forget that a run's events were in Redis.
delete from event_streams where run_id = :run_id;

-- name: streams.place
-- Get what tells this database from every other one.
select current_database() || ' ' || current_schema() || ' ' || applied_at
from schema_version where version = 1;

-- name: streams.gen
-- Get the generation of a run, 0 where it is gone.
select coalesce(max(gen), 0) from runs where run_id = :run_id;
