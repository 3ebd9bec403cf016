-- compat: 1
-- Assistants, threads, runs, workers, events and checkpoints.

create table schema_version (
    version integer primary key,
    compat_version integer not null,
    applied_at text not null
);

create table assistants (
    assistant_id text primary key not null,
    graph_id text not null,
    name text not null,
    name_folded text not null,
    description text,
    config text not null,
    context text not null,
    metadata text not null,
    version integer not null,
    created_at text not null,
    updated_at text not null
);
create index assistants_by_graph on assistants (graph_id, assistant_id);
create index assistants_by_name on assistants (name_folded, assistant_id);
create index assistants_by_created on assistants (created_at, assistant_id);
create index assistants_by_updated on assistants (updated_at, assistant_id);

create table assistant_versions (
    assistant_id text not null,
    version integer not null,
    graph_id text not null,
    name text not null,
    description text,
    config text not null,
    context text not null,
    metadata text not null,
    created_at text not null,
    updated_at text not null,
    primary key (assistant_id, version)
);

create table threads (
    thread_id text primary key not null,
    status text not null,
    metadata text not null,
    config text not null,
    created_at text not null,
    updated_at text not null,
    state_updated_at text not null,
    error text,
    interrupts text not null,
    ttl text,
    expires_ms integer
);
create index threads_by_created on threads (created_at, thread_id);
create index threads_by_updated on threads (updated_at, thread_id);
create index threads_by_state_updated on threads (state_updated_at, thread_id);
create index threads_by_status on threads (status, thread_id);
create index threads_by_graph
    on threads (json_extract(metadata, '$.graph_id'), updated_at, thread_id);
create index threads_by_assistant
    on threads (json_extract(metadata, '$.assistant_id'), updated_at, thread_id);
create index threads_by_expiry on threads (expires_ms) where expires_ms is not null;

-- Values may be large: apart, a change of status does not rewrite them.
create table thread_values (
    thread_id text primary key not null,
    "values" text not null
);

create table runs (
    run_id text primary key not null,
    thread_id text not null,
    assistant_id text not null,
    status text not null,
    metadata text not null,
    kwargs text not null,
    multitask_strategy text not null,
    created_at text not null,
    updated_at text not null,
    start_ms integer not null,
    blocked integer not null,
    temporary integer not null,
    gen integer not null,
    attempt integer not null,
    worker text,
    cancel text,
    base_checkpoint_id text
);
create index runs_claimable on runs (start_ms, run_id) where status = 'pending' and blocked = 0;
create unique index runs_one_running on runs (thread_id) where status = 'running';
create index runs_active on runs (thread_id, status, start_ms, run_id)
    where status in ('pending', 'running');
create index runs_of_worker on runs (worker) where status = 'running';
create index runs_of_thread on runs (thread_id, created_at, run_id);

create table workers (
    worker_id text primary key not null,
    host text not null,
    pid integer not null,
    lease_until_ms integer not null
);

create table events (
    run_id text not null,
    seq integer not null,
    created_ms integer not null,
    event text not null,
    data blob not null,
    primary key (run_id, seq)
) without rowid;

create table ends (
    run_id text primary key not null,
    thread_id text not null,
    status text not null,
    ended_ms integer not null,
    output blob not null
);
create index ends_by_time on ends (ended_ms, run_id);

create table checkpoints (
    thread_id text not null,
    checkpoint_ns text not null,
    checkpoint_id text not null,
    parent_checkpoint_id text,
    run_id text,
    type text not null,
    checkpoint blob not null,
    metadata text not null,
    versions text,
    primary key (thread_id, checkpoint_ns, checkpoint_id)
);
create index checkpoints_of_run on checkpoints (run_id) where run_id is not null;
create index checkpoints_of_thread on checkpoints (thread_id, checkpoint_id);

create table checkpoint_blobs (
    thread_id text not null,
    checkpoint_ns text not null,
    channel text not null,
    version text not null,
    checkpoint_id text not null,
    type text not null,
    blob blob not null,
    primary key (thread_id, checkpoint_ns, channel, version)
);

create table checkpoint_writes (
    thread_id text not null,
    checkpoint_ns text not null,
    checkpoint_id text not null,
    task_id text not null,
    idx integer not null,
    task_path text not null,
    channel text not null,
    type text not null,
    blob blob not null,
    primary key (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);
