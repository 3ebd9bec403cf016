-- name: assistants.columns
-- The columns of an AssistantRow, in its order.
assistant_id, graph_id, name, description, config, context, metadata, version,
created_at, updated_at

-- name: assistants.get
-- Get one assistant.
select {assistants.columns} from assistants where assistant_id = :assistant_id;

-- name: assistants.lock
-- Get one assistant; the transaction that writes holds the whole file.
{assistants.get};

-- name: assistants.insert
-- Store a new assistant unless its id is taken.
insert into assistants (
    assistant_id, graph_id, name, name_folded, description, config, context, metadata, version,
    created_at, updated_at
) values (
    :assistant_id, :graph_id, :name, :name_folded, :description, :config, :context, :metadata,
    :version, :created_at, :updated_at
) on conflict (assistant_id) do nothing;

-- name: assistants.replace
-- Overwrite the current row of an assistant.
update assistants
set graph_id = :graph_id, name = :name, name_folded = :name_folded, description = :description,
    config = :config, context = :context, metadata = :metadata, version = :version,
    created_at = :created_at, updated_at = :updated_at
where assistant_id = :assistant_id;

-- name: assistants.put_version
-- Remember this state of an assistant under its version.
insert into assistant_versions (
    assistant_id, version, graph_id, name, description, config, context, metadata,
    created_at, updated_at
) values (
    :assistant_id, :version, :graph_id, :name, :description, :config, :context, :metadata,
    :created_at, :updated_at
) on conflict (assistant_id, version) do update
set graph_id = excluded.graph_id, name = excluded.name, description = excluded.description,
    config = excluded.config, context = excluded.context, metadata = excluded.metadata,
    created_at = excluded.created_at, updated_at = excluded.updated_at;

-- name: assistants.search
-- List assistants that meet the conditions, sorted and bounded.
select {assistants.columns} from assistants
where {conditions} order by {order} limit :limit offset :offset;

-- name: assistants.count
-- Count assistants that meet the conditions.
select count(*) from assistants where {conditions};

-- name: assistants.where_graph_id
-- Made from this graph.
assistants.graph_id = :graph_id

-- name: assistants.where_name
-- The name has this text in it, in either case.
instr(assistants.name_folded, :name_folded) > 0

-- name: assistants.where_metadata
-- The metadata contains this object.
json_contains(assistants.metadata, :metadata)

-- name: assistants.where_access
-- The metadata meets the caller's rule.
json_admits(assistants.metadata, :access)

-- name: assistants.order_assistant_id
-- By id.
assistants.assistant_id {direction}

-- name: assistants.order_graph_id
-- By graph.
assistants.graph_id {direction}, assistants.assistant_id {direction}

-- name: assistants.order_name
-- By name, in either case.
assistants.name_folded {direction}, assistants.assistant_id {direction}

-- name: assistants.order_created_at
-- By creation.
assistants.created_at {direction}, assistants.assistant_id {direction}

-- name: assistants.order_updated_at
-- By last change.
assistants.updated_at {direction}, assistants.assistant_id {direction}

-- name: assistants.versions
-- List stored versions of an assistant, newest first.
select {assistants.columns} from assistant_versions
where assistant_id = :assistant_id
    and (cast(:metadata as text) is null or json_contains(metadata, :metadata))
order by version desc limit :limit offset :offset;

-- name: assistants.version
-- Get one stored version of an assistant.
select {assistants.columns} from assistant_versions
where assistant_id = :assistant_id and version = :version;

-- name: assistants.delete
-- Delete an assistant.
delete from assistants where assistant_id = :assistant_id;

-- name: assistants.delete_versions
-- Delete every version of an assistant.
delete from assistant_versions where assistant_id = :assistant_id;
