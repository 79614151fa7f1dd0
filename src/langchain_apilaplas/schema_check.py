"""A body against the JSON Schema of the document that its model's row comes from."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.quoting import place, quoted, shorten

_Path = tuple[str | int, ...]
_Places = Mapping[_Path, Param]
"""Where in the body each parameter lies."""
_DOCUMENT = "allowed by the model's document: "
_WORDS: Mapping[str | None, Callable[[Any], str]] = {
    None: lambda _: "nothing",
    "const": lambda value: f"only {quoted(value)}",
    "enum": lambda values: "one of " + ", ".join(map(quoted, values[:20])),
}
"""How a rule is said; every other by its own word, with its value where that is short."""
_URI = re.compile(r"https?://[^\s/?#]\S*|(?!https?:)[a-z][a-z0-9+.-]*:\S+", re.IGNORECASE)


def schema_problems(model: VideoModel, body: dict[str, Any], *, partial: bool) -> list[str]:
    """What the document's own JSON Schema has against the body, in this package's words.

    A partial body lacks what was refused before; then nothing is said of what it lacks.
    """
    if model.schema is None:
        return []
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - an extra

    places: _Places = {(*param.inside, param.wire): param for param in model.params if param.wire}
    formats = FormatChecker(formats=())
    formats.checks("uri")(_is_uri)
    errors = Draft202012Validator(model.schema, format_checker=formats).iter_errors(body)
    told = [
        sentence
        for error in islice(errors, 10)
        if not (partial and _holds_others(tuple(error.absolute_path), places))
        for sentence in _told(error, places)
    ]
    return list(dict.fromkeys(told))


def _is_uri(value: object) -> bool:
    """`urlsplit` would keep the megabytes of a data URI in its cache."""
    return not isinstance(value, str) or bool(_URI.fullmatch(value))


def _told(error: Any, places: _Places) -> list[str]:
    if error.validator in ("anyOf", "oneOf"):
        return _alternatives(error, places) if error.context else [_too_many(error, places)]
    if missing := _missing(error):
        return [_lacking((*error.absolute_path, name), places) for name in missing]
    if error.validator == "additionalProperties" and error.validator_value is False:
        names = [_field((*error.absolute_path, name), places) for name in _extra(error)]
        return [f"{name}: not taken together with the rest; leave it out." for name in names]
    return [_refused([error], places)]


def _alternatives(error: Any, places: _Places) -> list[str]:
    """What is wrong with the alternative that was meant: the one whose fixed values fit."""
    branches: dict[Any, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    best = min(map(_distance, branches.values()))
    meant = [inner for inner in branches.values() if _distance(inner) == best]
    if len(meant) > 1 and all(_missing(e) for inner in meant for e in inner):
        needs = [" and ".join(_needs(inner, places)) for inner in meant]
        field = _field(error.absolute_path, places)
        return [f"{field}: needs {', or '.join(dict.fromkeys(needs))}."]
    told = [e for inner in meant for e in inner if not best[1] or _is_fixed(e)]
    if len({tuple(e.absolute_path) for e in told}) == 1 and not any(e.context for e in told):
        missing = [e for e in told if _missing(e)]
        return _told(missing[0], places) if missing else [_refused(told, places)]
    closest = min(meant, key=lambda inner: (all(map(_missing, inner)), len(inner)))
    return [sentence for inner in closest for sentence in _told(inner, places)]


def _distance(branch: Sequence[Any]) -> tuple[bool, bool]:
    """How far off an alternative is: of another type altogether, or of another fixed value."""
    other = any(e.validator == "type" and not e.relative_path for e in branch)
    return other, any(map(_is_fixed, branch))


def _is_fixed(error: Any) -> bool:
    """Whether a part has another value than the one that tells the alternatives apart."""
    told = (error, *error.context)
    return bool(error.relative_path) and any(e.validator in ("const", "enum") for e in told)


def _too_many(error: Any, places: _Places) -> str:
    """Several alternatives fit where one may."""
    branches = [set(b.get("required", ())) for b in error.validator_value if isinstance(b, dict)]
    there = set(error.instance) if isinstance(error.instance, dict) else set()
    given = [branch for branch in branches if branch and branch <= there]
    shared = set.intersection(*given) if given else set()
    path = tuple(error.absolute_path)
    names = [_field((*path, name), places) for branch in given for name in sorted(branch - shared)]
    field = _field(path, places)
    if len(set(names)) > 1:
        return f"{field}: takes only one of {', '.join(dict.fromkeys(names))}."
    return (
        f"{field}: fits several forms that the model's document tells apart; leave something out."
    )


def _missing(error: Any) -> list[str]:
    """The names that an object lacks, if that is what the error is about."""
    if error.validator == "required":
        return [name for name in error.validator_value if name not in error.instance]
    if error.validator == "dependentRequired":
        needed = [
            n
            for name, more in error.validator_value.items()
            if name in error.instance
            for n in more
        ]
        return [name for name in needed if name not in error.instance]
    return []


def _extra(error: Any) -> list[str]:
    known, forms = (error.schema.get(key, {}) for key in ("properties", "patternProperties"))
    unknown = [name for name in error.instance if name not in known]
    return [name for name in unknown if not any(re.search(form, name) for form in forms)]


def _needs(errors: Iterable[Any], places: _Places) -> list[str]:
    names = [_field((*e.absolute_path, name), places) for e in errors for name in _missing(e)]
    return list(dict.fromkeys(names))


def _lacking(path: _Path, places: _Places) -> str:
    inner = [param.name for at, param in places.items() if at[: len(path)] == path != at]
    if inner:
        return f"request: needs at least one of {', '.join(inner)}."
    return f"{_field(path, places)}: missing."


def _refused(errors: Sequence[Any], places: _Places) -> str:
    """That a value is not allowed, and what is: of a picture, nothing of the value is shown."""
    path = tuple(errors[0].absolute_path)
    rules = " or ".join(dict.fromkeys(map(_rule, errors)))
    if _holds_others(path, places):
        return f"request: {_DOCUMENT}{rules}."
    owner = next((p for at, p in places.items() if path[: len(at)] == at), None)
    is_picture = owner is not None and owner.kind in ("image", "images")
    given = "this" if is_picture else quoted(errors[0].instance)
    return f"{_field(path, places)}: {given} is not allowed; {_DOCUMENT}{rules}."


def _rule(error: Any) -> str:
    value = error.validator_value
    if say := _WORDS.get(error.validator):
        return say(value)
    is_short = isinstance(value, str | int | float | list) and not _holds_schema(value)
    return f"{error.validator} {quoted(value)}" if is_short else f"another form ({error.validator})"


def _holds_schema(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(part, dict) for part in value)


def _holds_others(path: _Path, places: _Places) -> bool:
    """Whether parameters lie inside: the body, or an object of it that only holds them."""
    return any(at[: len(path)] == path != at for at in places) or not path


def _field(path: Iterable[str | int], places: _Places) -> str:
    """The place as the caller names it."""
    at = tuple(path)
    if _holds_others(at, places):
        return "request"
    for length in range(len(at), 0, -1):
        if at[:length] in places:
            return shorten(place([places[at[:length]].name, *at[length:]]))
    return shorten(place(at))
