-- name: checkpoints.blobs
-- Get the blobs of [channel, version] pairs.
select blobs.channel, blobs.version, blobs.type, blobs.blob
from jsonb_array_elements(cast(:pairs as jsonb)) as pairs
join checkpoint_blobs as blobs
    on blobs.thread_id = :thread_id and blobs.checkpoint_ns = :checkpoint_ns
    and blobs.channel = pairs ->> 0 and blobs.version = pairs ->> 1;

-- name: checkpoints.delete_unneeded_blobs
-- Delete the blobs that no checkpoint of the namespace names.
delete from checkpoint_blobs
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns
    and (channel, version) not in (
        select needed.key, needed.value
        from checkpoints, jsonb_each_text(cast(checkpoints.versions as jsonb)) as needed
        where checkpoints.thread_id = :thread_id and checkpoints.checkpoint_ns = :checkpoint_ns
    );
