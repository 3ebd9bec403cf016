"""When a key that was replaced may be forgotten, and when it is needed still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import REDIS, PostgresPlace, check_redis
from servers import until_true

from graphstead.storage.aes import AesCipher
from graphstead.storage.base import Storage
from graphstead.storage.postgres import open_postgres
from graphstead.storage.redis import open_redis
from graphstead.storage.redis.streams import Tail
from graphstead.storage.resealing import Keyring
from graphstead.storage.rotation import Rotation
from graphstead.storage.rows import EventRow
from graphstead.storage.sealing import Sealer
from graphstead.storage.sealing_start import LOOK_S, with_ciphers
from graphstead.storage.sqlite import open_sqlite

OLD, NEW = b"a key of 16 byte", b"the key after it"
NOW = "2026-01-01T00:00:00.000000+00:00"
Open = Callable[[], Storage]


@pytest.fixture(params=["postgres", "sqlite"])
def below(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same database in clear, as often as one likes."""
    made: list[Storage] = []
    place = PostgresPlace() if request.param == "postgres" else None

    def opened() -> Storage:
        if place is None:
            made.append(open_sqlite(tmp_path / "rows.sqlite"))
        else:
            made.append(open_postgres(place.uri, writers=1, readers=1))
        return made[-1]

    yield opened
    for one in made:
        one.close()
    if place is not None:
        place.leave()


class Steady:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def sealed(
    storage: Storage, key: bytes, *readers: bytes, steady_s: Steady | None = None
) -> Storage:
    writer, others = AesCipher(key), [AesCipher(one) for one in readers]
    return with_ciphers(storage, Sealer(writer, writer, *others), NOW, steady_s or Steady())


def say(storage: Storage, run_id: str, number: int = 1) -> None:
    rows = [EventRow(seq, 0, "values", b"told") for seq in range(1, number + 1)]
    storage.write_blocking(lambda tx: tx.events.append(run_id, rows))


def rotation(storage: Storage, wait: Callable[[float], None]) -> Rotation:
    writer, reader = AesCipher(NEW), AesCipher(OLD)
    ring = Keyring(writer, {one.name: one for one in (writer, reader)})
    return Rotation(storage, ring, lambda table, walk: None, wait=wait)


def known(storage: Storage) -> list[str]:
    return [row.cipher for row in storage.read_blocking(lambda tx: tx.sealing.list())]


def test_a_page_after_the_other_is_renewed_and_the_old_key_forgotten(below: Open) -> None:
    say(sealed(below(), OLD), "r", number=2345)
    now = sealed(below(), NEW, OLD)
    waited: list[float] = []
    turning = rotation(below(), waited.append)
    assert dict(turning.count().old) == {AesCipher(OLD).name: 2345}
    total, last = turning.renew()
    assert (total, last.left, last.renewed) == (2345, 0, 0)
    assert turning.retire() == ()
    assert waited == [2 * LOOK_S]
    assert known(now) == [AesCipher(NEW).name]
    alone = sealed(below(), NEW)
    found = alone.read_blocking(lambda tx: tx.events.after("r", 0, 9999))
    assert [row.seq for row in found] == list(range(1, 2346))
    assert {row.data for row in found} == {b"told"}


def test_a_process_that_still_writes_under_the_old_key_keeps_it_known(below: Open) -> None:
    steady_s = Steady()
    late = sealed(below(), OLD, NEW, steady_s=steady_s)
    sealed(below(), NEW, OLD)

    def meanwhile(wait_s: float) -> None:
        assert AesCipher(OLD).name not in known(late)
        steady_s.now_s += wait_s
        say(late, "r")

    turning = rotation(below(), meanwhile)
    assert turning.renew()[0] == 0
    assert turning.retire() == (AesCipher(OLD).name,)
    assert set(known(late)) == {AesCipher(OLD).name, AesCipher(NEW).name}
    assert turning.renew()[0] == 1
    assert rotation(below(), lambda _: None).retire() == ()


def test_a_process_that_only_wrote_before_it_looked_is_found_by_what_it_wrote(below: Open) -> None:
    late = sealed(below(), OLD, NEW)
    sealed(below(), NEW, OLD)
    turning = rotation(below(), lambda _: say(late, "r"))
    assert turning.retire() == (AesCipher(OLD).name,)
    assert AesCipher(OLD).name in known(late)


async def test_events_in_redis_keep_a_key_until_they_go() -> None:
    check_redis()
    place = PostgresPlace()

    def opened() -> Storage:
        below = open_postgres(place.uri, writers=1, readers=1)
        return open_redis(below, REDIS, prefix=f"[{place.redis_prefix}")

    storages = [opened(), opened()]
    old = sealed(storages[0], OLD)
    streams = storages[0].streams  # type: ignore[attr-defined]
    assert streams.begin("r", 1, 0) == 0
    assert old.log is not None
    streams.tails["r"] = Tail(1, 0)
    assert await old.log.append("r", 1, [EventRow(1, 0, "values", b"told")], [])
    turning = rotation(storages[1], lambda _: None)
    assert turning.streams() == {AesCipher(OLD).name: 1}
    assert turning.retire() == (AesCipher(OLD).name,)
    streams.delete(["r"])
    until_true(lambda: turning.streams() == {})
    for one in storages:
        one.close()
    place.leave()
