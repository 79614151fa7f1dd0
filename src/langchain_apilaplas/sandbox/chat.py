"""A chat model of a few rules behind `/v1/chat/completions`, in the form of OpenAI's answers."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx

from langchain_apilaplas.sandbox.rules import Reply, decide


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
