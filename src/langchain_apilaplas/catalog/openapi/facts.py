"""What a schema says about one parameter, its allOf, anyOf and oneOf taken together."""

import math
import re
from collections.abc import Mapping
from functools import reduce
from typing import Any

from langchain_apilaplas.catalog.spec import Kind

Facts = dict[str, Any]
"""Keywords of JSON Schema, with `type` as a set, `const` as an `enum`, and no applicators."""

_KINDS: Mapping[frozenset[str], Kind] = {
    frozenset({"string"}): "text",
    frozenset({"integer"}): "integer",
    frozenset({"number"}): "number",
    frozenset({"integer", "number"}): "number",
    frozenset({"boolean"}): "boolean",
}
_TYPES: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)
_TIGHTER = {
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
}
"""Of two values of a keyword, the one that allows less."""
_LOOSER = {keyword: min if tighter is max else max for keyword, tighter in _TIGHTER.items()}
_ALTERNATIVES = ("anyOf", "oneOf")
_PLAIN = {
    *("type", "enum", "const", "minimum", "maximum", "maxLength", "title", "description"),
    *("default", "examples", "deprecated", "writeOnly"),
}
"""What a `Param` of a scalar can say."""


def facts(schema: Any) -> Facts:
    """The facts about a parameter; never more strict than its schema."""
    if not isinstance(schema, dict):
        return {}
    found = {key: schema[key] for key in schema if key not in (*_ALTERNATIVES, "allOf", "const")}
    if "type" in found:
        types = found["type"] if isinstance(found["type"], list) else [found["type"]]
        found["type"] = set(types) - {"null"}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    found = reduce(_both, map(facts, schema.get("allOf", ())), found)
    for keyword in _ALTERNATIVES:
        if options := [facts(part) for part in schema.get(keyword, ()) if not _is_null(part)]:
            found = _both(found, reduce(_either, options))
    return found


def kind_of(found: Facts) -> Kind:
    """The kind of parameter that takes it; "json" for what is nested or mixed."""
    return _KINDS.get(frozenset(types_of(found)), "json")


def types_of(found: Facts) -> set[str]:
    """The types it may have; empty where nothing is said."""
    if found.get("type"):
        return set(found["type"])
    return {_type(value) for value in found.get("enum", ()) if value is not None}


def choices_of(found: Facts, kind: Kind) -> tuple[Any, ...]:
    """The values there are, if the schema lists them."""
    values = [whole(value) for value in found.get("enum", ())]
    fitting = [value for value in values if fits(value, kind)]
    if kind == "boolean" and len(fitting) != 1:
        return ()
    return tuple(dict.fromkeys(fitting))


def fits(value: Any, kind: Kind) -> bool:
    """Whether a value is of a scalar kind. A blank text counts as left out, so it is none."""
    if isinstance(value, str):
        return kind == "text" and bool(value.strip())
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return kind in ("integer", "number")
    return isinstance(value, float) and kind == "number"


def whole(value: Any) -> Any:
    """5 for 5.0: JSON Schema makes no difference."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def limits_of(found: Facts, kind: Kind) -> tuple[float | None, float | None]:
    """The least and the greatest number; of an integer, itself allowed."""
    least, most = found.get("minimum"), found.get("maximum")
    above, below = found.get("exclusiveMinimum"), found.get("exclusiveMaximum")
    if kind == "integer":
        above = None if above is None else math.floor(above) + 1
        below = None if below is None else math.ceil(below) - 1
    least = max((bound for bound in (least, above) if bound is not None), default=None)
    most = min((bound for bound in (most, below) if bound is not None), default=None)
    if kind == "integer":
        least = None if least is None else math.ceil(least)
        most = None if most is None else math.floor(most)
    return whole(least), whole(most)


def default_of(found: Facts, kind: Kind) -> Any:
    """The default, if it is a value that may be sent: documents say "5" where they mean 5."""
    value = whole(found.get("default"))
    if kind in ("integer", "number") and isinstance(value, str):
        is_number = re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", value)
        value = whole(float(value)) if is_number else None
    if kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    choices = choices_of(found, kind)
    taken = value in choices if choices else fits(value, kind)
    return value if taken else None


def is_plain(schema: Any) -> bool:
    """Whether a `Param` can say all that the schema says."""
    return isinstance(schema, dict) and schema.keys() <= _PLAIN


def said(schema: Any) -> str:
    """All that is said about it in words: descriptions, formats, patterns."""
    if not isinstance(schema, dict):
        return ""
    words = [schema.get(key) for key in ("title", "description", "format", "contentEncoding")]
    parts = [part for key in (*_ALTERNATIVES, "allOf") for part in schema.get(key, ())]
    inner = [said(part) for part in (*parts, schema.get("items"))]
    return " ".join(word for word in (*words, *inner) if isinstance(word, str) and word)


def patterns(schema: Any) -> list[str]:
    """The patterns of it and of its parts."""
    if not isinstance(schema, dict):
        return []
    parts = [part for key in (*_ALTERNATIVES, "allOf") for part in schema.get(key, ())]
    own = [schema["pattern"]] if "pattern" in schema else []
    return own + [found for part in (*parts, schema.get("items")) for found in patterns(part)]


def _is_null(part: Any) -> bool:
    return part is False or (isinstance(part, dict) and part.get("type") == "null")


def _type(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "null")


def _both(one: Facts, other: Facts) -> Facts:
    """What holds where both hold."""
    found = {**other, **one}
    for keyword in one.keys() & other.keys():
        if keyword == "type":
            found["type"] = _shared_types(one["type"], other["type"])
        elif keyword == "enum":
            found["enum"] = [value for value in one["enum"] if _among(value, other["enum"])]
        elif keyword in _TIGHTER:
            found[keyword] = _TIGHTER[keyword](one[keyword], other[keyword])
    return found


def _either(one: Facts, other: Facts) -> Facts:
    """What holds where one of them holds; the words of the first that has any."""
    found: Facts = {}
    for keyword in {**one, **other}:
        here, there = keyword in one, keyword in other
        if keyword == "enum" and here and there:
            found["enum"] = one["enum"] + other["enum"]
        elif keyword in _LOOSER and here and there:
            found[keyword] = _LOOSER[keyword](one[keyword], other[keyword])
        elif keyword not in _LOOSER and keyword not in ("enum", "type"):
            found[keyword] = one.get(keyword, other.get(keyword))
    types = types_of(one), types_of(other)
    if all(types):
        found["type"] = types[0] | types[1]
    return found


def _shared_types(one: set[str], other: set[str]) -> set[str]:
    shared = one & other
    if "number" in one | other and "integer" in one | other:
        shared |= {"integer"}
    return shared


def _among(value: Any, values: list[Any]) -> bool:
    """Whether it is one of them. In JSON, `true` is not 1."""
    return any(value == other and (value is True) == (other is True) for other in values)
