"""Parts of messages, from the wire to a chat message's content and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphstead.engine.a2a.faults import CONTENT_TYPE, Fault, invalid
from graphstead.storage.rows import Json

__all__ = ["content_of", "parts_of", "plain_parts"]

KINDS = ("text", "data", "raw", "url")
FILES = ("image", "audio", "video")


def plain_parts(parts: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Return parts of either dialect in the plain shape. Raises Fault for one of another kind."""
    return [_plain(index, part) for index, part in enumerate(parts)]


def _plain(index: int, part: Mapping[str, Any]) -> Json:
    told = {key: value for key, value in part.items() if key != "kind" and value is not None}
    if isinstance(part.get("file"), Mapping):
        told = _plain_file(index, part["file"])
    found = [kind for kind in KINDS if kind in told]
    if len(found) != 1 or part.get("kind", "file") not in ("text", "data", "file"):
        raise Fault(
            CONTENT_TYPE,
            f"params.message.parts[{index}]: expected exactly one of text, data and a file "
            "(file with bytes or uri; raw or url)",
        )
    if found[0] != "data" and not isinstance(told[found[0]], str):
        raise invalid(f"params.message.parts[{index}].{found[0]}: expected a string")
    return told


def _plain_file(index: int, file: Mapping[str, Any]) -> Json:
    names = {"bytes": "raw", "uri": "url", "mimeType": "mediaType", "name": "filename"}
    told = {names[key]: value for key, value in file.items() if key in names and value is not None}
    if "raw" in told and "url" in told:
        raise invalid(f"params.message.parts[{index}].file: expected bytes or uri, not both")
    return told


def is_file(part: Mapping[str, Any]) -> bool:
    """Tell whether a part is a file."""
    return "raw" in part or "url" in part


def media_type(part: Mapping[str, Any]) -> str:
    """Return the media type of a part."""
    if "text" in part:
        return str(part.get("mediaType") or "text/plain")
    if "data" in part:
        return str(part.get("mediaType") or "application/json")
    return str(part.get("mediaType") or "application/octet-stream")


def content_of(parts: Sequence[Json]) -> str | list[Json]:
    """Return the content of a chat message: text alone as text, else LangChain content blocks."""
    if len(parts) == 1 and "text" in parts[0]:
        return str(parts[0]["text"])
    return [_block(part) for part in parts]


def _block(part: Json) -> Json:
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    kind = media_type(part).partition("/")[0]
    block: Json = {"type": kind if kind in FILES else "file"}
    block |= {"base64": part["raw"]} if "raw" in part else {"url": part["url"]}
    block["mime_type"] = media_type(part)
    if "filename" in part:
        block["extras"] = {"filename": part["filename"]}
    return block


def parts_of(content: Any) -> list[Json]:
    """Return the parts that a chat message's content is; what has no part is left out."""
    if isinstance(content, str):
        return [{"text": content}] if content else []
    if not isinstance(content, list):
        return []
    found = (_part(block) for block in content)
    return [part for part in found if part is not None]


def _part(block: Any) -> Json | None:
    if isinstance(block, str):
        return {"text": block} if block else None
    if not isinstance(block, Mapping):
        return None
    if block.get("type") == "text":
        return {"text": block["text"]} if block.get("text") else None
    part: Json = {}
    if isinstance(block.get("base64"), str):
        part["raw"] = block["base64"]
    elif isinstance(block.get("url"), str):
        part["url"] = block["url"]
    else:
        return None
    if block.get("mime_type"):
        part["mediaType"] = block["mime_type"]
    filename = (block.get("extras") or {}).get("filename") or block.get("filename")
    return {**part, "filename": filename} if filename else part
