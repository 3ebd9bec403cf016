"""A toy encryption that can be undone by eye, and notes in a file what it was called with."""

from __future__ import annotations

import base64
import json
import os
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langgraph_sdk import Encryption, EncryptionContext

    encryption = Encryption()

from langgraph_sdk.encryption.types import DecryptResult

CLEAR = {"owner", "graph_id", "assistant_id"}


def note(name: str, ctx: EncryptionContext) -> None:
    with open(os.environ["TOY_CALLS"], "a") as file:
        file.write(json.dumps([name, ctx.model, ctx.field, ctx.metadata]) + "\n")


def mode() -> str:
    """What tests make this do, by a file's content."""
    path = os.environ["TOY_CALLS"] + ".mode"
    return open(path).read() if os.path.exists(path) else ""


def prefix(ctx: EncryptionContext) -> str:
    version = "2" if mode() == "version 2" else "1"
    return f"toy-{version}-{ctx.metadata.get('tenant', '')}:"


def turned(text: bytes) -> bytes:
    return bytes(255 - one for one in text)


def is_ours(text: Any) -> bool:
    return isinstance(text, str) and text.startswith("toy-")


@encryption.encrypt.blob
async def encrypt_blob(ctx: EncryptionContext, blob: bytes) -> bytes:
    note("encrypt.blob", ctx)
    return prefix(ctx).encode() + turned(blob)


@encryption.decrypt.blob
async def decrypt_blob(ctx: EncryptionContext, blob: bytes) -> Any:
    note("decrypt.blob", ctx)
    head, _, rest = blob.partition(b":")
    expect(ctx, head.decode())
    clear = turned(rest)
    if f"{head.decode()}:" == prefix(ctx):
        return clear
    return DecryptResult(clear, prefix(ctx).encode() + rest)


@encryption.encrypt.json
async def encrypt_json(ctx: EncryptionContext, data: dict[str, Any]) -> dict[str, Any]:
    note("encrypt.json", ctx)
    if mode() == "raise":
        raise RuntimeError("the vault is closed: s3cret")
    if mode() == "drop":
        return {"one": "blob"}
    return {key: value if key in CLEAR else hide(ctx, value) for key, value in data.items()}


def hide(ctx: EncryptionContext, value: Any) -> str:
    octets = turned(json.dumps(value).encode())
    return prefix(ctx) + base64.b64encode(octets).decode()


@encryption.decrypt.json
async def decrypt_json(ctx: EncryptionContext, data: dict[str, Any]) -> Any:
    note("decrypt.json", ctx)
    if mode() == "blind":
        raise RuntimeError("the vault is closed: s3cret")
    heads = [value.partition(":")[0] for value in data.values() if is_ours(value)]
    for head in heads:
        expect(ctx, head)
    clear = {key: show(value) if is_ours(value) else value for key, value in data.items()}
    if all(f"{head}:" == prefix(ctx) for head in heads):
        return clear
    return DecryptResult(clear, await encrypt_json(ctx, clear))


def show(text: str) -> Any:
    return json.loads(turned(base64.b64decode(text.partition(":")[2])))


def expect(ctx: EncryptionContext, head: str) -> None:
    tenant = head.split("-", 2)[2]
    assert tenant == ctx.metadata.get("tenant", ""), f"{tenant} is read as {ctx.metadata}"


@encryption.context
async def context(user: Any, ctx: EncryptionContext) -> dict[str, Any]:
    return {**ctx.metadata, "asked_by": user.identity or "anybody"}
