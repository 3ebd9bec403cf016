"""What is encrypted at rest; how is a cipher's business, and `forms` has what it looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from graphstead.storage.errors import SealingFailed, SealingRefused
from graphstead.storage.forms import KEYS, Kind, Part, framed, in_text, told
from graphstead.storage.rows import (
    AssistantRow,
    BlobRow,
    CheckpointRow,
    CronRow,
    DeliveryRow,
    EndRow,
    EventRow,
    Json,
    ReplayRow,
    RunRow,
    ShownRow,
    StoreRow,
    ThreadRow,
    WriteRow,
)

__all__ = ["ASKER", "FIELDS", "Cipher", "Found", "Opened", "Replacement", "Sealer", "unknown"]

# The encryption context of whoever asks; what is written meanwhile is encrypted under it.
ASKER: ContextVar[Json | None] = ContextVar("asker", default=None)

Fields = tuple[str, tuple[tuple[str, Kind], ...]]
R = TypeVar("R")

FIELDS: Mapping[type, Fields] = {
    AssistantRow: (
        "assistant",
        (("config", "json"), ("context", "json"), ("metadata", "members")),
    ),
    ThreadRow: (
        "thread",
        (
            ("metadata", "members"),
            ("config", "json"),
            ("values", "json"),
            ("error", "json"),
            ("interrupts", "json"),
        ),
    ),
    ShownRow: ("thread", (("values", "json"), ("error", "json"), ("interrupts", "json"))),
    RunRow: ("run", (("metadata", "json"), ("kwargs", "json"))),
    CronRow: ("cron", (("caller", "json"), ("payload", "json"), ("metadata", "members"))),
    StoreRow: ("store", (("value", "json"),)),
    EventRow: ("event", (("data", "bytes"),)),
    EndRow: ("run", (("output", "bytes"), ("metadata", "json"))),
    CheckpointRow: ("checkpoint", (("checkpoint", "bytes"), ("metadata", "json"))),
    BlobRow: ("checkpoint", (("blob", "bytes"),)),
    WriteRow: ("checkpoint", (("blob", "bytes"),)),
    ReplayRow: ("replay", (("fingerprint", "text"), ("answer", "bytes"))),
    DeliveryRow: ("webhook", (("url", "text"), ("payload", "bytes"))),
}


class Opened(NamedTuple):
    """What a stored value says, or why it cannot be read.

    `replacement` is what the cipher wants stored in its place.
    """

    value: Any = None
    fault: SealingFailed | None = None
    replacement: Any = None
    context: Json | None = None


class Replacement(NamedTuple):
    """A stored form that a cipher wants replaced."""

    field: str
    old: Any
    new: Any


class Found(NamedTuple, Generic[R]):
    """A row in clear, the context it was encrypted under, and what should be stored anew."""

    row: R
    context: Json | None
    better: Sequence[Replacement]


class Cipher(Protocol):
    """Encrypts values; everything comes in batches, as a cipher may have to ask elsewhere."""

    @property
    def name(self) -> str: ...

    def seal_bytes(self, parts: Sequence[Part]) -> list[bytes]:
        """Encrypt bytes. Raises SealingFailed."""

    def open_bytes(self, parts: Sequence[Part]) -> list[Opened]: ...

    def seal_json(self, parts: Sequence[Part]) -> list[Json]:
        """Encrypt JSON values: members to store, what the cipher notes under `MARK` among them.

        Raises SealingFailed, SealingRefused.
        """

    def open_json(self, parts: Sequence[Part]) -> list[Opened]:
        """Decrypt what `seal_json` made, its note still among the members."""

    def hidden(self, part: Part) -> Sequence[str]:
        """Name the members of an object that would not be stored in clear."""

    def proof(self) -> bytes:
        """Return what tells this cipher's key from another, to be kept with the database."""

    def proves(self, proof: bytes) -> bool:
        """Tell whether this was made with the same key."""

    def adopt(self, proofs: Mapping[str, bytes]) -> None:
        """Go by the name under which a database knows this cipher already."""

    def close(self) -> None: ...


class Unreadable(Mapping[str, Any]):
    """A stored value that cannot be read: whoever looks at it hears why.

    It can be stored again as it is, and what it belongs to can be deleted.
    """

    __slots__ = ("fault", "stored")

    def __init__(self, fault: SealingFailed, stored: Any) -> None:
        self.fault = fault
        self.stored = stored

    def __getitem__(self, key: str) -> Any:
        raise self.fault

    def __iter__(self) -> Iterator[str]:
        raise self.fault

    def __len__(self) -> int:
        raise self.fault


