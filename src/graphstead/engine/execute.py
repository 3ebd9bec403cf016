"""One run, from claim to end: stream the graph, log its events, settle run and thread together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson
import structlog
from langgraph.types import StateSnapshot

from graphstead import tracing
from graphstead.engine import protocol_source, transitions, wire
from graphstead.engine.chunks import Translator
from graphstead.engine.clock import Clock
from graphstead.engine.inputs import REFUSED_RESUME, graph_config, graph_context, graph_input
from graphstead.engine.merging import TRACEPARENT
from graphstead.engine.savers import Savers
from graphstead.engine.snapshots import interrupts_by_task
from graphstead.engine.transitions import Outcome, StaleRun, ThreadOutcome
from graphstead.figures import FIGURES
from graphstead.graphs.auth_users import told_user
from graphstead.graphs.load import GraphSet
from graphstead.storage.base import Storage
from graphstead.storage.errors import SealingFailed, StorageUnavailable
from graphstead.storage.rows import EventRow, Json, RunRow, RunStatus, ThreadStatus
from graphstead.storage.sealing import ASKER
from graphstead.streaming.log import EventWriter

log = structlog.get_logger("graphstead.run")
MISSING = object()
RELEASE_AGAIN_S = 1.0


class Limits(Protocol):
    """The settings that bound one run."""

    @property
    def bg_job_timeout_s(self) -> float: ...

    @property
    def default_recursion_limit(self) -> int: ...

    @property
    def bg_job_max_retries(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the graph's part ended; `error` is the body clients see.

    `is_refused` says that the graph took nothing of what it was given.
    """

    status: RunStatus
    error: Json | None = None
    is_refused: bool = False


