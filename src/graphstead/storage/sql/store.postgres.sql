-- name: store.search
-- List items that meet the conditions, those written last first.
select {store.columns}, cast(null as double precision) as score from store_items
where {conditions}
order by updated_at desc, namespace, key limit :limit offset :offset;
