"""The arguments an agent sees, made of the rows of the models offered.

The schema shows; it refuses nothing. What an agent gets wrong is told by `request`, all of it at
once and in this package's words, which pydantic's own errors could not.
"""

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

from langchain_apilaplas.catalog import Param
from langchain_apilaplas.offer import Offer
from langchain_apilaplas.request import is_open

# LangGraph injects its ToolRuntime into a field of this name; a model can't forge one, and it
# never reaches the schema the model sees, a trace or a dump.
_Runtime = Annotated[
    Any,
    InjectedToolArg,
    BeforeValidator(lambda value: value if hasattr(value, "tool_call_id") else None),
    PlainSerializer(lambda _: None),
]

_TYPES = {"text": "string", "image": "string", "integer": "integer", "number": "number"}
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
    fill: Any = model_validator(mode="before")(_filled)
    return create_model(
        name,
        __config__=ConfigDict(extra="allow", protected_namespaces=()),
        __validators__={"fill": fill},
        **fields,
        runtime=(_Runtime, None),
    )


def argument(param: Param) -> Argument:
    """A parameter as an agent sees it."""
    default = "" if param.default is None else f" Left out: {_written(param.default)}."
    return Argument(param.name, _schema(param), param.description + default, param.required)


def arguments(offer: Offer) -> list[Argument]:
    """What an agent may set: one flat list, whichever of the models takes it."""
    by_name: dict[str, dict[str, Param]] = {}
    for model in offer.models:
        for param in model.params:
            if is_open(param, offer.fixed):
                by_name.setdefault(param.name, {})[model.id] = param
    if len(offer.models) == 1:
        return [argument(param) for params in by_name.values() for param in params.values()]
    return [*(_merged(offer, params) for params in by_name.values()), _choice(offer)]


def _filled(cls: type[BaseModel], given: Any) -> Any:
    """What is missing is None until `request` says so."""
    return {**dict.fromkeys(cls.model_fields), **given} if isinstance(given, dict) else given


def _field(argument: Argument) -> Any:
    kind: Any = Annotated[Any, WithJsonSchema(dict(argument.schema))]
    if argument.required:
        return (kind, Field(..., description=argument.description))
    return (kind | None, Field(None, description=argument.description))


def _choice(offer: Offer) -> Argument:
    told = offer.choice.description
    texts = [model.id for model in offer.models if model.takes_text]
    images = [model.id for model in offer.models if model.takes_image]
    told += f" From a prompt alone: {', '.join(texts)}." if texts else ""
    told += f" From an image: {', '.join(images)}." if images else ""
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
    return Argument(several[0].name, _union([_schema(p) for p in several]), said, required)


def _union(schemas: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What at least one of the schemas allows: enums joined, limits as wide as the widest."""
    by_type: dict[Any, Mapping[str, Any]] = {}
    for schema in schemas:
        key = str(schema.get("type"))
        by_type[key] = _widened(by_type[key], schema) if key in by_type else schema
    merged = list(by_type.values())
    return merged[0] if len(merged) == 1 else {"anyOf": [dict(schema) for schema in merged]}


def _widened(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    if one == other or "properties" in one or "items" in one:
        return one
    wide: dict[str, Any] = {"type": one["type"]} if "type" in one else {}
    if "enum" in one and "enum" in other:
        both = list(dict.fromkeys([*one["enum"], *other["enum"]]))
        wide["enum"] = both if wide.get("type") == "string" else sorted(both)
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
        return {name: value for name, value in param.schema.items() if name not in _NOTES}
    schema: dict[str, Any] = {"type": _TYPES.get(param.kind, param.kind)}
    schema |= {"enum": list(param.choices)} if param.choices else {}
    limits = {
        "minimum": param.minimum,
        "maximum": param.maximum,
        "maxLength": param.max_length,
    }
    return schema | {name: limit for name, limit in limits.items() if limit is not None}


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
