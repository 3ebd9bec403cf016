"""From the events of a run to those of the event protocol, one run at a time.

The same stored events always give the same frames under the same ids, in whatever process: that is
what makes replay after a reconnection or a restart exact. Shapes measured on 0.16.7; the ids of
what no event says by itself begin with ``synth:`` and the run, as clients tell runs apart by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graphstead.storage.rows import EndRow, EventRow

Namespace = tuple[str, ...]
INTERRUPT = "__interrupt__"
MARK = b'"__interrupt__"'
LOST = "The attempt that wrote this message was lost"
EMPTY_UNSAID = ("additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls")
NULL_UNSAID = ("name", "usage_metadata")


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the protocol, still without its number; `read` gives its data when asked."""

    event_id: str
    method: str
    namespace: Namespace
    created_ms: int
    read: Callable[[], Any]
    node: str | None = None
    name: str | None = None

    @property
    def channel(self) -> str:
        """Return the channel it is told on."""
        return "input" if self.method.startswith("input.") else self.method

    def encode(self, seq: int) -> bytes:
        """Return the frame as JSON."""
        params: dict[str, Any] = {
            "namespace": self.namespace,
            "timestamp": self.created_ms,
            "data": self.read(),
        }
        if self.node is not None:
            params["node"] = self.node
        return orjson.dumps(
            {
                "type": "event",
                "event_id": self.event_id,
                "seq": seq,
                "method": self.method,
                "params": params,
            }
        )