class Sealer:
    """Turns rows into their stored form and back, with one cipher for JSON and one for bytes.

    `others` decrypt what they once encrypted and encrypt nothing any more.
    """

    def __init__(self, json: Cipher, octets: Cipher, *others: Cipher) -> None:
        self._json = json
        self._bytes = octets
        self._all = (json, octets, *others)
        self.ciphers = {one.name: one for one in self._all}

    @property
    def writers(self) -> Mapping[str, Cipher]:
        """Return those that encrypt, by name."""
        return {one.name: one for one in (self._json, self._bytes)}

    def adopt(self, proofs: Mapping[str, bytes]) -> None:
        """Let every cipher go by the name under which a database knows it already."""
        for one in self._all:
            one.adopt(proofs)
        self.ciphers = {one.name: one for one in self._all}

    def seal(self, rows: Sequence[R], context: Json) -> list[R]:
        """Return rows of one type as they are stored. Raises SealingFailed, SealingRefused."""
        if not rows:
            return []
        model, fields = FIELDS[type(rows[0])]
        changed: list[dict[str, Any]] = [{} for _ in rows]
        for field, kind in fields:
            values = [getattr(row, field) for row in rows]
            for made, value in zip(
                changed, self.seal_values(model, field, kind, values, context), strict=True
            ):
                made[field] = value
        return [
            replace(row, **made)  # type: ignore[type-var]
            for row, made in zip(rows, changed, strict=True)
        ]

    def seal_values(
        self, model: str, field: str, kind: Kind, values: Sequence[Any], context: Json
    ) -> list[Any]:
        """Return values of one column as they are stored."""
        found = list(values)
        where = [n for n, value in enumerate(found) if not _is_nothing(value)]
        where = [n for n in where if not _put_back(found, n)]
        clear = [found[n].encode() if kind == "text" else found[n] for n in where]
        parts = [Part(model, field, value, context, kind == "members") for value in clear]
        if not parts:
            return found
        sealed = self._sealed_json(parts) if kind in ("json", "members") else self._framed(parts)
        for n, stored in zip(where, sealed, strict=True):
            found[n] = in_text(stored) if kind == "text" else stored
        return found

    def _sealed_json(self, parts: Sequence[Part]) -> list[Any]:
        return list(self._json.seal_json(parts))

    def _framed(self, parts: Sequence[Part]) -> list[Any]:
        by = self._bytes
        return [
            framed(by.name, part.context, stored)
            for part, stored in zip(parts, by.seal_bytes(parts), strict=True)
        ]

    def open(self, rows: Sequence[R], *, lazily: bool = False) -> list[Found[R]]:
        """Return rows in clear.

        With `lazily` what cannot be read becomes an `Unreadable`; else SealingFailed is raised.
        """
        if not rows:
            return []
        model, fields = FIELDS[type(rows[0])]
        changed: list[dict[str, Any]] = [{} for _ in rows]
        contexts: list[Json | None] = [None] * len(rows)
        better: list[list[Replacement]] = [[] for _ in rows]
        for field, kind in fields:
            stored = [getattr(row, field) for row in rows]
            for n, one in enumerate(self._open_values(model, field, kind, stored)):
                changed[n][field] = _outcome(one, stored[n], kind, lazily)
                contexts[n] = one.context or contexts[n]
                if one.replacement is not None:
                    better[n].append(Replacement(field, stored[n], one.replacement))
        return [
            Found(replace(row, **made), context, new)  # type: ignore[type-var]
            for row, made, context, new in zip(rows, changed, contexts, better, strict=True)
        ]

    def _open_values(
        self, model: str, field: str, kind: Kind, values: Sequence[Any]
    ) -> list[Opened]:
        found = [Opened(value.encode() if kind == "text" else value) for value in values]
        waiting: dict[str, list[tuple[int, Part]]] = {}
        for n, value in enumerate(values):
            sealed = told(model, field, kind, value)
            if sealed is not None:
                waiting.setdefault(sealed[0], []).append((n, sealed[1]))
        for name, parts in waiting.items():
            opened = self._open(name, kind, [part for _, part in parts])
            for (n, part), one in zip(parts, opened, strict=True):
                found[n] = one._replace(context=part.context)
        return found

    def _open(self, name: str, kind: Kind, parts: Sequence[Part]) -> list[Opened]:
        cipher = self.ciphers.get(name)
        if cipher is None:
            return [Opened(fault=unknown(name)) for _ in parts]
        if kind in ("json", "members"):
            return cipher.open_json(parts)
        return [
            one
            if one.replacement is None
            else one._replace(replacement=framed(name, part.context, one.replacement))
            for part, one in zip(parts, cipher.open_bytes(parts), strict=True)
        ]

    def close(self) -> None:
        """Let the ciphers give back what they hold."""
        for cipher in self._all:
            cipher.close()

    def check_searched(self, model: str, field: str, conditions: Json, context: Json) -> None:
        """Raise SealingRefused where conditions name members that are not stored in clear."""
        hidden = self._json.hidden(Part(model, field, conditions, context, searched=True))
        if hidden:
            named = ", ".join(f"{field}.{name}" for name in hidden)
            raise SealingRefused(f"{named}: encrypted at rest, so it cannot be searched by")


def unknown(name: str) -> SealingFailed:
    """Return what to say of a value whose cipher this process does not have."""
    if not name.startswith(KEYS):
        return SealingFailed(f"This was encrypted by {name!r}, which is not configured")
    return SealingFailed(
        f"This was encrypted with the key {name}, which is neither LANGGRAPH_AES_KEY nor one of "
        "GRAPHSTEAD_AES_READ_KEYS"
    )


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and not value)


def _put_back(found: list[Any], n: int) -> bool:
    """Store what could not be read as it was; tell whether this was such a value."""
    value = found[n]
    if not isinstance(value, Unreadable):
        return False
    found[n] = value.stored
    return True


def _outcome(opened: Opened, stored: Any, kind: Kind, lazily: bool) -> Any:
    if opened.fault is not None:
        if not lazily:
            raise opened.fault
        return Unreadable(opened.fault, stored)
    return opened.value.decode() if kind == "text" else opened.value
