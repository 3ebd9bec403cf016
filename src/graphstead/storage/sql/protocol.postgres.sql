-- name: protocol.abandon
-- Leave room for the events of a run that are about to go uncounted, in Redis too.
update numbered_runs
set frames = 1024 + 64 * greatest(
    (select coalesce(max(seq), 0) from events where run_id = :run_id),
    (select coalesce(max(until_seq), 0) from event_streams where run_id = :run_id)
)
where run_id = :run_id and frames is null;
