"""What one assistant is told by: its own contract and its skill bundle, made when asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from graphstead.contract.docs import StaticFile

if TYPE_CHECKING:
    from graphstead.derive.assistant_contract import Portrait

__all__ = ["AssistantPages"]

KEPT = 32
# Who may read the assistant may read these: no cache between may give them to anybody else.
CACHE = "private, no-cache"


class AssistantPages:
    """Files about assistants, from the document as it is served and the contract it goes by.

    The newest 32 are remembered by all that they are made of, so none is ever out of date.
    """

    def __init__(
        self, document: Mapping[str, Any], contract: Mapping[str, Any], base_path: str = ""
    ) -> None:
        self._document = document
        self._contract = contract
        self._base_path = base_path
        self._made: OrderedDict[bytes, StaticFile] = OrderedDict()

    @cached_property
    def _pin(self) -> str:
        from graphstead.derive.skills import contract_hash

        return contract_hash(self._contract)

    async def contract(self, portrait: Portrait) -> StaticFile:
        """Return the OpenAPI document of an assistant."""
        return await self._file(b"contract", portrait, self._as_json)

    async def skill(self, portrait: Portrait) -> StaticFile:
        """Return the skill bundle of an assistant as a zip file."""
        return await self._file(b"skill", portrait, self._as_zip)

    async def _file(
        self, kind: bytes, portrait: Portrait, make: Callable[[Portrait], StaticFile]
    ) -> StaticFile:
        key = hashlib.sha256(kind + orjson.dumps(portrait)).digest()
        found = self._made.get(key)
        if found is None:
            found = await asyncio.to_thread(make, portrait)
        self._made[key] = found
        self._made.move_to_end(key)
        while len(self._made) > KEPT:
            self._made.popitem(last=False)
        return found

    def _as_json(self, portrait: Portrait) -> StaticFile:
        return StaticFile(orjson.dumps(self.document(portrait)), "application/json", CACHE)

    def _as_zip(self, portrait: Portrait) -> StaticFile:
        from graphstead.derive.assistant_skill import assistant_skill, assistant_skill_name
        from graphstead.derive.library import zipped

        files = assistant_skill(self.document(portrait), portrait, self._base_path)
        content = zipped(assistant_skill_name(portrait), files)
        return StaticFile(content, "application/zip", CACHE)

    def document(self, portrait: Portrait) -> dict[str, Any]:
        """Return the OpenAPI document of an assistant, as data."""
        from graphstead.derive.assistant_contract import assistant_contract

        return assistant_contract(self._document, portrait, self._pin)
