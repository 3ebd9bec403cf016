-- name: replays.get
-- Get the answer remembered under a key.
select scope, key, fingerprint, answer, created_ms from replays
where scope = :scope and key = :key;

-- name: replays.keep
-- Remember an answer under a key.
insert into replays (scope, key, fingerprint, answer, created_ms)
values (:scope, :key, :fingerprint, :answer, :created_ms);

-- name: replays.purge
-- Forget answers that are older than a time.
delete from replays where (scope, key) in (
    select scope, key from replays where created_ms < :before_ms order by created_ms limit :limit
);
