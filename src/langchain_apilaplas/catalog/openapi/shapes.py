"""The ways in which an object may be written, one for each combination of its alternatives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_apilaplas.catalog.openapi.text import refuse

OPTIONS = ("anyOf", "oneOf")
_MOST = 300


@dataclass(frozen=True)
class Shape:
    """One way in which an object may be written: its properties, and those that must be there."""

    properties: dict[str, Any]
    required: frozenset[str]


def shapes(schema: Any) -> list[Shape]:
    """The ways in which an object of this schema may be written."""
    if not isinstance(schema, dict):
        return [Shape({}, frozenset())]
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    unnamed: dict[str, Any] = {name: {} for name in required if name not in properties}
    found = [Shape({**properties, **unnamed}, frozenset(required))]
    for part in schema.get("allOf", ()):
        found = _joined(found, shapes(part))
    for keyword in OPTIONS:
        options = [part for part in schema.get(keyword, ()) if part is not False]
        if options:
            found = _joined(found, [shape for part in options for shape in shapes(part)])
    return found


def merged(several: Sequence[Shape]) -> Shape:
    """What the shapes take together; needed is what each of them needs."""
    kinds: dict[str, list[Any]] = {}
    for shape in several:
        for name, schema in shape.properties.items():
            known = kinds.setdefault(name, [])
            if schema not in known:
                known.append(schema)
    required = frozenset.intersection(*(shape.required for shape in several))
    taken = {name: k[0] if len(k) == 1 else {"anyOf": k} for name, k in kinds.items()}
    return Shape({name: s for name, s in taken.items() if s is not False}, required)


def _joined(some: list[Shape], others: list[Shape]) -> list[Shape]:
    if len(some) * len(others) > _MOST:
        refuse(f"The body can be written in more than {_MOST} ways.")
    return [
        Shape(_both(one.properties, other.properties), one.required | other.required)
        for one in some
        for other in others
    ]


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    shared = {
        name: {"allOf": [one[name], other[name]]}
        if one[name] and other[name]
        else one[name] or other[name]
        for name in one
        if name in other
    }
    return {**one, **other, **shared}
