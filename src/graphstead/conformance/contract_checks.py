"""Hold what a server answered against a contract, operation by operation."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from graphstead.conformance.checking import Profile, Result, Verdict, Wanted
from graphstead.conformance.exchange import Exchange
from graphstead.conformance.judge import Judge
from graphstead.conformance.operations import Described, Operations, for_server
from graphstead.contract.events import EventContract
from graphstead.contract.load import Document
from graphstead.problems import StartupError

__all__ = ["Contract"]

GROUP = "contract"
JUDGED = 12
MOST_REASONS = 6
ABSENT = frozenset({404, 405})
NOT_IMPLEMENTED = 501
# A redirect to the same path without its slash, a refusal of the protocol, a later version.
ELSEWHERE = frozenset({307, 308, 400, NOT_IMPLEMENTED})
ERROR_MEMBERS = ("detail", "message", "error")


@dataclass(frozen=True)
class Contract:
    """A document with all that judges by it."""

    document: Document
    operations: Operations
    judge: Judge
    events: EventContract
    profile: Profile
    root: str

    @classmethod
    def of(cls, document: Document, base_url: str, profile: Profile) -> Contract:
        """Prepare a document. Raises StartupError when it cannot be read as a contract."""
        spoken = for_server(document, base_url, profile)
        try:
            judge, events = Judge(spoken), EventContract(spoken)
        except Exception as error:  # Any document may be given; whatever is wrong is its own.
            raise StartupError([f"the contract cannot be used: {error}"]) from error
        operations = Operations(spoken, profile)
        return cls(spoken, operations, judge, events, profile, urlsplit(base_url).path.rstrip("/"))

    def operation_of(self, exchange: Exchange) -> Described | None:
        """Find the operation that an exchange is of."""
        path = urlsplit(exchange.url).path.removeprefix(self.root)
        return self.operations.of(exchange.method, unquote(path))

    def faults(self, one: Described, exchange: Exchange) -> list[str]:
        """Return what is wrong with an answer; nothing when it keeps the contract."""
        if exchange.status >= 500 and exchange.status != NOT_IMPLEMENTED:
            return [f"{exchange.status}: a fault of the server"]
        if exchange.status >= 400 and self.profile == "core":
            return list(_faults_of_error(exchange))
        found = [_short(fault) for fault in self.judge.of_answer(exchange)]
        if exchange.accepted and exchange.is_stream:
            found += self._faults_of_events(one, exchange)
        return found

    def _faults_of_events(self, one: Described, exchange: Exchange) -> list[str]:
        if not self.events.streams(one.operation_id):
            return []
        events = exchange.events() if self.profile == "full" else exchange.told()
        return [
            fault
            for event in events
            for fault in self.events.check(one.operation_id, event.name, event.data)
        ]

    def results(self, exchanges: Iterable[Exchange], wanted: Wanted) -> Iterator[Result]:
        """Yield a result for each wanted operation, from all that was asked of it."""
        asked: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            if (one := self.operation_of(exchange)) is not None:
                asked[one.label].append(exchange)
        for one in self.operations.judged:
            if wanted(GROUP, one.label):
                yield self._result(one, _varied(asked[one.label]))

    def _result(self, one: Described, asked: list[Exchange]) -> Result:
        sentence = "Accepts what its contract allows, and answers as it says."
        faults = [(exchange, self.faults(one, exchange)) for exchange in asked]
        reasons = [_at(exchange, fault) for exchange, found in faults for fault in found]
        shown = [exchange for exchange, found in faults if found] or asked[:1]
        verdict = Verdict.FAIL if reasons else Verdict.PASS
        if not any(exchange.accepted for exchange in asked):
            verdict, why = _without_success(one, asked)
            reasons = [why] if verdict is Verdict.NOT_APPLICABLE else [why, *reasons]
        unique = tuple(dict.fromkeys(reasons))[:MOST_REASONS]
        return Result(GROUP, one.label, sentence, verdict, unique, tuple(shown[:2]))


def _without_success(one: Described, asked: list[Exchange]) -> tuple[Verdict, str]:
    statuses = sorted({exchange.status for exchange in asked})
    if not asked:
        return Verdict.NOT_APPLICABLE, "not asked: what it needs could not be made"
    if statuses == [NOT_IMPLEMENTED]:
        return Verdict.NOT_APPLICABLE, "not implemented: answered 501"
    if one.is_optional and set(statuses) <= ABSENT | ELSEWHERE:
        return Verdict.NOT_APPLICABLE, f"optional, and not served: answered {statuses}"
    if set(statuses) <= ABSENT:
        return Verdict.FAIL, f"not served: answered {statuses}"
    return Verdict.FAIL, f"no request was accepted: answered {statuses}"


def _varied(asked: list[Exchange]) -> list[Exchange]:
    """Choose some of many exchanges: of each status the first and the last ones."""
    by_status: dict[int, list[Exchange]] = defaultdict(list)
    for exchange in asked:
        by_status[exchange.status].append(exchange)
    return [
        exchange
        for _, found in sorted(by_status.items())
        for exchange in (found if len(found) <= JUDGED else [*found[:6], *found[-6:]])
    ]


def _faults_of_error(exchange: Exchange) -> Iterator[str]:
    """Find an error that a client library could not tell: no JSON object with a text in it."""
    try:
        told = exchange.json()
    except json.JSONDecodeError:
        kind = exchange.headers.get("content-type", "none")
        yield f"the error is no JSON (Content-Type {kind})"
        return
    if not isinstance(told, dict) or not any(told.get(name) for name in ERROR_MEMBERS):
        yield f"the error has none of the members {', '.join(ERROR_MEMBERS)}"


def _short(fault: str) -> str:
    line = " ".join(fault.split())
    return line if len(line) <= 300 else f"{line[:299]}…"


def _at(exchange: Exchange, fault: str) -> str:
    return f"{exchange.status}: {fault}" if not fault.startswith(str(exchange.status)) else fault
