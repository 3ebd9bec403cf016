"""A project's own application and authentication: who asks whom, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract.conftest import THING_ID, MakeClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from graphstead.contract.app import CustomApp
from graphstead.contract.auth import ApiKeys, Caller

KEYS = ApiKeys({"k-ada": Caller("ada", permissions=("read",))})
ADA = {"x-api-key": "k-ada"}


class Witness:
    """Middleware that writes down what it sees pass."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = scope.get("user")
        self.seen.append(f"{scope['path']} {user.identity if user else '-'}")
        await self.app(scope, receive, send)


async def who(request: Request) -> JSONResponse:
    return JSONResponse([request.user.identity, list(request.auth.scopes)])


def custom(seen: list[str], **options: Any) -> CustomApp:
    routes = [Route("/own", who)]
    return CustomApp(
        Starlette(routes=routes, middleware=[Middleware(Witness, seen=seen)]), **options
    )


async def test_custom_routes_ask_nobody_by_default(make_client: MakeClient) -> None:
    async with make_client(authenticate=KEYS, custom=custom([])) as client:
        assert (await client.get("/own")).json() == ["", []]
        assert (await client.get(f"/things/{THING_ID}")).status_code == 401


async def test_custom_routes_ask_for_a_key_where_the_project_says_so(
    make_client: MakeClient,
) -> None:
    async with make_client(authenticate=KEYS, custom=custom([], guarded=True)) as client:
        refused = await client.get("/own")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert (await client.get("/own", headers=ADA)).json() == ["ada", ["read"]]


async def test_middleware_comes_before_authentication(make_client: MakeClient) -> None:
    seen: list[str] = []
    async with make_client(authenticate=KEYS, custom=custom(seen, guarded=True)) as client:
        await client.get("/own")
        await client.get(f"/things/{THING_ID}")
    assert seen == ["/own -", f"/things/{THING_ID} -"]


async def test_authentication_comes_first_where_the_project_says_so(
    make_client: MakeClient,
) -> None:
    seen: list[str] = []
    app = custom(seen, guarded=True, auth_first=True)
    async with make_client(authenticate=KEYS, custom=app) as client:
        for path in ("/own", f"/things/{THING_ID}"):
            assert (await client.get(path)).status_code == 401
        assert seen == []
        for path in ("/own", f"/things/{THING_ID}", "/docs"):
            assert (await client.get(path, headers=ADA)).status_code == 200
    assert seen == ["/own ada", f"/things/{THING_ID} ada", "/docs "]


async def test_websockets_of_the_application_are_reached_and_guarded(
    make_app: Callable[..., Any],
) -> None:
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"hello {socket.user.identity}")
        await socket.close()

    own = CustomApp(Starlette(routes=[WebSocketRoute("/live", live)]), guarded=True)
    app, sent = make_app(authenticate=KEYS, custom=own), list[Message]()
    scope = {"type": "websocket", "path": "/live", "query_string": b"", "scheme": "ws"}

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({**scope, "headers": [(b"x-api-key", b"k-ada")]}, receive, send)
    assert [one.get("text") for one in sent] == [None, "hello ada", None]
    sent.clear()
    await app({**scope, "headers": []}, receive, send)
    assert [(one["type"], one["code"]) for one in sent] == [("websocket.close", 1008)]


async def test_what_is_mounted_at_the_root_leaves_the_contract_its_paths(
    make_client: MakeClient,
) -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("front end")(scope, receive, send)

    app = CustomApp(Starlette(routes=[Mount("/", app=page)]))
    for prefix in ("", "/api"):
        async with make_client(custom=app, base_path=prefix) as client:
            for path in ("/", "/assets/app.js"):
                assert (await client.get(prefix + path)).text == "front end"
            assert (await client.get(f"{prefix}/things/{THING_ID}")).json()["thing_id"] == THING_ID
            assert (await client.get(f"{prefix}/ok")).json()["ok"] is True


async def test_an_application_without_a_description_leaves_the_document_alone(
    make_client: MakeClient, document: dict[str, Any], make_app: Callable[..., Any]
) -> None:
    async with make_client(custom=custom([])) as client:
        served = (await client.get("/openapi.json")).json()
    assert served["paths"] == document["paths"]
