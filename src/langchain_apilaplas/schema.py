"""The arguments an agent sees, made of a model's row, and what it is told of wrong ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.tools import InjectedToolArg
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    create_model,
)

from langchain_apilaplas.catalog import Param
from langchain_apilaplas.errors import InvalidRequestError
from langchain_apilaplas.request import explain

# LangGraph injects its ToolRuntime into a field of this name; a model can't forge one, and it
# never reaches the schema the model sees, a trace or a dump.
_Runtime = Annotated[
    Any,
    InjectedToolArg,
    BeforeValidator(lambda value: value if hasattr(value, "tool_call_id") else None),
    PlainSerializer(lambda _: None),
]


def args_schema(name: str, params: Sequence[Param]) -> type[BaseModel]:
    """A tool's `args_schema`: a field for each parameter, with its limits, and no others."""
    fields: dict[str, Any] = {param.name: _field(param) for param in params}
    forbid = ConfigDict(extra="forbid")
    return create_model(name, __config__=forbid, **fields, runtime=(_Runtime, None))


def _field(param: Param) -> Any:
    default = ... if param.required else None
    return (param.annotation, Field(default, description=param.description))


@dataclass(frozen=True)
class Explainer:
    """Says what is wrong with arguments that don't fit the schema; names each, quotes no more."""

    params: tuple[Param, ...]

    def __call__(self, error: ValidationError) -> str:
        problems = [
            explain(self.params, str(item["loc"][0]), item["type"], item.get("input"))
            for item in error.errors(include_url=False, include_context=False)
        ]
        return str(InvalidRequestError(*dict.fromkeys(problems)))
