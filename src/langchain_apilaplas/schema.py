"""The arguments an agent sees, made of the rows of the models offered.

The schema shows; it refuses nothing. What an agent gets wrong is told by `request`, all of it at
once and in this package's words, which pydantic's own errors could not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.tools import InjectedToolArg
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from langchain_apilaplas.catalog import Param
from langchain_apilaplas.offer import Offer
from langchain_apilaplas.request import open_params

# LangGraph injects its ToolRuntime into a field of this name; a model can't forge one, and it
# never reaches the schema the model sees, a trace or a dump. (Google's integration shows models
# this schema itself, injected fields and all, where they are not skipped.)
_Runtime = Annotated[
    Any,
    SkipJsonSchema(),
    InjectedToolArg,
    BeforeValidator(lambda value: value if hasattr(value, "tool_call_id") else None),
    PlainSerializer(lambda _: None),
]


def _fill(cls: type[BaseModel], given: Any) -> Any:
    """What is missing is None until `request` says so."""
    return {**dict.fromkeys(cls.model_fields), **given} if isinstance(given, dict) else given


_FILLED: Any = model_validator(mode="before")(_fill)

_TYPES = {"text": "string", "id": "string", "image": "string"}
_NOTES = ("title", "description", "default", "examples")
_FEW = 3


@dataclass(frozen=True)
class Argument:
    """One argument as an agent sees it."""

    name: str
    schema: Mapping[str, Any]
    description: str
    required: bool


def args_schema(name: str, arguments: Sequence[Argument]) -> type[BaseModel]:
    """A tool's `args_schema`: a field for each argument, with its limits."""
    fields: dict[str, Any] = {argument.name: _field(argument) for argument in arguments}
    made: type[BaseModel] = create_model(
        name,
        __config__=ConfigDict(protected_namespaces=()),
        __validators__={"fill": _FILLED},
        **fields,
        runtime=(_Runtime, None),
    )
    return made


def argument(param: Param) -> Argument:
    """A parameter as an agent sees it."""
    default = "" if param.default is None else f" Left out: {_written(param.default)}."
    said = f"{param.description}{_listed([param])}{default}"
    return Argument(param.name, _schema(param), said, param.required)


def arguments(offer: Offer) -> list[Argument]:
    """What an agent may set: one flat list, whichever of the models takes it."""
    by_name: dict[str, dict[str, Param]] = {}
    for model in offer.models:
        for param in open_params(model, offer.fixed):
            by_name.setdefault(param.name, {})[model.id] = param
    if len(offer.models) == 1:
        return [argument(param) for params in by_name.values() for param in params.values()]
    return [*(_merged(offer, params) for params in by_name.values()), _choice(offer)]


def _field(argument: Argument) -> Any:
    kind: Any = Annotated[Any, WithJsonSchema(dict(argument.schema))]
    if argument.required:
        return (kind, Field(..., description=argument.description))
    return (kind | None, Field(None, description=argument.description))


def _choice(offer: Offer) -> Argument:
    told = offer.choice.description
    texts = [model.id for model in offer.models if model.takes_text]
    images = [model.id for model in offer.models if model.takes_image]
    told += f" Without an image: {', '.join(texts)}." if texts else ""
    told += f" With an image: {', '.join(images)}." if images else ""
    return Argument("model", _schema(offer.choice), told, required=False)


def _merged(offer: Offer, params: Mapping[str, Param]) -> Argument:
    several = list(params.values())
    said = min((param.description for param in several), key=len)
    others = [model.id for model in offer.models if model.id not in params]
    if others and len(params) <= _FEW:
        said += f" Only for {', '.join(params)}."
    elif others:
        said += f" Not for {', '.join(others)}." if len(others) <= _FEW else " Not for every model."
    required = not others and all(param.required for param in several)
    schema = _union([_schema(param) for param in several])
    return Argument(several[0].name, schema, said + _listed(several), required)


def _listed(params: Sequence[Param]) -> str:
    """The numbers to choose from, in words: Google's chat models take no `enum` of numbers."""
    numbers = {c for p in params for c in p.choices if p.kind in ("integer", "number")}
    return f" One of {', '.join(map(str, sorted(numbers)))}." if numbers else ""


def _union(schemas: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What at least one of the schemas allows: enums joined, limits as wide as the widest."""
    by_type: dict[str, Mapping[str, Any]] = {}
    for schema in schemas:
        plain = schema.keys() <= {"type", "enum", "minimum", "maximum", "maxLength"}
        key = str(schema.get("type")) if plain else json.dumps(schema, sort_keys=True)
        by_type[key] = _widened(by_type[key], schema) if key in by_type else schema
    merged = list(by_type.values())
    return merged[0] if len(merged) == 1 else {"anyOf": [dict(schema) for schema in merged]}


def _widened(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    if one == other:
        return one
    wide: dict[str, Any] = {"type": one["type"]} if "type" in one else {}
    if "enum" in one and "enum" in other:
        wide["enum"] = list(dict.fromkeys([*one["enum"], *other["enum"]]))
    for name, widest in (("minimum", min), ("maximum", max), ("maxLength", max)):
        if name in one and name in other:
            wide[name] = widest(one[name], other[name])
    return wide


def _schema(param: Param) -> Mapping[str, Any]:
    if param.kind == "images":
        return {"type": "array", "items": {"type": "string"}}
    if param.type is not None:
        inlined: Mapping[str, Any] = _inlined(TypeAdapter(param.type).json_schema())
        return inlined
    if param.schema is not None and param.kind != "image":
        shown: Mapping[str, Any] = _shown(param.schema)
        return {name: value for name, value in shown.items() if name not in _NOTES}
    if param.kind == "json":
        return {}
    schema: dict[str, Any] = {"type": _TYPES.get(param.kind, param.kind)}
    if param.choices:
        return _chosen(schema, list(param.choices))
    limits = {
        "minimum": param.minimum,
        "maximum": param.maximum,
        "maxLength": param.max_length,
        "pattern": f"^{param.form[0]}$" if param.form else None,
    }
    return schema | {name: limit for name, limit in limits.items() if limit is not None}


def _chosen(schema: Mapping[str, Any], choices: Sequence[Any]) -> Mapping[str, Any]:
    numbers = [c for c in choices if isinstance(c, int | float) and not isinstance(c, bool)]
    if not numbers:
        return {**schema, "enum": list(choices)}
    return {**schema, "minimum": min(numbers), "maximum": max(numbers)}


def _shown(schema: Any) -> Any:
    """A document's JSON Schema as chat models take it: OpenAI's know no `oneOf`."""
    if isinstance(schema, list):
        return [_shown(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shown = {"anyOf" if n == "oneOf" else n: _shown(v) for n, v in schema.items() if n != "enum"}
    if not isinstance(schema.get("enum"), list):  # or a property of that name
        return shown | ({"enum": _shown(schema["enum"])} if "enum" in schema else {})
    return _chosen(shown, [choice for choice in schema["enum"] if choice is not None])


def _inlined(schema: Any, definitions: Mapping[str, Any] | None = None) -> Any:
    """Pydantic's JSON Schema without its titles and references, which some models can't follow."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = schema.get("$defs", definitions or {})
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    dropped = ("$defs", "title", "discriminator")
    return {
        name: _inlined(value, definitions) for name, value in schema.items() if name not in dropped
    }


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
