"""What a graph hands to a tool: the conversation's pictures, a key per call, channels to report on.

`runtime` is LangGraph's `ToolRuntime`, or None outside of a graph. It is only ever duck-typed:
langgraph is no dependency.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.messages import convert_to_messages

from langchain_apilaplas.effects import Progress, logger
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.ledger import Origin
from langchain_apilaplas.quoting import hide, shorten

PROGRESS_EVENT = "video_progress"


def named_image(name: object, runtime: Any) -> ImageInput:
    """The image an agent names: an https URL, `attached:N` or `attached:last`.

    Raises:
        ValueError: It is something else, or there is no such picture; the message tells which
            there are.
    """
    if not isinstance(name, str):
        raise ValueError(
            f"a {type(name).__name__} names no image; give an https URL as text, 'attached:last' "
            "or 'attached:N'"
        )
    name = name.strip(" `'\"<>")
    if name[:9].lower() == "attached:":
        name = "attached:" + name[9:].strip().lower()
    if not name.startswith("attached:"):
        if name.startswith("data:") or re.fullmatch(r"[\w+/=-]{100,}", name[:200]):
            raise ValueError("base64 can't be passed here; name the picture as 'attached:last'")
        try:
            return ImageInput.from_url(name)
        except ValueError as error:
            raise ValueError(f"{error}, nor 'attached:last' or 'attached:N'") from None
    blocks = list(_attached_blocks(runtime))
    if not blocks:
        raise ValueError(
            f"{shorten(name)!r} does not exist: no picture is attached to this conversation; "
            "ask the user for one, or for its https URL"
        )
    number = name.removeprefix("attached:")
    index = len(blocks) if number == "last" else _whole(number)
    if not 1 <= index <= len(blocks):
        raise ValueError(
            f"{shorten(name)!r} does not exist: {len(blocks)} attached, so 'attached:1' to "
            f"'attached:{len(blocks)}', or 'attached:last'"
        )
    return ImageInput.from_block(blocks[index - 1], source=f"attached:{index}")


def image_name(name: object) -> Any:
    """What an agent named, fit for a record: no query, which may be signed, and no base64."""
    if isinstance(name, list):
        return [image_name(item) for item in name]
    if not isinstance(name, str):
        return type(name).__name__
    if name.startswith("https://"):
        return name.partition("?")[0]
    return name if name.startswith("attached:") else shorten(hide(name))


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


def _attached_blocks(runtime: Any) -> Iterator[Mapping[str, Any]]:
    for message in _messages(runtime):
        if _get(message, "type") == "human":
            try:
                blocks = message.content_blocks
            except Exception:  # LangChain raises a KeyError and others for a malformed block
                logger.warning("A message's content can't be read", exc_info=True)
                continue
            yield from filter(None, map(_image_block, blocks))


def _image_block(block: Mapping[str, Any]) -> Mapping[str, Any] | None:
    kind = block.get("type")
    if kind == "image":
        return block
    if kind == "file" and str(block.get("mime_type", "")).startswith("image/"):
        return block
    # OpenAI's Responses form, and image_url as a bare string, are not normalized by LangChain.
    value = block.get("value")
    if kind == "non_standard" and isinstance(value, Mapping):
        url = value.get("image_url")
        if value.get("type") in ("image_url", "input_image") and isinstance(url, str):
            return {"type": "image", "url": url}
    return None


def _whole(number: str) -> int:
    return int(number) if re.fullmatch(r"[0-9]{1,9}", number) else 0


def _message_of(runtime: Any, call: str) -> str:
    for message in reversed(_messages(runtime)):
        if any(c.get("id") == call for c in _get(message, "tool_calls") or ()):
            return str(_get(message, "id"))
    return ""


def _messages(runtime: Any) -> list[Any]:
    """The state may be a dict, an object with `messages`, or the list of messages itself."""
    state = _get(runtime, "state")
    messages = state if isinstance(state, list) else _get(state, "messages")
    # A ToolNode of LangGraph 1.0 that was sent bare tool calls gives these as its state.
    told = [item for item in messages or () if _get(item, "type") != "tool_call"]
    return convert_to_messages(told)


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
