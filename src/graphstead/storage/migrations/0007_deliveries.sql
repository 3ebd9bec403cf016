-- compat: 1
-- Webhook calls that are owed, and those that are given up.

create table deliveries (
    run_id text primary key not null,
    url text not null,
    payload blob not null,
    created_ms integer not null,
    next_try_ms integer,
    attempts integer not null,
    last_error text
);
create index deliveries_due on deliveries (next_try_ms, run_id) where next_try_ms is not null;
create index deliveries_dead on deliveries (created_ms, run_id) where next_try_ms is null;
