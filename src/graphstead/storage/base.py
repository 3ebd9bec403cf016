"""What the engine asks of a storage backend: rows in, rows out, inside transactions.

The engine's decisions are plain functions over a `Tx`; a backend runs each of them in one
transaction and rings its bells after the commit.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from graphstead.storage.rows import (
    ApiKeyRow,
    AssistantFilter,
    AssistantRow,
    Bell,
    BlobRow,
    CancelAction,
    CheckpointRow,
    CronFilter,
    CronRow,
    DeliveryRow,
    EndedRun,
    EndRow,
    EventRow,
    Fresh,
    Json,
    NumberedRun,
    Owned,
    Page,
    ReplayRow,
    Resealed,
    RunRow,
    RunStatus,
    SealedPlace,
    SealRow,
    ShownRow,
    StoreMatch,
    StoreRow,
    ThreadFilter,
    ThreadRow,
    ThreadStatus,
    ThreadUsage,
    Topic,
    WorkerRow,
    WriteRow,
)

if TYPE_CHECKING:
    from graphstead.storage.sealed_columns import SealedColumns

T = TypeVar("T")


class Assistants(Protocol):
    def get(self, assistant_id: str) -> AssistantRow | None: ...
    def lock(self, assistant_id: str) -> AssistantRow | None:
        """Get the assistant and hold its row until the transaction ends."""

    def insert(self, row: AssistantRow) -> bool:
        """Store a new assistant and its first version; False where the id is taken."""

    def replace(self, row: AssistantRow) -> None:
        """Overwrite the assistant's current row and remember it as version `row.version`."""

    def search(self, match: AssistantFilter, page: Page) -> list[AssistantRow]: ...
    def count(self, match: AssistantFilter) -> int: ...
    def versions(self, assistant_id: str, metadata: Json | None, page: Page) -> list[AssistantRow]:
        """List stored versions, newest first."""

    def version(self, assistant_id: str, version: int) -> AssistantRow | None: ...

    def delete(self, assistant_id: str) -> bool: ...


class Threads(Protocol):
    def get(self, thread_id: str) -> ThreadRow | None: ...
    def lock(self, thread_id: str) -> ThreadRow | None:
        """Get the thread and hold its row until the transaction ends."""

    def hold(self, thread_id: str) -> bool:
        """Hold the thread's row until the transaction ends; False where there is none."""

    def try_hold(self, thread_id: str) -> bool:
        """The same without waiting; False also where another transaction holds it."""

    def insert(self, row: ThreadRow) -> bool:
        """Store a new thread; False where the id is taken."""

    def set_status(self, thread_id: str, status: ThreadStatus, updated_at: str) -> None: ...
    def set_metadata(
        self, thread_id: str, metadata: Json, config: Json, updated_at: str
    ) -> None: ...
    def set_ttl(self, thread_id: str, ttl: Json | None, expires_ms: int | None) -> None: ...
    def set_state(
        self,
        thread_id: str,
        *,
        status: ThreadStatus,
        values: Any,
        error: Json | None,
        interrupts: Json,
        state_updated_at: str,
    ) -> None:
        """Mirror the newest checkpoint and the last run's outcome; also sets `updated_at`."""

    def show(self, shown: ShownRow) -> bool:
        """Show how a run of the thread ended, and let its next run go; tell whether one went.

        The thread stays busy while it has an active run; its row has to be held.
        """

    def settle(self, end: EndRow, shown: ShownRow) -> bool:
        """Record how a run ended, give it its last status, and `show` it."""

    def search(self, match: ThreadFilter, page: Page) -> list[ThreadRow]: ...
    def count(self, match: ThreadFilter, at_most: int | None = None) -> int:
        """Count threads; where they have to be looked at one by one, no further than `at_most`."""

    def expired(self, now_ms: int, limit: int) -> list[str]:
        """List the ids of threads whose `expires_ms` has come, the longest overdue first."""

    def with_history(self, before: str, limit: int) -> list[str]:
        """List resting threads, oldest state first, whose state changed before and after a trim.

        A thread that was never trimmed counts; a busy one does not.
        """

    def mark_trimmed(self, thread_id: str) -> None:
        """Leave the thread out of `with_history` until `set_state`."""

    def delete(self, thread_id: str) -> bool:
        """Delete the thread's row alone; runs and checkpoints are the caller's to delete."""


