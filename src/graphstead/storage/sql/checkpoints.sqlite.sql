-- name: checkpoints.size
-- Sum the bytes of the checkpoints, blobs and pending writes of a thread.
select
    coalesce((
        select sum(length(checkpoint) + length(cast(metadata as blob))) from checkpoints
        where thread_id = :thread_id
    ), 0)
    + coalesce((
        select sum(length(blob)) from checkpoint_blobs where thread_id = :thread_id
    ), 0)
    + coalesce((
        select sum(length(blob)) from checkpoint_writes where thread_id = :thread_id
    ), 0);
