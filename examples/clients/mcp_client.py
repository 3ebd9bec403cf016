"""Use the assistants of a server as MCP tools: python examples/clients/mcp_client.py [URL]."""

import asyncio
import sys

from mcp import Client


async def main(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        print("tools:", ", ".join(names))

        reply = await client.call_tool("chat", {"messages": "Good morning"})
        print("chat:", reply.structured_content["messages"][-1]["content"])

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            print("progress:", message)

        await client.call_tool("steps", {"topic": "tea"}, progress_callback=tell)

        # A graph that stops with a question names the thread on which it waits for the answer.
        asked = await client.call_tool("approval", {"request": "a letter"})
        thread_id = (asked.meta or {})["graphstead/thread_id"]
        print("question:", asked.structured_content["__interrupt__"][0]["value"]["question"])
        answer = {"thread_id": thread_id, "resume": True}
        done = await client.call_tool("graphstead_resume", answer)
        print("result:", done.structured_content["result"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:] or ["http://127.0.0.1:8123"]))
