-- compat: 1
-- The store: items under namespaces, and the vectors that make them searchable by meaning.

-- Labels of a namespace are joined by dots, which no label has: what lies below one is a range.
create table store_items (
    namespace text not null,
    key text not null,
    value text not null,
    created_at text not null,
    updated_at text not null,
    ttl_minutes real,
    expires_ms integer,
    primary key (namespace, key)
);
create index store_items_by_updated on store_items (updated_at desc, namespace, key);
create index store_items_by_expiry on store_items (expires_ms) where expires_ms is not null;

create table store_vectors (
    namespace text not null,
    key text not null,
    number integer not null,
    vector blob not null,
    primary key (namespace, key, number)
);
