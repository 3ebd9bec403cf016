"""Bring the split YAML of ``spec/`` together as one OpenAPI 3.1 document.

Authors write files; everything else reads the bundle ``spec/openapi.json``. The layout is fixed:
``openapi.yaml`` (root), ``paths/<tag>.yaml``, ``schemas/<group>.yaml``, ``components/<kind>.yaml``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import yaml

from graphstead.problems import StartupError

__all__ = [
    "BUNDLE_NAME",
    "Document",
    "bundle",
    "packaged",
    "read_text",
    "read_yaml",
    "render",
    "resolved",
]

Document: TypeAlias = dict[str, Any]

BUNDLE_NAME = "openapi.json"
KIND_OF_FILE = {
    "callbacks": "callbacks",
    "examples": "examples",
    "headers": "headers",
    "links": "links",
    "parameters": "parameters",
    "request_bodies": "requestBodies",
    "responses": "responses",
    "security": "securitySchemes",
}
# Keys of these objects are names chosen by the author, never keywords.
NAME_MAPS = frozenset(
    {
        "$defs",
        "callbacks",
        "content",
        "dependentSchemas",
        "encoding",
        "examples",
        "headers",
        "links",
        "parameters",
        "pathItems",
        "paths",
        "patternProperties",
        "properties",
        "requestBodies",
        "responses",
        "schemas",
        "securitySchemes",
        "webhooks",
    }
)
DATA = frozenset({"example", "default", "const", "enum", "value"})


class _SpecLoader(yaml.CSafeLoader):
    """Safe YAML in which dates stay text, only true/false are booleans, and keys are unique."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} must be quoted", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_DROPPED_TAGS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
_SpecLoader.yaml_implicit_resolvers = {
    first: kept
    for first, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    if (kept := [rule for rule in rules if rule[0] not in _DROPPED_TAGS])
}
_SpecLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), ["t", "f"]
)


def read_yaml(path: Path) -> Document:
    """Read one spec file. Raises StartupError naming file and line when it is not sound."""
    return read_text(path.read_bytes(), str(path))


def read_text(text: str | bytes, name: str) -> Document:
    """Read a mapping written in the YAML of spec files; `name` is where it came from."""
    try:
        loaded = yaml.load(text, Loader=_SpecLoader)
    except yaml.YAMLError as error:
        raise StartupError([f"{name}: {error}"]) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise StartupError([f"{name}: the top level must be a mapping"])
    return loaded


def bundle(root: Path) -> Document:
    """Return the document of the spec folder ``root`` with local ``#/…`` references only.

    Path items are put in place; parameters, responses, headers, callbacks, security schemes and
    schemas become components. Raises StartupError listing every dangling or clashing name.
    """
    return _Bundler(root).run()


