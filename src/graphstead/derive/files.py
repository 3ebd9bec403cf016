"""Every derived file with its content, and whether the tree agrees."""

from __future__ import annotations

from pathlib import Path

from graphstead.contract.check import check_document
from graphstead.contract.load import BUNDLE_NAME, bundle, render
from graphstead.derive.tables import between, metrics_table, settings_page, support_table
from graphstead.problems import StartupError

__all__ = ["derive"]


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
    }
    if check:
        return [_stale(path, root) for path, content in files.items() if not _is(path, content)]
    for path, content in files.items():
        path.write_bytes(content)
    return []


def _is(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _stale(path: Path, root: Path) -> str:
    return f"{path.relative_to(root)} is stale: run scripts/derive"
