"""Opens Redis beside a Postgres storage, and tells how it is."""

from __future__ import annotations

import hashlib
import logging
from typing import cast
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from graphstead.storage.errors import RedisRefused, RedisUnreachable
from graphstead.storage.postgres.storage import PostgresStorage
from graphstead.storage.postgres.tx import PostgresTx
from graphstead.storage.redis.bells import RedisBells
from graphstead.storage.redis.line import Line
from graphstead.storage.redis.storage import RedisStorage
from graphstead.storage.redis.streams import Streams

__all__ = ["open_redis", "redis_state"]

CONNECT_S, ANSWER_S = 1.0, 3.0
OLDEST_SERVER = (6, 2)
# What a stream outlives its rows in Postgres by: those are swept a few seconds late.
LATE_MS = 60_000
_LOG = logging.getLogger("graphstead.storage")


def place_of(uri: str) -> str:
    """Return the address of a Redis without its password."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def redis_state(uri: str) -> str:
    """Return the server's version.

    Raises RedisRefused for one that cannot do this, RedisUnreachable where none answers.
    """
    place = place_of(uri)
    try:
        with _client(uri) as client:
            told = client.info("server")
    except redis.AuthenticationError as fault:
        raise RedisRefused(place, f"it does not let us in ({fault})") from fault
    except (redis.ConnectionError, redis.TimeoutError) as fault:
        raise RedisUnreachable(place, str(fault)) from fault
    except (redis.RedisError, ValueError) as fault:
        raise RedisRefused(place, str(fault)) from fault
    version = str(told["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < OLDEST_SERVER:
        raise RedisRefused(place, f"it is version {version}, and 6.2 is the oldest that works")
    if told.get("redis_mode") == "cluster":
        raise RedisRefused(place, "it is a node of a cluster; name a single server")
    return version


def open_redis(
    storage: PostgresStorage, uri: str, *, prefix: str = "", kept_s: float = 120.0
) -> RedisStorage:
    """Return the storage with the events of runs in Redis, `kept_s` longer than their run lasts.

    Where Redis cannot be reached Postgres does its part until it can be. Raises RedisRefused.
    """
    try:
        redis_state(uri)
    except RedisUnreachable as fault:
        _LOG.error("%s; Postgres does its part until it answers", fault)
    name = f"{prefix}graphstead:{_fingerprint(storage)}"
    writes, reads = Line(_client(uri), "redis-write"), Line(_client(uri), "redis-read")
    doorbells = storage.doorbells
    bells = RedisBells(
        _client(uri),
        writes,
        f"{name}:bells",
        heard=doorbells.local.ring,
        otherwise=doorbells.session.ring,
    )
    streams = Streams(writes, reads, bells, name, int(kept_s * 1000) + LATE_MS)
    return RedisStorage(storage, streams, bells, (writes, reads))


def _fingerprint(storage: PostgresStorage) -> str:
    """Return what keeps the keys of two databases apart on one Redis."""
    place = storage.read_blocking(lambda tx: cast(PostgresTx, tx).sql.value("streams.place"))
    return hashlib.blake2b(str(place).encode(), digest_size=6).hexdigest()


def _client(uri: str) -> redis.Redis:
    client: redis.Redis = redis.Redis.from_url(
        uri,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=ANSWER_S,
        socket_keepalive=True,
        health_check_interval=10,
        client_name="graphstead",
        retry=Retry(NoBackoff(), 0),
    )
    return client
