"""What the sandbox's chat model says: it reads the tools it is offered and what was said, calls a
tool with what it finds there, and answers from the tool's result.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_PATIENCE = 20
"""How often it asks after one video before it tells the user to come back."""

_SHAPES = {"vertical": "9:16", "portrait": "9:16", "square": "1:1", "widescreen": "16:9"}

_WISH = r"\b(video|clip|film|movie|animat\w+|footage|generate|make|create)\b"

_FURTHER = r"\b(extend\w*|continu\w+)\b"

_PICTURES = ("image", "last_image")

_NOT = r"\b(no|not|without|don't|never)\s+(a\s+|the\s+)?"


@dataclass(frozen=True)
class Reply:
    """What the model says: words, or a call of a tool."""

    content: str | None = None
    tool: str | None = None
    args: Json | None = None


@dataclass(frozen=True)
class Heard:
    """What there is to go on.

    Attributes:
        text: Of the user's last message.
        urls: The addresses in it.
        shown: How many pictures are in it.
        attached: How many pictures the user has shown so far.
        made: The id of the last generation that a tool told of.
    """

    text: str
    urls: Sequence[str]
    shown: int
    attached: int
    made: str | None


def decide(messages: list[Json], tools: list[Json]) -> Reply:
    """What to say next."""
    functions = [tool["function"] for tool in tools if tool.get("type") == "function"]
    if messages[-1].get("role") == "tool":
        return _after_tool(messages, functions)
    heard = _heard(messages)
    if heard is None:
        return Reply("What would you like to see in a video?")
    wishes = rf"{_WISH}|{_FURTHER}" if heard.made else _WISH
    if not (heard.shown or heard.urls or re.search(wishes, heard.text, re.IGNORECASE)):
        return Reply("Show me a picture and tell me what should happen in it; I'll make a video.")
    function = next((f for f in functions if "prompt" in _properties(f)), None)
    if function is None:
        return Reply("I have no tool that makes videos.")
    args = _arguments(function, heard)
    missing = [name for name in _required(function) if name not in args]
    if missing:
        how = "attach a picture or give its URL" if "image" in missing else "tell me"
        return Reply(f"I need {' and '.join(missing)} for that: {how}.")
    return Reply(tool=function["name"], args=args)


def _after_tool(messages: list[Json], functions: list[Json]) -> Reply:
    result = _said(messages[-1])[0]
    if link := re.search(r"^https?://\S+", result, re.MULTILINE):
        return Reply(f"Here is your video: {link[0]}")
    fetch = next((f for f in functions if "generation_id" in _properties(f)), None)
    waiting = re.search(r"still rendering.*generation_id ([\w:/.-]*\w)", result, re.DOTALL)
    roles = [message.get("role") for message in messages]
    since = len(roles) - roles[::-1].index("user") if "user" in roles else 0
    asked = roles[since:].count("tool")
    if fetch and waiting and asked < _PATIENCE:
        return Reply(tool=fetch["name"], args={"generation_id": waiting[1]})
    return Reply(f"There is no video yet. The tool said: {result}")


def _heard(messages: list[Json]) -> Heard | None:
    """What the user said; None when nobody said anything yet."""
    asked = [_said(message) for message in messages if message.get("role") == "user"]
    if not asked:
        return None
    text, pictures = asked[-1]
    told = [_said(message)[0] for message in messages if message.get("role") == "tool"]
    ids = re.findall(r"\bgeneration(?:_id)? ([\w:/.-]*\d[\w:/.-]*\w)", "\n".join(told))
    return Heard(
        text=text,
        urls=[url.rstrip(".,:;!?)") for url in re.findall(r"https://[^\s<>\"']+", text)],
        shown=len(pictures),
        attached=sum(len(pictures) for _, pictures in asked),
        made=ids[-1] if ids else None,
    )


def _arguments(function: Json, heard: Heard) -> Json:
    """What there is to say about each of the function's parameters."""
    offered = _properties(function)
    found = _pictures(offered, heard)
    for name, schema in offered.items():
        if name == "prompt":
            found[name] = heard.text[: _plain(schema).get("maxLength", len(heard.text))] or None
        elif name == "extend" and re.search(_FURTHER, heard.text, re.IGNORECASE):
            found[name] = heard.made
        elif name not in _PICTURES:
            found[name] = _mentioned(name, schema, heard.text)
    if found.get("extend"):  # it goes on where that one ends, not from a picture
        found["image"] = None
    for name in _required(function):
        if found.get(name) is None and name in offered:
            found[name] = _usual(offered[name])
    return {name: found[name] for name in offered if found.get(name) is not None}


