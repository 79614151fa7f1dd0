"""What a model is: one row of data, and what a row can say about a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from langchain_apilaplas.images import shorten

Kind = Literal["text", "integer", "image"]


@dataclass(frozen=True)
class Param:
    """One parameter of a model.

    Attributes:
        name: What an agent and a caller say.
        wire: What the API says.
        kind: "text", "integer" or "image".
        description: One line, for the agent.
        required: Whether the API needs it.
        choices: The only values allowed; empty when there is no such list.
        minimum: The least integer allowed.
        maximum: The greatest integer allowed.
        max_length: The longest text, in UTF-16 code units, as JavaScript servers count.
    """

    name: str
    wire: str
    kind: Kind
    description: str
    required: bool = False
    choices: tuple[str | int, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None

    @property
    def annotation(self) -> Any:
        """The parameter's type for a pydantic model, limits included."""
        annotation: Any = int if self.kind == "integer" else str
        if self.choices:
            annotation = Literal[self.choices]
        elif self.kind == "integer":
            annotation = Annotated[int, Field(ge=self.minimum, le=self.maximum)]
        elif self.max_length:
            annotation = Annotated[str, Field(max_length=self.max_length)]
        return annotation if self.required else annotation | None

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        if self.kind == "image":
            return "an https URL, 'attached:last' or 'attached:N'"
        if self.kind == "text":
            return f"at most {self.max_length} characters" if self.max_length else "a text"
        least = "" if self.minimum is None else f" from {self.minimum}"
        return f"a whole number{least}" + ("" if self.maximum is None else f" to {self.maximum}")

    def problem(self, value: object) -> str | None:
        """What is wrong with a value, as a sentence that names field, value and what is allowed."""
        if self._takes(value):
            return None
        if self.kind == "text" and not self.choices and isinstance(value, str):
            units = utf16_units(value)
            if not self._fits(units):
                return (
                    f"{self.name}: is {units} characters long (an emoji counts as 2); "
                    f"allowed: {self.allowed}."
                )
            return f"{self.name}: holds half of a character (a lone surrogate); write it again."
        return f"{self.name}: {_quoted(value)} is not allowed; allowed: {self.allowed}."

    def _takes(self, value: object) -> bool:
        if self.kind == "image":
            return True
        if type(value) is not (int if self.kind == "integer" else str):
            return False  # also a bool, a float or a Decimal that equals an int
        if self.choices:
            return value in self.choices
        if isinstance(value, int):
            above = self.minimum is None or value >= self.minimum
            return above and (self.maximum is None or value <= self.maximum)
        whole = not re.search(r"[\ud800-\udfff]", str(value))
        return whole and self._fits(utf16_units(str(value)))

    def _fits(self, units: int) -> bool:
        return self.max_length is None or units <= self.max_length


@dataclass(frozen=True)
class VideoModel:
    """A model: which path it is called on, and what it takes.

    Attributes:
        id: As in the API's menu.
        vendor: Whose model it is.
        endpoint: The path of create and fetch.
        params: What it takes, in the order an agent sees.
        seconds: How long a generation typically takes.
        image_ratio: Least and greatest width:height of an image sent without `aspect_ratio`.
        max_body: The longest request body, in bytes.
    """

    id: str
    vendor: str
    endpoint: str
    params: tuple[Param, ...]
    seconds: float
    image_ratio: tuple[float, float] | None = None
    max_body: int | None = None

    def param(self, name: str) -> Param | None:
        """The parameter of that name, or None."""
        return next((param for param in self.params if param.name == name), None)

    @property
    def wire_names(self) -> Mapping[str, str]:
        """What the API calls each parameter → what an agent calls it."""
        return {param.wire: param.name for param in self.params}


def _quoted(value: object) -> str:
    try:
        return shorten(repr(value))
    except ValueError:  # an int of thousands of digits has no repr
        return f"this {type(value).__name__}"


def utf16_units(text: str) -> int:
    """The length of a text as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
