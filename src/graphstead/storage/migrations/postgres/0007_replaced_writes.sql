-- compat: 1
-- What stood where a live run has put pending writes under a checkpoint that is not its own: to
-- undo the run is to put it back, null where nothing stood. Runs that have ended need it no more.

create table replaced_writes (
    run_id text collate "C" not null,
    thread_id text collate "C" not null,
    checkpoint_ns text collate "C" not null,
    checkpoint_id text collate "C" not null,
    task_id text collate "C" not null,
    idx bigint not null,
    task_path text collate "C",
    channel text,
    type text,
    blob bytea,
    primary key (run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);
