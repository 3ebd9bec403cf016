"""What a subscriber of the event protocol wants to hear: channels, places, depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphstead.streaming.protocol_frames import Frame, Namespace

CHANNELS = frozenset(
    {
        "values",
        "updates",
        "checkpoints",
        "messages",
        "tools",
        "lifecycle",
        "input",
        "tasks",
        "custom",
    }
)
NAMED = "custom:"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of one subscription; `since` is the number behind which it begins."""

    channels: frozenset[str]
    namespaces: tuple[Namespace, ...] = ()
    depth: int | None = None
    since: int = 0

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Wanted:
        """Build it from checked parameters."""
        return cls(
            frozenset(params["channels"]),
            tuple(tuple(one) for one in params.get("namespaces") or ()),
            params.get("depth"),
            params.get("since") or 0,
        )

    def takes(self, frame: Frame) -> bool:
        """Tell whether a frame is wanted, its number aside."""
        return self._hears(frame) and self._reaches(frame.namespace)

    def _hears(self, frame: Frame) -> bool:
        if frame.channel in self.channels:
            return True
        return frame.name is not None and f"{NAMED}{frame.name}" in self.channels

    def _reaches(self, namespace: Namespace) -> bool:
        """Measured: without places everything counts, whatever the depth."""
        if not self.namespaces:
            return True
        return any(self._below(prefix, namespace) for prefix in self.namespaces)

    def _below(self, prefix: Namespace, namespace: Namespace) -> bool:
        if not _begins(namespace, prefix):
            return False
        return self.depth is None or len(namespace) - len(prefix) <= self.depth


def _begins(namespace: Namespace, prefix: Sequence[str]) -> bool:
    """Compare by segment; one without a task id stands for every task of that name."""
    if len(prefix) > len(namespace):
        return False
    return all(
        have == want or have.partition(":")[0] == want
        for have, want in zip(namespace, prefix, strict=False)
    )
