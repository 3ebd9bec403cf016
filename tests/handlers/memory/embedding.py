"""Vectors by counting words of three subjects: the same on every machine."""

from __future__ import annotations

SUBJECTS = (
    {"ferry", "boat", "ship", "sail"},
    {"tea", "coffee", "drink"},
    {"cat", "dog", "pet"},
)


async def embed(texts: list[str]) -> list[list[float]]:
    """Return one vector of three counts for each text."""
    words = [set(text.lower().replace(".", "").split()) for text in texts]
    return [[float(len(subject & found)) for subject in SUBJECTS] for found in words]
