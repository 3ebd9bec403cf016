"""A2A: assistants as agents that any client of the protocol can talk to.

pip install a2a-sdk
python examples/clients/a2a_client.py [http://127.0.0.1:8123]
"""

import asyncio
import sys
from uuid import uuid4

import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.helpers.proto_helpers import (
    get_artifact_text,
    get_data_parts,
    new_data_part,
    new_text_part,
)
from a2a.types import Message, Part, Role, SendMessageRequest

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8123"


def message(part: Part, **place: str) -> SendMessageRequest:
    """A message of the user. Its id makes it count once, so sending it again does no harm."""
    sent = Message(message_id=str(uuid4()), role=Role.ROLE_USER, parts=[part], **place)
    return SendMessageRequest(message=sent)


async def main() -> None:
    async with httpx.AsyncClient(timeout=30) as http:
        agents = ClientFactory(ClientConfig(httpx_client=http))

        # The card tells what the agent does and where; any assistant has one.
        chat = await agents.create_from_url(f"{URL}/a2a/chat")

        # The words of the answer come piece by piece, each behind the one before.
        async for event in chat.send_message(message(new_text_part("good morning"))):
            piece = event.artifact_update
            if event.HasField("artifact_update") and not piece.last_chunk:
                print(get_artifact_text(piece.artifact), end="")
        print()

        # A graph without messages takes data, and may ask back: its task is then input-required.
        approval = await agents.create_from_url(f"{URL}/a2a/approval")
        task_id = ""
        async for event in approval.send_message(message(new_data_part({"request": "an invoice"}))):
            task_id = task_id or event.task.id
            for question in get_data_parts(event.artifact_update.artifact.parts):
                print("question:", question["value"]["question"])

        # A message with the task's id is the answer.
        answer = message(new_data_part({"resume": True}), task_id=task_id)
        async for event in approval.send_message(answer):
            for values in get_data_parts(event.artifact_update.artifact.parts):
                print("result:", values["result"])


if __name__ == "__main__":
    asyncio.run(main())
