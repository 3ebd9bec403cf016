"""LangGraph state snapshots in their wire form (`ThreadState` of the contract)."""

from __future__ import annotations

from typing import Any

from langgraph.types import Interrupt, PregelTask, StateSnapshot

from graphstead.engine.chunks import checkpoint_of
from graphstead.storage.rows import Json


def thread_state(snapshot: StateSnapshot) -> Json:
    """Return a snapshot as `ThreadState`; values are still Python objects."""
    checkpoint = _stored(checkpoint_of(snapshot.config))
    parent = _stored(checkpoint_of(snapshot.parent_config))
    return {
        "values": snapshot.values,
        "next": list(snapshot.next),
        "tasks": [_task(task) for task in snapshot.tasks],
        "metadata": _metadata(snapshot),
        "created_at": snapshot.created_at,
        "checkpoint": checkpoint,
        "parent_checkpoint": parent,
        "interrupts": [interrupt(one) for one in snapshot.interrupts],
        "checkpoint_id": checkpoint["checkpoint_id"] if checkpoint else None,
        "parent_checkpoint_id": parent["checkpoint_id"] if parent else None,
    }


def _metadata(snapshot: StateSnapshot) -> Json | None:
    """Return the checkpoint's metadata with its thread, which LangGraph leaves out of it."""
    if snapshot.metadata is None:
        return None
    return {**snapshot.metadata, "thread_id": snapshot.config["configurable"]["thread_id"]}


def _stored(checkpoint: Json | None) -> Json | None:
    return checkpoint if checkpoint and checkpoint.get("checkpoint_id") else None


def _task(task: PregelTask) -> Json:
    nested = isinstance(task.state, StateSnapshot)
    return {
        "id": task.id,
        "name": task.name,
        "path": list(task.path),
        "error": task.error,
        "interrupts": [interrupt(one) for one in task.interrupts],
        "checkpoint": None if nested else checkpoint_of(task.state),  # type: ignore[arg-type]
        "state": thread_state(task.state) if nested else None,  # type: ignore[arg-type]
        "result": task.result,
    }


def interrupt(one: Interrupt) -> Json:
    """Return `{id, value}`: states and threads show no response schema (measured on 0.16.7)."""
    return {"id": one.id, "value": one.value}


def interrupts_by_task(snapshot: StateSnapshot) -> dict[str, list[Any]]:
    """Return the thread's `interrupts` map."""
    return {
        task.id: [interrupt(one) for one in task.interrupts]
        for task in snapshot.tasks
        if task.interrupts
    }
