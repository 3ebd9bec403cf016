"""The project's own encryption: its handlers as a cipher, and under which context they are called.

Handlers are coroutines and transactions are not: they run on a loop of their own, all those that a
transaction needs at once together, while the thread that asked waits.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson
import structlog
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import DecryptResult, EncryptionContext

from graphstead.engine.callers import Caller
from graphstead.graphs.host import LoopThread
from graphstead.problems import ServerError, Unprocessable
from graphstead.storage.errors import SealingFailed, SealingRefused
from graphstead.storage.forms import MARK, Part
from graphstead.storage.rows import Json
from graphstead.storage.sealing import ASKER, Opened

__all__ = ["AskerContext", "HandlerCipher", "User"]

log = structlog.get_logger("graphstead.encryption")
HEADER = "x-encryption-context"
LONGEST_S = 30.0
WRAPPED = "value"
Handler = Callable[[EncryptionContext, Any], Awaitable[Any]]


class HandlerCipher:
    """Implements `sealing.Cipher` with the handlers of a `langgraph_sdk.Encryption`."""

    name = "handlers"

    def __init__(self, encryption: Encryption, loop: LoopThread) -> None:
        self._encryption = encryption
        self._loop = loop

    def seal_bytes(self, parts: Sequence[Part]) -> list[bytes]:
        handler = self._encryption._blob_encryptor
        done = self._call("encrypt.blob", handler, [(part, part.value) for part in parts])
        return [_bytes_of("encrypt.blob", part, one) for part, one in zip(parts, done, strict=True)]

    def open_bytes(self, parts: Sequence[Part]) -> list[Opened]:
        handler = self._encryption._blob_decryptor
        done = self._call("decrypt.blob", handler, [(part, part.value) for part in parts])
        return [_opened(part, one, _open_bytes) for part, one in zip(parts, done, strict=True)]

    def seal_json(self, parts: Sequence[Part]) -> list[Json]:
        clear = [_object_of(part) for part in parts]
        given = [(part, members) for part, (members, _) in zip(parts, clear, strict=True)]
        done = self._call("encrypt.json", self._encryption.get_json_encryptor(), given)
        return [
            {**_members_of("encrypt.json", part, members, one), MARK: self._note(part, wrapped)}
            for part, (members, wrapped), one in zip(parts, clear, done, strict=True)
        ]

    def _note(self, part: Part, wrapped: bool) -> Json:
        note: Json = {"by": self.name, "context": part.context}
        return {**note, "wrapped": True} if wrapped else note

    def open_json(self, parts: Sequence[Part]) -> list[Opened]:
        given = [(part, _without_note(part.value)) for part in parts]
        done = self._call("decrypt.json", self._encryption.get_json_decryptor(), given)
        return [_opened(part, one, _open_json) for part, one in zip(parts, done, strict=True)]

    def hidden(self, part: Part) -> Sequence[str]:
        """Encrypt the conditions themselves: what comes back changed could not be found."""
        stored = self.seal_json([part])[0]
        return [name for name, value in part.value.items() if stored[name] != value]

    def proof(self) -> bytes:
        """Return nothing: which key is used may depend on who asks."""
        return b""

    def proves(self, proof: bytes) -> bool:
        return True

    def adopt(self, proofs: Mapping[str, bytes]) -> None:
        """Keep the one name there is."""

    def close(self) -> None:
        """Stop the handlers' loop."""
        self._loop.stop()

    def _call(
        self, name: str, handler: Handler | None, given: Sequence[tuple[Part, Any]]
    ) -> list[Any]:
        """Return what the handler makes of each value, or what it raised."""
        assert handler is not None, f"{name} is checked at start"

        async def one(part: Part, value: Any) -> Any:
            context = EncryptionContext(part.model, dict(part.context), part.field)
            async with asyncio.timeout(LONGEST_S):
                return await handler(context, value)

        async def every() -> list[Any]:
            tasks = (one(part, value) for part, value in given)
            return await asyncio.gather(*tasks, return_exceptions=True)

        done = self._loop.call_blocking(every)
        return [_failure(name, one) if isinstance(one, BaseException) else one for one in done]


def _failure(name: str, raised: BaseException) -> SealingFailed:
    """Return what clients may hear of it; the exception's text may quote what is secret."""
    log.error("an encryption handler failed", handler=name, exc_info=raised)
    took_long = isinstance(raised, TimeoutError)
    how = f"took longer than {LONGEST_S:g} s" if took_long else f"raised {type(raised).__name__}"
    fault = SealingFailed(f"The project's {name} {how}: nothing was stored or shown")
    fault.__cause__ = raised
    return fault


