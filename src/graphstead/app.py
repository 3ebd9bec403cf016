"""Put one process together: storage and graphs below, the engine, the contract on top.

Everything that can be wrong with project, database or contract shows here, before any port is
bound, as a StartupError.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.app import build_app
from graphstead.contract.compile import compile_contract
from graphstead.contract.load import packaged
from graphstead.contract.middleware import CorsPolicy
from graphstead.contract.resolve import HandlerResolver
from graphstead.engine import Engine
from graphstead.graphs import GraphSet, Project, load_graphs
from graphstead.graphs.headers import header_rule
from graphstead.problems import StartupError
from graphstead.request_log import RequestLog
from graphstead.settings import Settings
from graphstead.storage import sqlite
from graphstead.storage.base import Storage
from graphstead.storage.errors import DatabaseRefused, StorageError
from graphstead.storage.migrating import SchemaState

__all__ = [
    "ServedApp",
    "check_handlers",
    "create_app",
    "open_engine",
    "open_storage",
    "schema_state",
]


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
    engine = _engine(settings, project, graphs, run_worker=run_worker)
    drain = asyncio.Event()
    try:
        app = build_app(
            packaged(),
            engine=engine,
            lifespan=_lifespan(engine),
            response_validation=settings.response_validation,
            unknown_fields=settings.unknown_fields,
            max_body_bytes=settings.max_body_bytes,
            cors=_cors(settings),
            drain=drain,
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
    return _engine(settings, project, load_graphs(project), run_worker=run_worker)


def _engine(settings: Settings, project: Project, graphs: GraphSet, *, run_worker: bool) -> Engine:
    return Engine(
        storage=open_storage(settings),
        graphs=graphs,
        settings=settings,
        run_worker=run_worker,
        header_rule=header_rule(project.raw),
        thread_ttl=project.thread_ttl,
        store=project.store,
        webhooks=project.webhooks.filled(os.environ),
    )


def open_storage(settings: Settings) -> Storage:
    """Open the database of these settings. Raises StartupError where it cannot be used."""
    with _told_as_startup_fault(settings):
        if settings.postgres_uri is not None:
            return _open_postgres(settings, settings.postgres_uri)
        settings.database_path.parent.mkdir(parents=True, exist_ok=True)
        return sqlite.open_sqlite(settings.database_path)


def _open_postgres(settings: Settings, uri: str) -> Storage:
    writers = settings.database_connections // 2
    try:
        storage: Storage = _postgres().open_postgres(
            uri,
            writers=writers,
            readers=settings.database_connections - 1 - writers,
            procrastinate=settings.dispatch == "procrastinate",
        )
    except ImportError as error:
        fault = f"dispatch: procrastinate needs pip install 'graphstead[procrastinate]' ({error})"
        raise StartupError([fault]) from error
    return storage


def schema_state(settings: Settings) -> SchemaState:
    """Tell how old the database's schema is, changing nothing. Raises StartupError."""
    with _told_as_startup_fault(settings):
        if settings.postgres_uri is not None:
            state: SchemaState = _postgres().schema_state(settings.postgres_uri)
            return state
        return sqlite.schema_state(settings.database_path)


def _postgres() -> Any:
    # Imported here: an installation without the extra serves SQLite.
    try:
        return importlib.import_module("graphstead.storage.postgres")
    except ImportError as error:
        fault = f"Postgres needs pip install 'graphstead[postgres]' ({error})"
        raise StartupError([fault]) from error


@contextmanager
def _told_as_startup_fault(settings: Settings) -> Iterator[None]:
    try:
        yield
    except DatabaseRefused as error:
        raise StartupError([str(error)]) from error
    except (StorageError, OSError) as error:
        name = settings.database_name
        raise StartupError([f"The database {name} cannot be used: {error}"]) from error


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
