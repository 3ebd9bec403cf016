"""Everything that upkeep does slice by slice, done at once: for whoever has no server running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphstead.engine import thread_life
from graphstead.engine.checkpoints import Saver
from graphstead.engine.clock import Clock, wire_time_of_ms
from graphstead.engine.replays import KEPT_MS
from graphstead.storage.base import Storage, Tx

__all__ = ["Pruned", "prune"]

AT_ONCE = 200
PAGES_AT_ONCE = 2_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was given up, by kind: threads past their time, old histories, streams and so on."""

    expired_threads: int
    trimmed_threads: int
    event_streams: int
    store_items: int
    webhook_calls: int


def prune(
    storage: Storage,
    clock: Clock,
    *,
    history_days: int,
    stream_ttl_s: float,
    dead_webhook_days: int,
) -> Pruned:
    """Apply every time to live now, trim what did not change for `history_days`, give room back.

    One short transaction after the other: servers may run meanwhile.
    """
    now_ms, serde = clock.now_ms(), Saver(storage).serde
    before = wire_time_of_ms(now_ms - history_days * DAY_MS)
    done = Pruned(
        expired_threads=_each_thread(
            storage,
            lambda tx: tx.threads.expired(now_ms, AT_ONCE),
            lambda tx, thread_id: thread_life.expire(tx, serde, thread_id, clock),
        ),
        trimmed_threads=_each_thread(
            storage,
            lambda tx: tx.threads.with_history(before, AT_ONCE) if history_days else [],
            lambda tx, thread_id: thread_life.forget_history(tx, serde, thread_id, before),
        ),
        event_streams=_all(
            storage, lambda tx: tx.events.purge(now_ms - int(stream_ttl_s * 1000), AT_ONCE)
        ),
        store_items=_all(storage, lambda tx: tx.store.purge(now_ms, AT_ONCE)),
        webhook_calls=_dead_calls(storage, now_ms, dead_webhook_days),
    )
    storage.write_blocking(lambda tx: tx.replays.purge(now_ms - KEPT_MS, 100_000))
    while storage.vacuum(PAGES_AT_ONCE):
        continue
    return done


def _dead_calls(storage: Storage, now_ms: int, days: int) -> int:
    if not days:
        return 0
    return _all(storage, lambda tx: tx.deliveries.purge(now_ms - days * DAY_MS, AT_ONCE))


def _each_thread(
    storage: Storage, find: Callable[[Tx], list[str]], act: Callable[[Tx, str], bool]
) -> int:
    """Do one transaction per thread found until none is found anew; count those that changed."""
    changed, seen = 0, set[str]()
    while fresh := [one for one in storage.read_blocking(find) if one not in seen]:
        seen.update(fresh)
        for thread_id in fresh:
            changed += storage.write_blocking(lambda tx, one=thread_id: act(tx, one))  # type: ignore[misc]
    return changed


def _all(storage: Storage, slice_of: Callable[[Tx], int]) -> int:
    total = 0
    while number := storage.write_blocking(slice_of):
        total += number
    return total
