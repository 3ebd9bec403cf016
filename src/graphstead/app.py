"""Put one process together: storage and graphs below, the engine, the contract on top.

Everything that can be wrong with project, database or contract shows here, before any port is
bound, as a StartupError.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead import tracing
from graphstead.abilities import abilities
from graphstead.authentication import Guard, entering, guard_of
from graphstead.ciphers import Ciphers, ciphers_of, open_sealed
from graphstead.contract.app import CustomApp, build_app
from graphstead.contract.compile import compile_contract
from graphstead.contract.load import Document, packaged
from graphstead.contract.middleware import CorsPolicy
from graphstead.contract.reference import ContractReference
from graphstead.contract.resolve import HandlerResolver
from graphstead.contract.switches import ALL_BUT_SYSTEM, switched_off
from graphstead.engine import Engine
from graphstead.graphs import GraphSet, Project, load_graphs
from graphstead.graphs.custom_app import load_custom_app
from graphstead.graphs.customs import Customs, open_customs
from graphstead.graphs.headers import header_rule
from graphstead.graphs.ui import Interfaces
from graphstead.http_rules import cors_policy, mount_prefix
from graphstead.listening import Drain, closing
from graphstead.logs import get_logger
from graphstead.problems import Problem, ServerError, StartupError, Unavailable, Unprocessable
from graphstead.request_log import RequestLog
from graphstead.settings import Settings
from graphstead.storage.errors import (
    SealingFailed,
    SealingRefused,
    StorageUnavailable,
)

__all__ = [
    "ServedApp",
    "check_handlers",
    "create_app",
    "open_engine",
]

ANY_PAGE = CorsPolicy().admits
# How clients hear of what the storage cannot do; of a full disk, too, until there is room again.
TOLD: Mapping[type[Exception], type[Problem]] = {
    SealingRefused: Unprocessable,
    SealingFailed: ServerError,
    StorageUnavailable: Unavailable,
}

log = get_logger("graphstead.app")


class ServedApp:
    """The ASGI application of a process, and the event that tells its streams to end.

    Whoever serves it sets `drain` when the server stops; streams wait for "next event or drain".
    """

    def __init__(self, app: ASGIApp, drain: Drain, graphs: GraphSet) -> None:
        self.app = app
        self.drain = drain
        self.graphs = graphs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        last = self.drain.closing and scope["type"] == "http"
        await self.app(scope, receive, closing(send) if last else send)


def create_app(
    settings: Settings, project: Project, *, run_worker: bool, of_itself: bool = False
) -> ServedApp:
    """Return the application; its lifespan starts and stops the engine.

    With `run_worker` this process also runs graphs, on a thread of their own. With `of_itself` it
    serves no more of the contract than what a process tells of itself. Raises StartupError with
    every fault of graphs, database or contract.
    """
    base_path, cors = mount_prefix(settings, project), cors_policy(settings, project)
    graphs, document = load_graphs(project), packaged()
    ciphers, custom = ciphers_of(settings, project), None if of_itself else _custom(project)
    engine, guard = _engine(
        settings,
        project,
        graphs,
        ciphers,
        run_worker=run_worker,
        document=document,
        admits=cors.admits,
    )
    drain = Drain()
    try:
        app = build_app(
            document,
            engine=engine,
            lifespan=_lifespan(engine, guard, custom),
            authenticate=entering(ciphers.asker, guard.authenticate),
            added=guard.openapi,
            response_validation=settings.response_validation,
            unknown_fields=settings.unknown_fields,
            max_body_bytes=settings.max_body_bytes,
            cors=cors,
            drain=drain,
            base_path=base_path,
            custom=custom,
            disabled=ALL_BUT_SYSTEM if of_itself else project.http.disabled,
            told=TOLD,
        )
    except StartupError:
        asyncio.run(engine.stop())
        raise
    logged = RequestLog(app, project.http.logged_headers, base_path)
    outer = tracing.TracedRequests(logged) if tracing.is_on() else logged
    return ServedApp(outer, drain, graphs)


def _custom(project: Project) -> CustomApp | None:
    app = load_custom_app(project)
    if app is None:
        return None
    http = project.http
    return CustomApp(app, guarded=http.custom_route_auth, auth_first=http.auth_first)


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
    ciphers = ciphers_of(settings, project)
    engine, _ = _engine(settings, project, load_graphs(project), ciphers, run_worker=run_worker)
    return engine


def _engine(
    settings: Settings,
    project: Project,
    graphs: GraphSet,
    ciphers: Ciphers,
    *,
    run_worker: bool,
    document: Document | None = None,
    admits: Callable[[str], bool] = ANY_PAGE,
) -> tuple[Engine, Guard]:
    # After the graphs: a project may have set up a tracer of its own.
    tracing.configure_tracing(settings)
    with ExitStack() as undo:
        customs = open_customs(project)
        undo.callback(customs.close)
        storage = open_sealed(settings, ciphers)
        undo.callback(storage.close)
        guard = guard_of(settings, project, storage)
        undo.pop_all()
    _tell_of_customs(project, customs)
    if ciphers.sealer is not None and graphs.embeddings is not None:
        log.warning("vectors of store.index are not encrypted: only in clear can they be compared")
    engine = Engine(
        storage=storage,
        graphs=graphs,
        settings=settings,
        run_worker=run_worker,
        header_rule=header_rule(project.raw),
        thread_ttl=project.thread_ttl,
        store=project.store,
        webhooks=project.webhooks.filled(os.environ),
        access=guard.access,
        reference=ContractReference(document) if document else None,
        admits=admits,
        disabled=project.http.disabled,
        interfaces=Interfaces(project.root, project.ui),
        figures_dir=settings.data_dir / "figures",
        capabilities=_abilities(settings, project, document) if document else {},
        serde=project.serde,
        customs=customs,
    )
    return engine, guard


def _abilities(settings: Settings, project: Project, document: Document) -> dict[str, Any]:
    """Return what `/info` tells of the contract as this project has it served."""
    return abilities(settings, project, switched_off(document, project.http.disabled))


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


def _lifespan(engine: Engine, guard: Guard, custom: CustomApp | None) -> Any:
    """Start the project's own application first and stop it last; the engine runs in between."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        async with AsyncExitStack() as parts:
            parts.callback(guard.close)
            parts.push_async_callback(engine.stop)
            state = None
            if custom is not None:
                own = custom.app.router.lifespan_context(custom.app)
                state = await parts.enter_async_context(own)
            await engine.start()
            yield state

    return lifespan
