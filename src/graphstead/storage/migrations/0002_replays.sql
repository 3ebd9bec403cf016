-- compat: 1
-- Answers remembered under an Idempotency-Key, and the ends of a thread's runs in order.

create table replays (
    scope text not null,
    key text not null,
    fingerprint text not null,
    answer blob not null,
    created_ms integer not null,
    primary key (scope, key)
) without rowid;
create index replays_by_time on replays (created_ms, scope, key);

create index ends_of_thread on ends (thread_id, ended_ms, run_id);
