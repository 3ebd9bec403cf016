-- compat: 1
-- The live runs of an assistant, which its deletion stops. No assistant has an empty id: that it is
-- said keeps the planner from this index where a query is about a thread.

create index runs_live_of_assistant on runs (assistant_id, start_ms, run_id)
    where status in ('pending', 'running') and assistant_id <> '';
