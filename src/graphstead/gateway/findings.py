"""What broke the contract, counted by rule, with one shortened sample each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

__all__ = ["Finding", "Findings", "Side", "excerpt", "rule_of", "without_ids"]

# Whose fault it is; `unjudged` is what passed without a look.
Side: TypeAlias = Literal["client", "upstream", "unjudged"]
MOST_FINDINGS = 1_000
RULE_LENGTH = 240
TEXT_LENGTH, TEXTS, MEMBERS, DEPTH, SAMPLE_LENGTH = 24, 3, 12, 4, 600
INDEX = re.compile(r"\[\d+\]")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
SUBGRAPH = re.compile(r"(event '[^'|]*)\|[^']*'")
# A fault says `place: value, what is wrong with it`; values are the caller's business.
PLACE = re.compile(r"(?:event '[^']*': )?(?:[^\s:'\"]+: )?")
VALUE = re.compile(
    r".+ (?P<rule>(?:is not (?:of type|one of|a valid|valid)|does not match|"
    r"is (?:less|greater|shorter|longer)|has (?:fewer|less|more)|was expected).*)",
    re.DOTALL,
)
SECRET = re.compile(r"key|token|secret|passw|authoriz|credential|cookie", re.IGNORECASE)


@dataclass(slots=True)
class Finding:
    """One rule that was broken; times in seconds since 1970."""

    side: Side
    operation: str
    rule: str
    sample: str
    first_s: float
    last_s: float
    count: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {
            "side": self.side,
            "operation": self.operation,
            "rule": self.rule,
            "count": self.count,
            "first_seen": _time(self.first_s),
            "last_seen": _time(self.last_s),
            "sample": self.sample,
        }


class Findings:
    """All findings of this process; of very many kinds, the first thousand."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: dict[tuple[Side, str, str], Finding] = {}
        self.since_s = clock()
        self.unlisted = 0

    def note(self, side: Side, operation: str, faults: Iterable[str], sample: bytes = b"") -> None:
        """Count each fault; the first of its kind keeps the sample."""
        now_s = self._clock()
        for fault in faults:
            key = side, operation, rule_of(fault)
            known = self._known.get(key)
            if known is not None:
                known.count += 1
                known.last_s = now_s
            elif len(self._known) < MOST_FINDINGS:
                self._known[key] = Finding(*key, excerpt(sample), now_s, now_s)
            else:
                self.unlisted += 1

    def all(self) -> list[Finding]:
        """Return them, those of the server first, the most frequent first."""
        order = {"upstream": 0, "client": 1, "unjudged": 2}
        return sorted(self._known.values(), key=lambda one: (order[one.side], -one.count))

    def total(self, side: Side) -> int:
        """Return how often a side broke the contract."""
        return sum(one.count for one in self._known.values() if one.side == side)


def rule_of(fault: str) -> str:
    """Return a fault without what differs from case to case: values, indices, ids."""
    text = SUBGRAPH.sub(r"\1|…'", without_ids(INDEX.sub("[]", fault)))
    place = PLACE.match(text)
    begin = 0 if place is None else place.end()
    parts = [VALUE.sub(r"… \g<rule>", part) for part in text[begin:].split("; or ")]
    text = text[:begin] + "; or ".join(dict.fromkeys(parts))
    return text if len(text) <= RULE_LENGTH else f"{text[: RULE_LENGTH - 1]}…"


def without_ids(text: str) -> str:
    """Return a text in which one word stands for every id."""
    return UUID.sub("{id}", text)


def excerpt(raw: bytes) -> str:
    """Return the shape of a body: texts cut, lists and objects shortened, secrets left out."""
    if not raw:
        return ""
    try:
        text = orjson.dumps(_shortened(orjson.loads(raw), 0)).decode()
    except orjson.JSONDecodeError:
        text = f"{_cut(raw[:400].decode(errors='replace'))} ({len(raw)} bytes)"
    return text if len(text) <= SAMPLE_LENGTH else f"{text[:SAMPLE_LENGTH]}…"


def _shortened(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, list | dict) and depth == DEPTH:
        return "…"
    if isinstance(value, list):
        more = ["…"] if len(value) > TEXTS else []
        return [_shortened(one, depth + 1) for one in value[:TEXTS]] + more
    if isinstance(value, dict):
        told = {
            _cut(name): "…" if SECRET.search(name) else _shortened(one, depth + 1)
            for name, one in list(value.items())[:MEMBERS]
        }
        return told if len(value) <= MEMBERS else {**told, "…": "…"}
    return value


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH else f"{text[:TEXT_LENGTH]}…"


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
