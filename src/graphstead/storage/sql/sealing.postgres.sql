-- name: sealing.replace_thread_values_values
-- Replace the stored form of a thread's values.
update threads set "values" = :new
where thread_id = :thread_id and "values" = :old;