class Runs(Protocol):
    def get(self, run_id: str) -> RunRow | None: ...
    def lock(self, run_id: str) -> RunRow | None:
        """Get the run and hold its row until the transaction ends."""

    def insert(self, row: RunRow) -> None: ...
    def enter(self, row: RunRow, now_ms: int) -> bool:
        """Store a new run of a thread that is held, and show the thread busy.

        It is blocked, and this tells so, where a running or a due, unblocked pending run is there.
        """

    def active(self, thread_id: str) -> list[RunRow]:
        """List the thread's running and pending runs: running first, then by (start_ms, run_id)."""

    def running(self, thread_id: str) -> RunRow | None: ...
    def has_active(self, thread_id: str) -> bool: ...
    def must_wait(self, thread_id: str, now_ms: int) -> bool:
        """Tell whether a running or a due, unblocked pending run holds the thread."""

    def take(self, worker: str, now_ms: int, limit: int, updated_at: str) -> list[RunRow]:
        """Start what is `claimable`, each run under its next `gen` and attempt; return it.

        Beside a running sibling a run stays pending, and is returned so.
        """

    def claimable(self, now_ms: int, limit: int) -> list[RunRow]:
        """List pending, unblocked, due runs by (start_ms, run_id), skipping rows others hold."""

    def next_start_ms(self) -> int | None:
        """Tell when the earliest unblocked pending run is due."""

    def later(self, due_ms: int, after: str, limit: int) -> list[RunRow]:
        """List pending runs that are due later than that, by run_id behind `after`."""

    def set_start(self, run_id: str, start_ms: int) -> None:
        """Change when a pending run is due."""

    def start(self, run_id: str, *, worker: str, gen: int, attempt: int, updated_at: str) -> None:
        """Mark the run running under generation `gen`.

        Raises ConstraintViolated beside a running sibling, which ends the transaction.
        """

    def owned(self, run_id: str, gen: int) -> bool:
        """Tell whether the run is still running under `gen` (and hold its row)."""

    def hold_owned(self, thread_id: str, run_id: str, gen: int) -> Owned | None:
        """Hold the thread's row, where it has one, then the run's if it is still `owned`."""

    def set_kwargs(self, run_id: str, kwargs: Json, metadata: Json) -> None: ...
    def finish(self, run_id: str, status: RunStatus, updated_at: str) -> None:
        """Give the run its last status and clear worker, lease, cancel and blocked."""

    def requeue(self, run_id: str, *, gen: int, start_ms: int, updated_at: str) -> None:
        """Return a running run to pending under a newer `gen`, which fences its last owner."""

    def set_cancel(self, run_id: str, action: CancelAction, updated_at: str) -> None: ...
    def cancels_of(self, worker: str) -> list[tuple[str, CancelAction]]:
        """List (run_id, action) of the worker's running runs that are asked to stop."""

    def set_blocked(self, run_id: str, blocked: bool) -> None: ...
    def next_blocked(self, thread_id: str) -> RunRow | None:
        """Get the first blocked pending run of the thread by (start_ms, run_id)."""

    def orphans(self, limit: int) -> list[RunRow]:
        """List running runs whose worker is unknown."""

    def of_worker(self, worker: str) -> list[RunRow]:
        """List the runs that are running under this worker."""

    def release_next(self, thread_id: str) -> bool:
        """Let the first run that waits for the thread's others wait no more, unless one runs."""

    def list(self, thread_id: str, status: str | None, *, limit: int, offset: int) -> list[RunRow]:
        """List the thread's runs, newest first."""

    def ids_of(self, thread_id: str) -> builtins.list[str]: ...
    def by_status(self, statuses: Sequence[str], limit: int) -> builtins.list[RunRow]: ...
    def active_ids(self, statuses: Sequence[str], after: str, limit: int) -> builtins.list[str]:
        """List the ids of pending or running runs in these statuses behind `after`, in order."""

    def unstopped(self, assistant_id: str, limit: int) -> builtins.list[RunRow]:
        """List the assistant's pending and running runs that nobody asked to stop yet."""

    def delete(self, run_id: str) -> bool: ...
    def counts(self) -> tuple[int, int]:
        """Count (pending, running) runs."""

    def waiting_since_ms(self, now_ms: int) -> tuple[int | None, int | None]:
        """Tell since when the longest waiting and the median of all due pending runs wait."""


class Workers(Protocol):
    def beat(self, row: WorkerRow) -> None:
        """Insert the worker or renew its lease."""

    def list(self) -> list[WorkerRow]: ...
    def forget(self, worker_id: str) -> None: ...


