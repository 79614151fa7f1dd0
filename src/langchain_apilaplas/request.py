"""What the caller wants, checked against a model's row, and the body that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from urllib.parse import quote

from langchain_apilaplas import bodies
from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.errors import InvalidRequestError
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.nested import ToImage, url_problems
from langchain_apilaplas.quoting import hide, shorten
from langchain_apilaplas.schema_check import schema_problems
from langchain_apilaplas.shortening import picture_fixes, shortened
from langchain_apilaplas.values import allowed, framed, take

_MOST = 20
"""So many unknown names are listed."""

_DEEPEST = 50

PRIVATE = "(private)"
"""What stands in a record instead."""


@dataclass(frozen=True)
class VideoRequest:
    """A request that the model takes. Made by `check` only.

    Attributes:
        model: The row it was checked against.
        values: Parameter name → value; only what was given, images as `ImageInput`.
        fixes: What was set right about the values given, a sentence each.
        is_private: Whether what is asked in words stays out of every record.
    """

    model: VideoModel
    values: Mapping[str, Any] = field(repr=False)
    fixes: tuple[str, ...] = ()
    is_private: bool = False

    @classmethod
    def check(
        cls,
        model: VideoModel,
        given: Mapping[str, object],
        *,
        fixed: Mapping[str, object] | None = None,
        to_image: ToImage | None = None,
    ) -> "VideoRequest":
        """Check everything at once, before anything is sent. None and "" count as left out.

        A slip that can mean one thing only, such as "10s" for 10, is set right.

        Args:
            model: The row to check against.
            given: Parameter name → value.
            fixed: What a developer has set. When it is given, even empty, `given` comes from an
                agent: it may set neither these nor what is not offered to agents.
            to_image: Makes an `ImageInput` of what stands for an image in `given`. Default:
                `ImageInput.of`; but from an agent only https URLs are taken.

        Raises:
            InvalidRequestError: With one sentence for each thing that is wrong.
        """
        offered = model.params if fixed is None else open_params(model, fixed)
        if to_image is None:
            to_image = ImageInput.of if fixed is None else _named_by_url
        values, fixes, problems = check_values(offered, given, to_image)
        problems += [] if fixed is None else url_problems(offered, values)
        for name in (name for name in fixed or {} if model.param(name)):
            try:
                values[name] = check_value(model, name, (fixed or {})[name])
            except ValueError as error:
                problems += error.args
        problems += _clashes(model, values)
        problems += _instead_of_frames(model, given)
        problems += [] if "aspect_ratio" in _present(given) else _ratio_problems(model, values)
        values, too_long = shortened(model, values)
        problems += too_long
        if model.schema is not None:
            problems += schema_problems(model, bodies.wire(model, values), partial=bool(problems))
        if problems:
            raise InvalidRequestError(*problems)
        fixes += [fix for name, value in values.items() for fix in picture_fixes(name, value)]
        return cls(model, values, tuple(fixes))

    @property
    def endpoint(self) -> str:
        """The path it is sent to."""
        extended = self.values.get("extend")
        if self.model.extend_endpoint is None or extended is None:
            return self.model.endpoint
        return self.model.extend_endpoint.format(id=quote(extended, safe=""))

    @property
    def body(self) -> bytes:
        """The JSON that travels, put together anew each time."""
        return b"".join(self.pieces)

    @property
    def pieces(self) -> list[bytes]:
        """The same in parts. A picture is one of them, and not copied."""
        return bodies.pieces(self.model, self.values)

    @property
    def fingerprint(self) -> str:
        """A hash of what it asks for, the same however the JSON is written."""
        return bodies.fingerprint(self.endpoint, self.model, self.values)

    @property
    def summary(self) -> dict[str, Any]:
        """The values for a record: images by their name, never their bytes; no private words."""
        return {
            name: PRIVATE if name in self._hidden else _plain(value)
            for name, value in self.values.items()
        }

    def hide(self, text: str) -> str:
        """A text without the private words, as a server may have quoted them."""
        for name in self._hidden:
            text = text.replace(self.values[name], PRIVATE)
        return text

    @property
    def _hidden(self) -> list[str]:
        names = private_names(self.model) if self.is_private else ()
        return [name for name in names if name in self.values]


def private_names(model: VideoModel) -> list[str]:
    """The parameters that hold a person's own words."""
    return [param.name for param in model.params if param.kind == "text" and not param.choices]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else clean_of_secrets(value)


def check_fixed(model: VideoModel, fixed: Mapping[str, object]) -> dict[str, Any]:
    """What a developer sets for all requests, of which the model knows some; images read once.

    Raises:
        ValueError: Its arguments are sentences about what can't be sent.
    """
    values = {name: check_value(model, name, fixed[name]) for name in fixed if model.param(name)}
    _, too_long = shortened(model, values)
    if problems := _clashes(model, values) + too_long:
        raise ValueError(*problems)
    return values


