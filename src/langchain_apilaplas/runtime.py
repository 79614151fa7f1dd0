"""What a graph hands to a tool: the conversation, a key per call, channels to report on.

`runtime` is LangGraph's `ToolRuntime`, or None outside of a graph. It is only ever duck-typed:
langgraph is no dependency.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.messages import convert_to_messages

from langchain_apilaplas.effects import Progress, logger
from langchain_apilaplas.errors import InvalidRequestError
from langchain_apilaplas.ledger import Origin

PROGRESS_EVENT = "video_progress"


@dataclass
class BareCall:
    """What there is of a runtime where a tool is called outside of a graph."""

    tool_call_id: str


def submit_key(runtime: Any, args: Mapping[str, Any]) -> str | None:
    """A name for this tool call that survives a crash and resume of its graph.

    A hash of thread id, AI message id, tool call id and arguments. None where there is no thread:
    then nothing can be resumed, and every call is a new one.
    """
    where = origin(runtime)
    if where.thread is None or where.tool_call is None:
        return None
    parts = [where.thread, _message_of(runtime, where.tool_call), where.tool_call, args]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def origin(runtime: Any) -> Origin:
    """The thread and the tool call that a graph is at."""
    thread = _get(_get(_get(runtime, "config"), "configurable"), "thread_id")
    return Origin(None if thread is None else str(thread), _get(runtime, "tool_call_id"))


def listener(runtime: Any) -> Callable[[Progress], None]:
    """Passes progress on to LangChain's callbacks and LangGraph's streams."""

    def tell(progress: Progress) -> None:
        event = _tell_streams(runtime, progress)
        _quietly(dispatch_custom_event, PROGRESS_EVENT, event)

    return tell


def async_listener(runtime: Any) -> Callable[[Progress], Any]:
    """`listener`, for an event loop."""

    async def tell(progress: Progress) -> None:
        event = _tell_streams(runtime, progress)
        await adispatch_custom_event(PROGRESS_EVENT, event)

    return tell


def _tell_streams(runtime: Any, progress: Progress) -> dict[str, Any]:
    """Tell LangGraph's streams, and give the event for LangChain's callbacks."""
    event = {**progress, "tool_call_id": _get(runtime, "tool_call_id")}
    for channel in ("stream_writer", "emit_output_delta"):
        if write := _get(runtime, channel):
            _quietly(write, event)
    return event


def _quietly(tell: Callable[..., object], *args: object) -> None:
    # One consumer that raises must not keep the news from the others.
    try:
        tell(*args)
    except Exception:
        logger.warning("A progress consumer raised", exc_info=True)


def _message_of(runtime: Any, call: str) -> str:
    for message in reversed(messages(runtime)):
        if any(c.get("id") == call for c in _get(message, "tool_calls") or ()):
            return str(_get(message, "id"))
    return ""


def is_human(message: Any) -> bool:
    """Whether the user said it."""
    return bool(_get(message, "type") == "human")


def messages(runtime: Any) -> list[Any]:
    """The conversation. The state may be a dict, an object with `messages`, or the list itself.

    Raises:
        InvalidRequestError: A message is of no form that LangChain knows.
    """
    state = _get(runtime, "state")
    messages = state if isinstance(state, list) else _get(state, "messages")
    # A ToolNode of LangGraph 1.0 that was sent bare tool calls gives these as its state.
    told = [item for item in messages or () if _get(item, "type") != "tool_call"]
    try:
        return convert_to_messages(told)
    except (ValueError, TypeError, LookupError, NotImplementedError, AttributeError) as error:
        kind = type(error).__name__  # its text may quote a picture of megabytes
    raise InvalidRequestError(
        f"The state's messages can't be read ({kind}): one is of no form that LangChain knows.",
        next_step="Tell the user; the developer must put messages into the state, or dicts of "
        "'role' and 'content'.",
    )


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
