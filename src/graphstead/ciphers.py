"""What a process encrypts with, and how a request says under which context."""

from __future__ import annotations

from dataclasses import dataclass

from graphstead.contract.auth import ANONYMOUS, Authenticate, AuthRequest, Caller
from graphstead.engine.encryption import AskerContext, HandlerCipher
from graphstead.graphs import Project
from graphstead.graphs.encryption import has_blobs, has_json, load_encryption
from graphstead.graphs.host import LoopThread
from graphstead.settings import Settings
from graphstead.storage.sealing import Cipher, Sealer

__all__ = ["Ciphers", "ciphers_of", "entering"]


@dataclass(frozen=True, slots=True)
class Ciphers:
    """What data is encrypted with, and what finds under which context; nothing by default."""

    sealer: Sealer | None = None
    asker: AskerContext | None = None


def ciphers_of(settings: Settings, project: Project) -> Ciphers:
    """Return the project's handlers, for what they leave out the key. Raises StartupError."""
    encryption = load_encryption(project, has_key=settings.aes_key is not None)
    aes = None if settings.aes_key is None else _aes(settings.aes_key, settings.aes_json_keys)
    if encryption is None:
        return Ciphers() if aes is None else Ciphers(Sealer(aes, aes))
    loop = LoopThread("encryption")
    own = HandlerCipher(encryption, loop)
    rest: Cipher = aes or own
    sealer = Sealer(
        own if has_json(encryption) else rest, own if has_blobs(encryption) else rest, own, rest
    )
    return Ciphers(sealer, AskerContext(encryption, loop))


def _aes(key: str, hidden_members: tuple[str, ...]) -> Cipher:
    # Imported here: a server without a key does without the library.
    from graphstead.storage.aes import AesCipher

    return AesCipher(key.encode(), hidden_members)


def entering(asker: AskerContext | None, authenticate: Authenticate | None) -> Authenticate | None:
    """Let each request say under which context its data is encrypted, once it is known who asks."""
    if asker is None:
        return authenticate

    async def admitted(request: AuthRequest) -> Caller:
        caller = ANONYMOUS if authenticate is None else await authenticate(request)
        await asker.enter(request, caller)
        return caller

    return admitted
