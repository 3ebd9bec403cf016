"""The Python SDK: a conversation on a thread, its words as they come, a question and its answer.

pip install langgraph-sdk
python examples/clients/python_sdk.py [http://127.0.0.1:8123]
"""

import asyncio
import sys
from typing import Any

from langgraph_sdk import get_client

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8123"


async def main() -> None:
    async with get_client(url=URL) as client:
        # A thread remembers: both runs below add to the same conversation.
        thread = await client.threads.create(metadata={"from": "examples"})
        for text in ("good morning", "good night"):
            said: dict[str, Any] = {"messages": [{"role": "user", "content": text}]}
            words = client.runs.stream(
                thread["thread_id"], "chat", input=said, stream_mode="messages-tuple"
            )
            async for part in words:
                if part.event == "messages":
                    print(part.data[0]["content"], end="")
            print()
        state: Any = await client.threads.get_state(thread["thread_id"])
        print("messages on the thread:", len(state["values"]["messages"]))

        # A background run: it goes on whether or not anybody listens.
        run = await client.runs.create(None, "steps", input={"topic": "tea"}, on_completion="keep")
        values: Any = await client.runs.join(run["thread_id"], run["run_id"])
        print("steps done:", values["done"])

        # A graph that stops for a person, and goes on with the answer.
        thread = await client.threads.create()
        asked: Any = await client.runs.wait(
            thread["thread_id"], "approval", input={"request": "an invoice"}
        )
        print("question:", asked["__interrupt__"][0]["value"]["question"])
        done: Any = await client.runs.wait(
            thread["thread_id"], "approval", command={"resume": True}
        )
        print("result:", done["result"])


if __name__ == "__main__":
    asyncio.run(main())
