-- compat: 1
-- Which threads may have checkpoints besides their newest one.

alter table threads add column has_history integer not null default 1;
create index threads_with_history on threads (state_updated_at)
    where has_history = 1 and status <> 'busy';
