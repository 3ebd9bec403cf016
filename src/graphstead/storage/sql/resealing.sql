-- name: resealing.page_assistants
-- Page through the keys of assistants, with what may be under a key that writes no more.
select
    assistant_id,
    case
        when substr(config, 1, length(:json)) = :json
            and substr(config, 1, length(:json_now)) <> :json_now
        then config
    end,
    case
        when substr(context, 1, length(:json)) = :json
            and substr(context, 1, length(:json_now)) <> :json_now
        then context
    end,
    case when replace(metadata, '"__encryption_context__"', '') <> metadata then metadata end
from assistants where assistant_id > :assistant_id
order by assistant_id limit :limit;

-- name: resealing.page_assistant_versions
-- Page through the keys of assistant_versions, with what may be under a key that writes no more.
select
    assistant_id, version,
    case
        when substr(config, 1, length(:json)) = :json
            and substr(config, 1, length(:json_now)) <> :json_now
        then config
    end,
    case
        when substr(context, 1, length(:json)) = :json
            and substr(context, 1, length(:json_now)) <> :json_now
        then context
    end,
    case when replace(metadata, '"__encryption_context__"', '') <> metadata then metadata end
from assistant_versions where (assistant_id, version) > (:assistant_id, :version)
order by assistant_id, version limit :limit;

-- name: resealing.page_threads
-- Page through the keys of threads, with what may be under a key that writes no more.
select
    thread_id,
    case when replace(metadata, '"__encryption_context__"', '') <> metadata then metadata end,
    case
        when substr(config, 1, length(:json)) = :json
            and substr(config, 1, length(:json_now)) <> :json_now
        then config
    end,
    case
        when substr(error, 1, length(:json)) = :json
            and substr(error, 1, length(:json_now)) <> :json_now
        then error
    end,
    case
        when substr(interrupts, 1, length(:json)) = :json
            and substr(interrupts, 1, length(:json_now)) <> :json_now
        then interrupts
    end
from threads where thread_id > :thread_id
order by thread_id limit :limit;

-- name: resealing.page_thread_values
-- Page through the keys of thread_values, with what may be under a key that writes no more.
select
    thread_id,
    case
        when substr("values", 1, length(:json)) = :json
            and substr("values", 1, length(:json_now)) <> :json_now
        then "values"
    end
from thread_values where thread_id > :thread_id
order by thread_id limit :limit;

-- name: resealing.page_runs
-- Page through the keys of runs, with what may be under a key that writes no more.
select
    run_id,
    case
        when substr(metadata, 1, length(:json)) = :json
            and substr(metadata, 1, length(:json_now)) <> :json_now
        then metadata
    end,
    case
        when substr(kwargs, 1, length(:json)) = :json
            and substr(kwargs, 1, length(:json_now)) <> :json_now
        then kwargs
    end
from runs where run_id > :run_id
order by run_id limit :limit;

-- name: resealing.page_crons
-- Page through the keys of crons, with what may be under a key that writes no more.
select
    cron_id,
    case
        when substr(caller, 1, length(:json)) = :json
            and substr(caller, 1, length(:json_now)) <> :json_now
        then caller
    end,
    case
        when substr(payload, 1, length(:json)) = :json
            and substr(payload, 1, length(:json_now)) <> :json_now
        then payload
    end,
    case when replace(metadata, '"__encryption_context__"', '') <> metadata then metadata end
from crons where cron_id > :cron_id
order by cron_id limit :limit;

-- name: resealing.page_store_items
-- Page through the keys of store_items, with what may be under a key that writes no more.
select
    namespace, key,
    case
        when substr(value, 1, length(:json)) = :json
            and substr(value, 1, length(:json_now)) <> :json_now
        then value
    end
from store_items where (namespace, key) > (:namespace, :key)
order by namespace, key limit :limit;