def _pictures(offered: Json, heard: Heard) -> Json:
    """The first and the last frame, as addresses, or as references where the schema explains them.

    Two pictures in one message are the two frames, where there is a parameter for each.
    """
    urls: list[Any] = list(heard.urls)
    if not urls and "attached:last" in _described(offered.get("image", {})):
        urls = ["attached:last"] if heard.attached else []
        if heard.shown > 1 and "last_image" in offered:
            urls = [f"attached:{heard.attached - 1}", "attached:last"]
    return dict(zip(_PICTURES, urls, strict=False))


def _mentioned(name: str, schema: Json, text: str) -> Any:
    """A value for the parameter that the text names, whether or not the schema allows it."""
    plain = _plain(schema)
    choices: list[Any] = plain.get("enum") or []
    if plain.get("type") == "boolean":
        return _switched(name.replace("_", " "), text)
    if plain.get("type") in ("integer", "number") or name == "duration":
        return _preferred(_numbers(name, schema, text), plain)
    if "16:9" in choices:
        shapes = [r for word, r in _SHAPES.items() if re.search(rf"\b{word}\b", text, re.I)]
        said = re.findall(r"(?:\b(?:in|ratio|ratio of) )?\b\d+:\d+\b", text)
        ratios = [part.split()[-1] for part in said if " " in part or part in choices]
        return _preferred(ratios + shapes, plain)
    named = [c for c in map(str, choices) if re.search(rf"(?<![\w/]){re.escape(c)}(?![\w/])", text)]
    return max(named, key=len, default=None)


def _switched(words: str, text: str) -> bool | None:
    """On where the words are said, off where they are said with a "no" before them."""
    found = re.search(rf"({_NOT})?\b{words}", text, re.IGNORECASE)
    return None if found is None else found[1] is None


def _numbers(name: str, schema: Json, text: str) -> list[Any]:
    """The numbers that the text gives to the parameter, in its type."""
    plain, words = _plain(schema), name.replace("_", " ")
    number = r"(\d{1,18}(?:\.\d+)?)" if plain.get("type") == "number" else r"(\d{1,18})"
    found = re.findall(rf"\b{words}\W{{0,3}}(?:of )?{number}\b", text, re.IGNORECASE)
    if not found and (name == "duration" or "second" in _described(schema)):
        found = re.findall(rf"\b{number}[\s-]*s(?:ec(?:ond)?s?)?\b", text, re.IGNORECASE)
    if plain.get("type") == "string":
        return [f"{seconds}s" for seconds in found]
    return [float(said) if "." in said else int(said) for said in found]


def _preferred(said: list[Any], plain: Json) -> Any:
    """Of several values that were said the first that is allowed, else the first."""
    return next((value for value in said if _is_allowed(value, plain)), said[0] if said else None)


def _is_allowed(value: Any, plain: Json) -> bool:
    choices: list[Any] = plain.get("enum") or []
    if choices or isinstance(value, str):
        return value in choices
    return bool(plain.get("minimum", value) <= value <= plain.get("maximum", value))


def _usual(schema: Json) -> Any:
    """What is chosen where the user said nothing and something must be chosen."""
    plain = _plain(schema)
    choices = plain.get("enum") or []
    return "16:9" if "16:9" in choices else next(iter(choices), plain.get("minimum"))


def _described(schema: Json) -> str:
    return str(schema.get("description") or "")


def _properties(function: Json) -> dict[str, Json]:
    properties = (function.get("parameters") or {}).get("properties") or {}
    return dict(properties)


def _required(function: Json) -> list[str]:
    return list((function.get("parameters") or {}).get("required") or [])


def _plain(schema: Json) -> Json:
    """The schema itself, or the part of an `anyOf` that is not null."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    return options[0] if options else schema


def _said(message: Json) -> tuple[str, list[str]]:
    """The text of a message, and the pictures in it."""
    content = message.get("content")
    if isinstance(content, str):
        return content, []
    parts = [part for part in content or [] if isinstance(part, dict)]
    texts = [str(part.get("text", "")) for part in parts if part.get("type") == "text"]
    pictures = [str(part["image_url"]) for part in parts if part.get("type") == "image_url"]
    return " ".join(texts).strip(), pictures
