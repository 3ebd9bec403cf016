"""Events of runs in Redis, beside a Postgres that stays the authority (docs/architecture.md).

Needs the extra `graphstead[redis]`; nothing else of the package imports it.
"""

from graphstead.storage.redis.opening import open_redis, redis_state
from graphstead.storage.redis.storage import RedisStorage

__all__ = ["RedisStorage", "open_redis", "redis_state"]
