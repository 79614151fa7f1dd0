"""A chat model of a few rules behind `/v1/chat/completions`: it reads the tools it is offered and
what was said, calls a tool with what it finds there, and answers from the tool's result.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

_PATIENCE = 20
"""How often it asks after one video before it tells the user to come back."""

_SHAPES = {"vertical": "9:16", "portrait": "9:16", "square": "1:1", "widescreen": "16:9"}

_WISH = r"\b(video|clip|film|movie|animat\w+|footage|generate|make|create)\b"


@dataclass(frozen=True)
class Reply:
    """What the model says: words, or a call of a tool."""

    content: str | None = None
    tool: str | None = None
    args: dict[str, Any] | None = None


def answer(body: Any) -> httpx.Response:
    """The response to a chat completion request; server-sent events when `stream` is set."""
    try:
        messages, tools = body["messages"], body.get("tools") or []
        reply = decide(messages, [] if body.get("tool_choice") == "none" else tools)
    except (LookupError, TypeError, AttributeError, ValueError):
        message = "'messages' or 'tools' are not of the form this endpoint takes"
        return httpx.Response(400, json={"error": {"message": message, "type": "invalid_request"}})
    if body.get("stream"):
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in _chunks(reply, body))
        headers = {"Content-Type": "text/event-stream"}
        return httpx.Response(200, content=events + "data: [DONE]\n\n", headers=headers)
    said: dict[str, Any] = {"role": "assistant", "content": reply.content}
    if reply.tool:
        said["tool_calls"] = [_call(reply)]
    choice = {"index": 0, "message": said, "finish_reason": _finish(reply)}
    return httpx.Response(
        200, json={**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(body)}
    )


def decide(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Reply:
    """What to say next."""
    functions = [tool["function"] for tool in tools if tool.get("type") == "function"]
    if messages[-1].get("role") == "tool":
        return _after_tool(messages, functions)
    asked = [message for message in messages if message.get("role") == "user"]
    if not asked:
        return Reply("What would you like to see in a video?")
    text, pictures = _said(asked[-1])
    attached = sum(len(_said(message)[1]) for message in asked)
    url = re.search(r"https://[^\s<>\"']+", text)
    if not (pictures or url or re.search(_WISH, text, re.IGNORECASE)):
        return Reply("Show me a picture and tell me what should happen in it; I'll make a video.")
    function = next((f for f in functions if "prompt" in _properties(f)), None)
    if function is None:
        return Reply("I have no tool that makes videos.")
    args = _arguments(function, text, url[0].rstrip(".,:;!?)") if url else None, attached)
    missing = [name for name in _required(function) if name not in args]
    if missing:
        return Reply(f"I need {' and '.join(missing)} for that: attach a picture or give its URL.")
    return Reply(tool=function["name"], args=args)


def _after_tool(messages: list[dict[str, Any]], functions: list[dict[str, Any]]) -> Reply:
    result = _said(messages[-1])[0]
    if link := re.match(r"https?://\S+", result):
        return Reply(f"Here is your video: {link[0]}")
    fetch = next((f for f in functions if "generation_id" in _required(f)), None)
    waiting = re.search(r"still rendering.*generation_id ([\w:/.-]*\w)", result, re.DOTALL)
    roles = [message.get("role") for message in messages]
    since = len(roles) - roles[::-1].index("user") if "user" in roles else 0
    asked = roles[since:].count("tool")
    if fetch and waiting and asked < _PATIENCE:
        return Reply(tool=fetch["name"], args={"generation_id": waiting[1]})
    return Reply(f"There is no video yet. The tool said: {result}")


def _arguments(
    function: dict[str, Any], text: str, url: str | None, attached: int
) -> dict[str, Any]:
    """What the message has to say about each of the function's parameters."""
    found = {}
    for name, schema in _properties(function).items():
        if "image" in name:
            explained = "attached:last" in _described(schema)
            reference = "attached:last" if explained else None
            value: Any = url or (reference if attached else None)
        elif name == "prompt":
            value = text[: _plain(schema).get("maxLength", len(text))]
        else:
            value = _mentioned(name, schema, text)
        if value is not None:
            found[name] = value
    return found


def _mentioned(name: str, schema: dict[str, Any], text: str) -> Any:
    """A value for the parameter that the text names, whether or not the schema allows it."""
    plain = _plain(schema)
    choices: list[Any] = plain.get("enum") or []
    words = name.replace("_", " ")
    if plain.get("type") == "integer":
        found = re.findall(rf"\b{words}\W{{0,3}}(?:of )?(\d{{1,18}})\b", text, re.IGNORECASE)
        if not found and "second" in _described(schema):
            found = re.findall(r"\b(\d{1,18})[\s-]*s(?:ec(?:ond)?s?)?\b", text, re.IGNORECASE)
        return _preferred([int(number) for number in found], choices)
    if choices and all(re.fullmatch(r"\d+:\d+", str(choice)) for choice in choices):
        shapes = [r for word, r in _SHAPES.items() if re.search(rf"\b{word}\b", text, re.I)]
        said = re.findall(r"(?:\b(?:in|ratio|ratio of) )?\b\d+:\d+\b", text)
        ratios = [part.split()[-1] for part in said if " " in part or part in choices]
        return _preferred(ratios + shapes, choices)
    return next((choice for choice in choices if str(choice) in text), None)


def _preferred(said: list[Any], choices: list[Any]) -> Any:
    """Of several values that were said the first that is allowed, else the first."""
    return next((value for value in said if value in choices), said[0] if said else None)


def _described(schema: dict[str, Any]) -> str:
    return str(schema.get("description") or "")


def _properties(function: dict[str, Any]) -> dict[str, dict[str, Any]]:
    properties = (function.get("parameters") or {}).get("properties") or {}
    return dict(properties)


def _required(function: dict[str, Any]) -> list[str]:
    return list((function.get("parameters") or {}).get("required") or [])


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or the part of an `anyOf` that is not null."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    return options[0] if options else schema


def _said(message: dict[str, Any]) -> tuple[str, list[str]]:
    """The text of a message, and the pictures in it."""
    content = message.get("content")
    if isinstance(content, str):
        return content, []
    parts = [part for part in content or [] if isinstance(part, dict)]
    texts = [str(part.get("text", "")) for part in parts if part.get("type") == "text"]
    pictures = [str(part["image_url"]) for part in parts if part.get("type") == "image_url"]
    return " ".join(texts).strip(), pictures


def _chunks(reply: Reply, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    head = _head(body, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    if reply.tool:
        call = _call(reply)
        text = call["function"]["arguments"]
        start = {**call, "index": 0, "function": {"name": reply.tool, "arguments": ""}}
        yield chunk({"tool_calls": [start]})
        for at in range(0, len(text), 20):
            part = {"index": 0, "function": {"arguments": text[at : at + 20]}}
            yield chunk({"tool_calls": [part]})
    for word in re.findall(r"\S+\s*", reply.content or ""):
        yield chunk({"content": word})
    yield chunk({}, _finish(reply))
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(body)}


def _call(reply: Reply) -> dict[str, Any]:
    function = {"name": reply.tool, "arguments": json.dumps(reply.args)}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.tool else "stop"


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    model = body.get("model", "sandbox")
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def _usage(body: dict[str, Any]) -> dict[str, int]:
    words = len(json.dumps(body["messages"])) // 4
    return {"prompt_tokens": words, "completion_tokens": 20, "total_tokens": words + 20}
