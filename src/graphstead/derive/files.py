"""Every derived file with its content, and whether the tree agrees."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from graphstead.contract.check import check_document
from graphstead.contract.load import BUNDLE_NAME, Document, bundle, render
from graphstead.derive.library import Library
from graphstead.derive.tables import between, metrics_table, settings_page, support_table
from graphstead.problems import StartupError

__all__ = ["derive"]

DERIVED = ("reference", "skills")


def derive(root: Path, *, check: bool) -> list[str]:
    """Write what follows from spec and settings below `root`; with `check` only compare.

    Returns faults: of the contract, or of files that are stale.
    """
    try:
        document = bundle(root / "spec")
    except StartupError as error:
        return list(error.faults)
    faults = check_document(document)
    if faults:
        return faults
    readme, told = root / "README.md", root / "docs" / "observability.md"
    table = support_table(document)
    files = {
        root / "spec" / BUNDLE_NAME: render(document),
        readme: between(readme.read_text("utf-8"), "support", table).encode(),
        root / "docs" / "settings.md": settings_page().encode(),
        told: between(told.read_text("utf-8"), "metrics", metrics_table()).encode(),
        **_library(root / "docs", document),
    }
    strays = _strays(root / "docs", files)
    if check:
        stale = [_stale(path, root) for path, content in files.items() if not _is(path, content)]
        return stale + [_stray(path, root) for path in strays]
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for path in strays:
        path.unlink()
    return []


def _library(docs: Path, document: Document) -> dict[Path, bytes]:
    return {docs / place: text.encode() for place, text in Library(document).files().items()}


def _strays(docs: Path, files: Collection[Path]) -> list[Path]:
    """Return files of the derived folders that nothing derives any more."""
    found = (path for name in DERIVED for path in sorted((docs / name).rglob("*")))
    return [path for path in found if path.is_file() and path not in files]


def _is(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _stale(path: Path, root: Path) -> str:
    return f"{path.relative_to(root)} is stale: run scripts/derive"


def _stray(path: Path, root: Path) -> str:
    return f"{path.relative_to(root)} follows from nothing: run scripts/derive"
