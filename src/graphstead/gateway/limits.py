"""Rates and quotas per caller; windows are kept in memory, or in Redis for several gateways."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem, parse_many
from limits.aio.storage import Storage
from limits.aio.strategies import (
    FixedWindowRateLimiter,
    RateLimiter,
    SlidingWindowCounterRateLimiter,
)
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from graphstead.contract.compile import Operation
from graphstead.logs import get_logger
from graphstead.problems import StartupError, TooManyRequests

__all__ = ["Limits", "Rule", "Standing", "makes_runs", "read_rules"]

log = get_logger("graphstead.gateway")
RUNS = "runs"
MAKES_RUNS = re.compile(
    r"^(/threads/\{thread_id\})?/runs(/stream|/wait|/batch)?$"
    r"|^/a2a/|^/mcp(/|$)|/commands$|^/threads/\{thread_id\}/runs/crons$|^/runs/crons$"
)
STORAGE_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit; a quota counts in windows that begin with the first request."""

    item: RateLimitItem
    runs_only: bool = False
    quota: bool = False

    def counts(self, operation: Operation | None) -> bool:
        """Tell whether a request for this operation counts."""
        return not self.runs_only or makes_runs(operation)

    def __str__(self) -> str:
        kind = "quota" if self.quota else "rate"
        return f"{kind} of {self.item}{' that make runs' if self.runs_only else ''}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of the limit that will be reached first."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """Return it as `RateLimit-*`; reset in seconds from now."""
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_s),
        }


def makes_runs(operation: Operation | None) -> bool:
    """Tell whether an operation makes runs, or may: messages, tool calls and commands do."""
    if operation is None or operation.method != "POST":
        return False
    return MAKES_RUNS.search(operation.path) is not None


def read_rules(given: Iterable[str], *, quota: bool) -> tuple[Rule, ...]:
    """Read limits such as `100/minute` or `runs=10/minute`. Raises StartupError."""
    return tuple(rule for one in given for rule in _rules(one, quota))


def _rules(given: str, quota: bool) -> list[Rule]:
    kind, equals, text = given.partition("=")
    try:
        if equals and kind.strip() != RUNS:
            raise ValueError(kind)
        items = parse_many(text if equals else given)
    except ValueError:
        option = "--quota" if quota else "--rate"
        fault = f"{option}: expected '100/minute' or 'runs=10/minute', found {given!r}"
        raise StartupError([fault]) from None
    return [Rule(item, bool(equals), quota) for item in items]


class Limits:
    """Counts what callers do, and refuses what is too much."""

    def __init__(self, rules: tuple[Rule, ...], storage_uri: str, name: str = "gateway") -> None:
        self._rules = rules
        self._name = name
        storage = open_storage(storage_uri)
        self._sliding = SlidingWindowCounterRateLimiter(storage)
        self._fixed = FixedWindowRateLimiter(storage)

    async def take(self, caller: str, operation: Operation | None) -> Standing | None:
        """Count one request. Raises TooManyRequests; nothing is counted then.

        Raises OSError or another exception of the storage where that does not answer.
        """
        rules = [rule for rule in self._rules if rule.counts(operation)]
        if not rules:
            return None
        async with asyncio.timeout(STORAGE_WAIT_S):
            for rule in rules:
                if not await self._limiter(rule).test(rule.item, *self._key(rule, caller)):
                    raise await self._refusal(rule, caller)
            standings = [await self._hit(rule, caller) for rule in rules]
        return min(standings, key=lambda one: one.remaining / one.limit)

    async def _hit(self, rule: Rule, caller: str) -> Standing:
        if not await self._limiter(rule).hit(rule.item, *self._key(rule, caller)):
            raise await self._refusal(rule, caller)
        return await self._standing(rule, caller)

    async def _standing(self, rule: Rule, caller: str) -> Standing:
        stats: Any = await self._limiter(rule).get_window_stats(rule.item, *self._key(rule, caller))
        reset_s = max(0, math.ceil(stats.reset_time - time.time()))
        return Standing(rule.item.amount, max(0, stats.remaining), reset_s)

    async def _refusal(self, rule: Rule, caller: str) -> TooManyRequests:
        standing = await self._standing(rule, caller)
        headers = Standing(standing.limit, 0, standing.reset_s).headers()
        detail = (
            f"The {rule} requests is used up" if not rule.runs_only else f"The {rule} is used up"
        )
        return TooManyRequests(detail, retry_after_s=standing.reset_s, headers=headers)

    def _limiter(self, rule: Rule) -> RateLimiter:
        return self._fixed if rule.quota else self._sliding

    def _key(self, rule: Rule, caller: str) -> tuple[str, ...]:
        return self._name, "quota" if rule.quota else "rate", RUNS if rule.runs_only else "", caller


def open_storage(uri: str) -> Storage:
    """Open where windows are kept: memory:// or redis://host:port/number. Raises StartupError."""
    scheme, _, rest = uri.partition("://")
    if scheme not in ("memory", "redis", "rediss"):
        raise StartupError(["--limits: expected memory:// or redis://host:port/0"])
    options = (
        {} if scheme == "memory" else {"implementation": "redispy", "key_prefix": "graphstead"}
    )
    try:
        return storage_from_string(f"async+{scheme}://{rest}", **options)  # type: ignore[return-value]
    except ConfigurationError as error:
        fault = f"--limits: Redis needs pip install 'graphstead[redis]' ({error})"
        raise StartupError([fault]) from error
