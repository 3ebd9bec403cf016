-- name: assistants.lock
-- Get one assistant and hold its row.
{assistants.get} for update;

-- name: assistants.where_name
-- The name has this text in it, in either case.
strpos(assistants.name_folded, :name_folded) > 0
