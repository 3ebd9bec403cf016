"""Write what a source yields, one thing at a time; a fault of one is noted, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from langgraph.store.base import PutOp

from graphstead.engine.clock import Clock
from graphstead.engine.graph_store import GraphStore
from graphstead.graphs import GraphSet
from graphstead.importing.replay import NamedSaver, differences, replay
from graphstead.importing.rows import (
    assistant_row,
    cron_row,
    is_system,
    item_row,
    thread_row,
)
from graphstead.importing.source import Source, SourceFault
from graphstead.problems import Problem, ThreadBusy
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Json, ThreadRow

__all__ = ["KINDS", "Importer", "Report"]

KINDS = ("assistants", "threads", "crons", "store")


@dataclass(slots=True)
class Report:
    """What became of one kind; `notes` name what was imported, but not whole."""

    kind: str
    imported: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Skipped(Exception):
    """It is there already, or is made by every server by itself."""


class Importer:
    """Copies kinds from a source; with `overwrite` what is there already is replaced.

    `items` is the store to write to where values have to be embedded.
    """

    def __init__(
        self,
        source: Source,
        storage: Storage,
        graphs: GraphSet,
        clock: Clock,
        *,
        overwrite: bool,
        items: GraphStore | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._storage = storage
        self._graphs = graphs
        self._clock = clock
        self._overwrite = overwrite
        self._items = items
        self._progress = progress

    async def copy(self, kind: str) -> Report:
        """Copy everything of one of KINDS."""
        report = Report(kind)
        each: dict[str, tuple[Callable[[], Iterator[Json]], Callable[..., Any]]] = {
            "assistants": (self._source.assistants, self._assistant),
            "threads": (self._source.threads, self._thread),
            "crons": (self._source.crons, self._cron),
            "store": (self._source.items, self._item),
        }
        found, take = each[kind]
        try:
            for body in found():
                await self._take(report, body, take)
        except SourceFault as fault:
            report.failures.append(str(fault))
        return report

    async def _take(self, report: Report, body: Json, take: Callable[..., Any]) -> None:
        try:
            await take(body, report)
        except Skipped:
            report.skipped += 1
        except (Problem, SourceFault) as fault:
            report.failures.append(f"{_name(body)}: {fault}")
        except Exception as fault:  # what graphs and foreign rows raise cannot be foreseen
            report.failures.append(f"{_name(body)}: {type(fault).__name__}: {fault}")
        else:
            report.imported += 1
        done = report.imported + report.skipped + len(report.failures)
        if done % 100 == 0:
            self._progress(f"{report.kind}: {done}")

    async def _assistant(self, body: Json, report: Report) -> None:
        row = assistant_row(body)
        self._graphs.name(row.graph_id)  # raises GraphNotFound

        def work(tx: Tx) -> None:
            existing = tx.assistants.get(row.assistant_id)
            if existing is None:
                tx.assistants.insert(row)
            elif self._overwrite:
                tx.assistants.replace(row)
            else:
                raise Skipped

        if is_system(body):
            raise Skipped
        await self._storage.write(work)

    async def _thread(self, body: Json, report: Report) -> None:
        row = thread_row(body)
        existing = await self._storage.read(lambda tx: tx.threads.get(row.thread_id))
        if existing is not None and not self._overwrite:
            raise Skipped
        states = self._source.history(row.thread_id)
        await self._storage.write(lambda tx: _clear(tx, row.thread_id))
        if body.get("status") == "busy":
            report.notes.append(f"{row.thread_id}: a run was active; its thread is at rest here")
        try:
            notes = await self._history(row, states)
        except BaseException:
            await self._storage.write(lambda tx: _clear(tx, row.thread_id))
            raise
        report.notes.extend(f"{row.thread_id}: {note}" for note in notes)
        await self._storage.write(lambda tx: _keep(tx, row))

    async def _history(self, row: ThreadRow, states: list[Json]) -> list[str]:
        """Write the states; return what of them could not be made anew."""
        if not states:
            return []
        graph_id = row.metadata.get("graph_id")
        if graph_id is None:
            return ["it names no graph, so that its states cannot be read; values are kept"]
        saver = NamedSaver(self._storage)
        config = {"configurable": {"thread_id": row.thread_id, "graph_id": graph_id}}
        opened = self._graphs.open(graph_id, config, access="threads.update", checkpointer=saver)
        async with opened as graph:
            await replay(graph, saver, row.thread_id, states)
            await saver.settled()
            differ = await differences(graph, row.thread_id, states[-1])
        notes = [f"after its history was made anew, {', '.join(differ)} differ"] if differ else []
        if any(task.get("checkpoint") for task in states[-1].get("tasks", ())):
            notes.append("what a subgraph was amid in is not imported; it begins anew")
        return notes

    async def _cron(self, body: Json, report: Report) -> None:
        row = cron_row(body, self._clock.now_ms())

        def work(tx: Tx) -> None:
            if tx.assistants.get(row.assistant_id) is None:
                raise LookupError(f"its assistant {row.assistant_id} is not here")
            if row.thread_id and tx.threads.get(row.thread_id) is None:
                raise LookupError(f"its thread {row.thread_id} is not here")
            if tx.crons.get(row.cron_id) is not None:
                if not self._overwrite:
                    raise Skipped
                tx.crons.delete(row.cron_id)
            tx.crons.insert(row)

        await self._storage.write(work)

    async def _item(self, body: Json, report: Report) -> None:
        row, now_ms = item_row(body), self._clock.now_ms()
        there = await self._storage.read(lambda tx: tx.store.get(row.namespace, row.key, now_ms))
        if there is not None and not self._overwrite:
            raise Skipped
        if self._items is not None:
            await self._items.abatch([PutOp(tuple(body["namespace"]), row.key, row.value)])
            return
        await self._storage.write(lambda tx: tx.store.put(row, [], now_ms))


def _name(body: Json) -> str:
    for key in ("thread_id", "cron_id", "assistant_id"):
        if body.get(key):
            return str(body["cron_id"] if key == "thread_id" and "cron_id" in body else body[key])
    return f"{'/'.join(body.get('namespace', ()))} {body.get('key')}"


def _clear(tx: Tx, thread_id: str) -> None:
    """Take away a thread, or what an import left that was cut short. Raises ThreadBusy."""
    if tx.runs.has_active(thread_id):
        raise ThreadBusy(thread_id)
    tx.checkpoints.delete_thread(thread_id)
    tx.threads.delete(thread_id)


def _keep(tx: Tx, row: ThreadRow) -> None:
    tx.threads.insert(row)
    tx.threads.set_state(
        row.thread_id,
        status=row.status,
        values=row.values,
        error=row.error,
        interrupts=row.interrupts,
        state_updated_at=row.state_updated_at,
    )
