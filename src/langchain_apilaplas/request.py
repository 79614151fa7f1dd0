"""What the caller wants, checked against a model's row, and the body that says so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.errors import InvalidRequestError
from langchain_apilaplas.images import ImageInput, shorten


@dataclass(frozen=True)
class VideoRequest:
    """A request that the model takes. Made by `check` only.

    Attributes:
        model: The row it was checked against.
        values: Parameter name → value; only what was given, images as `ImageInput`.
        body: The JSON that travels, as bytes.
    """

    model: VideoModel
    values: Mapping[str, Any]
    body: bytes

    @classmethod
    def check(cls, model: VideoModel, given: Mapping[str, object]) -> "VideoRequest":
        """Check everything at once, before anything is sent. None and "" count as left out.

        Raises:
            InvalidRequestError: With one sentence for each thing that is wrong.
        """
        values: dict[str, Any] = {}
        problems = []
        for name, value in given.items():
            if value is None or value == "":
                continue
            try:
                values[name] = check_value(model, name, value)
            except ValueError as error:
                problems.append(str(error))
        problems += [
            _missing(p) for p in model.params if p.required and given.get(p.name) in (None, "")
        ]
        problems += _ratio_problems(model, values)
        body = _body(model, values)
        if not problems and model.max_body and len(body) > model.max_body:
            problems.append(
                f"image: makes the request {len(body):,} bytes long; allowed: at most "
                f"{model.max_body:,}. Use a smaller picture, or its https URL."
            )
        if problems:
            raise InvalidRequestError(*problems)
        return cls(model, values, body)


def check_value(model: VideoModel, name: str, value: object) -> object:
    """One value that the model takes, an image as `ImageInput`.

    Raises:
        ValueError: With a sentence that names field, value and what is allowed.
    """
    param = model.param(name)
    if param is None:
        raise ValueError(_unknown(name, model.params))
    if param.kind == "image":
        try:
            return ImageInput.of(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}.") from None
    if problem := param.problem(value):
        raise ValueError(problem)
    return value


def explain(params: Sequence[Param], name: str, kind: str, value: object) -> str:
    """One of pydantic's complaints about arguments, of that `kind`, in this package's words."""
    param = next((param for param in params if param.name == name), None)
    if param is None:
        return _unknown(name, params)
    if kind == "missing" or value is None:
        return _missing(param)
    return param.problem(value) or f"{name}: has the wrong type; allowed: {param.allowed}."


def summarize(values: Mapping[str, object]) -> dict[str, Any]:
    """Values for a record: images by their name, never their bytes."""
    return {
        name: value.source if isinstance(value, ImageInput) else value
        for name, value in values.items()
    }


def _unknown(name: str, params: Sequence[Param]) -> str:
    names = ", ".join(param.name for param in params)
    return f"{shorten(name)}: no such parameter here; there are: {names}."


def _missing(param: Param) -> str:
    return f"{param.name}: missing. {param.description}"


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
        f"that must be {least} to {greatest}. Allowed: {param.allowed if param else 'none'}."
    ]


def _body(model: VideoModel, values: Mapping[str, Any]) -> bytes:
    wire: dict[str, Any] = {"model": model.id}
    for param in model.params:
        if param.name in values:
            value = values[param.name]
            wire[param.wire] = value.url if isinstance(value, ImageInput) else value
    return json.dumps(wire).encode("ascii")
