"""Values with an inside: objects and lists, as they are checked and set right."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from langchain_apilaplas.catalog import Param
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.quoting import place, quoted, shorten

_MOST = 10
_DEEPEST = 50

_NAMING = ("attached:", "data:", "video:")

ToImage = Callable[[Any], ImageInput]
"""Makes an image of what stands for one. Raises ValueError."""


def take_json(param: Param, value: object, to_image: ToImage) -> tuple[Any, str | None]:
    """The value as it is sent, and what had to be changed about it, as a sentence.

    Raises:
        ValueError: Its arguments are sentences, each with the path to what is wrong.
    """
    given = value
    if isinstance(value, str) and isinstance(parsed := _parsed(value), dict | list):
        value = parsed
    if isinstance(value, dict) and get_origin(param.type) is list:
        value = [value]
    value = _with_pictures(param, value, to_image)
    taken = _plain(param, value) if param.type is None else _typed(param, value)
    fixed = type(given) is not type(value) or (_is_plain(value) and taken != value)
    return taken, f"{param.name}: was taken as {quoted(taken)}." if fixed else None


def url_problems(params: Iterable[Param], values: Mapping[str, Any]) -> list[str]:
    """What is wrong with an agent's URLs that are no images by themselves. Whoever serves the model
    may fetch them, so they must lead to the public internet.
    """
    from langchain_apilaplas.addresses import public_host  # noqa: PLC0415 - seldom needed

    problems = []
    for param in (param for param in params if param.kind in ("text", "json")):
        for text in _texts(values.get(param.name)):
            try:
                if _URL.match(text) and (param.kind == "json" or not re.search(r"\s", text)):
                    public_host(text)
            except ValueError as error:
                problems.append(f"{param.name}: {error}.")
    return problems


_URL = re.compile(r"\s*[a-zA-Z][\w+.-]*:[/\\]")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_plain(value: object) -> bool:
    """Whether it came as JSON, and not as pydantic models from code."""
    items = value if isinstance(value, list) else [value]
    return not any(isinstance(item, BaseModel) for item in items)


def _with_pictures(param: Param, value: Any, to_image: ToImage, depth: int = 0) -> Any:
    """The same, but where it names a picture of the conversation, that picture."""
    if depth > _DEEPEST:
        raise ValueError(f"{param.name}: is nested too deeply.")
    if isinstance(value, str) and value[:9].lower().startswith(_NAMING):
        try:
            return to_image(value).url
        except ValueError as error:
            raise ValueError(f"{param.name}: {error}.") from None
    if isinstance(value, list):
        return [_with_pictures(param, item, to_image, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            name: _with_pictures(param, item, to_image, depth + 1) for name, item in value.items()
        }
    return value


def _plain(param: Param, value: object) -> object:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        problem = f"{param.name}: {quoted(value)} can't be written as JSON."
        raise ValueError(problem) from None
    return value


def _typed(param: Param, value: object) -> object:
    adapter = TypeAdapter[Any](param.type)
    try:
        checked = adapter.validate_python(value)
    except ValidationError as error:
        raise ValueError(*_problems(param, error)) from None
    return adapter.dump_python(checked, mode="json", exclude_none=True)


def _problems(param: Param, error: ValidationError) -> list[str]:
    """One sentence for each thing that is wrong inside, with the path to it."""
    items = error.errors(include_url=False, include_context=False)
    found = []
    for item in items[:_MOST]:
        path = shorten(place([param.name, *item["loc"]]))
        given = "" if item["type"] == "missing" else f" {quoted(item['input'])} is not allowed;"
        found.append(f"{path}:{given} {shorten(item['msg'])}.")
    if len(items) > _MOST:
        found.append(f"{param.name}: {len(items) - _MOST} more things like these are wrong.")
    return found
