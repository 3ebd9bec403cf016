"""Vectors for the store: what items say and what is asked for, through the project's function.

The function runs on a loop of its own, so that it may block, or await what belongs to one loop,
whoever uses the store: an API process, a graph's loop, a thread of a synchronous node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.embeddings import Embeddings
from langgraph.store.base import Op, PutOp, SearchOp, get_text_at_path

from graphstead.graphs.host import LoopThread
from graphstead.graphs.store_config import StoreIndex
from graphstead.problems import ServerError
from graphstead.storage.vectors import packed

__all__ = ["Embedder", "Vectors"]

Vectors = Mapping[int, list[bytes]]


class Embedder:
    """Make the vectors that a batch of operations needs, by the operation's place in it."""

    def __init__(self, embeddings: Embeddings, index: StoreIndex) -> None:
        self._embeddings = embeddings
        self._index = index
        self._loop = LoopThread("store-embedding")

    async def vectors(self, ops: Sequence[Op]) -> Vectors:
        """Return packed vectors: one per text of an item, one for a query."""
        texts, queries = self._texts(ops), _queries(ops)
        if not texts and not queries:
            return {}
        return await self._loop.call(lambda: self._embed(texts, queries))

    def vectors_blocking(self, ops: Sequence[Op]) -> Vectors:
        """The same for threads that run no event loop."""
        texts, queries = self._texts(ops), _queries(ops)
        if not texts and not queries:
            return {}
        return self._loop.call_blocking(lambda: self._embed(texts, queries))

    def stop(self) -> None:
        """Stop the loop, if it ever started."""
        self._loop.stop()

    def _texts(self, ops: Sequence[Op]) -> list[tuple[int, str]]:
        puts = ((number, op) for number, op in enumerate(ops) if isinstance(op, PutOp))
        return [(number, text) for number, op in puts for text in self._texts_of(op)]

    def _texts_of(self, op: PutOp) -> list[str]:
        if op.value is None or op.index is False:
            return []
        paths = self._index.fields if op.index is None else op.index
        try:
            found = [text for path in paths for text in get_text_at_path(dict(op.value), path)]
        except RecursionError:
            raise ValueError("The value is nested too deep to be indexed") from None
        return [text for text in dict.fromkeys(found) if text]

    async def _embed(
        self, texts: Sequence[tuple[int, str]], queries: Sequence[tuple[int, str]]
    ) -> Vectors:
        found: dict[int, list[bytes]] = {}
        if texts:
            made = await self._embeddings.aembed_documents([text for _, text in texts])
            if len(made) != len(texts):
                raise ServerError(
                    f"store.index.embed was given {len(texts)} texts and made {len(made)} vectors"
                )
            for (number, _), vector in zip(texts, made, strict=True):
                found.setdefault(number, []).append(self._packed(vector))
        for number, query in queries:
            found[number] = [self._packed(await self._embeddings.aembed_query(query))]
        return found

    def _packed(self, vector: Sequence[float]) -> bytes:
        if len(vector) != self._index.dims:
            raise ServerError(
                f"store.index.embed made a vector of {len(vector)} numbers, "
                f"store.index.dims says {self._index.dims}"
            )
        return packed(vector)


def _queries(ops: Sequence[Op]) -> list[tuple[int, str]]:
    searches = ((number, op) for number, op in enumerate(ops) if isinstance(op, SearchOp))
    return [(number, op.query) for number, op in searches if op.query]
