"""Stopping runs: cancel one or many, delete one; intent is stored before anybody is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphstead.engine import lookups, transitions
from graphstead.engine.access import OPEN, Access, Grant
from graphstead.engine.callers import Asked
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

    def __init__(self, storage: Storage, clock: Clock, access: Access) -> None:
        self._storage = storage
        self._clock = clock
        self._access = access

    async def cancel(
        self, thread_id: str, run_id: str, asked: Asked, action: CancelAction, *, wait: bool
    ) -> bytes | None:
        """Stop a run; with `wait` return the state it left as JSON, once it has stopped.

        Raises RunNotFound, also for a run that has already ended (measured on 0.16.7).
        """
        clock, grant = self._clock, await self._may_stop(asked, action, thread_id, [run_id])

        def stop(tx: Tx) -> None:
            run = lookups.get_run(tx, thread_id, run_id)
            if not lookups.may_touch(tx, run, grant):
                raise RunNotFound(run_id)
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

    async def cancel_many(
        self, body: Mapping[str, Any], asked: Asked, action: CancelAction
    ) -> None:
        """Stop the listed runs of a thread, or all of a status. Raises NotFound for none."""
        thread_id, run_ids = body.get("thread_id"), body.get("run_ids")
        grant = await self._may_stop(asked, action, thread_id, run_ids, body.get("status"))
        if "status" in body:
            stopped = await self._cancel_status(STATUSES[body["status"]], action, grant)
        else:
            stopped = await self._stop_all(body["run_ids"], body["thread_id"], action, grant)
        if not stopped:
            raise NotFound("None of these runs is pending or running")

    async def _may_stop(
        self,
        asked: Asked,
        action: CancelAction,
        thread_id: str | None,
        run_ids: Sequence[str] | None,
        status: str | None = None,
    ) -> Grant:
        about = {"run_ids": run_ids, "status": status}
        return await self._access.ask(
            asked.caller, "threads", "update", thread_id=thread_id, action=action, metadata=about
        )

    async def _cancel_status(
        self, statuses: Sequence[str], action: CancelAction, grant: Grant
    ) -> int:
        """Stop run after run in slices, so that no transaction grows with the queue."""
        after, stopped = "", 0
        while True:
            at, runs = after, await self._slice(statuses, after)
            if runs:
                stopped += await self._stop_all(runs, None, action, grant)
                after = runs[-1]
            if len(runs) < AT_ONCE or after == at:
                return stopped

    async def _slice(self, statuses: Sequence[str], after: str) -> list[str]:
        return await self._storage.read(lambda tx: tx.runs.active_ids(statuses, after, AT_ONCE))

    async def _stop_all(
        self,
        run_ids: Sequence[str],
        thread_id: str | None,
        action: CancelAction,
        grant: Grant = OPEN,
    ) -> int:
        clock = self._clock

        def stop(tx: Tx) -> int:
            found = [run for run_id in run_ids if (run := _live(tx, run_id, thread_id))]
            live = [run for run in found if lookups.may_touch(tx, run, grant)]
            # In one order, so that two such requests never wait for each other.
            for run in sorted(live, key=lambda run: run.thread_id):
                transitions.ask_to_stop(tx, run, action, clock)
            return len(live)

        return await self._storage.write(stop)

    async def interrupt(self, run_id: str) -> None:
        """Interrupt a run that is pending or running; a finished one is left as it is."""
        await self._stop_all([run_id], None, "interrupt")

    async def delete(self, thread_id: str, run_id: str, asked: Asked) -> None:
        """Delete a run and what it wrote; a live one is stopped and its thread released.

        Raises ThreadNotFound, RunNotFound.
        """
        clock = self._clock
        grant = await self._access.ask(
            asked.caller, "threads", "delete", run_id=run_id, thread_id=thread_id
        )

        def remove(tx: Tx) -> None:
            tx.threads.lock(thread_id)
            lookups.thread_of(tx, thread_id, grant)
            run = lookups.get_run(tx, thread_id, run_id)
            transitions.remove(tx, run, clock)

        await self._storage.write(remove)


def _live(tx: Tx, run_id: str, thread_id: str | None) -> RunRow | None:
    try:
        run = lookups.get_run(tx, thread_id, run_id)
    except RunNotFound:
        return None
    return None if run.status in FINAL else run
