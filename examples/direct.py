"""The tool without an agent, blocking and on asyncio: `python examples/direct.py`."""

import asyncio
from pathlib import Path

from gateway import open_client

from langchain_apilaplas import ApilaplasGenerateVideo

PHOTO = Path(__file__).with_name("rocket.jpg")


async def two_at_once(tool: ApilaplasGenerateVideo) -> None:
    calls = [
        {"type": "tool_call", "id": str(n), "name": tool.name, "args": {"prompt": prompt}}
        for n, prompt in enumerate(["Pan left across the towers", "Slowly zoom out"])
    ]
    for message in await asyncio.gather(*(tool.ainvoke(call) for call in calls)):
        print("A ToolCall gives a message with an artifact:")
        print("   ", message.artifact["generation_id"], message.artifact["request"])


def main() -> None:
    with open_client() as client:
        # What is fixed here, an agent neither sees nor sets: a local file is yours to give.
        tool = ApilaplasGenerateVideo(client=client, image=PHOTO, duration=5)

        print("A dict of arguments gives the text an agent would read:")
        print("   ", tool.invoke({"prompt": "The rocket lifts off", "aspect_ratio": "1:1"}))

        asyncio.run(two_at_once(tool))


if __name__ == "__main__":
    main()