def check_values(
    params: Sequence[Param], given: Mapping[str, object], to_image: ToImage = ImageInput.of
) -> tuple[dict[str, Any], list[str], list[str]]:
    """The values that fit their parameters, what was set right about them, and what is wrong."""
    known = {param.name: param for param in params}
    left = _present(given)
    values: dict[str, Any] = {}
    fixes: list[str] = []
    problems: list[str] = []
    for name in (name for name in left if name in known):
        try:
            values[name], fix = take(known[name], left[name], to_image)
        except ValueError as error:
            problems += error.args
        else:
            fixes += [fix] if fix else []
    problems += _unknown([name for name in left if name not in known], params)
    problems += [_missing(param) for param in params if param.required and param.name not in left]
    return values, fixes, problems


def check_value(model: VideoModel, name: str, value: object) -> Any:
    """One value that the model takes, an image as `ImageInput`.

    Raises:
        ValueError: Its arguments are sentences that name field, value and what is allowed.
    """
    param = model.param(name)
    if param is None:
        raise ValueError(*_unknown([name], model.params))
    return take(param, value)[0]


def open_params(model: VideoModel, fixed: Mapping[str, object]) -> Sequence[Param]:
    """What an agent may set: not what a developer has fixed, nor what would lie in its place."""
    taken = [param for param in model.params if param.name in fixed]
    return [
        param
        for param in model.params
        if param.for_agents
        and param not in taken
        and not any(_same_place(param, other) for other in taken)
    ]


def _present(given: Mapping[str, object]) -> dict[str, object]:
    """Without what counts as left out."""
    return {
        name: value
        for name, value in given.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def _missing(param: Param) -> str:
    choices = f" Allowed: {allowed(param)}." if param.choices else ""
    return f"{param.name}: missing. {param.description}{choices}"


def _unknown(names: Sequence[str], params: Sequence[Param]) -> list[str]:
    """A sentence for each name; what there is instead is listed once."""
    there = ", ".join(param.name for param in params) or "none"
    told = [f"{shorten(name)}: no such parameter here." for name in names[:_MOST]]
    if names[_MOST:]:
        told.append(f"{len(names) - _MOST} more names are unknown.")
    return [*told[:-1], f"{told[-1][:-1]}; there are: {there}."] if told else []


def _clashes(model: VideoModel, values: Mapping[str, Any]) -> list[str]:
    """Parameters that fill the same place of the body can't be given together."""
    given = [param for param in model.params if param.name in values]
    return [
        f"{second.name}: can't be given together with {first.name}; leave out one of them."
        for first, second in combinations(given, 2)
        if _same_place(first, second)
    ]


def _same_place(one: Param, other: Param) -> bool:
    """Whether they are alternatives, such as a picture and a generation as Luma's first frame."""
    if not (one.wire and other.wire and (one.beside or other.beside)):
        return False
    first, second = one.inside or (one.wire,), other.inside or (other.wire,)
    return first[: len(second)] == second[: len(first)]


def _ratio_problems(model: VideoModel, values: Mapping[str, Any]) -> list[str]:
    image = values.get("image")
    ratio = image.ratio if isinstance(image, ImageInput) else None
    if not model.image_ratio or not ratio or "aspect_ratio" in values:
        return []
    least, greatest = model.image_ratio
    if least <= ratio <= greatest:
        return []
    param = model.param("aspect_ratio")
    return [
        f"aspect_ratio: needed with this image, whose width:height is {ratio:.2f}; without it "
        f"that must be {least} to {greatest}. Allowed: {allowed(param) if param else 'none'}."
    ]


def clean_of_secrets(value: Any, depth: int = 0) -> Any:
    """Nested values for a record: without base64 and the signed parts of links."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, ImageInput):
        return value.source
    if isinstance(value, list | tuple):
        return [clean_of_secrets(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(k): clean_of_secrets(item, depth + 1) for k, item in value.items()}
    return value


def _named_by_url(value: object) -> ImageInput:
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} names no image; give an https URL")
    from langchain_apilaplas.addresses import public_host  # noqa: PLC0415 - seldom needed

    public_host(value)
    return ImageInput.from_url(value)


def _instead_of_frames(model: VideoModel, given: Mapping[str, object]) -> list[str]:
    """How a model that takes no pictures goes on from a video all the same."""
    frames = [
        param
        for param in model.params
        if param.kind == "image" and not param.picture.inline and framed(given.get(param.name))
    ]
    if not frames or model.param("extend") is None:
        return []
    return ["extend: goes on from a video of this same model; give its generation id here."]