class Events(Protocol):
    def append(self, run_id: str, rows: Sequence[EventRow]) -> None: ...
    def after(self, run_id: str, seq: int, limit: int) -> list[EventRow]:
        """List the run's events with a higher seq, in order.

        Where some are no longer there, an event `gap` stands in their place.
        """

    def last_seq(self, run_id: str) -> int:
        """Get the run's highest seq, 0 where it has none."""

    def end(self, row: EndRow) -> None:
        """Record how the run ended (replaces an earlier record of the same run)."""

    def ended(self, run_id: str) -> EndRow | None: ...
    def last_ms(self, run_id: str) -> int:
        """Tell the time of the run's last event, 0 where it has none."""

    def last_ends(self, thread_ids: Sequence[str]) -> dict[str, int]:
        """Tell by thread when its last run ended, in milliseconds; others are left out."""

    def ends_of(self, thread_id: str, from_ms: int, limit: int) -> list[EndedRun]:
        """List when the thread's runs ended, at `from_ms` or later, in order."""

    def purge(self, ended_before_ms: int, limit: int) -> int:
        """Delete events and ends of at most `limit` runs that ended before; count the runs."""

    def delete(self, run_id: str) -> None: ...


class Checkpoints(Protocol):
    def put(
        self,
        row: CheckpointRow,
        blobs: Sequence[BlobRow],
        *,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        """Insert or replace a checkpoint and those of its channel blobs that are new.

        `versions` names every (channel, version) it needs: what no checkpoint needs can be pruned.
        """

    def put_writes(
        self,
        thread_id: str,
        checkpoint_ns: str,
        checkpoint_id: str,
        rows: Sequence[WriteRow],
        *,
        replace: bool,
        undo_of: str | None = None,
    ) -> None:
        """Insert task writes; existing (task_id, idx) are kept unless `replace`.

        What they change is remembered for `undo_writes` of the run that `undo_of` names.
        """

    def get(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str | None
    ) -> CheckpointRow | None:
        """Get one checkpoint, the newest where `checkpoint_id` is None."""

    def blobs(
        self, thread_id: str, checkpoint_ns: str, versions: Sequence[tuple[str, str]]
    ) -> list[BlobRow]:
        """Get the blobs of (channel, version) pairs; absent ones are left out."""

    def writes(self, thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> list[WriteRow]:
        """List pending writes ordered by (task_path, task_id, idx)."""

    def list(
        self,
        thread_id: str | None,
        checkpoint_ns: str | None,
        *,
        checkpoint_id: str | None = None,
        before: str | None = None,
        metadata: Json | None = None,
        limit: int | None = None,
    ) -> list[CheckpointRow]:
        """List checkpoints, newest first; `metadata` matches top-level keys by equality."""

    def delete_thread(self, thread_id: str) -> None: ...
    def delete_namespaces(self, thread_id: str, namespaces: Sequence[str]) -> None:
        """Delete everything the thread has in these namespaces."""

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints these runs wrote, with writes and blobs no longer needed."""

    def undo_writes(self, run_id: str) -> None:
        """Put back what a live run has changed under checkpoints of others that are still there."""

    def purge_replaced(self, limit: int) -> int:
        """Forget what `undo_writes` would need of at most so many rows of ended runs; count it."""

    def copy_thread(self, thread_id: str, target_thread_id: str) -> None: ...

    def prune(self, thread_ids: Sequence[str], strategy: str) -> None:
        """Keep only the newest checkpoint per namespace (`keep_latest`) or none (`delete`)."""

    def size(self, thread_id: str) -> int:
        """Sum the bytes the thread's checkpoints, blobs and writes take."""

    def usage(self, thread_id: str) -> ThreadUsage:
        """Count and measure the same by kind, blobs also by channel."""


class Replays(Protocol):
    def get(self, scope: str, key: str) -> ReplayRow | None: ...
    def keep(self, row: ReplayRow) -> None: ...
    def purge(self, before_ms: int, limit: int) -> None:
        """Forget at most `limit` answers that are older."""


class StoreItems(Protocol):
    """Items whose time is up at `now_ms` are as good as gone, though they are still there."""

    def get(self, namespace: str, key: str, now_ms: int) -> StoreRow | None: ...
    def put(self, row: StoreRow, vectors: Sequence[bytes], now_ms: int) -> None:
        """Write an item and its vectors; one that is there keeps its `created_at`."""

    def delete(self, namespace: str, key: str) -> None: ...
    def touch(self, row: StoreRow, expires_ms: int, now_ms: int) -> None:
        """Set when an item expires, unless its time is up."""

    def search(
        self, match: StoreMatch, query: bytes | None, *, limit: int, offset: int
    ) -> list[tuple[StoreRow, float | None]]:
        """List items, those written last first; with `query`, a packed vector, the best match.

        Beside each is how well it matches, None without a query or vectors.
        """

    def namespaces(self, prefix: str, now_ms: int) -> list[str]:
        """List the namespaces at or below `prefix` that hold items, in no order."""

    def is_expired(self, now_ms: int) -> bool:
        """Tell whether an item is there whose time is up."""

    def purge(self, now_ms: int, limit: int) -> int:
        """Delete at most `limit` items whose time is up; count them."""


class Crons(Protocol):
    def get(self, cron_id: str) -> CronRow | None: ...
    def lock(self, cron_id: str) -> CronRow | None:
        """Get the cron and hold its row until the transaction ends."""

    def insert(self, row: CronRow) -> None: ...
    def replace(self, row: CronRow) -> None: ...
    def move(self, cron_id: str, next_run_ms: int | None) -> None:
        """Set when the next run is due."""

    def due(self, now_ms: int, limit: int) -> list[str]:
        """List the ids of enabled crons whose date has come, the longest overdue first."""

    def next_ms(self) -> int | None:
        """Tell when the next enabled cron is due."""

    def search(self, match: CronFilter, page: Page) -> list[CronRow]:
        """List matching crons; where the sorted column is empty they come last."""

    def count(self, match: CronFilter) -> int: ...
    def delete(self, cron_id: str) -> bool: ...
    def delete_of_thread(self, thread_id: str) -> None: ...
    def delete_of_assistant(self, assistant_id: str) -> None: ...


class Deliveries(Protocol):
    def add(self, row: DeliveryRow) -> None:
        """Store a delivery, once for each run."""

    def take(self, now_ms: int, until_ms: int, limit: int) -> list[DeliveryRow]:
        """Take what is due, one attempt more, and put its next try off until `until_ms`."""

    def next_ms(self) -> int | None:
        """Tell when the next try is due."""

    def put_off(self, run_id: str, next_try_ms: int | None, last_error: str) -> None:
        """Note a failure, and when to try again; None gives up."""

    def rewind(self, now_ms: int, latest_ms: int) -> int:
        """Make due now what was made later than now, or is due behind `latest_ms`; count it."""

    def dead(self, limit: int) -> list[DeliveryRow]:
        """List deliveries that are given up, newest first."""

    def revive(self, now_ms: int, run_id: str | None) -> int:
        """Make what is given up due again, all or one, from the first attempt; count it."""

    def done(self, run_id: str) -> None: ...
    def purge(self, before_ms: int, limit: int) -> int:
        """Forget at most `limit` that are given up, of runs that ended before; count them."""

    def counts(self, now_ms: int) -> tuple[int, int]:
        """Count those that are due and those that are given up."""


class Numbers(Protocol):
    """Where the protocol events of a thread's runs begin; deleting events leaves the numbers."""

    def add(self, row: NumberedRun) -> None: ...
    def last(self, thread_id: str) -> NumberedRun | None:
        """Get the run that was numbered last."""

    def after(self, thread_id: str, place: int, limit: int) -> list[NumberedRun]:
        """List the numbered runs behind a place, in order."""

    def behind(self, thread_id: str, seq: int) -> NumberedRun | None:
        """Get the first run that has events behind `seq`, or may still get them."""

    def first_kept(self, thread_id: str) -> NumberedRun | None:
        """Get the first numbered run whose events are still stored."""

    def next_ended(self, thread_id: str) -> EndRow | None:
        """Get the run that ended first and has no number."""

    def close(self, run_id: str, frames: int) -> None:
        """Note how many events a run has, where that is not settled."""

    def forget(self, thread_id: str) -> None: ...


class ApiKeys(Protocol):
    def add(self, row: ApiKeyRow) -> bool:
        """Store a new key; False where the id is taken."""

    def get(self, key_id: str) -> ApiKeyRow | None: ...
    def list(self, limit: int) -> list[ApiKeyRow]:
        """List keys, revoked ones too, newest first."""

    def revoke(self, key_id: str, now_ms: int) -> bool:
        """End a key now; False where there is none, or it has been ended already."""

    def used(self, key_id: str, now_ms: int) -> None:
        """Note when a key was last seen."""


class Sealing(Protocol):
    """The ciphers that this database is, or was, encrypted with."""

    def list(self) -> list[SealRow]: ...
    def add(self, row: SealRow) -> None:
        """Note a cipher; programs that know nothing of it cannot open the database any more."""

    def forget(self, cipher: str) -> None:
        """Forget a cipher that nothing is encrypted with any more."""

    def replace(self, place: SealedPlace, old: Any, new: Any) -> None:
        """Put another stored form in the place of this one, if it is still there."""

    def page(
        self, columns: SealedColumns, after: Mapping[str, Any], limit: int, key_name: str
    ) -> builtins.list[tuple[Mapping[str, Any], Sequence[str | bytes | None]]]:
        """List keys of a table in order, each with what may be under another built-in key.

        Values are as they are stored, one for each column; None where there is nothing to look at.
        """

    def renew(self, table: str, values: Sequence[Resealed]) -> None:
        """Put other stored forms in the place of those that are still there."""


class Tx(Protocol):
    """One open transaction."""

    @property
    def assistants(self) -> Assistants: ...
    @property
    def threads(self) -> Threads: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def workers(self) -> Workers: ...
    @property
    def events(self) -> Events: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def replays(self) -> Replays: ...
    @property
    def store(self) -> StoreItems: ...

    @property
    def crons(self) -> Crons: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def numbers(self) -> Numbers: ...
    @property
    def keys(self) -> ApiKeys: ...
    @property
    def sealing(self) -> Sealing: ...
    def ring(self, topic: Topic, key: str = "") -> None:
        """Ring this bell once the transaction is committed."""


class Listener(Protocol):
    """Hears a set of bells on the event loop that made it."""

    async def wait(self, timeout_s: float) -> bool:
        """Return True at the next ring (or one that came since the last call), False in time."""

    def close(self) -> None: ...


class Doorbells(Protocol):
    def listen(self, *bells: Bell) -> Listener:
        """Hear these bells from now on, on the running loop; close it when done."""

    def call(self, bell: Bell, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called at each ring, on any thread; return what ends that."""

    @property
    def prompts(self) -> bool:
        """Tell whether "crons", "deliveries" and "sweep" ring when there is something to do.

        Else whoever does that looks by itself, often.
        """

    def ring(self, bell: Bell) -> None:
        """Wake every listener of this bell, in this process and in the others."""


class EventLog(Protocol):
    """Takes what runs say beside the transactions that decide; `Events` reads both as one log."""

    @property
    def is_reachable(self) -> bool:
        """Tell whether it answers at present; while it does not, events are rows."""

    async def begin(self, run_id: str, gen: int) -> int:
        """Give the log to the run's owner, and to nobody before it; return the highest seq."""

    async def append(
        self, run_id: str, gen: int, rows: Sequence[EventRow], bells: Iterable[Bell]
    ) -> bool:
        """Add the owner's next events and ring; False where they have to be written as rows.

        After that they all have to be, until the next `begin`.
        """

    async def fresh(self, run_id: str, after_seq: int, limit: int) -> Fresh:
        """Return the events right behind these; none does not mean that there are none."""

    def leave(self, run_id: str, gen: int) -> None:
        """Forget an owner that adds nothing any more."""

    def keys(self) -> Mapping[str, int]:
        """Count the runs whose events are under each built-in key; reads them all."""


class Storage(Protocol):
    @property
    def doorbells(self) -> Doorbells: ...
    @property
    def log(self) -> EventLog | None:
        """Return where the events of runs go first; None: they are rows from the start."""

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one durable transaction; its exception rolls back that work alone.

        Works that wait at the same moment may share a transaction, so none may wait for another.
        """

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        """The same for threads that run no event loop."""

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on one consistent snapshot."""

    def read_blocking(self, work: Callable[[Tx], T]) -> T: ...
    def vacuum(self, pages: int) -> int:
        """Give at most so many unused pages back to the file system; return how many it were."""

    def sizes(self) -> Mapping[str, int]:
        """Return the bytes that `database` and, where there is one, `wal` take."""

    def hold(self, worker_id: str) -> None:
        """Hold this worker's liveness lock until the process dies or the storage is closed."""

    def is_alive(self, worker: WorkerRow) -> bool | None:
        """Tell whether that worker's process lives; None where this cannot be known."""

    def close(self) -> None: ...