class _Bundler:
    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.faults: list[str] = []
        self.files: dict[Path, Document] = {}

    def run(self) -> Document:
        source = self.root / "openapi.yaml"
        document: Document = {}
        for key, value in self.read(source).items():
            document[key] = self.rewrite(value, source, named=key in NAME_MAPS)
        components = document.setdefault("components", {})
        for kind, path in self.component_files():
            self.merge(components.setdefault(kind, {}), kind, path)
        faults = self.faults or list(dangling(document))
        if faults:
            raise StartupError(faults)
        return document

    def read(self, path: Path) -> Document:
        if path not in self.files:
            self.files[path] = read_yaml(path)
        return self.files[path]

    def component_files(self) -> Iterator[tuple[str, Path]]:
        for path in sorted((self.root / "components").glob("*.yaml")):
            kind = KIND_OF_FILE.get(path.stem)
            if kind is None:
                self.faults.append(f"{path}: no kind of component has this name")
            else:
                yield kind, path
        for path in sorted((self.root / "schemas").glob("*.yaml")):
            yield "schemas", path

    def merge(self, target: Document, kind: str, path: Path) -> None:
        for name, value in self.read(path).items():
            if name in target:
                self.faults.append(f"{path}: {kind} already has a {name!r}")
            else:
                target[name] = self.rewrite(value, path)

    def rewrite(self, node: Any, source: Path, *, named: bool = False) -> Any:
        if isinstance(node, list):
            return [self.rewrite(item, source) for item in node]
        if not isinstance(node, dict):
            return node
        if named:
            return {key: self.rewrite(value, source) for key, value in node.items()}
        reference = node.get("$ref")
        if isinstance(reference, str):
            return self.rewrite_reference(node, reference, source)
        return {
            key: value
            if key in DATA
            else self.rewrite(value, source, named=key in NAME_MAPS and isinstance(value, dict))
            for key, value in node.items()
        }

    def rewrite_reference(self, node: Document, reference: str, source: Path) -> Any:
        file_name, _, pointer = reference.partition("#")
        target = (source.parent / file_name).resolve() if file_name else source
        if not target.is_file():
            self.faults.append(f"{source}: {reference!r} names no file")
            return node
        if target.parent.name == "paths":
            return self.path_item(target, pointer, reference, source)
        siblings = {k: self.rewrite(v, source) for k, v in node.items() if k != "$ref"}
        return {"$ref": self.local(target, pointer), **siblings}

    def path_item(self, target: Path, pointer: str, reference: str, source: Path) -> Any:
        name = pointer.removeprefix("/")
        items = self.read(target)
        if name not in items:
            self.faults.append(f"{source}: {reference!r} names no path item")
            return {}
        return self.rewrite(items[name], target)

    def local(self, target: Path, pointer: str) -> str:
        if target == self.root / "openapi.yaml":
            return f"#{pointer}"
        kind = "schemas" if target.parent.name == "schemas" else KIND_OF_FILE.get(target.stem)
        return f"#/components/{kind}{pointer}"


def dangling(document: Document) -> Iterator[str]:
    """Yield a sentence for each local reference that leads nowhere."""
    for where, reference in references(document):
        try:
            follow(document, reference)
        except LookupError:
            yield f"#{where}: {reference!r} leads nowhere"


def references(node: Any, where: str = "", *, named: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (pointer of the referring object, reference) all over a document."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from references(item, f"{where}/{index}")
    elif isinstance(node, dict):
        if not named and isinstance(node.get("$ref"), str):
            yield where, node["$ref"]
        for key, value in node.items():
            if named or key not in DATA:
                inner = not named and key in NAME_MAPS
                yield from references(value, f"{where}/{escape(key)}", named=inner)


def escape(key: str) -> str:
    """Write a key as one JSON-pointer token."""
    return key.replace("~", "~0").replace("/", "~1")


def follow(document: Mapping[str, Any], reference: str) -> Any:
    """Return what ``#/…`` points to. Raises LookupError when it points nowhere."""
    if not reference.startswith("#/"):
        raise LookupError(reference)
    node: Any = document
    for token in reference[2:].split("/"):
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            node = node[int(key)] if key.isdigit() else _nowhere(reference)
        elif isinstance(node, dict):
            node = node[key]
        else:
            _nowhere(reference)
    return node


def resolved(document: Mapping[str, Any], node: Any) -> Any:
    """Put what a node refers to in its place; members beside the reference win."""
    if not isinstance(node, Mapping) or "$ref" not in node:
        return node
    target = resolved(document, follow(document, node["$ref"]))
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return {**target, **beside} if isinstance(target, Mapping) else target


def _nowhere(reference: str) -> Any:
    raise LookupError(reference)


def render(document: Document) -> bytes:
    """Return the bundle file's bytes: the same for the same spec, on every machine."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def packaged() -> Document:
    """Return the bundle shipped with the package; it was checked when it was written."""
    source = files("graphstead.spec").joinpath(BUNDLE_NAME)
    try:
        content = source.read_bytes()
    except FileNotFoundError as error:
        raise StartupError([f"spec/{BUNDLE_NAME} is missing: run scripts/derive"]) from error
    document: Document = orjson.loads(content)
    return document