-- name: resealing.page_events
-- Page through the keys of events, with what may be under a key that writes no more.
select
    run_id, seq,
    case
        when substr(data, 1, length(:octets)) = :octets
            and substr(data, 1, length(:octets_now)) <> :octets_now
        then data
    end
from events where (run_id, seq) > (:run_id, :seq)
order by run_id, seq limit :limit;

-- name: resealing.page_ends
-- Page through the keys of ends, with what may be under a key that writes no more.
select
    run_id,
    case
        when substr(output, 1, length(:octets)) = :octets
            and substr(output, 1, length(:octets_now)) <> :octets_now
        then output
    end,
    case
        when substr(metadata, 1, length(:json)) = :json
            and substr(metadata, 1, length(:json_now)) <> :json_now
        then metadata
    end
from ends where run_id > :run_id
order by run_id limit :limit;

-- name: resealing.page_checkpoints
-- Page through the keys of checkpoints, with what may be under a key that writes no more.
select
    thread_id, checkpoint_ns, checkpoint_id,
    case
        when substr(checkpoint, 1, length(:octets)) = :octets
            and substr(checkpoint, 1, length(:octets_now)) <> :octets_now
        then checkpoint
    end,
    case
        when substr(metadata, 1, length(:json)) = :json
            and substr(metadata, 1, length(:json_now)) <> :json_now
        then metadata
    end
from checkpoints where (thread_id, checkpoint_ns, checkpoint_id) > (:thread_id, :checkpoint_ns, :checkpoint_id)
order by thread_id, checkpoint_ns, checkpoint_id limit :limit;

-- name: resealing.page_checkpoint_blobs
-- Page through the keys of checkpoint_blobs, with what may be under a key that writes no more.
select
    thread_id, checkpoint_ns, channel, version,
    case
        when substr(blob, 1, length(:octets)) = :octets
            and substr(blob, 1, length(:octets_now)) <> :octets_now
        then blob
    end
from checkpoint_blobs where (thread_id, checkpoint_ns, channel, version) > (:thread_id, :checkpoint_ns, :channel, :version)
order by thread_id, checkpoint_ns, channel, version limit :limit;

-- name: resealing.page_checkpoint_writes
-- Page through the keys of checkpoint_writes, with what may be under a key that writes no more.
select
    thread_id, checkpoint_ns, checkpoint_id, task_id, idx,
    case
        when substr(blob, 1, length(:octets)) = :octets
            and substr(blob, 1, length(:octets_now)) <> :octets_now
        then blob
    end
from checkpoint_writes where (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) > (:thread_id, :checkpoint_ns, :checkpoint_id, :task_id, :idx)
order by thread_id, checkpoint_ns, checkpoint_id, task_id, idx limit :limit;

-- name: resealing.page_replaced_writes
-- Page through the keys of replaced_writes, with what may be under a key that writes no more.
select
    run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx,
    case
        when substr(blob, 1, length(:octets)) = :octets
            and substr(blob, 1, length(:octets_now)) <> :octets_now
        then blob
    end
from replaced_writes where (run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx) > (:run_id, :thread_id, :checkpoint_ns, :checkpoint_id, :task_id, :idx)
order by run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx limit :limit;

-- name: resealing.page_replays
-- Page through the keys of replays, with what may be under a key that writes no more.
select
    scope, key,
    case when substr(fingerprint, 1, 7) = 'sealed:' then fingerprint end,
    case
        when substr(answer, 1, length(:octets)) = :octets
            and substr(answer, 1, length(:octets_now)) <> :octets_now
        then answer
    end
from replays where (scope, key) > (:scope, :key)
order by scope, key limit :limit;

-- name: resealing.page_deliveries
-- Page through the keys of deliveries, with what may be under a key that writes no more.
select
    run_id,
    case when substr(url, 1, 7) = 'sealed:' then url end,
    case
        when substr(payload, 1, length(:octets)) = :octets
            and substr(payload, 1, length(:octets_now)) <> :octets_now
        then payload
    end
from deliveries where run_id > :run_id
order by run_id limit :limit;
