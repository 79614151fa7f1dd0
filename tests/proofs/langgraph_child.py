"""The process that is killed, and those that go on: graphs on LangGraph's SQLite checkpointer.

`python -m tests.proofs.langgraph_child FOLDER RUN...` takes each run as far as it can go, all at
once: begins it, resumes it where a checkpoint says that it is under way, or runs its tools again
from the checkpoint before them where it is over. It prints a line of JSON for each.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import StateSnapshot

from langchain_apilaplas import ApilaplasClient, ApilaplasVideoToolkit


@dataclass(frozen=True)
class Kind:
    """A sort of graph, and how it is run."""

    calls: int = 1
    is_async: bool = False
    is_agent: bool = True
    durability: Literal["sync", "async"] = "sync"


KINDS = {
    "agent": Kind(),
    "async agent": Kind(is_async=True),
    "agent, default durability": Kind(durability="async"),
    "async agent, default durability": Kind(is_async=True, durability="async"),
    "agent, two calls": Kind(calls=2),
    "ToolNode, two calls": Kind(calls=2, is_agent=False),
}


class Scripted(BaseChatModel):
    """Calls the tools, and is done when they have answered."""

    says: AIMessage

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "Scripted":
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        is_over = isinstance(messages[-1], ToolMessage)
        says = AIMessage("Done") if is_over else self.says.model_copy()
        return ChatResult(generations=[ChatGeneration(message=says)])


class Starts(BaseCallbackHandler):
    """Counts the tools that are run."""

    count = 0

    def on_tool_start(self, *_: Any, **__: Any) -> None:
        self.count += 1


def kind_of(run: str) -> Kind:
    return KINDS[run.partition("@")[0]]


def prompts(run: str) -> list[str]:
    """What each of its tool calls asks for; no two alike, in any run."""
    return [f"{run} {number}" for number in range(kind_of(run).calls)]


def database(folder: Path, run: str) -> Path:
    return folder / f"{run}.db"


def _said(run: str) -> AIMessage:
    image = "https://example.com/cat.jpg"
    calls = [
        {"name": "generate_video", "id": f"call_{n}", "args": {"prompt": prompt, "image": image}}
        for n, prompt in enumerate(prompts(run))
    ]
    return AIMessage("", tool_calls=calls)


def _graph(run: str, saver: Any) -> Any:
    # On a machine that is busy the answer to a create may be held back for long.
    tools = ApilaplasVideoToolkit(client=ApilaplasClient(timeout=120)).get_tools()
    if kind_of(run).is_agent:
        return create_agent(Scripted(says=_said(run)), tools, checkpointer=saver)
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(tools))
    graph.set_entry_point("tools")
    return graph.compile(checkpointer=saver)


def _next(run: str, history: list[StateSnapshot]) -> tuple[Any, dict[str, Any]]:
    """What to invoke the graph with, and from which checkpoint; the newest comes first."""
    if not history:
        asked: list[BaseMessage] = [HumanMessage("Animate the cat")]
        asked += [] if kind_of(run).is_agent else [_said(run)]
        return {"messages": asked}, {"configurable": {"thread_id": run}}
    if history[0].next:
        return None, {"configurable": {"thread_id": run}}
    before_the_calls = next(state for state in history if set(state.next) == {"tools"})
    return None, dict(before_the_calls.config)


def _blocking(run: str, file: Path, starts: Starts) -> Any:
    with SqliteSaver.from_conn_string(str(file)) as saver:
        graph = _graph(run, saver)
        history = list(graph.get_state_history({"configurable": {"thread_id": run}}))
        given, config = _next(run, history)
        config["callbacks"] = [starts]
        return graph.invoke(given, config, durability=kind_of(run).durability)


async def _awaited(run: str, file: Path, starts: Starts) -> Any:
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        graph = _graph(run, saver)
        history = graph.aget_state_history({"configurable": {"thread_id": run}})
        given, config = _next(run, [state async for state in history])
        config["callbacks"] = [starts]
        return await graph.ainvoke(given, config, durability=kind_of(run).durability)


def _run(folder: Path, run: str) -> str:
    file, starts = database(folder, run), Starts()
    if kind_of(run).is_async:
        result = asyncio.run(_awaited(run, file, starts))
    else:
        result = _blocking(run, file, starts)
    said = sorted(
        (m for m in result["messages"] if isinstance(m, ToolMessage)), key=lambda m: m.tool_call_id
    )
    told = [{"status": m.status, "text": m.text, "artifact": m.artifact} for m in said]
    return json.dumps({"run": run, "tool_runs": starts.count, "told": told})


def main(folder: str, *runs: str) -> None:
    with ThreadPoolExecutor(len(runs)) as pool:
        for line in pool.map(lambda run: _run(Path(folder), run), runs):
            print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
