-- name: crons.lock
-- Get one cron and hold its row.
{crons.get} for update;
