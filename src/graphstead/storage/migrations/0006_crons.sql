-- compat: 1
-- Schedules and the runs they make.

create table crons (
    cron_id text primary key not null,
    assistant_id text not null,
    thread_id text,
    user_id text not null,
    caller text not null,
    schedule text not null,
    timezone text,
    end_ms integer,
    payload text not null,
    metadata text not null,
    on_run_completed text,
    enabled integer not null,
    next_run_ms integer,
    created_at text not null,
    updated_at text not null
);
create index crons_due on crons (next_run_ms, cron_id)
    where enabled = 1 and next_run_ms is not null;
create index crons_by_created on crons (created_at, cron_id);
create index crons_of_thread on crons (thread_id) where thread_id is not null;
create index crons_of_assistant on crons (assistant_id);
