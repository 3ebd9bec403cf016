"""What the samples need: a server with the example graphs, and ids of rows made for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from uuid import uuid4

from langgraph_sdk.client import SyncLangGraphClient
from servers import until_true

HI: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


class World:
    """Rows for one sample, each made when its id is first asked for.

    `given` says of which kind: `run_id: live` is a run that goes on, `thread_id: asking` a thread
    that waits for an answer.
    """

    def __init__(self, client: SyncLangGraphClient, given: Mapping[str, str]) -> None:
        self._given = given
        self.client = client
        self._makers: dict[str, Callable[[], str]] = {
            "assistant_id": lambda: self.assistant["assistant_id"],
            "checkpoint_id": lambda: self.state["checkpoint"]["checkpoint_id"],
            "cron_id": lambda: self.cron["cron_id"],
            "other_thread_id": lambda: self.client.threads.create()["thread_id"],
            "run_id": lambda: self.run["run_id"],
            "thread_id": lambda: self.thread["thread_id"],
        }

    def value(self, name: str) -> str:
        """Return an id by the name it has in the contract."""
        return self._makers[name]()

    @cached_property
    def assistant(self) -> Any:
        """Make an assistant with two versions."""
        made = self.client.assistants.create("chat", name="Clerk", metadata={"team": "docs"})
        return self.client.assistants.update(made["assistant_id"], name="Chief clerk")

    @cached_property
    def thread(self) -> Any:
        """Make a thread: of a chat that took a turn, empty, or one that asks a question."""
        kind = self._given.get("thread_id", "chat")
        made = self.client.threads.create(metadata={"topic": "tides", "graph_id": "chat"})
        if kind == "chat" and self._given.get("run_id") != "live":
            self.client.runs.wait(made["thread_id"], "chat", input=HI)
        if kind == "asking":
            self.client.runs.wait(made["thread_id"], "approval", input={"request": "an invoice"})
        return made

    @cached_property
    def state(self) -> Any:
        """Read the newest state of the thread."""
        return self.client.threads.get_state(self.thread["thread_id"])

    @cached_property
    def run(self) -> Any:
        """Make a run on the thread: one that has ended, goes on, or is due much later."""
        kind = self._given.get("run_id", "ended")
        thread_id = self.thread["thread_id"]
        if kind == "live":
            run = self.client.runs.create(
                thread_id, "slow", input={"steps": 600, "sleep_s": 0.2}, stream_resumable=True
            )
            until_true(lambda: self._status(thread_id, run["run_id"]) == "running")
            return run
        run = self.client.runs.create(thread_id, "chat", input=HI, stream_resumable=True)
        self.client.runs.join(thread_id, run["run_id"])
        return run

    def _status(self, thread_id: str, run_id: str) -> str:
        return self.client.runs.get(thread_id, run_id)["status"]

    @cached_property
    def cron(self) -> Any:
        """Make a schedule that stays quiet."""
        return self.client.crons.create("echo", schedule="0 9 1 1 *", input={"message": "new year"})

    def put_item(self) -> None:
        """Write the item that samples of the store read."""
        value = {"colour": "blue", "token": uuid4().hex}
        self.client.store.put_item(("users", "ada"), "preferences", value)
