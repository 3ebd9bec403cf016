-- name: resealing.page_thread_values
-- Page through the keys of threads, with what may be under a key that writes no more.
select
    thread_id,
    case
        when substr("values", 1, length(:json)) = :json
            and substr("values", 1, length(:json_now)) <> :json_now
        then "values"
    end
from threads where thread_id > :thread_id
order by thread_id limit :limit;
