"""What every Agent Server should do, and what ours does beyond: one small function each."""

from __future__ import annotations

from graphstead.conformance.behaviour import (
    assistants,
    crash,
    crons,
    questions,
    runs,
    stateless,
    states,
    stopping,
    store,
    streams,
    threads,
    together,
)
from graphstead.conformance.checking import Check

__all__ = ["CHECKS"]

MODULES = (
    runs,
    together,
    stopping,
    questions,
    streams,
    stateless,
    threads,
    states,
    assistants,
    store,
    crons,
    crash,
)

CHECKS = tuple(one for module in MODULES for one in vars(module).values() if isinstance(one, Check))
