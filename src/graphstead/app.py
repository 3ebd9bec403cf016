"""Put one process together: storage and graphs below, the engine, the contract on top.

Everything that can be wrong with project, database or contract shows here, before any port is
bound, as a StartupError.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.app import build_app
from graphstead.contract.auth import ANONYMOUS, Authenticate, AuthRequest, Caller
from graphstead.contract.compile import compile_contract
from graphstead.contract.load import packaged
from graphstead.contract.middleware import CorsPolicy
from graphstead.contract.resolve import HandlerResolver
from graphstead.engine import Engine
from graphstead.engine.clock import wire_time
from graphstead.engine.encryption import AskerContext, HandlerCipher
from graphstead.graphs import GraphSet, Project, load_graphs
from graphstead.graphs.customs import Customs, open_customs
from graphstead.graphs.encryption import has_blobs, has_json, load_encryption
from graphstead.graphs.headers import header_rule
from graphstead.graphs.host import LoopThread
from graphstead.logs import get_logger
from graphstead.problems import ServerError, StartupError, Unprocessable
from graphstead.request_log import RequestLog
from graphstead.settings import Settings
from graphstead.storage.base import Storage
from graphstead.storage.errors import SealingFailed, SealingRefused, StorageError
from graphstead.storage.sealing import Cipher, Sealer
from graphstead.storage.sealing_start import with_ciphers
from graphstead.storage.sqlite import open_sqlite

__all__ = ["ServedApp", "check_handlers", "create_app", "open_engine", "open_storage"]


log = get_logger("graphstead.app")


class ServedApp:
    """The ASGI application of a process, and the event that tells its streams to end.

    Whoever serves it sets `drain` when the server stops; streams wait for "next event or drain".
    """

    def __init__(self, app: ASGIApp, drain: asyncio.Event, graphs: GraphSet) -> None:
        self.app = app
        self.drain = drain
        self.graphs = graphs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def create_app(settings: Settings, project: Project, *, run_worker: bool) -> ServedApp:
    """Return the application; its lifespan starts and stops the engine.

    With `run_worker` this process also runs graphs, on a thread of their own. Raises
    StartupError with every fault of graphs, database or contract.
    """
    graphs = load_graphs(project)
    keys = _keys(settings, project)
    engine = _engine(settings, project, graphs, keys, run_worker=run_worker)
    drain = asyncio.Event()
    try:
        app = build_app(
            packaged(),
            engine=engine,
            lifespan=_lifespan(engine),
            authenticate=_entering(keys.asker, None),
            response_validation=settings.response_validation,
            unknown_fields=settings.unknown_fields,
            max_body_bytes=settings.max_body_bytes,
            cors=_cors(settings),
            drain=drain,
            told={SealingRefused: Unprocessable, SealingFailed: ServerError},
        )
    except StartupError:
        asyncio.run(engine.stop())
        raise
    return ServedApp(RequestLog(app), drain, graphs)


def check_handlers() -> int:
    """Check that contract and handlers agree, serving nothing; return the number of operations.

    Raises StartupError with everything they disagree about.
    """
    contract = compile_contract(packaged())
    if faults := HandlerResolver(contract).check():
        raise StartupError(faults)
    return len(contract.operations)


def open_engine(settings: Settings, project: Project, *, run_worker: bool) -> Engine:
    """Return an engine over the project's graphs and database, not yet started."""
    keys = _keys(settings, project)
    return _engine(settings, project, load_graphs(project), keys, run_worker=run_worker)


def _engine(
    settings: Settings, project: Project, graphs: GraphSet, keys: _Keys, *, run_worker: bool
) -> Engine:
    customs = open_customs(project)
    try:
        storage = _opened(settings, keys)
    except StartupError:
        customs.close()
        raise
    _tell_of_customs(project, customs)
    if keys.sealer is not None and graphs.embeddings is not None:
        log.warning("vectors of store.index are not encrypted: only in clear can they be compared")
    return Engine(
        storage=storage,
        graphs=graphs,
        settings=settings,
        run_worker=run_worker,
        header_rule=header_rule(project.raw),
        thread_ttl=project.thread_ttl,
        store=project.store,
        webhooks=project.webhooks.filled(os.environ),
        serde=project.serde,
        customs=customs,
    )


def _tell_of_customs(project: Project, customs: Customs) -> None:
    """Say who keeps checkpoints and items where it is not this server, and what that means."""
    if customs.saver is not None and project.checkpointer is not None:
        log.warning(
            "checkpoints are kept by the project's own saver: they share no transaction with runs "
            "and threads, and are encrypted only if it does so",
            saver=type(customs.saver).__name__,
            path=project.checkpointer.path,
        )
    if customs.store is not None and project.store_source is not None:
        unused = [name for name in ("index", "ttl") if (project.raw["store"] or {}).get(name)]
        log.warning(
            "items are kept by the project's own store, encrypted only if it does so",
            store=type(customs.store).__name__,
            path=project.store_source.path,
            unused=unused,
        )


def open_storage(settings: Settings, project: Project) -> Storage:
    """Open the database of these settings. Raises StartupError where it cannot be used."""
    return _opened(settings, _keys(settings, project))


def _opened(settings: Settings, keys: _Keys) -> Storage:
    path = settings.database_path
    storage: Storage | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        storage = open_sqlite(path)
        return with_ciphers(storage, keys.sealer, wire_time())
    except (StorageError, OSError) as error:
        if storage is not None:
            storage.close()
        raise StartupError([f"The database {path} cannot be used: {error}"]) from error


@dataclass(frozen=True, slots=True)
class _Keys:
    """What data is encrypted with, and what finds under which context; nothing by default."""

    sealer: Sealer | None = None
    asker: AskerContext | None = None


def _keys(settings: Settings, project: Project) -> _Keys:
    """Return the project's handlers, for what they leave out the key. Raises StartupError."""
    encryption = load_encryption(project, has_key=settings.aes_key is not None)
    aes = None if settings.aes_key is None else _aes(settings.aes_key, settings.aes_json_keys)
    if encryption is None:
        return _Keys() if aes is None else _Keys(Sealer(aes, aes))
    loop = LoopThread("encryption")
    own = HandlerCipher(encryption, loop)
    rest: Cipher = aes or own
    sealer = Sealer(
        own if has_json(encryption) else rest, own if has_blobs(encryption) else rest, own, rest
    )
    return _Keys(sealer, AskerContext(encryption, loop))


def _aes(key: str, hidden_members: tuple[str, ...]) -> Cipher:
    # Imported here: a server without a key does without the library.
    from graphstead.storage.aes import AesCipher

    return AesCipher(key.encode(), hidden_members)


def _entering(asker: AskerContext | None, authenticate: Authenticate | None) -> Authenticate | None:
    """Let each request say under which context its data is encrypted, once it is known who asks."""
    if asker is None:
        return authenticate

    async def entering(request: AuthRequest) -> Caller:
        caller = ANONYMOUS if authenticate is None else await authenticate(request)
        await asker.enter(request, caller)
        return caller

    return entering


def _lifespan(engine: Engine) -> Any:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        await engine.start()
        try:
            yield
        finally:
            await engine.stop()

    return lifespan


def _cors(settings: Settings) -> CorsPolicy:
    """Allow credentials as soon as origins are named, as the reference does."""
    origins = settings.cors_allow_origins
    return CorsPolicy(allow_origins=origins, allow_credentials="*" not in origins)
