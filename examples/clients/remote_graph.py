"""RemoteGraph: a graph on the server used as if it were here, alone and as a node of another.

pip install langgraph
python examples/clients/remote_graph.py [http://127.0.0.1:8123]
"""

import sys
from typing import Any, TypedDict
from uuid import uuid4

from langgraph.graph import START, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8123"


class Tea(TypedDict, total=False):
    topic: str
    done: list[str]


def main() -> None:
    with get_sync_client(url=URL) as client:
        use(client)


def use(client: SyncLangGraphClient) -> None:
    # It is called like any compiled graph. `RemoteGraph("steps", url=URL)` makes its own client.
    steps = RemoteGraph("steps", sync_client=client)
    print("steps done:", steps.invoke({"topic": "tea"})["done"])

    # With a thread, what interrupts there is answered from here.
    config: Any = {"configurable": {"thread_id": str(uuid4())}}
    approval = RemoteGraph("approval", sync_client=client)
    asked = approval.invoke({"request": "an invoice"}, config)
    print("question:", asked["__interrupt__"][0]["value"]["question"])
    print("result:", approval.invoke(Command(resume=True), config)["result"])

    # And it is a node: the local graph waits for the remote one.
    builder = StateGraph(Tea).add_node("steps", steps).add_edge(START, "steps")
    print("as a node:", builder.compile().invoke({"topic": "tea"})["done"])


if __name__ == "__main__":
    main()
