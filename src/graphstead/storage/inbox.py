"""The queue before a database thread: it takes jobs until it is closed, then drains."""

from __future__ import annotations

import contextlib
import queue
import threading

from graphstead.storage.errors import StorageClosed
from graphstead.storage.jobs import Job


class Inbox:
    """Jobs in order of arrival, for one or several threads."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._closed = False

    def put(self, job: Job) -> None:
        """Add a job; raises StorageClosed once closed."""
        with self._guard:
            if self._closed:
                raise StorageClosed("The storage is closed")
            self._queue.put(job)

    def take(self, most: int) -> list[Job]:
        """Wait for a job and return it with those behind it; empty once closed and drained."""
        jobs: list[Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == most:
                return jobs
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs
        self._queue.put(None)
        return jobs

    def take_share(self, most: int, takers: int) -> list[Job]:
        """Wait for a job and return it with a fair share, up to `most`, of those behind it."""
        jobs = self.take(1)
        share = min(most - 1, -(-self._queue.qsize() // takers))
        if jobs and share > 0:
            with contextlib.suppress(queue.Empty):
                for _ in range(share):
                    job = self._queue.get_nowait()
                    if job is None:
                        self._queue.put(None)
                        break
                    jobs.append(job)
        return jobs

    def close(self) -> None:
        """Take no more jobs; those inside are still handed out."""
        with self._guard:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