class RunFrames:
    """Turn a run's events, from the first on and in order, into frames; `end` adds the last."""

    def __init__(self, run_id: str, graph_id: str | None) -> None:
        self._run_id = run_id
        self._graph_id = graph_id
        self._told = False
        self._by_hand = False
        self._held: Frame | None = None
        self._open: dict[str, Frame] = {}
        self._places: dict[str, Namespace] = {}
        self._error: str | None = None
        self._readers: Mapping[str, Callable[[EventRow, Namespace], Iterable[Frame]]] = {
            "metadata": self._begin,
            "values": self._values,
            "updates": self._updates,
            "checkpoints": self._checkpoint,
            "messages": self._message,
            "lifecycle": self._lifecycle,
            "custom": self._custom,
            "tools": self._plain,
            "tasks": self._plain,
            "error": self._fail,
            "state_update": self._write,
        }

    def take(self, row: EventRow) -> Iterator[Frame]:
        """Yield the frames of the next event."""
        name, *namespace = row.event.split("|")
        read = self._readers.get(name.partition(":")[0])
        if read is None:
            return
        if name != "checkpoints":
            yield from self._release()
        yield from read(row, tuple(namespace))

    def end(self, end: EndRow) -> Iterator[Frame]:
        """Yield what follows from how the run ended."""
        yield from self._release()
        if self._by_hand:
            return
        status = _final_status(end)
        if status == "interrupted" and end.status == "success":
            yield from self._questions(end)
        data: dict[str, Any] = {"event": status, "graph_name": self._graph_id}
        if status == "failed":
            data["error"] = self._error or _error_of(end)
        yield self._synthetic(f"lc||{status}", "lifecycle", (), end.ended_ms, data)

    # ---- one reader per kind of event

    def _begin(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        """Tell of the start once; a later attempt ends the messages that were left open."""
        if not self._told:
            self._told = True
            data = {"event": "running", "graph_name": self._graph_id}
            yield self._synthetic("lc||running", "lifecycle", (), row.created_ms, data)
        for number, (message_id, start) in enumerate(self._open.items()):
            lost = {"event": "error", "message": LOST, "id": message_id}
            yield self._frame(row, "messages", start.namespace, lost, number, node=start.node)
        self._open.clear()

    def _values(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        """Hold the state back until the next event: its checkpoint has to be told before it."""
        if MARK in row.data:
            self._note_places(orjson.loads(row.data).get(INTERRUPT), namespace)
        self._held = Frame(
            f"{self._run_id}:{row.seq}",
            "values",
            namespace,
            row.created_ms,
            lambda: slim(orjson.loads(row.data)),
        )
        return iter(())

    def _release(self) -> Iterator[Frame]:
        held, self._held = self._held, None
        if held is not None:
            yield held

    def _checkpoint(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        frame = self._frame(row, "checkpoints", namespace, _envelope(orjson.loads(row.data)))
        held = self._held
        if held is not None and held.namespace != namespace:
            yield from self._release()
        yield frame
        yield from self._release()

    def _updates(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        updates = orjson.loads(row.data)
        self._note_places(updates.pop(INTERRUPT, None), namespace)
        for number, (node, update) in enumerate(updates.items()):
            yield self._frame(row, "updates", namespace, update, number, node=node)

    def _message(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        """Tell the steps of a message; runs of the older kind have whole pieces, told in values."""
        step, origin = orjson.loads(row.data)
        if "event" not in step:
            return
        frame = self._frame(row, "messages", namespace, step, node=origin.get("langgraph_node"))
        if step["event"] == "message-start":
            self._open[step.get("id", "")] = frame
        elif step["event"] in ("message-finish", "error"):
            self._open.pop(step.get("id", ""), None)
        yield frame

    def _lifecycle(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        data = orjson.loads(row.data)
        data.setdefault("graph_name", namespace[-1].partition(":")[0])
        yield self._frame(row, "lifecycle", namespace, data)

    def _custom(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        name = row.event.partition("|")[0].partition(":")[2] or None
        data = {"payload": orjson.loads(row.data)}
        yield self._frame(
            row, "custom", namespace, {"name": name, **data} if name else data, name=name
        )

    def _plain(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        yield self._frame(row, row.event.partition("|")[0], namespace, orjson.loads(row.data))

    def _fail(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        self._error = orjson.loads(row.data).get("message")
        return iter(())

    def _write(self, row: EventRow, namespace: Namespace) -> Iterator[Frame]:
        """Note that no run is behind this: somebody wrote the state."""
        self._by_hand = True
        return iter(())

    # ---- what frames are made of

    def _questions(self, end: EndRow) -> Iterator[Frame]:
        asked = orjson.loads(end.output).get(INTERRUPT) if MARK in end.output else None
        for one in asked or ():
            place = self._places.get(one["id"], ())
            data = {"interrupt_id": one["id"], "payload": one["value"], "value": one["value"]}
            suffix = f"input|{'|'.join(place)}|{one['id']}"
            yield self._synthetic(suffix, "input.requested", place, end.ended_ms, data)

    def _note_places(self, interrupts: Iterable[Any] | None, namespace: Namespace) -> None:
        """Remember the innermost graph that asks each question."""
        for one in interrupts or ():
            if len(namespace) >= len(self._places.get(one["id"], ())):
                self._places[one["id"]] = namespace

    def _frame(
        self,
        row: EventRow,
        method: str,
        namespace: Namespace,
        data: Any,
        number: int = 0,
        *,
        node: str | None = None,
        name: str | None = None,
    ) -> Frame:
        event_id = f"{self._run_id}:{row.seq}" + (f".{number}" if number else "")
        return Frame(event_id, method, namespace, row.created_ms, lambda: data, node, name)

    def _synthetic(
        self, suffix: str, method: str, namespace: Namespace, at_ms: int, data: Any
    ) -> Frame:
        event_id = f"synth:{self._run_id}:{suffix}"
        told = {key: value for key, value in data.items() if key != "graph_name" or value}
        return Frame(event_id, method, namespace, at_ms, lambda: told)


def _final_status(end: EndRow) -> str:
    if end.status in ("error", "timeout"):
        return "failed"
    if end.status == "interrupted" or end.thread_status == "interrupted":
        return "interrupted"
    return "interrupted" if MARK in end.output else "completed"


def _error_of(end: EndRow) -> str:
    if end.status == "timeout":
        return "The run took longer than it may"
    output = orjson.loads(end.output)
    error = output.get("__error__") if isinstance(output, dict) else None
    return str(error["message"]) if error else "The run failed"


def _envelope(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what clients need of a checkpoint to fork from it."""
    metadata = checkpoint.get("metadata") or {}
    parent = _checkpoint_id(checkpoint.get("parent_config"))
    told = {"id": _checkpoint_id(checkpoint.get("config")), "parent_id": parent}
    told |= {key: metadata[key] for key in ("step", "source") if key in metadata}
    return {key: value for key, value in told.items() if value is not None}


def _checkpoint_id(config: Mapping[str, Any] | None) -> Any:
    return (config or {}).get("configurable", {}).get("checkpoint_id")


def slim(values: Any) -> Any:
    """Return a state without questions, its messages without what they do not say."""
    if not isinstance(values, dict):
        return values
    return {
        key: [_slim_message(one) for one in value] if _are_messages(value) else value
        for key, value in values.items()
        if key != INTERRUPT
    }


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(one, dict) and "type" in one and "content" in one and "response_metadata" in one
        for one in value
    )


def _slim_message(message: Any) -> Any:
    if not isinstance(message, dict) or "type" not in message:
        return message
    first = {key: message[key] for key in ("type", "content", "id") if key in message}
    rest = {key: value for key, value in message.items() if _says(key, value)}
    return {**first, **rest}


def _says(key: str, value: Any) -> bool:
    if key in EMPTY_UNSAID:
        return bool(value)
    return key not in NULL_UNSAID or value is not None
