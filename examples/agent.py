"""An agent makes a video from a photo: `python examples/agent.py [photo] [wish]`."""

import base64
import mimetypes
import sys
from pathlib import Path

from gateway import open_client
from langchain.agents import create_agent
from langchain.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from langchain_apilaplas import ApilaplasVideoToolkit

PHOTO = Path(__file__).with_name("rocket.jpg")
WISH = "Make a 5 second video of this rocket lifting off into the dawn, in 16:9."


def main(photo: Path = PHOTO, wish: str = WISH) -> None:
    if not photo.is_file():
        sys.exit(f"There is no file {photo}.")
    with open_client() as client:
        model = ChatOpenAI(
            model="gpt-4o",
            base_url=f"{client.settings.base_url}/v1",
            api_key=client.settings.api_key,
        )
        agent = create_agent(model, ApilaplasVideoToolkit(client=client).get_tools())
        picture = {
            "type": "image",
            "base64": base64.b64encode(photo.read_bytes()).decode(),
            "mime_type": mimetypes.guess_type(photo)[0],
        }
        question = HumanMessage([{"type": "text", "text": wish}, picture])

        print(f"You: {wish} [{photo.name}]")
        messages = []
        for mode, chunk in agent.stream({"messages": [question]}, stream_mode=["custom", "values"]):
            if mode == "custom":
                print(f"  {chunk['elapsed']:5.1f} s  {chunk['status']}  {chunk['fraction']:.0%}")
            else:
                messages = chunk["messages"]
        print(f"Agent: {messages[-1].text}")

        for message in messages:
            if isinstance(message, ToolMessage) and "video" in (message.artifact or {}):
                url = message.artifact["video"]["url"]
                print(f"Saved {client.download(url, f'{photo.stem}.mp4').absolute()}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]), *sys.argv[2:3])
