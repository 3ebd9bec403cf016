"""The document and its page come from the package, with no foreign address in them."""

import re

import httpx
import pytest

from graphstead.contract.load import Document


async def test_the_document_is_served_with_a_tag(
    client: httpx.AsyncClient, document: Document
) -> None:
    response = await client.get("/openapi.json")
    assert response.json() == {**document, "servers": [{"url": "/"}]}
    again = await client.get("/openapi.json", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == response.headers["etag"]


@pytest.mark.parametrize(("sent", "status"), [('"other"', 200), ("*", 304)])
async def test_other_tags_are_compared(client: httpx.AsyncClient, sent: str, status: int) -> None:
    response = await client.get("/openapi.json", headers={"if-none-match": sent})
    assert response.status_code == status


async def test_weak_and_listed_tags_are_known(client: httpx.AsyncClient) -> None:
    etag = (await client.get("/openapi.json")).headers["etag"]
    listed = {"if-none-match": f'"x", W/{etag}'}
    assert (await client.get("/openapi.json", headers=listed)).status_code == 304


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
async def test_the_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "http" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for url in re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text):
        asset = await client.get(url)
        assert asset.status_code == 200 and asset.headers["etag"], url


async def test_the_page_can_render_3_1(client: httpx.AsyncClient) -> None:
    script = (await client.get("/docs/assets/swagger-ui-bundle.js")).text
    assert "3\\.1" in script
    assert "Apache License" in (await client.get("/docs/assets/LICENSE")).text


async def test_unknown_assets_are_not_found(client: httpx.AsyncClient) -> None:
    for name in ("nope.js", "../docs.py", "..%2fdocs.py", ""):
        assert (await client.get(f"/docs/assets/{name}")).status_code == 404


async def test_head_and_wrong_methods(client: httpx.AsyncClient) -> None:
    head = await client.head("/openapi.json")
    assert (head.status_code, head.content) == (200, b"")
    wrong = await client.post("/docs")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
