"""Assistants as agents of the A2A protocol: JSON-RPC in two dialects over threads and runs."""

from graphstead.engine.a2a.agent import A2A

__all__ = ["A2A"]
