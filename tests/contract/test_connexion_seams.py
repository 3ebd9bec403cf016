"""Connexion's private places that this project leans on, one test each.

A new Connexion that moves one of them fails here, by name, and not somewhere in production.
"""

import inspect
from importlib.metadata import version
from typing import Any

from connexion.apps.asynchronous import AsyncApi, AsyncASGIApp
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from connexion.middleware import ConnexionMiddleware
from connexion.middleware.abstract import (
    ROUTING_CONTEXT,
    RoutedAPI,
    RoutedMiddleware,
    SpecMiddleware,
)
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.main import API
from connexion.operations import OpenAPIOperation
from connexion.resolver import Resolution, Resolver
from connexion.spec import OpenAPISpecification

from graphstead.contract.load import Document
from graphstead.contract.specification import Contract31, ContractOperation


def test_the_version_is_the_one_that_was_studied() -> None:
    assert version("connexion").startswith("3.3.")


def test_the_stack_is_built_from_a_list_and_returned_with_its_layers() -> None:
    built, layers = ConnexionMiddleware(AsyncASGIApp(), middlewares=[])._build_middleware_stack()
    assert isinstance(built, AsyncASGIApp) and list(layers) == [built]


def test_the_stack_reads_apis_and_options_from_attributes() -> None:
    middleware = ConnexionMiddleware(AsyncASGIApp(), middlewares=[])
    assert middleware.apis == []
    assert {"resolver", "resolver_error_handler", "uri_parser_class"} <= set(
        middleware.options.__dict__
    )


def test_an_api_is_a_specification_a_base_path_and_keywords() -> None:
    api = API("spec", base_path="/x", a=1)
    assert (api.specification, api.base_path, api.kwargs) == ("spec", "/x", {"a": 1})


def test_layers_get_every_keyword_of_the_api() -> None:
    seen: dict[str, Any] = {}

    class Layer(SpecMiddleware):  # type: ignore[misc]
        def __init__(self, app: Any) -> None: ...

        def add_api(self, specification: Any, **options: Any) -> None:
            seen.update(options)

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    middleware = ConnexionMiddleware(AsyncASGIApp(), middlewares=[Layer])
    specification = Contract31({"openapi": "3.1.0", "paths": {}})
    options = {**middleware.options.__dict__, "own": 5}
    middleware.apis.append(API(specification, base_path="", **options))
    middleware._build_middleware_stack()
    assert (seen["own"], seen["base_path"]) == (5, "")


def test_a_routed_api_makes_one_operation_per_id(document: Document) -> None:
    class Recording(RoutedAPI):  # type: ignore[misc]
        def make_operation(self, operation: Any) -> Any:
            return operation

    class AnyResolver(Resolver):  # type: ignore[misc]
        def resolve(self, operation: Any) -> Resolution:
            return Resolution(len, operation.operation_id)

    api = Recording(Contract31(document), next_app=None, resolver=AnyResolver())
    api.add_paths()
    operation = api.operations["create_thing"]
    assert isinstance(operation, ContractOperation)
    assert operation.function is len
    assert (operation.tag, operation.support, operation.method) == ("Things", "full", "post")


async def test_a_routed_middleware_calls_the_operation_that_routing_named() -> None:
    called: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append("app")

    async def operation(scope: Any, receive: Any, send: Any) -> None:
        called.append("operation")

    middleware: Any = RoutedMiddleware(app)
    middleware.apis[""] = [type("Api", (), {"operations": {"x": operation}})()]
    for base_path, operation_id in (("", "x"), (None, None)):
        context = {"api_base_path": base_path, "operation_id": operation_id}
        scope = {"type": "http", "extensions": {ROUTING_CONTEXT: context}}
        await middleware(scope, None, None)
    assert called == ["operation", "app"]


def test_the_native_app_mounts_the_router_of_its_api() -> None:
    assert AsyncASGIApp.api_cls is AsyncApi
    assert "api.router" in inspect.getsource(AsyncASGIApp.add_api)


def test_an_operation_keeps_its_raw_object() -> None:
    source = inspect.getsource(OpenAPIOperation)
    assert "spec.get_operation(path, method)" in source
    assert "spec.get_path_params(path)" in source
    assert "_operation" in inspect.getsource(OpenAPIOperation.__mro__[1])


def test_a_specification_is_a_mapping_with_the_paths_inside(document: Document) -> None:
    specification = Contract31(document, base_path="/api/")
    assert isinstance(specification, OpenAPISpecification)
    assert specification["openapi"] == "3.1.0"
    assert specification.version == (3, 1, 0)
    assert specification.raw is document
    assert specification.clone().base_path == "/api"
    assert specification.with_base_path("/b").base_path == "/b"
    operation = specification.get_operation("/things/{thing_id}", "get")
    assert operation["parameters"][0]["name"] == "thing_id"
    assert "$ref" not in operation["responses"]["404"]


def test_error_handlers_reach_the_exception_layer() -> None:
    async def handler(request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        return ConnexionResponse()

    middleware = ConnexionMiddleware(AsyncASGIApp(), middlewares=[ExceptionMiddleware])
    middleware.add_error_handler(KeyError, handler)
    layer, _ = middleware._build_middleware_stack()
    assert KeyError in layer._exception_handlers


def test_the_lifespan_is_injected_by_its_name() -> None:
    marker = object()
    middleware = ConnexionMiddleware(
        AsyncASGIApp(), middlewares=[LifespanMiddleware], lifespan=marker
    )
    layer, _ = middleware._build_middleware_stack()
    assert layer._lifespan is marker
