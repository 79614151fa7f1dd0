from types import SimpleNamespace
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from langchain_apilaplas.runtime import submit_key


def runtime(*messages: AnyMessage, **more: Any) -> Any:
    return SimpleNamespace(state={"messages": list(messages)}, **more)


def graph(thread: str | None = "t-1", message: str = "m-1", call: str = "c-1") -> Any:
    calls = [{"name": "generate_video", "args": {}, "id": call}]
    configurable = {} if thread is None else {"thread_id": thread}
    return runtime(
        HumanMessage("go"),
        AIMessage("", id=message, tool_calls=calls),
        config={"configurable": configurable},
        tool_call_id=call,
    )


def test_the_same_call_has_the_same_key_and_any_other_another() -> None:
    args = {"prompt": "Go", "image": "attached:1"}
    key = submit_key(graph(), args)
    assert key == submit_key(graph(), dict(reversed(args.items())))
    assert key is not None
    assert len(key) == 64
    others = [
        submit_key(graph(thread="t-2"), args),
        submit_key(graph(message="m-2"), args),
        submit_key(graph(call="c-2"), args),
        submit_key(graph(), {**args, "prompt": "Stop"}),
    ]
    assert len({key, *others}) == 5


def test_without_a_thread_there_is_no_key() -> None:
    assert submit_key(graph(thread=None), {}) is None
    assert submit_key(None, {}) is None
    assert submit_key(SimpleNamespace(config={"configurable": None}, tool_call_id="c"), {}) is None
