"""The contract of a graph's own assistant, read from the project instead of a server."""

from __future__ import annotations

from graphstead.authentication import told_of
from graphstead.contract.app import CustomApp, shown_document
from graphstead.contract.assistant_pages import AssistantPages
from graphstead.contract.docs import served_at
from graphstead.contract.load import Document, packaged
from graphstead.contract.switches import switched_off
from graphstead.engine.assistant_graphs import AssistantGraphs, Portrait
from graphstead.graphs import Project, load_graphs
from graphstead.graphs.auth import load_auth
from graphstead.graphs.custom_app import load_custom_app
from graphstead.graphs.host import GraphHost
from graphstead.http_rules import mount_prefix
from graphstead.settings import Settings

__all__ = ["own_contract"]


def own_contract(project: Project, settings: Settings, graph_id: str) -> Document:
    """Return what a server of this project would answer. Raises StartupError, GraphNotFound."""
    portrait = _portrait(project, graph_id)
    contract = switched_off(packaged(), project.http.disabled)
    app, auth = load_custom_app(project), load_auth(project)
    custom = None if app is None else CustomApp(app)
    told = told_of(settings, auth)
    if auth is not None:
        auth.close()
    shown = shown_document(contract, custom, project.http.disabled, told)
    base_path = mount_prefix(settings, project)
    return AssistantPages(served_at(shown, base_path), contract, base_path).document(portrait)


def _portrait(project: Project, graph_id: str) -> Portrait:
    host = GraphHost(load_graphs(project))
    try:
        return host.call_blocking(lambda: AssistantGraphs(host).own_portrait(graph_id))
    finally:
        host.stop()
