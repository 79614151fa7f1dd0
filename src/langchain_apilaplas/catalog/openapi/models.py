"""The models of an operation: their ids, which body is whose, and whose they are."""

import re
from collections.abc import Iterator
from typing import Any

from langchain_apilaplas.catalog.openapi import facts as about
from langchain_apilaplas.catalog.openapi.document import Document
from langchain_apilaplas.catalog.openapi.operations import Create
from langchain_apilaplas.catalog.openapi.shapes import OPTIONS, Shape, shapes
from langchain_apilaplas.catalog.openapi.text import refuse, short

MODEL = "model"
_MOST = 300
_LONGEST_ID = 200
_LONGEST_TITLE = 300
_COMMON_WORDS = {"api", "generate", "generation", "generations", "video", "videos", "create"}


def ids(several: list[Shape], media: dict[str, Any]) -> list[str]:
    """The ids of the models, if the body names its model."""
    named = [shape for shape in several if MODEL in shape.properties]
    found = [model for shape in named for model in _listed(shape) or _suggested(shape)]
    found = found or _exemplary(named, media)
    for model in found:
        if not 0 < len(model.strip()) == len(model) <= _LONGEST_ID or not model.isprintable():
            refuse(f"{short(model)} is no id of a model.")
    if not found and any(MODEL in shape.required for shape in several):
        refuse(
            "The body needs a `model`, but the document names none.",
            "Write the model's id into the document: model: {type: string, enum: [the id]}.",
        )
    return list(dict.fromkeys(found))


def by_model(several: list[Shape], models: list[str]) -> Iterator[tuple[str, list[Shape]]]:
    """Each model with the shapes of which it is one."""
    if len(models) > _MOST:
        refuse(f"The document has {len(models):,} models; at most {_MOST} are read.")
    listed = [(shape, _listed(shape)) for shape in several]
    for model in models:
        yield model, [shape for shape, own in listed if own is None or model in own]


def narrowed(schema: Any, model: str) -> Any:
    """The schema without the alternatives of other models: messages are then about this one."""
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    if "allOf" in schema:
        found["allOf"] = [narrowed(part, model) for part in schema["allOf"]]
    for keyword in OPTIONS:
        if keyword in schema:
            parts = [part for part in schema[keyword] if _fits(part, model)]
            found[keyword] = [narrowed(part, model) for part in parts or schema[keyword]]
    return _unwrapped(found)


def name_of(create: Create) -> str:
    """An id for a model that the body does not name."""
    name = re.sub(r"[^\w./-]+", "-", create.name).strip("_-") or create.path.strip("/")
    return name[:_LONGEST_ID]


def vendor(model: str, create: Create, document: Document) -> str:
    """Whose model it is, as far as its id, its path or the document's title tells."""
    if "/" in model.strip("/") and model != create.path.strip("/"):
        return model.strip("/").partition("/")[0]
    for word in create.path.strip("/").split("/"):
        if word.lower() not in _COMMON_WORDS and not re.fullmatch(r"v\d+", word):
            return word
    info = document.root.get("info")
    title = info.get("title") if isinstance(info, dict) else None
    words = re.findall(r"\w+", title[:_LONGEST_TITLE]) if isinstance(title, str) else []
    return words[0].lower() if words else "unknown"


def _listed(shape: Shape) -> list[str] | None:
    """The ids that the shape lists; None where it takes any."""
    found = about.facts(shape.properties.get(MODEL, {}))
    if "enum" in found:
        return [value for value in found["enum"] if isinstance(value, str)]
    return None


def _suggested(shape: Shape) -> list[str]:
    """The ids that it lists beside any other: `anyOf: [{type: string}, {enum: […]}]`."""
    schema = shape.properties[MODEL]
    found = list(_enums(schema))
    default = about.facts(schema).get("default")
    return [*found, default] if found and isinstance(default, str) else found


def _enums(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    values = [schema.get("const"), *schema.get("enum", ())]
    yield from (value for value in values if isinstance(value, str))
    for keyword in (*OPTIONS, "allOf"):
        for part in schema.get(keyword, ()):
            yield from _enums(part)


def _exemplary(named: list[Shape], media: dict[str, Any]) -> list[str]:
    """An id that is only mentioned: a default, or in an example."""
    if not named:
        return []
    found = about.facts(named[0].properties[MODEL])
    examples = found.get("examples")
    bodies = [media.get("example")]
    if isinstance(media.get("examples"), dict):
        bodies += [e.get("value") for e in media["examples"].values() if isinstance(e, dict)]
    mentioned = [found.get("default"), *(examples if isinstance(examples, list) else ())]
    mentioned += [body.get(MODEL) for body in bodies if isinstance(body, dict)]
    return [word for word in mentioned if isinstance(word, str) and word][:1]


def _fits(part: Any, model: str) -> bool:
    return any(models is None or model in models for models in map(_listed, shapes(part)))


def _unwrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """One alternative is none: what it says can be said directly."""
    for keyword in OPTIONS:
        if len(schema.get(keyword, ())) == 1:
            schema["allOf"] = [*schema.get("allOf", ()), *schema.pop(keyword)]
    return schema
