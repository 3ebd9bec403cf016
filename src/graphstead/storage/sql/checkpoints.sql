-- name: checkpoints.columns
-- The columns of a CheckpointRow, in its order.
thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, type, checkpoint, metadata

-- name: checkpoints.put
-- Insert or replace a checkpoint.
insert into checkpoints (
    thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, type, checkpoint,
    metadata, versions
) values (
    :thread_id, :checkpoint_ns, :checkpoint_id, :parent_checkpoint_id, :run_id, :type,
    :checkpoint, :metadata, :versions
) on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
set parent_checkpoint_id = excluded.parent_checkpoint_id, run_id = excluded.run_id,
    type = excluded.type, checkpoint = excluded.checkpoint, metadata = excluded.metadata,
    versions = excluded.versions;

-- name: checkpoints.put_blob
-- Store one version of a channel, once.
insert into checkpoint_blobs (
    thread_id, checkpoint_ns, channel, version, checkpoint_id, type, blob
) values (
    :thread_id, :checkpoint_ns, :channel, :version, :checkpoint_id, :type, :blob
) on conflict (thread_id, checkpoint_ns, channel, version) do nothing;

-- name: checkpoints.put_write
-- Store one pending write; an earlier one at the same place is replaced.
insert into checkpoint_writes (
    thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, blob
) values (
    :thread_id, :checkpoint_ns, :checkpoint_id, :task_id, :idx, :task_path, :channel, :type, :blob
) on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do update
set task_path = excluded.task_path, channel = excluded.channel, type = excluded.type,
    blob = excluded.blob;

-- name: checkpoints.add_write
-- Store one pending write unless there is one at the same place.
insert into checkpoint_writes (
    thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, blob
) values (
    :thread_id, :checkpoint_ns, :checkpoint_id, :task_id, :idx, :task_path, :channel, :type, :blob
) on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do nothing;

-- name: checkpoints.remember_write
-- Keep what stands where a run is about to write under a checkpoint of others, once.
insert into replaced_writes (
    run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, blob
)
select :run_id, :thread_id, :checkpoint_ns, :checkpoint_id, :task_id, :idx,
    there.task_path, there.channel, there.type, there.blob
from (select 1 as one) as always
left join checkpoint_writes as there
    on there.thread_id = :thread_id and there.checkpoint_ns = :checkpoint_ns
    and there.checkpoint_id = :checkpoint_id and there.task_id = :task_id and there.idx = :idx
