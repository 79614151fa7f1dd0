"""What the types of nested parameters are made of. Slips of form inside them are set right."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

_LARGEST = 10**9


class Nested(BaseModel):
    """An object inside of a request."""

    model_config = ConfigDict(extra="forbid", defer_build=True)  # until one is used


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError(f"at most {_LARGEST}")
    return value


def _word(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


Whole = Annotated[int, BeforeValidator(_number)]
"""A whole number; 5.0 and "5" are 5."""

lower = BeforeValidator(_word)
"""Before a choice of words: "Zoom" is zoom."""
