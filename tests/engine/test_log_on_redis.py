"""The state machine of runs once more, with two processes whose events go to a Redis that loses.

Whatever happens, the log of a run tells each event its owner was told is stored, or a gap in its
place; no number is given twice, and nothing that a former owner adds is ever told.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from databases import PostgresPlace
from engine.test_state_machine import CLOCK, RunLifeOnPostgres, bounded
from hypothesis.stateful import rule
from own_redis import OwnRedis
from servers import until_true

from graphstead.engine import transitions
from graphstead.engine.transitions import StaleRun
from graphstead.storage.base import Storage
from graphstead.storage.postgres import open_postgres
from graphstead.storage.redis import RedisStorage, open_redis
from graphstead.storage.rows import GAP, EventRow, RunRow
from graphstead.streaming.log import is_away

pytestmark = pytest.mark.timeout(600)


class RunLifeOnRedis(RunLifeOnPostgres):
    def opened(self) -> Storage:
        self.told: dict[str, dict[int, bytes]] = {}
        self.begun: dict[tuple[str, int], int] = {}
        self.lossy: set[str] = set()
        self.folder = tempfile.TemporaryDirectory()
        self.redis = OwnRedis(Path(self.folder.name))
        self.place = PostgresPlace()
        self.processes = {name: self._process() for name in ("w1", "w2", "w3")}
        return self.processes["w1"]

    def _process(self) -> RedisStorage:
        return open_redis(open_postgres(self.place.uri, writers=2, readers=1), self.redis.uri)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.redis.kill()

    def left(self) -> None:
        for process in self.processes.values():
            process.close()
        self.folder.cleanup()
        super().left()

    def drain(self) -> None:
        super().drain()
        for run_id in self.told:
            self.check(run_id)

    @rule(run=RunLifeOnPostgres.claims)
    def write(self, run: RunRow) -> None:
        """Write as a worker does: first where events go first, else as rows."""
        storage, mine = self.processes[run.worker or ""], self.is_owner(run)
        try:
            row = asyncio.run(self._written(storage, run))
        except StaleRun:
            assert not mine
            return
        assert mine
        told = self.told.setdefault(run.run_id, {})
        assert row.seq not in told, "a number was given twice"
        told[row.seq] = row.data
        self.check(run.run_id)

    async def _written(self, storage: RedisStorage, run: RunRow) -> EventRow:
        key = (run.run_id, run.gen)
        if key not in self.begun:
            self.begun[key] = await storage.log.begin(*key)
        row = EventRow(self.begun[key] + 1, CLOCK.now_ms(), "custom", b'"%d"' % self.seq)
        self.seq += 1
        if not await storage.log.append(*key, [row], transitions.bells_of(run)):
            await storage.write(lambda tx: transitions.append(tx, run, [row]))
        self.begun[key] += 1
        return row

    @rule(number=st.integers(0, 5))
    def lose(self, number: int) -> None:
        """Let Redis forget one run, as an eviction does."""
        if streams := self.redis.streams():
            key = streams[number % len(streams)]
            self.lossy.add(key.decode().rpartition("{")[2].removesuffix("}"))
            self.redis.do("DEL", key)

    @rule()
    def start_anew(self) -> None:
        """Let Redis crash, and lose everything."""
        self.lossy |= set(self.told) | {run_id for run_id, _ in self.begun}
        self.redis.kill()
        self.redis.start()

    def log(self, run_id: str) -> list[EventRow]:
        return self.processes["w2"].read_blocking(lambda tx: tx.events.after(run_id, 0, 10_000))

    def check(self, run_id: str) -> None:
        """Compare the log with what its owners were told."""
        until_true(lambda: not any(map(is_away, self.log(run_id))))
        rows = self.log(run_id)
        found, missing, seq = {}, [], 0
        for row in rows:
            if row.event == GAP:
                told: Any = json.loads(row.data)
                assert (told["after"], told["until"]) == (seq, row.seq)
                missing.append(range(seq + 1, row.seq + 1))
            else:
                assert row.seq == seq + 1, "a hole that nobody tells of"
                found[row.seq] = row.data
            seq = row.seq
        stored = self.told[run_id]
        assert found.items() <= stored.items(), "an event that its writer was refused"
        for lost in stored.keys() - found.keys():
            assert any(lost in part for part in missing), "an event is gone, and nobody tells"
        assert not missing or run_id in self.lossy


TestRunLifeOnRedis = RunLifeOnRedis.TestCase
TestRunLifeOnRedis.settings = bounded(15)
