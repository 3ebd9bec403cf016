-- compat: 1
-- What stood where a live run has put pending writes under a checkpoint that is not its own: to
-- undo the run is to put it back, null where nothing stood. Runs that have ended need it no more.

create table replaced_writes (
    run_id text not null,
    thread_id text not null,
    checkpoint_ns text not null,
    checkpoint_id text not null,
    task_id text not null,
    idx integer not null,
    task_path text,
    channel text,
    type text,
    blob blob,
    primary key (run_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);
