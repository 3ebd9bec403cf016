-- name: store.columns
-- The columns of a StoreRow, in its order.
store_items.namespace, store_items.key, store_items.value, store_items.created_at,
store_items.updated_at, store_items.ttl_minutes, store_items.expires_ms

-- name: store.where_alive
-- Its time is not up.
(store_items.expires_ms is null or store_items.expires_ms > :now_ms)

-- name: store.get
-- Get one item whose time is not up.
select {store.columns} from store_items
where namespace = :namespace and key = :key and {store.where_alive};

-- name: store.put
-- Write an item; one that is there keeps the time of its creation, unless its time was up.
insert into store_items (
    namespace, key, value, created_at, updated_at, ttl_minutes, expires_ms
) values (
    :namespace, :key, :value, :created_at, :updated_at, :ttl_minutes, :expires_ms
) on conflict (namespace, key) do update set
    value = excluded.value,
    created_at = case
        when store_items.expires_ms <= :now_ms then excluded.created_at
        else store_items.created_at
    end,
    updated_at = excluded.updated_at,
    ttl_minutes = excluded.ttl_minutes,
    expires_ms = excluded.expires_ms;

-- name: store.delete
-- Delete an item.
delete from store_items where namespace = :namespace and key = :key;

-- name: store.put_vector
-- Write one vector of an item.
insert into store_vectors (namespace, key, number, vector)
values (:namespace, :key, :number, :vector);

-- name: store.delete_vectors
-- Delete the vectors of an item.
delete from store_vectors where namespace = :namespace and key = :key;

-- name: store.touch
-- Begin the time of an item anew, unless it is up.
update store_items set expires_ms = :expires_ms
where namespace = :namespace and key = :key and expires_ms > :now_ms;

-- name: store.search
-- List items that meet the conditions, those written last first.
select {store.columns}, null as score from store_items
where {conditions}
order by updated_at desc, namespace, key limit :limit offset :offset;

-- name: store.search_by_meaning
-- List items that meet the conditions, the best match first, those without vectors last.
select {store.columns}, (
    select max(vector_product(store_vectors.vector, :query)) from store_vectors
    where store_vectors.namespace = store_items.namespace
      and store_vectors.key = store_items.key
) as score from store_items
where {conditions}
order by score desc nulls last, updated_at desc, namespace, key limit :limit offset :offset;

-- name: store.where_prefix
-- In this namespace or below it.
(
    store_items.namespace = :prefix
    or (store_items.namespace > :prefix_from and store_items.namespace < :prefix_to)
)

-- name: store.where_filter
-- The value meets these conditions.
json_meets(store_items.value, :filter)

-- name: store.namespaces
-- List the namespaces that hold items that meet the conditions.
select distinct namespace from store_items where {conditions};

-- name: store.expired
-- List items whose time is up, the longest overdue first.
select namespace, key from store_items
where expires_ms <= :now_ms order by expires_ms limit :limit;
