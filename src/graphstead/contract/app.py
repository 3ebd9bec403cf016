"""Assemble the contract layers around the handlers, or refuse to start with every fault listed.

Outermost first: edge, CORS, errors, docs, routing, authentication, request, response, lifespan,
handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Literal, TypeAlias

from connexion.exceptions import ProblemException
from connexion.middleware import ConnexionMiddleware
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.main import API
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from graphstead.contract.auth import Authenticate, AuthMiddleware
from graphstead.contract.bound import ContractASGIApp
from graphstead.contract.compile import compile_contract
from graphstead.contract.docs import DocsMiddleware
from graphstead.contract.events import EventContract
from graphstead.contract.exchange import Drain
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
from graphstead.problems import Problem, StartupError

__all__ = ["ContractMiddleware", "Lifespan", "build_app"]

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Any]]


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
    response_validation: ResponseValidation = "off",
    unknown_fields: Literal["report", "reject"] = "report",
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    cors: CorsPolicy | None = None,
    drain: Drain | None = None,
    base_path: str = "",
    handlers_package: str = "graphstead.handlers",
    told: Mapping[type[Exception], type[Problem]] | None = None,
) -> ContractMiddleware:
    """Return the ASGI application that serves a bundled document with the handlers of a package.

    ``engine`` is handed to every handler that names it. ``drain`` is set by the server when it
    starts to shut down. ``told`` says as which problem an exception of the layers below is
    answered, with its own sentence. Raises StartupError with every disagreement between both sides.
    """
    strict = response_validation == "strict"
    answers = schemas_for(close_answers(bundle)) if strict else None
    contract = compile_contract(bundle, answers=answers)
    resolver = HandlerResolver(contract, handlers_package)
    faults = resolver.check()
    if faults:
        raise StartupError(faults)
    app = ContractMiddleware(
        ContractASGIApp(),
        import_name=__name__,
        lifespan=lifespan,
        middlewares=_layers(bundle, cors or CorsPolicy(), base_path, response_validation),
        resolver=resolver,
    )
    _answer_errors(app, told or {})
    app.add_contract(
        Contract31(bundle, base_path=base_path),
        compiled=contract.operations,
        engine=engine,
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
    bundle: Mapping[str, Any], cors: CorsPolicy, base_path: str, mode: ResponseValidation
) -> list[Callable[..., ASGIApp]]:
    judges = [] if mode == "off" else [CompiledResponseMiddleware]
    return [
        EdgeMiddleware,
        partial(ContractCors, policy=cors),
        ExceptionMiddleware,
        partial(DocsMiddleware, document=bundle, base_path=base_path),
        partial(PagesMiddleware, document=bundle, base_path=base_path),
        FastRoutingMiddleware,
        AuthMiddleware,
        CompiledRequestMiddleware,
        *judges,
        LifespanMiddleware,
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
