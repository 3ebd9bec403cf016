-- name: deliveries.take
-- Take what is due and nobody else takes, and put its next try off.
update deliveries set next_try_ms = :until_ms, attempts = attempts + 1
where run_id in (
    select run_id from deliveries
    where next_try_ms is not null and next_try_ms <= :now_ms
    order by next_try_ms, run_id limit :limit
    for update skip locked
)
returning {deliveries.columns};
