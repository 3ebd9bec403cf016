-- compat: 1
-- The event protocol: where on its thread the events of each run begin, and how runs left it.

create table numbered_runs (
    run_id text collate "C" primary key,
    thread_id text collate "C" not null,
    place bigint not null,
    graph_id text,
    base bigint not null,
    frames bigint
);
create unique index numbered_runs_by_place on numbered_runs (thread_id, place);

alter table ends add column thread_status text;
