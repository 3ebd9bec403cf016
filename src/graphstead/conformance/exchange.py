"""One request and its answer, as they were on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["Event", "Exchange", "events_in"]

EVENT_STREAM = "text/event-stream"
DEFAULT_EVENT = "message"
END = "end"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    name: str
    data: bytes
    event_id: str | None

    def json(self) -> Any:
        """Return its data. Raises ValueError when they are not JSON."""
        return orjson.loads(self.data)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; of a stream, as much as was read of it."""

    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def accepted(self) -> bool:
        """Tell whether the answer is a success."""
        return 200 <= self.status < 300 or self.status == 304

    @property
    def is_stream(self) -> bool:
        """Tell whether the answer is a stream of events."""
        return self.headers.get("content-type", "").startswith(EVENT_STREAM)

    def json(self) -> Any:
        """Return the answer's body. Raises ValueError when it is not JSON."""
        return orjson.loads(self.body)

    def events(self) -> list[Event]:
        """Return the whole events of the answer."""
        return list(events_in(self.body))

    def told(self) -> list[Event]:
        """Return its events less `end`, which some servers send last and clients know."""
        return [event for event in events_in(self.body) if event.name != END]


def events_in(content: bytes) -> Iterator[Event]:
    """Yield the whole events of a stream; comments count for nothing, a torn frame neither."""
    frames = content.replace(b"\r\n", b"\n").split(b"\n\n")
    for frame in frames[:-1]:
        name, data, event_id = DEFAULT_EVENT, [], None
        for line in frame.split(b"\n"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                name = value.decode(errors="replace")
            elif field == b"data":
                data.append(value)
            elif field == b"id":
                event_id = value.decode(errors="replace")
        if data:
            yield Event(name, b"\n".join(data), event_id)
