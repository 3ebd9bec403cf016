-- compat: 1
-- Runs whose events are, up to a number, in Redis; the rest of them are rows of events.

create table event_streams (
    run_id text collate "C" primary key,
    until_seq bigint,
    lost bigint not null default 0
);
