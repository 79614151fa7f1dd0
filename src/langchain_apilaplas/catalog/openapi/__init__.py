"""Rows of the catalog, made of an OpenAPI document."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.openapi import facts as about
from langchain_apilaplas.catalog.openapi.document import Document, validators
from langchain_apilaplas.catalog.openapi.naming import names, plain_words
from langchain_apilaplas.catalog.openapi.operations import Create, creates, fetch
from langchain_apilaplas.catalog.openapi.roles import kind_of_role, picture, roles
from langchain_apilaplas.catalog.openapi.text import clip, refuse, short
from langchain_apilaplas.catalog.spec import Param, Picture, VideoModel

__all__ = ["rows"]

_MOST_PARAMS = 200
_MOST_MODELS = 300
_MOST_IN_ALL = 10_000
_MOST_SHAPES = 300
_LONGEST_ID = 200
_LONGEST_TEXT = 300
_MODEL = "model"
_OPTIONS = ("anyOf", "oneOf")
_SAID = {
    "prompt": params.prompt().description,
    "image": params.image().description,
    "last_image": params.last_image("").description,
    "images": "Pictures to start from or to refer to, in their order, each named by its https URL, "
    "or, of this conversation, 'attached:last' or 'attached:N' (1 = the user's first).",
    "aspect_ratio": params.aspect_ratio().description,
    "duration": "Length in seconds.",
}
"""How a role is described: a picture always so, as agents have names for it, the rest at need."""
_PICTURES = ("image", "images")
_CALLED_BACK = re.compile(r"web_?hook|call_?back", re.IGNORECASE)
"""Where the gateway is to send results: nothing that an agent may choose."""
_COMMON_WORDS = {"api", "generate", "generation", "generations", "video", "videos", "create"}


@dataclass(frozen=True)
class _Shape:
    """One way in which a body may be written: its properties, and those that must be there."""

    properties: dict[str, Any]
    required: frozenset[str]


def rows(document: object) -> list[VideoModel]:
    """One row for each model that the document can create videos with, in its order.

    Raises:
        DocumentError: It is no such document, or one that no row can be made of; says why.
    """
    validators()
    try:
        read = Document(document)
        found: dict[str, VideoModel] = {}
        for create in creates(read):
            for row in _rows(read, create):
                found.setdefault(row.id, row)
    except RecursionError:
        refuse("The document is nested too deeply.")
    return list(found.values())


def _rows(document: Document, create: Create) -> Iterator[VideoModel]:
    schema = document.schema(create.media["schema"], f"The body of POST {short(create.path)}")
    shapes = _shapes(schema)
    ids = _ids(shapes, create.media)
    how = fetch(document, create)
    known: dict[tuple[int, ...], tuple[tuple[Param, ...], Any]] = {}
    for model, fitting in _by_model(shapes, ids) if ids else [(_name_of(create), shapes)]:
        same = tuple(map(id, fitting))
        if same not in known:
            known[same] = _params(_merged(fitting)), _narrowed(schema, model) if ids else schema
            if sum(len(params) for params, _ in known.values()) > _MOST_IN_ALL:
                refuse(f"The document has more than {_MOST_IN_ALL:,} parameters in all.")
        yield VideoModel(
            id=model,
            vendor=_vendor(model, create, document),
            endpoint=create.endpoint,
            params=known[same][0],
            fetch=how,
            sends_model=bool(ids),
            schema=known[same][1],
        )


def _by_model(shapes: list[_Shape], ids: list[str]) -> Iterator[tuple[str, list[_Shape]]]:
    """Each model with the shapes of which it is one."""
    if len(ids) > _MOST_MODELS:
        refuse(f"The document has {len(ids):,} models; at most {_MOST_MODELS} are read.")
    listed = [(shape, _models(shape)) for shape in shapes]
    for model in ids:
        yield model, [shape for shape, models in listed if models is None or model in models]


def _shapes(schema: Any) -> list[_Shape]:
    """The ways in which a body may be written: one for each combination of its alternatives."""
    if not isinstance(schema, dict):
        return [_Shape({}, frozenset())]
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    unnamed: dict[str, Any] = {name: {} for name in required if name not in properties}
    found = [_Shape({**properties, **unnamed}, frozenset(required))]
    for part in schema.get("allOf", ()):
        found = _joined(found, _shapes(part))
    for keyword in _OPTIONS:
        options = [part for part in schema.get(keyword, ()) if part is not False]
        if options:
            found = _joined(found, [shape for part in options for shape in _shapes(part)])
    return found


def _joined(some: list[_Shape], others: list[_Shape]) -> list[_Shape]:
    if len(some) * len(others) > _MOST_SHAPES:
        refuse(f"The body can be written in more than {_MOST_SHAPES} ways.")
    return [
        _Shape(_both(one.properties, other.properties), one.required | other.required)
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


def _ids(shapes: list[_Shape], media: dict[str, Any]) -> list[str]:
    """The ids of the models, if the body names its model."""
    named = [shape for shape in shapes if _MODEL in shape.properties]
    ids = [model for shape in named for model in _models(shape) or ()] or _exemplary(named, media)
    for model in ids:
        if not 0 < len(model.strip()) == len(model) <= _LONGEST_ID or not model.isprintable():
            refuse(f"{short(model)} is no id of a model.")
    if not ids and any(_MODEL in shape.required for shape in shapes):
        refuse(
            "The body needs a `model`, but the document names none.",
            "Write the model's id into the document: model: {type: string, enum: [the id]}.",
        )
    return list(dict.fromkeys(ids))


def _models(shape: _Shape) -> list[str] | None:
    """The ids that the shape lists; None where it takes any."""
    found = about.facts(shape.properties.get(_MODEL, {}))
    if "enum" in found:
        return [value for value in found["enum"] if isinstance(value, str)]
    return None


def _exemplary(named: list[_Shape], media: dict[str, Any]) -> list[str]:
    """An id that is only mentioned: a default, or in an example."""
    if not named:
        return []
    found = about.facts(named[0].properties[_MODEL])
    examples = found.get("examples")
    bodies = [media.get("example")]
    if isinstance(media.get("examples"), dict):
        bodies += [e.get("value") for e in media["examples"].values() if isinstance(e, dict)]
    mentioned = [found.get("default"), *(examples if isinstance(examples, list) else ())]
    mentioned += [body.get(_MODEL) for body in bodies if isinstance(body, dict)]
    return [word for word in mentioned if isinstance(word, str) and word][:1]


def _merged(shapes: list[_Shape]) -> _Shape:
    """What the shapes take together; needed is what each of them needs."""
    kinds: dict[str, list[Any]] = {}
    for shape in shapes:
        for name, schema in shape.properties.items():
            known = kinds.setdefault(name, [])
            if schema not in known:
                known.append(schema)
    kinds.pop(_MODEL, None)
    required = frozenset.intersection(*(shape.required for shape in shapes))
    merged = {name: k[0] if len(k) == 1 else {"anyOf": k} for name, k in kinds.items()}
    return _Shape({name: s for name, s in merged.items() if s is not False}, required)


def _params(shape: _Shape) -> tuple[Param, ...]:
    if not shape.properties or len(shape.properties) > _MOST_PARAMS:
        count = f"{len(shape.properties):,}" if shape.properties else "no"
        refuse(f"The body has {count} parameters; 1 to {_MOST_PARAMS} are read.")
    playing = roles(shape.properties)
    called = names(shape.properties, playing)
    return tuple(
        _param(called[wire], wire, schema, wire in shape.required, wire in playing.values())
        for wire, schema in shape.properties.items()
    )


def _param(name: str, wire: str, schema: Any, required: bool, has_role: bool) -> Param:
    found = about.facts(schema)
    kind = kind_of_role(name if has_role else None, schema)
    choices = about.choices_of(found, kind)
    if "enum" in found and not choices and kind in ("text", "integer", "number"):
        kind = "json"
    least, most = about.limits_of(found, kind) if kind in ("integer", "number") else (None, None)
    bounded = kind == "text" and "maxLength" in found
    return Param(
        name,
        wire,
        kind,
        _description(name if has_role else None, wire, found, schema, kind),
        required=required,
        choices=choices,
        minimum=least,
        maximum=most,
        max_length=int(found["maxLength"]) if bounded else None,
        default=about.default_of(found, kind),
        for_agents=required or not (found.get("deprecated") or _CALLED_BACK.search(wire)),
        picture=picture(wire, schema) if kind in _PICTURES else Picture(),
        schema=None if kind in _PICTURES or about.is_plain(schema) else _fragment(schema),
    )


def _fragment(schema: Any) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {}


def _description(role: str | None, wire: str, found: about.Facts, schema: Any, kind: str) -> str:
    if role and kind in _PICTURES:
        return _SAID[role]
    words = clip(found.get("description") or "", _LONGEST_TEXT)
    return words or (_SAID[role] if role else plain_words(wire))


def _narrowed(schema: Any, model: str) -> Any:
    """The schema without the alternatives of other models: messages are then about this one."""
    if not isinstance(schema, dict):
        return schema
    narrowed = dict(schema)
    if "allOf" in schema:
        narrowed["allOf"] = [_narrowed(part, model) for part in schema["allOf"]]
    for keyword in _OPTIONS:
        if keyword in schema:
            parts = [part for part in schema[keyword] if _fits_model(part, model)]
            narrowed[keyword] = [_narrowed(part, model) for part in parts or schema[keyword]]
    return _unwrapped(narrowed)


def _fits_model(part: Any, model: str) -> bool:
    listed = map(_models, _shapes(part))
    return any(models is None or model in models for models in listed)


def _unwrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """One alternative is none: what it says can be said directly."""
    for keyword in _OPTIONS:
        if len(schema.get(keyword, ())) == 1:
            schema["allOf"] = [*schema.get("allOf", ()), *schema.pop(keyword)]
    return schema


def _name_of(create: Create) -> str:
    """An id for a model that the body does not name."""
    name = re.sub(r"[^\w./-]+", "-", create.name).strip("_-") or create.path.strip("/")
    return name[:_LONGEST_ID]


def _vendor(model: str, create: Create, document: Document) -> str:
    if "/" in model.strip("/") and model != create.path.strip("/"):
        return model.strip("/").partition("/")[0]
    for word in create.path.strip("/").split("/"):
        if word.lower() not in _COMMON_WORDS and not re.fullmatch(r"v\d+", word):
            return word
    info = document.root.get("info")
    title = info.get("title") if isinstance(info, dict) else None
    words = re.findall(r"\w+", title[:_LONGEST_TEXT]) if isinstance(title, str) else []
    return words[0].lower() if words else "unknown"