def _object_of(part: Part) -> tuple[Json, bool]:
    """Return a value as the object that handlers take, and whether it had to be wrapped."""
    value = orjson.loads(orjson.dumps(part.value))
    if not isinstance(value, dict):
        return {WRAPPED: value}, True
    if MARK in value:
        raise SealingRefused(f"{part.field}.{MARK}: this name is the server's own")
    return value, False


def _without_note(stored: Json) -> Json:
    return {name: value for name, value in stored.items() if name != MARK}


def _bytes_of(name: str, part: Part, made: Any) -> bytes:
    if isinstance(made, SealingFailed):
        raise made
    if not isinstance(made, bytes):
        raise SealingFailed(
            f"The project's {name} has to return bytes for {part.model}.{part.field}, "
            f"it returned {type(made).__name__}"
        )
    return made


def _members_of(name: str, part: Part, given: Mapping[str, Any], made: Any) -> Json:
    """Return an object that has the members it had before. Raises SealingFailed."""
    if isinstance(made, SealingFailed):
        raise made
    where = f"{part.model}.{part.field}"
    if not isinstance(made, dict):
        kind = type(made).__name__
        raise SealingFailed(f"The project's {name} has to return an object for {where}, not {kind}")
    if made.keys() != given.keys():
        lost, added = sorted(given.keys() - made.keys()), sorted(made.keys() - given.keys())
        raise SealingFailed(
            f"The project's {name} has to keep the members of {where}: "
            f"it removed {lost} and added {added}"
        )
    try:
        orjson.dumps(made)
    except TypeError as fault:
        told = f"The project's {name} returned what is no JSON for {where}: {fault}"
        raise SealingFailed(told) from fault
    return made


def _opened(part: Part, made: Any, judge: Callable[[Part, Any, Any], Opened]) -> Opened:
    replacement = None
    if isinstance(made, DecryptResult):
        made, replacement = made.plaintext, made.replacement
    try:
        return judge(part, made, replacement)
    except SealingFailed as fault:
        return Opened(fault=fault)


def _open_bytes(part: Part, made: Any, replacement: Any) -> Opened:
    if replacement is not None:
        _bytes_of("decrypt.blob", part, replacement)
    return Opened(_bytes_of("decrypt.blob", part, made), replacement=replacement)


def _open_json(part: Part, made: Any, replacement: Any) -> Opened:
    given = _without_note(part.value)
    members = _members_of("decrypt.json", part, given, made)
    value = members[WRAPPED] if part.value[MARK].get("wrapped") else members
    if replacement is None:
        return Opened(value)
    stored = _members_of("decrypt.json", part, given, replacement)
    return Opened(value, replacement={**stored, MARK: part.value[MARK]})


class User:
    """Who asks, as the context handler sees it: also an anonymous caller is somebody here."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.identity = caller.identity
        self.display_name = caller.display_name or caller.identity
        self.permissions = list(caller.permissions)
        self.is_authenticated = bool(caller.identity)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._caller.extras[name]
        except KeyError:
            raise AttributeError(f"The user has no {name!r}") from None

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


class Request(Protocol):
    """A request before its operation: its headers by lower-case name."""

    @property
    def headers(self) -> Mapping[str, str]: ...


class AskerContext:
    """Finds each request's encryption context: its header, then what the project's handler says."""

    def __init__(self, encryption: Encryption, loop: LoopThread) -> None:
        self._handler = encryption._context_handler
        self._loop = loop

    async def enter(self, request: Request, caller: Caller) -> None:
        """Let what this task writes from now on be encrypted under the request's context.

        Raises Unprocessable for a header that is no base64 of a JSON object, ServerError where the
        handler fails.
        """
        metadata = _header(request.headers.get(HEADER))
        if self._handler is not None:
            metadata = await self._asked(self._handler, User(caller), metadata)
        ASKER.set(metadata)

    async def _asked(self, handler: Any, user: User, metadata: Json) -> Json:
        async def ask() -> Any:
            async with asyncio.timeout(LONGEST_S):
                return await handler(user, EncryptionContext(metadata=metadata))

        try:
            found = await self._loop.call(ask)
        except Exception as fault:  # the project's handler may raise anything
            log.error("an encryption handler failed", handler="context", exc_info=fault)
            raise ServerError(
                f"The project's encryption context handler raised {type(fault).__name__}"
            ) from fault
        if not isinstance(found, dict):
            raise ServerError("The project's encryption context handler has to return a dict")
        return found


def _header(sent: str | None) -> Json:
    if not sent:
        return {}
    try:
        found = orjson.loads(base64.b64decode(sent, validate=True))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise Unprocessable(f"header {HEADER}: expected base64 of a JSON object")
    return found
