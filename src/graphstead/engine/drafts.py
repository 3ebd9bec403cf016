"""From a request body to what a run row remembers, before any transaction is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphstead.engine.access import OPEN, Grant
from graphstead.engine.callers import Caller
from graphstead.engine.inputs import REFUSED_RESUME
from graphstead.engine.merging import open_metadata
from graphstead.problems import BadRequest, NotImplementedYet
from graphstead.storage.rows import Json

DEFAULT_MODES = ("values",)
LATER_FIELDS = {
    "feedback_keys": "feedback URLs need LangSmith, which this server does not call",
    "langsmith_tracer": "tracing to LangSmith is not part of this server",
}


@dataclass(frozen=True, slots=True)
class Grants:
    """What rules say of a run: of its thread, of its assistant, of a thread made for it."""

    run: Grant = OPEN
    assistant: Grant = OPEN
    thread: Grant = OPEN


@dataclass(frozen=True, slots=True)
class Draft:
    """One run as asked for: `thread_id` is None for a stateless run.

    `thread_ttl` is the time to live of a thread that is made for it, `cron_id` the cron it is of,
    `traceparent` the place of its request in a trace.
    """

    run_id: str
    thread_id: str | None
    assistant_id: str
    body: Mapping[str, Any]
    caller: Caller
    request_id: str
    requested_ms: int
    thread_ttl: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cron_id: str | None = None
    traceparent: str | None = None
    grants: Grants = Grants()

    @property
    def thread_metadata(self) -> Json:
        """Return the metadata of a thread that is made for the run."""
        asked = open_metadata(self.body.get("metadata") or {})
        return {**asked, **open_metadata(self.grants.thread.changes.get("metadata") or {})}

    @property
    def after_s(self) -> float:
        asked: float = self.body.get("after_seconds") or 0
        return asked

    @property
    def start_ms(self) -> int:
        return self.requested_ms + int(self.after_s * 1000)

    @property
    def temporary(self) -> bool:
        return self.thread_id is None and self.body.get("on_completion", "delete") == "delete"


def check(body: Mapping[str, Any], *, stateless: bool) -> None:
    """Refuse what no run can honour; each refusal names its field.

    Raises NotImplementedYet for fields of later versions, BadRequest for a resume without a thread.
    """
    for name, why in LATER_FIELDS.items():
        if body.get(name):
            raise NotImplementedYet(f"body.{name}: {why}")
    if body.get("strict_resume") and not REFUSED_RESUME:
        raise NotImplementedYet("body.strict_resume: the installed LangGraph is too old for it")
    command = body.get("command") or {}
    if stateless and command.get("resume") is not None:
        raise BadRequest("body.command.resume: only a run on a thread can be resumed")


def kwargs_of(draft: Draft, config: Json, context: Json) -> Json:
    """Return the run's stored arguments, in the order clients see them."""
    body = draft.body
    strict = {"strict_resume": True} if body.get("strict_resume") else {}
    return {
        "input": body.get("input"),
        "command": body.get("command"),
        "config": with_checkpoint(config, body),
        "context": context,
        "stream_mode": stream_modes(body),
        "interrupt_before": body.get("interrupt_before"),
        "interrupt_after": body.get("interrupt_after"),
        "webhook": body.get("webhook"),
        "feedback_keys": None,
        "temporary": draft.temporary,
        "subgraphs": bool(body.get("stream_subgraphs")),
        "resumable": bool(body.get("stream_resumable")),
        "checkpoint_during": body.get("checkpoint_during", True) is not False,
        "durability": durability(body),
        **strict,
    }


def stream_modes(body: Mapping[str, Any]) -> list[str]:
    """Return the asked modes as a list without repeats; none means `values`."""
    asked = body.get("stream_mode") or DEFAULT_MODES
    return [asked] if isinstance(asked, str) else list(dict.fromkeys(asked))


def durability(body: Mapping[str, Any]) -> str:
    """Return sync, async or exit; the older `checkpoint_during: false` means exit."""
    given = body.get("durability")
    if given is not None:
        return str(given)
    return "exit" if body.get("checkpoint_during") is False else "async"


def with_checkpoint(config: Json, body: Mapping[str, Any]) -> Json:
    """Point the config at the checkpoint to continue or fork from, where one is named."""
    named = dict(body.get("checkpoint") or {})
    if body.get("checkpoint_id"):
        named["checkpoint_id"] = body["checkpoint_id"]
    named.pop("thread_id", None)
    if not named.get("checkpoint_id"):
        return config
    return {**config, "configurable": {**config["configurable"], **_known(named)}}


def _known(named: Json) -> Json:
    return {
        key: named[key]
        for key in ("checkpoint_id", "checkpoint_ns", "checkpoint_map")
        if named.get(key) is not None
    }
