"""What may lie in a body: plain values, and the objects and lists of a few parameters.

Those are written down here once more, from the API's pages of April 2025: the catalog's types are
the client's too, and a mistake in them would be invisible.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Union
from urllib.parse import urlsplit

from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.sandbox.bodies import path

LARGEST = 2**63 - 1
"""The greatest integer that the API's servers can hold."""

Check = Callable[[Any], str | None]
"""Tells what is wrong with a plain value."""

Shape = Union[Check, "Either", list["Shape"], Mapping[str, "Shape"]]
"""A plain value, one of several objects, an array of one shape, or an object of these fields.

A field whose name ends in "?" may be left out.
"""

Way = tuple[str, ...]


@dataclass(frozen=True)
class Either:
    """An object whose `type` says which fields it has besides."""

    types: Mapping[str, Mapping[str, Shape]]


# --- plain values ---


def expected(what: str, said: Any) -> str:
    """The complaint about a value of another type."""
    return f"Expected {what}, received {'null' if said is None else type(said).__name__}"


def one_of(*choices: Any) -> Check:
    """One of these."""

    def check(said: Any) -> str | None:
        if said in choices and not isinstance(said, bool):
            return None
        shown = "null" if said is None else repr(said)[:80]
        return f"Expected {' | '.join(map(repr, choices))}, received {shown}"

    return check


def number(said: Any, least: float | None = None, most: float | None = None) -> str | None:
    """A number of this range, an integer at most as great as can be held."""
    if type(said) not in (int, float):
        return expected("number", said)
    if isinstance(said, float) and not math.isfinite(said):
        return "Number must be finite"
    limit = LARGEST if isinstance(said, int) else math.inf
    least, most = (-limit if least is None else least), (limit if most is None else most)
    if said < least:
        return f"Number must be greater than or equal to {least}"
    return f"Number must be less than or equal to {most}" if said > most else None


def integer(said: Any, least: float | None = None, most: float | None = None) -> str | None:
    """A whole number of this range."""
    return number(said, least, most) if type(said) is int else expected("integer", said)


def text(said: Any) -> str | None:
    """Any text."""
    return None if isinstance(said, str) else expected("string", said)


def url(said: Any) -> str | None:
    """An https URL."""
    if complaint := text(said):
        return complaint
    try:
        parts = urlsplit(said)
        is_url = parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        is_url = False
    return None if is_url else "Expected an HTTPS URL"


# --- objects and lists ---

_MOVE: Shape = {
    "movement_type": one_of("horizontal", "vertical", "pan", "tilt", "roll", "zoom"),
    "movement_value": partial(integer, least=-10, most=10),
}
_MASK: Shape = {"mask_url": url, "trajectories": [{"x": integer, "y": integer}]}
_KEYFRAME = Either({"image": {"url": url}, "generation": {"id": text}})

SHAPES: dict[tuple[str, str], Shape] = {
    ("kling", "advanced_camera_control"): _MOVE,
    ("kling", "dynamic_masks"): [_MASK],
    ("luma", "keyframes"): {"frame0?": _KEYFRAME, "frame1?": _KEYFRAME},
}
"""By vendor and place in the body. Any other JSON is taken as it is."""


def json_troubles(model: VideoModel, param: Param, said: Any) -> Iterator[tuple[Way, str]]:
    """What is wrong inside of a JSON parameter's value, each with the way to it."""
    shape = SHAPES.get((model.vendor, path(param)))
    if shape is not None and param.schema is None:
        yield from _troubles(shape, said, ())


def _troubles(shape: Shape, said: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if isinstance(shape, Either):
        yield from _in_either(shape, said, way)
    elif isinstance(shape, list):
        yield from _in_items(shape[0], said, way)
    elif isinstance(shape, Mapping):
        yield from _in_fields(shape, said, way)
    elif complaint := shape(said):
        yield way, complaint


def _in_either(shape: Either, said: Any, way: Way) -> Iterator[tuple[Way, str]]:
    kind = said.get("type") if isinstance(said, dict) else None
    fields: Mapping[str, Shape] = {"type": one_of(*shape.types)}
    if isinstance(kind, str) and kind in shape.types:
        fields = {**fields, **shape.types[kind]}
    elif isinstance(said, dict):  # of which kind its other fields are nobody knows
        said = {name: value for name, value in said.items() if name == "type"}
    yield from _in_fields(fields, said, way)


def _in_items(shape: Shape, said: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if not isinstance(said, list):
        yield way, expected("array", said)
        return
    for n, item in enumerate(said):
        yield from _troubles(shape, item, (*way, str(n)))


def _in_fields(fields: Mapping[str, Shape], said: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if not isinstance(said, dict):
        yield way, expected("object", said)
        return
    for field, shape in fields.items():
        name = field.removesuffix("?")
        if name in said:
            yield from _troubles(shape, said[name], (*way, name))
        elif name == field:
            yield (*way, name), "Required"
    if extra := sorted(set(said) - {field.removesuffix("?") for field in fields}):
        yield way, unknown(extra)


def unknown(names: list[str]) -> str:
    """The complaint about fields that the API does not know."""
    return f"Unrecognized key(s) in object: {', '.join(map(repr, names))}"
