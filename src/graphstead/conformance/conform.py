"""Check a server: its contract, its refusals, its behaviour."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from graphstead.conformance.actor import Actor
from graphstead.conformance.behaviour import CHECKS
from graphstead.conformance.cast import ROLES, Cast, find_cast
from graphstead.conformance.checking import (
    Check,
    Failed,
    NotApplicable,
    Profile,
    Result,
    Verdict,
)
from graphstead.conformance.client import Client, Target
from graphstead.conformance.contract_checks import Contract
from graphstead.conformance.exchange import Exchange
from graphstead.conformance.power import Commands
from graphstead.conformance.refusals import refusals
from graphstead.conformance.tour import tour
from graphstead.contract.load import Document

__all__ = ["Plan", "Report", "conform"]

BY_DOCUMENT = ("contract", "refusals")
ALONE = frozenset({"crash"})
SHOWN = {Verdict.FAIL: 3, Verdict.PASS: 1, Verdict.NOT_APPLICABLE: 1}


@dataclass(frozen=True)
class Plan:
    """What to check, and how."""

    base_url: str
    document: Document
    profile: Profile = "core"
    only: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0
    at_once: int = 1
    commands: Commands = field(default_factory=Commands)
    assistant: str | None = None
    given: Any = field(default_factory=dict)

    def wants(self, group: str, name: str = "*") -> bool:
        """Tell whether a check was asked for: by its group, its id, or a pattern of ids."""
        return not self.only or any(
            one == group or fnmatch.fnmatchcase(f"{group}/{name}", one) for one in self.only
        )

    def wants_some(self, group: str) -> bool:
        """Tell whether any check of a group may have been asked for."""
        return not self.only or any(
            fnmatch.fnmatchcase(group, one.partition("/")[0]) for one in self.only
        )


@dataclass(frozen=True)
class Report:
    """All results, with what was checked and when."""

    base_url: str
    profile: Profile
    contract: str
    server: Mapping[str, Any]
    cast: Mapping[str, str]
    began: datetime
    seconds: float
    results: tuple[Result, ...]

    def number(self, verdict: Verdict) -> int:
        """Count the results with a verdict."""
        return sum(one.verdict is verdict for one in self.results)

    @property
    def passed(self) -> bool:
        return self.number(Verdict.FAIL) == 0


Told = Callable[[Result], None]


def conform(plan: Plan, told: Told = lambda result: None) -> Report:
    """Run the checks of a plan; `told` hears of each result as it comes.

    Raises httpx.HTTPError when the server does not answer at all, StartupError when it has no
    assistant or the contract cannot be used.
    """
    began, began_s = datetime.now(UTC), time.monotonic()
    contract = Contract.of(plan.document, plan.base_url.rstrip("/"), plan.profile)
    with Target.of(plan.base_url, plan.headers, plan.timeout_s).http as http:
        target = Target(plan.base_url.rstrip("/"), http, plan.timeout_s)
        about = _about(target)
        scout = Client(target)
        cast = find_cast(scout, plan.assistant, plan.given)
        results: list[Result] = []
        for result in _all(plan, contract, target, cast, scout):
            told(result)
            results.append(result)
    info = plan.document.get("info", {})
    named = f"{info.get('title', 'a contract')} {info.get('version', '')}".strip()
    seconds = time.monotonic() - began_s
    return Report(
        plan.base_url, plan.profile, named, about, cast.parts, began, seconds, tuple(results)
    )


def _about(target: Target) -> Mapping[str, Any]:
    """Ask who serves. Raises httpx.TransportError when nobody answers."""
    answer = target.http.get("/info")
    try:
        told = answer.json() if answer.is_success else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _all(
    plan: Plan, contract: Contract, target: Target, cast: Cast, scout: Client
) -> Iterator[Result]:
    """Yield the results: of behaviour first, so that the contract judges what came up there."""
    exchanges: list[Exchange] = list(scout.exchanges)
    checks = [one for one in CHECKS if plan.wants(one.group, one.name)]
    checks = [one for one in checks if plan.profile == "full" or one.profile == "core"]
    with ThreadPoolExecutor(plan.at_once) as pool:
        play = _player(plan, target, cast)
        for result, seen in pool.map(play, [one for one in checks if one.group not in ALONE]):
            exchanges += seen
            yield result
    if any(plan.wants_some(group) for group in BY_DOCUMENT):
        yield from _by_document(plan, contract, target, cast, exchanges)
    for result, _ in map(play, [one for one in checks if one.group in ALONE]):
        yield result


def _by_document(
    plan: Plan, contract: Contract, target: Target, cast: Cast, exchanges: list[Exchange]
) -> Iterator[Result]:
    client = Client(target)
    try:
        tour(Actor(client, cast, plan.timeout_s), contract.operations)
        asked = [*client.exchanges, *exchanges]
        if plan.wants_some("contract"):
            yield from contract.results(asked, plan.wants)
        if plan.wants_some("refusals"):
            yield from refusals(client, contract, asked, plan.wants)
    finally:
        client.clean_up()


def _player(
    plan: Plan, target: Target, cast: Cast
) -> Callable[[Check], tuple[Result, list[Exchange]]]:
    def play(one: Check) -> tuple[Result, list[Exchange]]:
        client, began_s = Client(target), time.monotonic()
        try:
            verdict, reasons = _judged(one, Actor(client, cast, plan.timeout_s, plan.commands))
        finally:
            client.clean_up()
        shown = tuple(client.exchanges[-SHOWN[verdict] :])
        seconds = time.monotonic() - began_s
        result = Result(one.group, one.name, one.sentence, verdict, reasons, shown, seconds)
        return result, client.exchanges

    return play


def _judged(one: Check, on: Actor) -> tuple[Verdict, tuple[str, ...]]:
    missing = [role for role in one.roles if role in ROLES and role not in on.cast.parts]
    if missing:
        names = " and ".join(ROLES[role].names[0] for role in missing)
        return Verdict.NOT_APPLICABLE, (f"the server has no graph {names}: see --write-graphs",)
    try:
        one.act(on)
    except NotApplicable as why:
        return Verdict.NOT_APPLICABLE, (str(why),)
    except Failed as why:
        return Verdict.FAIL, (str(why),)
    except httpx.HTTPError as error:
        return Verdict.FAIL, (f"no answer: {type(error).__name__}: {error}",)
    except LookupError as error:
        return Verdict.FAIL, (f"an answer lacks {error}",)
    except (TypeError, ValueError, AttributeError) as error:
        return Verdict.FAIL, (f"an answer is not as expected: {type(error).__name__}: {error}",)
    return Verdict.PASS, ()
