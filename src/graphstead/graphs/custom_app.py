"""Loading the project's own web application, which `http.app` of langgraph.json names."""

from __future__ import annotations

from starlette.applications import Starlette

from graphstead.graphs.config import GraphSource, Project
from graphstead.graphs.importing import Importer, ImportFault
from graphstead.problems import StartupError

__all__ = ["load_custom_app"]


def load_custom_app(project: Project) -> Starlette | None:
    """Import and check the application; None where the project has none. Raises StartupError."""
    named = project.http.app
    if named is None:
        return None
    module, _, variable = named.rpartition(":")
    importer = Importer(project.root, project.import_paths)
    importer.extend_sys_path()
    try:
        app = importer.load(GraphSource("http.app", module, variable))
    except ImportFault as exc:
        raise StartupError([f"http.app ({named}) cannot be loaded: {exc}"]) from exc
    if not isinstance(app, Starlette):
        found = type(app).__name__
        raise StartupError(
            [f"http.app ({named}): expected a Starlette or FastAPI app, not {found}"]
        )
    if any(getattr(app.router, name, None) for name in ("on_startup", "on_shutdown")):
        raise StartupError(
            [f"http.app ({named}): on_startup and on_shutdown are not run; give it a lifespan"]
        )
    return app
