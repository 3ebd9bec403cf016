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

-- name: checkpoints.usage
-- Count and measure what a thread has stored: kind, channel, number, bytes.
select
    'checkpoints', '', count(*),
    coalesce(sum(length(checkpoint) + length(cast(metadata as blob))), 0)
from checkpoints where thread_id = :thread_id
union all
select 'values', channel, count(*), coalesce(sum(length(blob)), 0)
from checkpoint_blobs where thread_id = :thread_id group by channel
union all
select 'writes', '', count(*), coalesce(sum(length(blob)), 0)
from checkpoint_writes where thread_id = :thread_id;
