-- name: protocol.add
-- Give a run its place and its first number on the thread.
insert into numbered_runs (run_id, thread_id, place, graph_id, base, frames)
values (:run_id, :thread_id, :place, :graph_id, :base, :frames);

-- name: protocol.last
-- Get the run of a thread that was numbered last.
select run_id, thread_id, place, graph_id, base, frames from numbered_runs
where thread_id = :thread_id order by place desc limit 1;

-- name: protocol.after
-- List a thread's numbered runs behind a place, in order.
select run_id, thread_id, place, graph_id, base, frames from numbered_runs
where thread_id = :thread_id and place > :place order by place limit :limit;

-- name: protocol.behind
-- Get the first run of a thread that has events behind a number, or may get them.
select run_id, thread_id, place, graph_id, base, frames from numbered_runs
where thread_id = :thread_id and (frames is null or base + frames > :seq)
order by place limit 1;

-- name: protocol.first_kept
-- Get the first numbered run of a thread whose events are still there.
select run_id, thread_id, place, graph_id, base, frames from numbered_runs
where thread_id = :thread_id
    and (exists (select 1 from ends where ends.run_id = numbered_runs.run_id)
        or exists (select 1 from runs where runs.run_id = numbered_runs.run_id
            and runs.status in ('running', 'pending')))
order by place limit 1;

-- name: protocol.next_ended
-- Get the first run of a thread that has ended and has no number yet.
select run_id, thread_id, status, ended_ms, output, thread_status from ends
where thread_id = :thread_id
    and not exists (select 1 from numbered_runs where numbered_runs.run_id = ends.run_id)
order by ended_ms, run_id limit 1;

-- name: protocol.close
-- Note how many events a run has, once.
update numbered_runs set frames = :frames where run_id = :run_id and frames is null;

-- name: protocol.abandon
-- Leave room for the events of a run that are about to go uncounted.
update numbered_runs
set frames = (select 1024 + 64 * coalesce(max(seq), 0) from events where run_id = :run_id)
where run_id = :run_id and frames is null;

-- name: protocol.forget
-- Forget the numbers of a thread.
delete from numbered_runs where thread_id = :thread_id;
