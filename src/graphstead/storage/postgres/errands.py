"""What a transaction leaves others to do: jobs of Procrastinate, added before its commit.

A job says no more than "look at this topic", now or from a time on; rows decide what there is to
do. Jobs of transactions that make runs due are absorbed by whoever looks next: it deletes those
that wait, then looks, and adds one where it had no room for more. So a job waits as long as a due
run does, and there are never many; none waits for another transaction, as a lock would make it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
import psycopg

from graphstead.storage.rows import Topic
from graphstead.storage.statements import Statements

__all__ = ["QUEUES", "Errands", "task_of"]

# The queue of a topic has its name, and its task too.
QUEUES: tuple[Topic, ...] = ("ready", "crons", "deliveries", "sweep")
DEFER = """
select procrastinate_defer_jobs_v1(array_agg(cast(
    row(topic, 'graphstead.' || topic, 0, null, null, '{}', to_timestamp(at_ms / 1000.0))
    as procrastinate_job_to_defer_v1
)))
from jsonb_to_recordset(cast(%s as jsonb)) as wanted (topic text, at_ms double precision)
"""
ABSORB = """
delete from procrastinate_jobs where id = any (array(
    select id from procrastinate_jobs
    where status = 'todo' and queue_name = 'ready' and scheduled_at is null
    order by priority desc, id
    for update skip locked
))
"""


def task_of(topic: Topic) -> str:
    """Return the name of the task that says: look at this topic."""
    return f"graphstead.{topic}"


class Errands:
    """What one transaction wants done; `looked` hears that it looks for due runs."""

    def __init__(self, sql: Statements, looked: Callable[[], None]) -> None:
        self._sql = sql
        self._looked = looked
        self._wanted: set[tuple[Topic, int | None]] = set()

    def want(self, topic: Topic, at_ms: int | None = None) -> None:
        """Have somebody look at a topic, at once or from a time on."""
        due = at_ms is None or at_ms <= time.time() * 1000
        self._wanted.add((topic, None if due else at_ms))

    def absorb(self) -> None:
        """Take the jobs that wait for somebody to look for due runs: this transaction does now."""
        self._sql.execute_sql(ABSORB, {})
        self._looked()

    def defer(self, connection: psycopg.Connection[object]) -> None:
        """Add the jobs to the transaction."""
        if self._wanted:
            wanted = [{"topic": topic, "at_ms": at_ms} for topic, at_ms in self._wanted]
            connection.execute(DEFER, (orjson.dumps(wanted).decode(),))
            self._wanted.clear()
