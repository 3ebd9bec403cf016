"""A small contract, its handlers, and clients for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from graphstead.contract.app import build_app
from graphstead.contract.load import Document, bundle

HERE = Path(__file__).parent
THING_ID = "0190d2c7-0000-7000-8000-000000000001"

MakeClient: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def document() -> Document:
    """Bundle the sample contract once."""
    return bundle(HERE / "sample_spec")


@pytest.fixture
def make_app(document: Document) -> Callable[..., Any]:
    """Return a factory of applications over the sample contract."""

    def make(**options: Any) -> Any:
        options.setdefault("engine", "engine")
        return build_app(document, handlers_package="contract.sample_handlers", **options)

    return make


@pytest.fixture
def make_client(make_app: Callable[..., Any]) -> MakeClient:
    """Return a factory of in-process clients."""

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(make_app(**options), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client

    return make


@pytest.fixture
async def client(make_client: MakeClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application with its defaults."""
    async with make_client() as made:
        yield made
