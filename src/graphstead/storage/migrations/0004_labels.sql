-- compat: 1
-- The scalar members of threads' metadata as an index of their own, and how many threads have each.
-- Triggers keep both, whoever writes: searches by any key and true totals cost the same at any size.

create table thread_labels (
    key text not null,
    value text not null,
    thread_id text not null,
    primary key (key, value, thread_id)
) without rowid;

-- The row with an empty key and value counts all threads.
create table thread_counts (
    key text not null,
    value text not null,
    threads integer not null,
    primary key (key, value)
) without rowid;

-- Text gets a quote before it, so that "1" is not 1; 1.0 is 1; other numbers have no label.
create view labels_of_threads as
select
    threads.thread_id as thread_id,
    item.key as key,
    case
        when item.type = 'text' then '"' || item.value
        when item.type in ('true', 'false') then item.type
        else printf('%d', item.value)
    end as value
from threads, json_each(threads.metadata) as item
where length(item.key) <= 64 and case
    when item.type = 'text' then length(item.value) <= 128
    when item.type in ('true', 'false') then 1
    when item.type in ('integer', 'real') then
        item.value between -9007199254740992 and 9007199254740992
        and item.value = cast(item.value as integer)
    else 0
end;

insert into thread_labels (key, value, thread_id)
select key, value, thread_id from labels_of_threads order by key, value, thread_id;

insert into thread_counts (key, value, threads)
select key, value, count(*) from thread_labels group by key, value;

insert into thread_counts (key, value, threads) select '', '', count(*) from threads;

create trigger thread_labels_counted after insert on thread_labels begin
    insert into thread_counts (key, value, threads) values (new.key, new.value, 1)
    on conflict (key, value) do update set threads = threads + 1;
end;

create trigger thread_labels_uncounted after delete on thread_labels begin
    update thread_counts set threads = threads - 1 where key = old.key and value = old.value;
    delete from thread_counts where key = old.key and value = old.value and threads = 0;
end;

create trigger threads_counted after insert on threads begin
    update thread_counts set threads = threads + 1 where key = '' and value = '';
    insert into thread_labels (key, value, thread_id)
    select key, value, thread_id from labels_of_threads where thread_id = new.thread_id;
end;

create trigger threads_uncounted before delete on threads begin
    update thread_counts set threads = threads - 1 where key = '' and value = '';
    delete from thread_labels where (key, value, thread_id) in (
        select key, value, thread_id from labels_of_threads where thread_id = old.thread_id
    );
end;

create trigger threads_unlabelled before update of metadata on threads
when old.metadata <> new.metadata begin
    delete from thread_labels where (key, value, thread_id) in (
        select key, value, thread_id from labels_of_threads where thread_id = old.thread_id
    );
end;

create trigger threads_labelled after update of metadata on threads
when old.metadata <> new.metadata begin
    insert into thread_labels (key, value, thread_id)
    select key, value, thread_id from labels_of_threads where thread_id = new.thread_id;
end;
