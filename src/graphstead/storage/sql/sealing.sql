-- name: sealing.list
-- List the ciphers that the database is, or was, encrypted with.
select cipher, proof, since from sealing order by cipher;

-- name: sealing.add
-- Note a cipher.
insert into sealing (cipher, proof, since) values (:cipher, :proof, :since)
on conflict (cipher) do nothing;

-- name: sealing.forget
-- Forget a cipher that nothing is encrypted with any more.
delete from sealing where cipher = :cipher;

-- name: sealing.keep_older_out
-- Refuse the database to programs that would take encrypted rows for clear ones.
update schema_version set compat_version = :known_since
where compat_version < :known_since and version = (select max(version) from schema_version);

-- name: sealing.replace_assistants_config
-- Replace the stored form of an assistant's config.
update assistants set config = :new
where assistant_id = :assistant_id and config = :old;

-- name: sealing.replace_assistants_context
-- Replace the stored form of an assistant's context.
update assistants set context = :new
where assistant_id = :assistant_id and context = :old;

-- name: sealing.replace_assistants_metadata
-- Replace the stored form of an assistant's metadata.
update assistants set metadata = :new
where assistant_id = :assistant_id and metadata = :old;

-- name: sealing.replace_threads_metadata
-- Replace the stored form of a thread's metadata.
update threads set metadata = :new
where thread_id = :thread_id and metadata = :old;

-- name: sealing.replace_threads_config
-- Replace the stored form of a thread's config.
update threads set config = :new
where thread_id = :thread_id and config = :old;

-- name: sealing.replace_threads_error
-- Replace the stored form of a thread's error.
update threads set error = :new
where thread_id = :thread_id and error = :old;

-- name: sealing.replace_threads_interrupts
-- Replace the stored form of a thread's interrupts.
update threads set interrupts = :new
where thread_id = :thread_id and interrupts = :old;

-- name: sealing.replace_thread_values_values
-- Replace the stored form of a thread's values.
update thread_values set "values" = :new
where thread_id = :thread_id and "values" = :old;

-- name: sealing.replace_runs_metadata
-- Replace the stored form of a run's metadata.
update runs set metadata = :new
where run_id = :run_id and metadata = :old;

-- name: sealing.replace_runs_kwargs
-- Replace the stored form of a run's kwargs.
update runs set kwargs = :new
where run_id = :run_id and kwargs = :old;

-- name: sealing.replace_crons_caller
-- Replace the stored form of a cron's caller.
update crons set caller = :new
where cron_id = :cron_id and caller = :old;

-- name: sealing.replace_crons_payload
-- Replace the stored form of a cron's payload.
update crons set payload = :new
where cron_id = :cron_id and payload = :old;

-- name: sealing.replace_crons_metadata
-- Replace the stored form of a cron's metadata.
update crons set metadata = :new
where cron_id = :cron_id and metadata = :old;

-- name: sealing.replace_store_items_value
-- Replace the stored form of an item's value.
update store_items set value = :new
where namespace = :namespace and key = :key and value = :old;

-- name: sealing.replace_checkpoints_checkpoint
-- Replace the stored form of a checkpoint's checkpoint.
update checkpoints set checkpoint = :new
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id = :checkpoint_id
    and checkpoint = :old;

-- name: sealing.replace_checkpoints_metadata
-- Replace the stored form of a checkpoint's metadata.
update checkpoints set metadata = :new
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id = :checkpoint_id
    and metadata = :old;

-- name: sealing.replace_checkpoint_blobs_blob
-- Replace the stored form of a channel value's blob.
update checkpoint_blobs set blob = :new
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and channel = :channel and version = :version
    and blob = :old;

-- name: sealing.replace_checkpoint_writes_blob
-- Replace the stored form of a pending write's blob.
update checkpoint_writes set blob = :new
where thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id = :checkpoint_id and task_id = :task_id and idx = :idx
    and blob = :old;

-- name: sealing.replace_replaced_writes_blob
-- Replace the stored form of a remembered write's blob.
update replaced_writes set blob = :new
where run_id = :run_id and thread_id = :thread_id and checkpoint_ns = :checkpoint_ns and checkpoint_id = :checkpoint_id and task_id = :task_id and idx = :idx
    and blob = :old;

-- name: sealing.replace_assistant_versions_config
-- Replace the stored form of a stored version's config.
update assistant_versions set config = :new
where assistant_id = :assistant_id and version = :version and config = :old;

-- name: sealing.replace_assistant_versions_context
-- Replace the stored form of a stored version's context.
update assistant_versions set context = :new
where assistant_id = :assistant_id and version = :version and context = :old;

-- name: sealing.replace_assistant_versions_metadata
-- Replace the stored form of a stored version's metadata.
update assistant_versions set metadata = :new
where assistant_id = :assistant_id and version = :version and metadata = :old;

-- name: sealing.replace_events_data
-- Replace the stored form of an event's data.
update events set data = :new
where run_id = :run_id and seq = :seq and data = :old;

-- name: sealing.replace_ends_output
-- Replace the stored form of a run's output.
update ends set output = :new
where run_id = :run_id and output = :old;

-- name: sealing.replace_ends_metadata
-- Replace the stored form of a run's metadata.
update ends set metadata = :new
where run_id = :run_id and metadata = :old;

-- name: sealing.replace_replays_fingerprint
-- Replace the stored form of a remembered answer's fingerprint.
update replays set fingerprint = :new
where scope = :scope and key = :key and fingerprint = :old;

-- name: sealing.replace_replays_answer
-- Replace the stored form of a remembered answer's answer.
update replays set answer = :new
where scope = :scope and key = :key and answer = :old;

-- name: sealing.replace_deliveries_url
-- Replace the stored form of a webhook call's url.
update deliveries set url = :new
where run_id = :run_id and url = :old;

-- name: sealing.replace_deliveries_payload
-- Replace the stored form of a webhook call's payload.
update deliveries set payload = :new
where run_id = :run_id and payload = :old;
