"""What a model is: one row of data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from langchain_apilaplas.errors import SettingsError

Kind = Literal["text", "id", "integer", "number", "boolean", "image", "images", "json"]

RESERVED = {
    # what the client and the tools are called with
    *("model", "models", "key", "timeout", "on_progress", "request", "runtime", "generation_id"),
    *(
        "origin",
        "self",
        "cls",
        "args",
        "kwargs",
        "config",
        "callbacks",
        "run_manager",
        "unknown_arguments",
    ),
    # what every pydantic model has
    *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw"),
    *("schema", "schema_json", "update_forward_refs", "validate", "model_computed_fields"),
    *("model_config", "model_construct", "model_copy", "model_dump", "model_dump_json"),
    *("model_extra", "model_fields", "model_fields_set", "model_json_schema"),
    *("model_parametrized_name", "model_post_init", "model_rebuild", "model_validate"),
    *("model_validate_json", "model_validate_strings"),
}
"""Names that no parameter can have."""

UNIVERSAL_ENDPOINT = "/v2/video/generations"
"""The newer path on which the gateway takes every model."""


@dataclass(frozen=True)
class Picture:
    """What an image must be like. Of a URL nothing is known; this is for one that comes as bytes.

    Attributes:
        inline: Whether it may come inside the request. Else only its https URL may.
        formats: The media types taken; empty for every one that this package can send.
        min_side: The fewest pixels of its shorter side.
        ratio: The least and the greatest width:height.
        max_bytes: Its greatest size.
    """

    inline: bool = True
    formats: tuple[str, ...] = ()
    min_side: int = 1
    ratio: tuple[float, float] | None = None
    max_bytes: int | None = None


@dataclass(frozen=True)
class Param:
    """One parameter of a model.

    Attributes:
        name: What an agent and a caller say.
        wire: What the API says; "" for what is not part of the body.
        kind: "text", "id" (of a generation), "integer", "number", "boolean", "image", "images" (a
            list of them) or "json".
        description: One line, for the agent.
        required: Whether the API needs it.
        choices: The only values allowed; empty when there is no such list.
        minimum: The least number allowed.
        maximum: The greatest number allowed.
        max_length: The longest text, in UTF-16 code units, as JavaScript servers count.
        form: A pattern that a text must match as a whole, and what to say of it.
        default: What the API takes when it is left out, where documented.
        for_agents: Whether agents are offered it. The rest, deprecated or intricate, is for code.
        picture: What an image must be like.
        type: Of a "json" one, the pydantic type that checks it.
        schema: Of one that comes from an OpenAPI document, its JSON Schema there.
        inside: The objects of the body that it lies in, outermost first.
        beside: What else is put there with it.
        universal: What the API calls it on the universal path, where that differs.
    """

    name: str
    wire: str
    kind: Kind
    description: str
    required: bool = False
    choices: tuple[str | int | float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    form: tuple[str, str] | None = None
    default: Any = None
    for_agents: bool = True
    picture: Picture = Picture()
    type: Any = None
    schema: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    inside: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    universal: str | None = None


@dataclass(frozen=True)
class Fetch:
    """How to ask for a generation, where it is not `GET <endpoint>?generation_id=<id>`.

    Attributes:
        path: The path; may hold `{id}`.
        id_name: The query parameter of the id; "" when it lies in the path.
        hold: Up to how many seconds the server holds a request that names a `state`, until the
            generation reaches it.
        many_path: The path that answers several at once.
        many_name: Its query parameter, one for each id; may hold `{n}`, counted from 0.
    """

    path: str
    id_name: str = "generation_id"
    hold: float = 0.0
    many_path: str | None = None
    many_name: str = ""


@dataclass(frozen=True)
class VideoModel:
    """A model: which path it is called on, and what it takes.

    Attributes:
        id: As in the API's menu.
        vendor: Whose model it is.
        endpoint: The path of create, and of fetch unless `fetch` says otherwise.
        params: What it takes, in the order an agent sees.
        seconds: How long a generation typically takes.
        tokens: What a generation costs, in the gateway's tokens, where documented.
        fetch: How to ask for a generation, where that is unusual.
        extend_endpoint: The path that extends the generation `{id}`, where that is another one.
        sends_model: Whether the body names the model.
        constants: What every body has besides, by its name there.
        image_ratio: Least and greatest width:height of an image sent without `aspect_ratio`.
        max_body: The longest request body, in bytes.
        schema: The JSON Schema of the whole body, where the row comes from an OpenAPI document.
    """

    id: str
    vendor: str
    endpoint: str
    params: tuple[Param, ...]
    seconds: float = 120.0
    tokens: int | None = None
    fetch: Fetch | None = None
    extend_endpoint: str | None = None
    sends_model: bool = True
    constants: tuple[tuple[str, Any], ...] = field(default=(), hash=False)
    image_ratio: tuple[float, float] | None = None
    max_body: int | None = None
    schema: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)

    def __post_init__(self) -> None:
        """Raise SettingsError where a parameter could not be offered under its name."""
        if not (isinstance(self.seconds, int | float) and 0 < self.seconds < math.inf):
            raise SettingsError(f"The row {self.id!r} needs seconds above 0.")
        names = [param.name for param in self.params]
        for name in names:
            sayable = name.isidentifier() and not name.startswith("_")
            if not sayable or name in RESERVED or names.count(name) > 1:
                raise SettingsError(
                    f"The row {self.id!r} can't have a parameter {name!r}: that name is taken, or "
                    "no name of an argument.",
                    next_step="Give it another name; wire= keeps what the API calls it.",
                )

    @staticmethod
    def from_openapi(document: "Mapping[str, Any] | str | Path") -> "list[VideoModel]":
        """The rows of an OpenAPI 3 document: one for each model that it can create videos with.

        Prompt, images, shape and the like are recognized by name and description; every other
        parameter keeps its own name. Nothing is fetched. Of the servers that the document names,
        only the path counts: requests go to the client's own `base_url`. Needs the `openapi` extra.

        Args:
            document: The document as a dict, as JSON or YAML text, or the path of such a file.

        Raises:
            DocumentError: It is no such document, or one that no row can be made of; says why.
        """
        from langchain_apilaplas.catalog.openapi import rows  # noqa: PLC0415

        return rows(document)

    def param(self, name: str) -> Param | None:
        """The parameter of that name, or None."""
        return next((param for param in self.params if param.name == name), None)

    @property
    def takes_image(self) -> bool:
        """Whether it can start from a picture."""
        return any(param.name in ("image", "images") for param in self.params)

    @property
    def takes_text(self) -> bool:
        """Whether it can do without a picture."""
        pictured = any(p.required and p.kind in ("image", "images") for p in self.params)
        return self.param("prompt") is not None and not pictured

    @property
    def has_last_image(self) -> bool:
        """Whether it can end with a picture."""
        return self.param("last_image") is not None

    @property
    def how_to_fetch(self) -> Fetch:
        """How to ask for a generation."""
        return self.fetch or Fetch(self.endpoint)

    @property
    def wire_names(self) -> Mapping[str, str]:
        """What the API calls each parameter → what an agent calls it."""
        params = [param for param in self.params if param.wire]
        names = {".".join((*p.inside, p.wire)): p.name for p in params if p.inside}
        for param in params:
            by_place = param.inside and (param.beside or param.wire in ("url", "uri"))
            names.setdefault(param.inside[-1] if by_place else param.wire, param.name)
        return names

    @property
    def expected_usage(self) -> Mapping[str, Any]:
        """What a generation costs, in the API's words, as far as the row tells."""
        return {} if self.tokens is None else {"tokens_used": self.tokens}

    def universal(self) -> "VideoModel":
        """The same model on the universal path, `/v2/video/generations`."""
        if self.endpoint == UNIVERSAL_ENDPOINT:
            return self
        params = tuple(
            replace(param, wire=param.universal or param.wire)
            for param in self.params
            if param.wire
        )
        return replace(
            self,
            endpoint=UNIVERSAL_ENDPOINT,
            params=params,
            fetch=None,
            extend_endpoint=None,
            sends_model="model" not in dict(self.constants),
            schema=None,
        )
