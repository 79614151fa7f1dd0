"""One value against one parameter: taken, set right where only its form is off, or refused."""

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from langchain_apilaplas import slips
from langchain_apilaplas.catalog import Param, Picture
from langchain_apilaplas.images import ImageInput, shorten

ToImage = Callable[[Any], ImageInput]
"""Makes an image of what stands for one. Raises ValueError."""


def take(param: Param, value: object, to_image: ToImage = ImageInput.of) -> tuple[Any, str | None]:
    """The value as the model takes it, and what had to be changed about it, as a sentence.

    Raises:
        ValueError: Its arguments are sentences, each naming field, value and what is allowed.
    """
    if param.kind == "image":
        return _image(param, value, to_image), None
    if param.kind == "images":
        return _images(param, value, to_image), None
    if param.kind == "json":
        return _json(param, value)
    if _fits(param, value):
        return value, None
    fixed = slips.fix(param, value)
    if fixed is not None and _fits(param, fixed):
        return fixed, f"{param.name}: {quoted(value)} was taken as {fixed!r}."
    raise ValueError(_problem(param, value))


def allowed(param: Param) -> str:
    """What may be given, in words."""
    if param.choices:
        return "one of " + ", ".join(map(str, param.choices))
    if param.kind == "text":
        return f"at most {param.max_length} characters" if param.max_length else "a text"
    if param.kind in ("integer", "number"):
        least = "" if param.minimum is None else f" from {param.minimum:g}"
        most = "" if param.maximum is None else f" to {_plain(param.maximum)}"
        return ("a whole number" if param.kind == "integer" else "a number") + least + most
    return _ALLOWED[param.kind]


_ALLOWED = {
    "image": "an https URL, 'attached:last' or 'attached:N'",
    "images": "a list of images, each an https URL, 'attached:last' or 'attached:N'",
    "boolean": "true or false",
    "json": "what its description and schema say",
}


def quoted(value: object) -> str:
    """A value as a message shows it, cut short."""
    try:
        return shorten(repr(value))
    except (ValueError, RecursionError):  # an int of thousands of digits has no repr
        return f"this {type(value).__name__}"


def place(path: Sequence[str | int]) -> str:
    """A place inside a value, as in `masks[0].points[1].x`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")


def utf16_units(text: str) -> int:
    """The length of a text as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def _fits(param: Param, value: Any) -> bool:
    if type(value) not in _TYPES[param.kind]:  # a bool or a Decimal may equal an int
        return False
    if param.choices:
        return value in param.choices
    if isinstance(value, str):
        whole = not re.search(r"[\ud800-\udfff]", value)
        return whole and (param.max_length is None or utf16_units(value) <= param.max_length)
    if isinstance(value, float) and not math.isfinite(value):
        return False
    above = param.minimum is None or value >= param.minimum
    return above and (param.maximum is None or value <= param.maximum)


def _problem(param: Param, value: object) -> str:
    if param.kind == "text" and not param.choices and isinstance(value, str):
        units = utf16_units(value)
        if param.max_length is not None and units > param.max_length:
            return (
                f"{param.name}: is {units} characters long (an emoji counts as 2); "
                f"allowed: {allowed(param)}."
            )
        return f"{param.name}: holds half of a character (a lone surrogate); write it again."
    nearest = slips.nearest(param, value)
    hint = "" if nearest is None else f"; nearest: {nearest}"
    return f"{param.name}: {quoted(value)} is not allowed; allowed: {allowed(param)}{hint}."


def _image(param: Param, value: object, to_image: ToImage) -> ImageInput:
    try:
        image = to_image(value)
        _check_picture(param.picture, image)
    except ValueError as error:
        raise ValueError(f"{param.name}: {error}.") from None
    return image


def _images(param: Param, value: object, to_image: ToImage) -> list[ImageInput]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(_problem(param, value))
    return [_image(param, item, to_image) for item in value]


def _check_picture(wanted: Picture, image: ImageInput) -> None:
    """Of a URL nothing is known."""
    if image.width is None or image.height is None or image.ratio is None:
        return
    if not wanted.inline:
        raise ValueError(
            f"{image.source} is the picture itself, and this model takes only its https URL"
        )
    if wanted.formats and image.media_type not in wanted.formats:
        names = " or ".join(name.removeprefix("image/").upper() for name in wanted.formats)
        raise ValueError(f"{image.source} is {image.media_type}; allowed: {names}")
    side = min(image.width, image.height)
    if side < wanted.min_side:
        raise ValueError(
            f"{image.source} has a shorter side of {side} pixels; allowed: at least "
            f"{wanted.min_side}"
        )
    least, most = wanted.ratio or (0.0, math.inf)
    if not least <= image.ratio <= most:
        raise ValueError(
            f"{image.source} has a width:height of {image.ratio:.2f}; allowed: "
            f"{least:g} to {most:g}"
        )
    if wanted.max_bytes is not None and image.size > wanted.max_bytes:
        raise ValueError(
            f"{image.source} has {image.size:,} bytes; allowed: at most {wanted.max_bytes:,}"
        )


def _json(param: Param, value: object) -> tuple[Any, str | None]:
    fix = None
    if isinstance(value, str) and isinstance(parsed := _parsed(value), dict | list):
        value, fix = parsed, f"{param.name}: the JSON text was taken as what it says."
    if param.type is None:
        return _plain_json(param, value), fix
    adapter = TypeAdapter[Any](param.type)
    try:
        checked = adapter.validate_python(value)
    except ValidationError as error:
        raise ValueError(*_nested_problems(param, error)) from None
    return adapter.dump_python(checked, mode="json", exclude_none=True), fix


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _plain_json(param: Param, value: object) -> object:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        problem = f"{param.name}: {quoted(value)} can't be written as JSON."
        raise ValueError(problem) from None
    return value


def _nested_problems(param: Param, error: ValidationError) -> list[str]:
    """One sentence for each thing that is wrong inside, with the path to it."""
    found = []
    for item in error.errors(include_url=False, include_context=False):
        path = shorten(place([param.name, *item["loc"]]))
        given = "" if item["type"] == "missing" else f" {quoted(item['input'])} is not allowed;"
        found.append(f"{path}:{given} {shorten(item['msg'])}.")
    return found


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"
