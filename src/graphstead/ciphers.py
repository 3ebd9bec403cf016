"""What a process encrypts with, and the database opened with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphstead.databases import open_clear, told_as_startup_fault
from graphstead.engine.clock import wire_time
from graphstead.graphs import Project
from graphstead.problems import StartupError
from graphstead.settings import Settings
from graphstead.storage.base import Storage
from graphstead.storage.sealing import Cipher, Sealer
from graphstead.storage.sealing_start import check_keys, with_ciphers

if TYPE_CHECKING:
    from graphstead.engine.encryption import AskerContext

__all__ = ["Ciphers", "ciphers_of", "keys_of", "older_keys", "open_sealed", "open_storage"]


@dataclass(frozen=True, slots=True)
class Ciphers:
    """What data is encrypted with, and what finds under which context; nothing by default."""

    sealer: Sealer | None = None
    asker: AskerContext | None = None


def ciphers_of(settings: Settings, project: Project) -> Ciphers:
    """Return the project's handlers, for what they leave out the key. Raises StartupError."""
    aes, readers = keys_of(settings)
    if project.encryption is not None:
        return _of_handlers(project, aes, readers)
    return Ciphers() if aes is None else Ciphers(Sealer(aes, aes, *readers))


def _of_handlers(project: Project, aes: Cipher | None, readers: list[Cipher]) -> Ciphers:
    # Imported here: without handlers, commands need no LangGraph to open the database.
    from graphstead.engine.encryption import AskerContext, HandlerCipher
    from graphstead.graphs.encryption import has_blobs, has_json, load_encryption
    from graphstead.graphs.host import LoopThread

    encryption = load_encryption(project, has_key=aes is not None)
    assert encryption is not None, "langgraph.json names one"
    loop = LoopThread("encryption")
    own = HandlerCipher(encryption, loop)
    rest: Cipher = aes or own
    sealer = Sealer(
        own if has_json(encryption) else rest,
        own if has_blobs(encryption) else rest,
        *(own, rest, *readers),
    )
    return Ciphers(sealer, AskerContext(encryption, loop))


def keys_of(settings: Settings) -> tuple[Cipher | None, list[Cipher]]:
    """Return the built-in key that encrypts, and those that only decrypt."""
    if settings.aes_key is None:
        return None, []
    readers = [key for key in settings.aes_read_keys if key != settings.aes_key]
    hidden = settings.aes_json_keys
    return _aes(settings.aes_key, hidden), [_aes(key, hidden) for key in readers]


def older_keys(settings: Settings) -> list[str]:
    """Name the keys, but for the one that encrypts, that something in the database may be under.

    Its schema has to be the newest; nothing is changed. Raises StartupError where a key is missing.
    """
    writer, readers = keys_of(settings)
    storage = open_clear(settings)
    try:
        with told_as_startup_fault(settings):
            known = check_keys(storage, readers if writer is None else [writer, *readers])
    finally:
        storage.close()
    return sorted(name for name in known if writer is None or name != writer.name)


def _aes(key: str, hidden_members: tuple[str, ...]) -> Cipher:
    # Imported here: a server without a key does without the library.
    from graphstead.storage.aes import AesCipher

    return AesCipher(key.encode(), hidden_members)


def open_storage(settings: Settings, project: Project) -> Storage:
    """Open the database of these settings. Raises StartupError where it cannot be used."""
    return open_sealed(settings, ciphers_of(settings, project))


def open_sealed(settings: Settings, ciphers: Ciphers) -> Storage:
    """Open the database with what it is encrypted with. Raises StartupError if it cannot be."""
    storage = open_clear(settings)
    try:
        with told_as_startup_fault(settings):
            return with_ciphers(storage, ciphers.sealer, wire_time())
    except StartupError:
        storage.close()
        raise
