"""The embedding function of `store.index`: the project's own, or a provider's model."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from langchain_core.embeddings import Embeddings
from langgraph.store.base import ensure_embeddings

from graphstead.graphs.config import GraphSource
from graphstead.graphs.importing import Importer, ImportFault

__all__ = ["load_embeddings"]


def load_embeddings(embed: str, importer: Importer) -> Embeddings:
    """Return what turns texts into vectors. Raises ImportFault.

    `embed` is './file.py:variable' or 'module:variable', which hold a function of texts, async or
    not, or an `Embeddings`; anything else is taken for 'provider:model'.
    """
    module, _, variable = embed.rpartition(":")
    source = GraphSource("store.index.embed", module, variable)
    if source.is_file or (variable.isidentifier() and _is_module(module)):
        return _wrapped(importer.load(source))
    return _provided(embed)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _wrapped(value: Any) -> Embeddings:
    if not isinstance(value, Embeddings) and not callable(value):
        raise ImportFault(f"expected a function or Embeddings, found {type(value).__name__}")
    return ensure_embeddings(value)


def _provided(embed: str) -> Embeddings:
    try:
        init: Any = importlib.import_module("langchain.embeddings").init_embeddings
    except (ImportError, AttributeError) as exc:
        raise ImportFault(
            "there is no such module; a provider's model needs the packages langchain and "
            "langchain-<provider>"
        ) from exc
    try:
        made = init(embed)
    except Exception as exc:  # a provider's package may raise anything
        raise ImportFault(f"{type(exc).__name__}: {exc}") from exc
    return _wrapped(made)
