"""A person approves each video before it is paid for.

`python examples/approval.py [approve | reject | edit "another prompt"]`; without a word, it asks.
"""

import sys
import uuid
from typing import Any

from gateway import open_client
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain.messages import ToolMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langchain_apilaplas import ApilaplasError, ApilaplasGenerateVideo, Budget

WISH = "Animate https://example.com/cat.jpg for 5 seconds: the cat yawns."


def describe(tool: ApilaplasGenerateVideo, args: dict[str, Any], state: Any) -> str:
    """What is asked of which model, and what that will cost, as far as known."""
    try:
        usage = tool.expected_usage(args, {"state": state})  # for the pictures of the conversation
    except ApilaplasError as error:  # the agent will hear it from the tool; here it would end all
        return f"This will be refused: {error}"
    # The agent wrote the arguments: repr, lest a line of a prompt be read as a line of ours.
    asked = [f"{name}: {value!r}" for name, value in {"model": tool.model, **args}.items()]
    costs = [f"{amount:,} {unit.partition('_')[0]}" for unit, amount in usage.items()]
    return "\n".join([*asked, f"expected cost: {', '.join(costs) or 'unknown'}"])


def approval_of(tool: ApilaplasGenerateVideo) -> HumanInTheLoopMiddleware:
    """Stops the agent before the tool runs, until somebody has decided."""
    how = {
        "allowed_decisions": ["approve", "edit", "reject"],
        "description": lambda call, state, runtime: describe(tool, call["args"], state),
    }
    return HumanInTheLoopMiddleware({tool.name: how})


def decide(action: dict[str, Any], word: str = "", prompt: str = "") -> dict[str, Any]:
    """What the person says, in the middleware's words; a web page would have three buttons."""
    word = word or input("approve, edit or reject? ")
    if word == "edit":
        args = {**action["args"], "prompt": prompt or input("prompt: ")}
        return {"type": "edit", "edited_action": {"name": action["name"], "args": args}}
    if word == "approve":
        return {"type": "approve"}
    return {"type": "reject", "message": "Not this one. Do not try again."}


def main(*words: str) -> None:
    with open_client() as client:
        tool = ApilaplasGenerateVideo(
            client=client, model="gen3a_turbo", budget=Budget(generations=3, per="thread")
        )
        model = ChatOpenAI(
            model="gpt-4o",
            base_url=f"{client.settings.base_url}/v1",
            api_key=client.settings.api_key,
        )
        # The agent waits in the checkpointer: take one that lasts, if the person may take days.
        agent = create_agent(
            model, [tool], middleware=[approval_of(tool)], checkpointer=InMemorySaver()
        )
        thread = {"configurable": {"thread_id": uuid.uuid4().hex}}

        print(f"You: {WISH}")
        result = agent.invoke({"messages": [("user", WISH)]}, thread)
        while paused := result.get("__interrupt__"):
            decisions = []
            for action in paused[0].value["action_requests"]:
                print(action["description"])
                decisions.append(decide(action, *words))
            # "sync": money is spent from here on, so no checkpoint may lag behind.
            resume = Command(resume={"decisions": decisions})
            result = agent.invoke(resume, thread, durability="sync")
        for message in result["messages"]:
            if isinstance(message, ToolMessage):
                print(f"Tool: {message.text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