class Execution:
    """A claimed run under its generation. `stop` ends it from outside with a reason."""

    def __init__(
        self,
        run: RunRow,
        storage: Storage,
        graphs: GraphSet,
        savers: Savers,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self.run_row = run
        self._storage = storage
        self._graphs = graphs
        self._limits = limits
        self._clock = clock
        self._configurable: Json = run.kwargs["config"]["configurable"]
        self._graph_id: str = self._configurable["graph_id"]
        self._began_s = time.perf_counter()
        self._saver = None if run.temporary else savers.of_run(run, self._told)
        self._translator = Translator(run.kwargs["stream_mode"])
        self._values: Any = MISSING
        self._interrupts: dict[str, Any] = {}
        self._stop_reason: str | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, done: Callable[[Execution], None]) -> None:
        """Run as a task of its own and report when it is over."""
        self._task = asyncio.create_task(self._run(), name=f"run-{self.run_row.run_id}")
        self._task.add_done_callback(lambda _: done(self))

    def stop(self, reason: str | None) -> None:
        """End the run now: with a reason it is cancelled for good, without one it is requeued."""
        if self._task is not None and self._stop_reason is None:
            self._stop_reason = reason
            self._task.cancel()

    async def settled(self) -> None:
        """Wait until the run is over."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Carry the run out in a span; each line logged meanwhile names it, the graph's too."""
        run, configurable = self.run_row, self._configurable
        # What the graph writes is encrypted under the context of who asked for the run.
        ASKER.set(run.sealed_for)
        structlog.contextvars.bind_contextvars(
            run_id=run.run_id,
            thread_id=run.thread_id,
            graph_id=self._graph_id,
            attempt=run.attempt,
            request_id=configurable.get("langgraph_request_id"),
        )
        with tracing.span(
            f"run {self._graph_id}",
            parent=configurable.get(TRACEPARENT),
            kind="CONSUMER",
            graphstead__run_id=run.run_id,
            graphstead__thread_id=run.thread_id,
            graphstead__assistant_id=run.assistant_id,
            graphstead__graph_id=self._graph_id,
            graphstead__attempt=run.attempt,
        ):
            if here := tracing.traceparent():
                configurable[TRACEPARENT] = here  # for the webhook's call
            try:
                await self._run_guarded()
            finally:
                if (event_log := self._storage.log) is not None:
                    event_log.leave(run.run_id, run.gen)

    async def _run_guarded(self) -> None:
        try:
            await self._run_to_the_end()
        except StaleRun:
            tracing.mark(graphstead__status="taken over")
            log.warning("run taken over", gen=self.run_row.gen)
        except asyncio.CancelledError:
            tracing.mark(graphstead__status="given back")
            await asyncio.shield(self._give_back())
        except SealingFailed as fault:
            # Not even that it failed can be stored: the run waits, however often it was tried.
            log.error("run cannot be encrypted and waits", reason=str(fault))
            await asyncio.sleep(RELEASE_AGAIN_S)
            await self._give_back()
        except StorageUnavailable as fault:
            log.error("run could not be stored and waits", reason=str(fault))
            await self._release()
        except Exception:  # the worker's edge: one run must never take the others down
            log.exception("run could not be finished")
            await self._release()

    async def _release(self) -> None:
        """Leave the run to recovery as if this worker had died; ask until the database answers."""
        run, clock, tries = self.run_row, self._clock, self._limits.bg_job_max_retries
        while True:
            try:
                await self._storage.write(lambda tx: transitions.recover(tx, [run], clock, tries))
                return
            except StorageUnavailable:  # that it waits was said when it began to
                await asyncio.sleep(RELEASE_AGAIN_S)
            except Exception:  # the worker's edge: a database that is away comes back
                log.warning("run could not be released", exc_info=True)
                await asyncio.sleep(RELEASE_AGAIN_S)

    async def _run_to_the_end(self) -> None:
        run, clock = self.run_row, self._clock
        self._events = EventWriter(self._store, await self._begin_log(), run.after_ms)
        verdict = await self._verdict()
        outcome = await self._outcome_of(verdict)
        outcome = replace(outcome, last_ms=self._events.last_ms)
        rest = await self._events.take_rest()
        await self._storage.write(lambda tx: transitions.finish(tx, run, outcome, rest, clock))
        log.info("run ended", status=outcome.status)
        tracing.mark(graphstead__status=outcome.status)
        _count_end(self._graph_id, outcome.status, time.perf_counter() - self._began_s)

    async def _begin_log(self) -> int:
        """Return behind which number this attempt's events begin."""
        run, event_log = self.run_row, self._storage.log
        if event_log is not None:
            return await event_log.begin(run.run_id, run.gen)
        if run.attempt == 1:
            return 0
        return await self._storage.read(lambda tx: tx.events.last_seq(run.run_id))

    async def _store(self, rows: Sequence[EventRow]) -> None:
        """Store events where they go first, else as rows; raises StaleRun for no owner."""
        run, event_log = self.run_row, self._storage.log
        if event_log is not None:
            bells = transitions.bells_of(run)
            if await event_log.append(run.run_id, run.gen, rows, bells):
                return
        await self._storage.write(lambda tx: transitions.append(tx, run, rows))

    async def _told(self) -> None:
        await self._events.stored()

    async def _give_back(self) -> None:
        run, clock = self.run_row, self._clock
        try:
            await self._storage.write(lambda tx: transitions.give_back(tx, [run], clock))
        except StorageUnavailable as fault:
            # It is taken over when the lease of this worker is over.
            log.error("run could not be given back", reason=str(fault))

    async def _verdict(self) -> Verdict:
        limit = asyncio.timeout(self._limits.bg_job_timeout_s)
        try:
            async with limit:
                await self._stream()
        except asyncio.CancelledError:
            if self._stop_reason is None:
                raise
            self._uncancel()
            return Verdict("interrupted", {"error": "UserInterrupt", "message": self._stop_reason})
        except (StaleRun, StorageUnavailable):
            raise  # not the graph's fault: the run goes on from its last checkpoint
        except Exception as failure:  # the worker's edge: whatever a graph raises ends its run
            if limit.expired():
                return Verdict("timeout", {"error": "TimeoutError", "message": self._too_long()})
            return await self._failed(failure)
        return Verdict("success")

    def _uncancel(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()

    def _too_long(self) -> str:
        return f"The run took longer than {self._limits.bg_job_timeout_s:g} s"

    async def _failed(self, failure: Exception) -> Verdict:
        error: Json = dict(wire.error_body(failure))
        log.warning("run failed", error=error["error"], exc_info=failure)
        tracing.record(failure)
        await self._events.put("error", orjson.dumps(error))
        return Verdict("error", error, is_refused=isinstance(failure, REFUSED_RESUME))

    async def _stream(self) -> None:
        run = self.run_row
        await self._events.put(
            "metadata", orjson.dumps({"run_id": run.run_id, "attempt": run.attempt})
        )
        resumed = await self._has_progress()
        async with self._open() as graph:
            # What a step says comes out before its checkpoint is awaited, not after.
            graph.stream_eager |= run.kwargs["durability"] == "sync"
            config = graph_config(run, graph.name, self._step_limit(graph), resumed=resumed)
            given = None if resumed else graph_input(run.kwargs)
            context = graph_context(run.kwargs["context"], getattr(graph, "context_schema", None))
            with _node_spans(config):
                async for name, payload in self._chunks(graph, given, config, context):
                    await self._events.put(name, wire.dumps(payload))
        if self._saver is not None:
            await self._saver.settled()

    def _step_limit(self, graph: Any) -> int | None:
        """Return the server's default, None where the graph has bound a limit of its own."""
        bound = (graph.config or {}).get("recursion_limit")
        return None if bound else self._limits.default_recursion_limit

    def _open(self) -> Any:
        config = self.run_row.kwargs["config"]
        return self._graphs.open(
            self._graph_id,
            config,
            access="threads.create_run",
            checkpointer=self._saver,
            user=told_user(config["configurable"].get("langgraph_auth_user")),
            context=self.run_row.kwargs["context"],
        )

    async def _has_progress(self) -> bool:
        """Tell whether an earlier attempt of this run left a checkpoint to continue from."""
        run = self.run_row
        if run.attempt == 1 or run.temporary:
            return False
        newest = await self._storage.read(lambda tx: tx.checkpoints.get(run.thread_id, "", None))
        return newest is not None and newest.run_id == run.run_id

    async def _chunks(
        self, graph: Any, given: Any, config: Json, context: Any
    ) -> AsyncIterator[tuple[str, Any]]:
        kwargs = self.run_row.kwargs
        options: Json = {
            "context": context,
            "stream_mode": self._translator.native_modes,
            "interrupt_before": kwargs["interrupt_before"],
            "interrupt_after": kwargs["interrupt_after"],
            "subgraphs": kwargs["subgraphs"],
        }
        if self._saver is not None:
            options["durability"] = kwargs["durability"]
        if protocol_source.asked_by(kwargs):
            async for pair in self._protocol_events(graph, given, config, options):
                yield pair
            return
        if "events" in kwargs["stream_mode"]:
            async for pair in self._langchain_events(graph, given, config, options):
                yield pair
            return
        async for chunk in graph.astream(given, config, **options):
            for pair in self._translate(chunk):
                yield pair

    async def _protocol_events(
        self, graph: Any, given: Any, config: Json, options: Json
    ) -> AsyncIterator[tuple[str, Any]]:
        """Stream what clients of the event protocol follow."""
        own = {key: options[key] for key in options if key not in ("stream_mode", "subgraphs")}
        source = protocol_source.Source()
        async for namespace, mode, payload in source.events(graph, given, config, own):
            self._note_values(namespace, mode, payload)
            yield "|".join((mode, *namespace)), payload

    async def _langchain_events(
        self, graph: Any, given: Any, config: Json, options: Json
    ) -> AsyncIterator[tuple[str, Any]]:
        """Stream langchain events; the graph's own chunks among them become their modes' events."""
        async for event in graph.astream_events(given, config, version="v2", **options):
            own = event["event"] == "on_chain_stream" and event["run_id"] == self.run_row.run_id
            if not own:
                yield "events", event
                continue
            for pair in self._translate(event["data"]["chunk"]):
                yield pair

    def _translate(self, chunk: Any) -> list[tuple[str, Any]]:
        namespace, mode, payload = chunk if len(chunk) == 3 else ((), *chunk)
        self._note_values(namespace, mode, payload)
        return list(self._translator.events(namespace, mode, payload))

    def _note_values(self, namespace: Sequence[str], mode: str, payload: Any) -> None:
        if mode == "values" and not namespace:
            self._values = payload
            self._remember_interrupts(payload)

    def _remember_interrupts(self, values: Any) -> None:
        if isinstance(values, Mapping):
            for one in values.get("__interrupt__", ()):
                self._interrupts[one.id] = one

    async def _outcome_of(self, verdict: Verdict) -> Outcome:
        """Return the outcome; where the values have no JSON form, the error that says so."""
        try:
            return await self._outcome(verdict)
        except (StaleRun, StorageUnavailable):
            raise  # not the graph's fault: the run goes on from its last checkpoint
        except Exception as failure:  # the worker's edge: values that cannot be told end the run
            failed = verdict if verdict.status == "error" else await self._failed(failure)
            thread = None if self.run_row.temporary else _shown(failed, None)
            output = orjson.dumps({"__error__": failed.error})
            return Outcome("error", output, thread, failed.error)

    async def _outcome(self, verdict: Verdict) -> Outcome:
        keeps_thread = self.run_row.temporary or verdict.is_refused
        snapshot = None if keeps_thread else await self._snapshot()
        output = self._output(verdict, snapshot)
        thread = None if keeps_thread else _shown(verdict, snapshot)
        return Outcome(verdict.status, output, thread, verdict.error)

    def _output(self, verdict: Verdict, snapshot: StateSnapshot | None) -> bytes:
        """Return what waiters get (measured on 0.16.7, also for several interrupts at once)."""
        if verdict.status == "error":
            return orjson.dumps({"__error__": verdict.error})
        if len(self._interrupts) > 1:
            return wire.dumps({"__interrupt__": list(self._interrupts.values())})
        if self._values is not MISSING:
            return wire.dumps(self._asking())
        return wire.dumps(snapshot.values if snapshot else None)

    def _asking(self) -> Any:
        """Return the last values with the question, also where plain values came after it."""
        if self._interrupts and isinstance(self._values, Mapping):
            return {**self._values, "__interrupt__": list(self._interrupts.values())}
        return self._values

    async def _snapshot(self) -> StateSnapshot | None:
        config = {"configurable": {"thread_id": self.run_row.thread_id, "checkpoint_ns": ""}}
        try:
            async with self._open() as graph:
                state: StateSnapshot = await graph.aget_state(config)
                return state
        except StaleRun:
            raise
        except Exception:  # the worker's edge: a graph that cannot be opened still ends its run
            log.warning("the state after the run could not be read", exc_info=True)
            return None


@contextmanager
def _node_spans(config: Json) -> Iterator[None]:
    """Have callbacks make spans of nodes, models and tools, where tracing is on."""
    if not tracing.is_on():
        yield
        return
    from graphstead.engine.spans import NodeSpans

    spans = NodeSpans()
    config["callbacks"] = [*(config.get("callbacks") or ()), spans]
    try:
        yield
    finally:
        spans.close()


def _count_end(graph_id: str, status: str, took_s: float) -> None:
    FIGURES.count("graphstead_runs_ended_total", (graph_id, status))
    FIGURES.observe("lg_api_run_execution_latency", took_s * 1000)
    if status == "success":
        FIGURES.count("lg_api_run_success_counter_total")


def _shown(verdict: Verdict, snapshot: StateSnapshot | None) -> ThreadOutcome:
    """Return what the thread shows after this run."""
    if snapshot is None:
        return ThreadOutcome("error", None, verdict.error, {}, keeps_values=True)
    status: ThreadStatus = "interrupted" if snapshot.next else "idle"
    if verdict.status in ("error", "timeout"):
        status = "error"
    return ThreadOutcome(
        status=status,
        values=orjson.Fragment(wire.dumps(snapshot.values)),
        error=verdict.error,
        interrupts=orjson.loads(wire.dumps(interrupts_by_task(snapshot))),
    )
