"""Put one process together: storage and graphs below, the engine, the contract on top.

Everything that can be wrong with project, database or contract shows here, before any port is
bound, as a StartupError.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead import tracing
from graphstead.abilities import abilities
from graphstead.authentication import Guard, guard_of
from graphstead.contract.app import CustomApp, build_app
from graphstead.contract.compile import compile_contract
from graphstead.contract.load import packaged
from graphstead.contract.middleware import CorsPolicy
from graphstead.contract.reference import ContractReference
from graphstead.contract.resolve import HandlerResolver
from graphstead.databases import open_storage
from graphstead.engine import Engine
from graphstead.graphs import GraphSet, Project, load_graphs
from graphstead.graphs.custom_app import load_custom_app
from graphstead.graphs.headers import header_rule
from graphstead.graphs.ui import Interfaces
from graphstead.http_rules import cors_policy, mount_prefix
from graphstead.problems import StartupError
from graphstead.request_log import RequestLog
from graphstead.settings import Settings

__all__ = [
    "ServedApp",
    "check_handlers",
    "create_app",
    "open_engine",
    "open_storage",
]

ANY_PAGE = CorsPolicy().admits


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
    base_path, cors = mount_prefix(settings, project), cors_policy(settings, project)
    graphs, document = load_graphs(project), packaged()
    custom = _custom(project)
    engine, guard = _engine(
        settings,
        project,
        graphs,
        run_worker=run_worker,
        reference=ContractReference(document),
        admits=cors.admits,
    )
    drain = asyncio.Event()
    try:
        app = build_app(
            document,
            engine=engine,
            lifespan=_lifespan(engine, guard, custom),
            authenticate=guard.authenticate,
            added=guard.openapi,
            response_validation=settings.response_validation,
            unknown_fields=settings.unknown_fields,
            max_body_bytes=settings.max_body_bytes,
            cors=cors,
            drain=drain,
            base_path=base_path,
            custom=custom,
            disabled=project.http.disabled,
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
    engine, _ = _engine(settings, project, load_graphs(project), run_worker=run_worker)
    return engine


def _engine(
    settings: Settings,
    project: Project,
    graphs: GraphSet,
    *,
    run_worker: bool,
    reference: ContractReference | None = None,
    admits: Callable[[str], bool] = ANY_PAGE,
) -> tuple[Engine, Guard]:
    # After the graphs: a project may have set up a tracer of its own.
    tracing.configure_tracing(settings)
    storage = open_storage(settings)
    try:
        guard = guard_of(settings, project, storage)
    except StartupError:
        storage.close()
        raise
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
        reference=reference,
        admits=admits,
        disabled=project.http.disabled,
        interfaces=Interfaces(project.root, project.ui),
        figures_dir=settings.data_dir / "figures",
        capabilities=abilities(settings, project, packaged()),
    )
    return engine, guard


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
