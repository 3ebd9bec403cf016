"""Stopping runs: cancel one or many, delete one; intent is stored before anybody is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphstead.engine import transitions
from graphstead.engine.clock import Clock
from graphstead.engine.transitions import FINAL
from graphstead.problems import NotFound, RunNotFound
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import CancelAction, RunRow
from graphstead.streaming.log import await_end

AT_ONCE = 1_000
STATUSES: Mapping[str, Sequence[str]] = {
    "pending": ("pending",),
    "running": ("running",),
    "all": ("pending", "running"),
}


class RunStops:
    """Everything that ends a run from outside."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def cancel(
        self, thread_id: str, run_id: str, action: CancelAction, *, wait: bool
    ) -> bytes | None:
        """Stop a run; with `wait` return the state it left as JSON, once it has stopped.

        Raises RunNotFound, also for a run that has already ended (measured on 0.16.7).
        """
        clock = self._clock

        def stop(tx: Tx) -> None:
            run = transitions.get_run(tx, thread_id, run_id)
            if run.status in FINAL:
                raise NotFound(f"Run '{run_id}' has already ended with status {run.status}")
            transitions.ask_to_stop(tx, run, action, clock)

        await self._storage.write(stop)
        if not wait:
            return None
        ended = await await_end(self._storage, run_id)
        if ended is None or action == "rollback" or ended.output == b"null":
            return b"{}"
        return ended.output

    async def cancel_many(self, body: Mapping[str, Any], action: CancelAction) -> None:
        """Stop the listed runs of a thread, or all of a status. Raises NotFound for none."""
        if "status" in body:
            stopped = await self._cancel_status(STATUSES[body["status"]], action)
        else:
            stopped = await self._cancel_listed(body["thread_id"], body["run_ids"], action)
        if not stopped:
            raise NotFound("None of these runs is pending or running")

    async def _cancel_status(self, statuses: Sequence[str], action: CancelAction) -> int:
        """Stop run after run in slices, so that no transaction grows with the queue."""
        seen: set[str] = set()
        while True:
            runs = await self._storage.read(lambda tx: tx.runs.by_status(statuses, AT_ONCE))
            fresh = [run.run_id for run in runs if run.run_id not in seen]
            if not fresh:
                return len(seen)
            seen.update(fresh)
            await self._stop_all(fresh, None, action)
            if len(runs) < AT_ONCE:
                return len(seen)

    async def _cancel_listed(
        self, thread_id: str, run_ids: Sequence[str], action: CancelAction
    ) -> int:
        return await self._stop_all(run_ids, thread_id, action)

    async def _stop_all(
        self, run_ids: Sequence[str], thread_id: str | None, action: CancelAction
    ) -> int:
        clock = self._clock

        def stop(tx: Tx) -> int:
            live = [run for run_id in run_ids if (run := _live(tx, run_id, thread_id))]
            # In one order, so that two such requests never wait for each other.
            for run in sorted(live, key=lambda run: run.thread_id):
                transitions.ask_to_stop(tx, run, action, clock)
            return len(live)

        return await self._storage.write(stop)

    async def interrupt(self, run_id: str) -> None:
        """Interrupt a run that is pending or running; a finished one is left as it is."""
        await self._stop_all([run_id], None, "interrupt")

    async def delete(self, thread_id: str, run_id: str) -> None:
        """Delete a run and what it wrote; a live one is stopped and its thread released.

        Raises ThreadNotFound, RunNotFound.
        """
        clock = self._clock

        def remove(tx: Tx) -> None:
            if tx.threads.lock(thread_id) is None:
                transitions.thread_of(tx, thread_id)
            run = transitions.get_run(tx, thread_id, run_id)
            transitions.remove(tx, run, clock)

        await self._storage.write(remove)


def _live(tx: Tx, run_id: str, thread_id: str | None) -> RunRow | None:
    try:
        run = transitions.get_run(tx, thread_id, run_id)
    except RunNotFound:
        return None
    return None if run.status in FINAL else run
