-- name: events.last_ends
-- Tell when each of these threads had its last end, null where it had none.
select asked, (select max(ended_ms) from ends where ends.thread_id = asked)
from jsonb_array_elements_text(cast(:thread_ids as jsonb)) as asked;
