"""Assemble the contract layers around the handlers, or refuse to start with every fault listed.

Outermost first: edge, CORS, errors, docs, routing, authentication, WebSockets, request, response,
lifespan, handlers. A project's own application brings middleware, and routes that win over the
contract's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from connexion.exceptions import ProblemException
from connexion.middleware import ConnexionMiddleware
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.main import API
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from graphstead.contract.assistant_pages import AssistantPages
from graphstead.contract.auth import Authenticate, AuthMiddleware
from graphstead.contract.bound import ContractASGIApp
from graphstead.contract.compile import compile_contract
from graphstead.contract.custom import (
    CustomApp,
    CustomFork,
    CustomMatch,
    CustomUser,
    customized,
)
from graphstead.contract.docs import (
    BareHealthMiddleware,
    DocsMiddleware,
    served_at,
    with_security,
)
from graphstead.contract.events import EventContract
from graphstead.contract.exchange import Drain
from graphstead.contract.merged import merged
from graphstead.contract.middleware import (
    ContractCors,
    CorsPolicy,
    EdgeMiddleware,
    answer_connexion_problem,
    answer_http_exception,
    answer_problem,
    answer_unexpected,
)
from graphstead.contract.pages import PagesMiddleware
from graphstead.contract.request import DEFAULT_MAX_BODY_BYTES, CompiledRequestMiddleware
from graphstead.contract.resolve import HandlerResolver
from graphstead.contract.response import (
    CompiledResponseMiddleware,
    ResponseValidation,
    close_answers,
)
from graphstead.contract.route import FastRoutingMiddleware
from graphstead.contract.schemas import LateSchemas, schemas_for
from graphstead.contract.specification import Contract31
from graphstead.contract.switches import switched_off
from graphstead.contract.websocket import WebSocketMiddleware
from graphstead.problems import Problem, StartupError

__all__ = ["ContractMiddleware", "CustomApp", "Lifespan", "build_app", "shown_document"]

NOTHING: Mapping[str, Any] = MappingProxyType({})
Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Any]]
Layer: TypeAlias = Callable[..., ASGIApp]


class ContractMiddleware(ConnexionMiddleware):  # type: ignore[misc]
    """Connexion's stack, built at once and from a document that is already loaded."""

    def add_contract(self, specification: Contract31, **own: Any) -> None:
        """Register the contract with all layers; Connexion's add_api would load 3.0 only."""
        options = {**self.options.__dict__, **own}
        self.apis.append(API(specification, base_path=specification.base_path, **options))

    def build(self) -> None:
        """Build the stack now, so that a fault shows before a port is bound."""
        self.app, self.middleware_stack = self._build_middleware_stack()


def build_app(
    bundle: Mapping[str, Any],
    *,
    engine: Any,
    lifespan: Lifespan | None = None,
    authenticate: Authenticate | None = None,
    added: Mapping[str, Any] = NOTHING,
    response_validation: ResponseValidation = "off",
    unknown_fields: Literal["report", "reject"] = "report",
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    cors: CorsPolicy | None = None,
    drain: Drain | None = None,
    base_path: str = "",
    custom: CustomApp | None = None,
    disabled: Collection[str] = (),
    handlers_package: str = "graphstead.handlers",
    told: Mapping[type[Exception], type[Problem]] | None = None,
) -> ContractMiddleware:
    """Return the ASGI application that serves a bundled document with the handlers of a package.

    ``engine`` is handed to every handler that names it. ``added`` goes into the document that is
    served (`securitySchemes`, `security`, `paths`). ``drain`` is set by the server when it starts
    to shut down. Everything lies below ``base_path``; parts in ``disabled`` are not served (see
    ``switches``). ``told`` says as which problem an exception of the layers below is answered, with
    its own sentence. Raises StartupError with every disagreement between both sides.
    """
    strict = response_validation == "strict"
    answers = schemas_for(close_answers(bundle)) if strict else None
    contract = compile_contract(bundle, answers=answers)
    resolver = HandlerResolver(contract, handlers_package)
    faults = resolver.check()
    if faults:
        raise StartupError(faults)
    served = Contract31(switched_off(bundle, disabled), base_path=base_path)
    shown = shown_document(served.raw, custom, disabled, added)
    judges = [] if response_validation == "off" else [CompiledResponseMiddleware]
    app = ContractMiddleware(
        ContractASGIApp(),
        import_name=__name__,
        lifespan=lifespan,
        middlewares=[
            EdgeMiddleware,
            partial(ContractCors, policy=cors or CorsPolicy()),
            ExceptionMiddleware,
            *_layers(
                _pages(shown, served.raw, base_path, disabled),
                custom,
                authenticate,
                cors or CorsPolicy(),
            ),
            CompiledRequestMiddleware,
            *judges,
            LifespanMiddleware,
        ],
        resolver=resolver,
    )
    _answer_errors(app, told or {})
    app.add_contract(
        served,
        compiled={name: contract.operations[name] for name in served.operation_ids},
        engine=engine,
        pages=AssistantPages(served_at(shown, base_path), served.raw, base_path),
        drain=drain,
        authenticate=authenticate,
        events=EventContract(bundle, answers or LateSchemas(contract.schemas)),
        response_validation=response_validation,
        unknown_fields=unknown_fields,
        max_body_bytes=max_body_bytes,
    )
    app.build()
    return app


def _layers(
    pages: list[Layer],
    custom: CustomApp | None,
    authenticate: Authenticate | None,
    cors: CorsPolicy,
) -> list[Layer]:
    """Return what finds out where a request goes and who sent it.

    Around a project's own application there are errors twice: what its middleware raises is
    answered outside of it, what the contract raises inside, so that it sees answers alone.
    """
    routed: list[Layer] = [FastRoutingMiddleware, AuthMiddleware]
    sockets = partial(WebSocketMiddleware, policy=cors)
    if custom is None:
        return [*pages, *routed, sockets]
    match = partial(CustomMatch, custom=custom, authenticate=authenticate)
    fork = partial(CustomFork, custom=custom)
    theirs = [customized(custom), ExceptionMiddleware]
    if custom.auth_first:
        return [match, *routed, CustomUser, *theirs, *pages, sockets, fork]
    return [*theirs, match, *pages, *routed, sockets, fork]


def shown_document(
    document: Mapping[str, Any],
    custom: CustomApp | None,
    disabled: Collection[str],
    added: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Return the document as readers get it, with what the project says of itself."""
    if "meta" in disabled:
        return document
    return with_security(document if custom is None else merged(document, custom.app), added)


def _pages(
    shown: Mapping[str, Any],
    document: Mapping[str, Any],
    base_path: str,
    disabled: Collection[str],
) -> list[Layer]:
    if "meta" in disabled:
        return [partial(BareHealthMiddleware, base_path=base_path)]
    return [
        partial(DocsMiddleware, document=shown, base_path=base_path),
        partial(PagesMiddleware, document=document, base_path=base_path),
    ]


def _answer_errors(app: ContractMiddleware, told: Mapping[type[Exception], type[Problem]]) -> None:
    app.add_error_handler(Problem, answer_problem)
    app.add_error_handler(HTTPException, answer_http_exception)
    app.add_error_handler(ProblemException, answer_connexion_problem)
    app.add_error_handler(Exception, answer_unexpected)
    for raised, problem in told.items():
        app.add_error_handler(raised, partial(_answer_as, problem))


async def _answer_as(problem: type[Problem], request: Any, error: Exception) -> Any:
    return await answer_problem(request, problem(str(error)))