where true
on conflict (run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do nothing;

-- name: checkpoints.take_back_writes
-- Delete what a run has written under checkpoints of others.
delete from checkpoint_writes
where (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) in (
    select thread_id, checkpoint_ns, checkpoint_id, task_id, idx from replaced_writes
    where run_id = :run_id
);

-- name: checkpoints.put_writes_back
-- Put back what stood there, under the checkpoints that are still there.
insert into checkpoint_writes (
    thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, blob
)
select before.thread_id, before.checkpoint_ns, before.checkpoint_id, before.task_id, before.idx,
    before.task_path, before.channel, before.type, before.blob
from replaced_writes as before
join checkpoints on checkpoints.thread_id = before.thread_id
    and checkpoints.checkpoint_ns = before.checkpoint_ns
    and checkpoints.checkpoint_id = before.checkpoint_id
where before.run_id = :run_id and before.blob is not null;

-- name: checkpoints.forget_replaced
-- Forget what a run has replaced.
delete from replaced_writes where run_id = :run_id;

-- name: checkpoints.purge_replaced
-- Forget a part of what runs have replaced that have ended or are gone.
delete from replaced_writes
where (run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx) in (
    select run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx
    from replaced_writes as replaced
    where not exists (
        select 1 from runs
        where runs.run_id = replaced.run_id and runs.status in ('pending', 'running')
    )
    limit :limit
);

-- name: checkpoints.get
-- Get one checkpoint.
select {checkpoints.columns} from checkpoints
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id = :checkpoint_id;

-- name: checkpoints.newest
-- Get the newest checkpoint of a namespace.
select {checkpoints.columns} from checkpoints
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns
order by checkpoint_id desc limit 1;

-- name: checkpoints.blobs
-- Get the blobs of [channel, version] pairs.
select blobs.channel, blobs.version, blobs.type, blobs.blob
from json_each(:pairs) as pairs
join checkpoint_blobs as blobs
    on blobs.thread_id = :thread_id and blobs.checkpoint_ns = :checkpoint_ns
    and blobs.channel = json_extract(pairs.value, '$[0]')
    and blobs.version = json_extract(pairs.value, '$[1]');

-- name: checkpoints.writes
-- List the pending writes of a checkpoint.
select task_id, task_path, idx, channel, type, blob from checkpoint_writes
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id = :checkpoint_id
order by task_path, task_id, idx;

-- name: checkpoints.list
-- List checkpoints that meet the conditions, newest first.
select {checkpoints.columns} from checkpoints
where {conditions} order by checkpoint_id desc, checkpoint_ns limit :limit;

-- name: checkpoints.where_thread_id
-- Of this thread.
thread_id = :thread_id

-- name: checkpoints.where_checkpoint_ns
-- In this namespace.
checkpoint_ns = :checkpoint_ns

-- name: checkpoints.where_checkpoint_id
-- Just this one.
checkpoint_id = :checkpoint_id

-- name: checkpoints.where_before
-- Older than this one.
checkpoint_id < :before

-- name: checkpoints.where_metadata
-- These keys of the metadata have these values.
json_has_items(metadata, :metadata)

-- name: checkpoints.delete_thread
-- Delete every checkpoint of a thread.
delete from checkpoints where thread_id = :thread_id;

-- name: checkpoints.delete_thread_blobs
-- Delete every blob of a thread.
delete from checkpoint_blobs where thread_id = :thread_id;

-- name: checkpoints.delete_thread_writes
-- Delete every pending write of a thread.
delete from checkpoint_writes where thread_id = :thread_id;

-- name: checkpoints.delete_namespace
-- Delete every checkpoint of a namespace.
delete from checkpoints where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns;

-- name: checkpoints.delete_namespace_blobs
-- Delete every blob of a namespace.
delete from checkpoint_blobs where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns;

-- name: checkpoints.delete_namespace_writes
-- Delete every pending write of a namespace.
delete from checkpoint_writes where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns;

-- name: checkpoints.namespaces_of_run
-- List where a run has written checkpoints.
select distinct thread_id, checkpoint_ns from checkpoints where run_id = :run_id;

-- name: checkpoints.delete_run_writes
-- Delete the pending writes under the checkpoints of a run.
delete from checkpoint_writes
where (thread_id, checkpoint_ns, checkpoint_id) in (
    select thread_id, checkpoint_ns, checkpoint_id from checkpoints where run_id = :run_id
);

-- name: checkpoints.delete_run
-- Delete the checkpoints of a run.
delete from checkpoints where run_id = :run_id;

-- name: checkpoints.heads
-- List the newest checkpoint of each namespace of a thread.
select checkpoint_ns, max(checkpoint_id) from checkpoints
where thread_id = :thread_id group by checkpoint_ns;

-- name: checkpoints.delete_others
-- Delete every checkpoint of a namespace but one.
delete from checkpoints
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id <> :checkpoint_id;

-- name: checkpoints.delete_other_writes
-- Delete the pending writes of a namespace under every checkpoint but one.
delete from checkpoint_writes
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id <> :checkpoint_id;

-- name: checkpoints.versions_unknown
-- Tell whether a namespace has a checkpoint that does not say which blobs it needs.
select exists (
    select 1 from checkpoints
    where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and versions is null
);

-- name: checkpoints.delete_unneeded_blobs
-- Delete the blobs that no checkpoint of the namespace names.
delete from checkpoint_blobs
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns
    and (channel, version) not in (
        select needed.key, needed.value
        from checkpoints, json_each(checkpoints.versions) as needed
        where checkpoints.thread_id = :thread_id and checkpoints.checkpoint_ns = :checkpoint_ns
    );

-- name: checkpoints.delete_younger_blobs
-- Delete the blobs written after every checkpoint that is left: none of them can need these.
delete from checkpoint_blobs
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns
    and checkpoint_id > coalesce((
        select max(checkpoint_id) from checkpoints
        where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns
    ), '');

-- name: checkpoints.copy
-- Copy the checkpoints of a thread; the copies belong to no run.
insert into checkpoints (
    thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, type, checkpoint,
    metadata, versions
)
select :target_thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, null, type,
    checkpoint, metadata, versions
from checkpoints where thread_id = :thread_id;

-- name: checkpoints.copy_blobs
-- Copy the blobs of a thread.
insert into checkpoint_blobs (
    thread_id, checkpoint_ns, channel, version, checkpoint_id, type, blob
)
select :target_thread_id, checkpoint_ns, channel, version, checkpoint_id, type, blob
from checkpoint_blobs where thread_id = :thread_id;

-- name: checkpoints.copy_writes
-- Copy the pending writes of a thread.
insert into checkpoint_writes (
    thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, blob
)
select :target_thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type,
    blob
from checkpoint_writes where thread_id = :thread_id;

-- name: checkpoints.size
-- Sum the bytes of the checkpoints, blobs and pending writes of a thread.
select
    coalesce((
        select sum(octet_length(checkpoint) + octet_length(metadata)) from checkpoints
        where thread_id = :thread_id
    ), 0)
    + coalesce((
        select sum(octet_length(blob)) from checkpoint_blobs where thread_id = :thread_id
    ), 0)
    + coalesce((
        select sum(octet_length(blob)) from checkpoint_writes where thread_id = :thread_id
    ), 0);

-- name: checkpoints.usage
-- Count and measure what a thread has stored: kind, channel, number, bytes.
select
    'checkpoints', '', count(*),
    coalesce(sum(octet_length(checkpoint) + octet_length(metadata)), 0)
from checkpoints where thread_id = :thread_id
union all
select 'values', channel, count(*), coalesce(sum(octet_length(blob)), 0)
from checkpoint_blobs where thread_id = :thread_id group by channel
union all
select 'writes', '', count(*), coalesce(sum(octet_length(blob)), 0)
from checkpoint_writes where thread_id = :thread_id;
