"""What the API would refuse, by the sandbox's own reading of the catalog.

It shares no code with the client's checks: a mistake in both would be invisible.
"""

import io
from typing import Any

from PIL import Image

from langchain_apilaplas.catalog import Param, Picture, VideoModel
from langchain_apilaplas.sandbox import pictures, shapes
from langchain_apilaplas.sandbox.bodies import Body, path, value
from langchain_apilaplas.sandbox.shapes import expected

_BOTH = "Expected an HTTPS URL or data URI"


def complaints(model: VideoModel, body: Body, size: int, *, strict: bool = False) -> list[str]:
    """What is wrong with the body of a create, in the API's words; empty when it is taken.

    Args:
        model: What the body is for.
        body: The body.
        size: Its length in bytes.
        strict: Whether the API refuses fields that it does not know.
    """
    found: dict[str, str] = {}
    for param in model.params:
        if param.wire:
            _check(model, param, body, found)
    words = [f"'{field}': {complaint}" for field, complaint in found.items()]
    known = {(*param.inside, param.wire)[0] for param in model.params}
    known |= {"model"} if model.sends_model else set()
    if strict and (extra := sorted(set(body) - known)):
        words.append(shapes.unknown(extra))
    if model.max_body and size > model.max_body:
        words.append(f"Request entity too large: {size} bytes")
    return words or _shape_complaints(model, body) or _schema_complaints(model, body)


def _check(model: VideoModel, param: Param, body: Body, found: dict[str, str]) -> None:
    """Add what is wrong with one parameter; the first complaint about a field is kept."""
    said = value(param, body, absent=...)
    if said is ...:
        if param.required:
            found.setdefault(path(param), "Required")
    elif said is None and model.schema is not None:
        pass  # the document says whether it may be null
    elif param.kind == "json":
        for way, complaint in shapes.json_troubles(model, param, said):
            found.setdefault(".".join([path(param), *way]), complaint)
    elif trouble := _trouble(param, said):
        found.setdefault(path(param), trouble)


def _trouble(param: Param, said: Any) -> str | None:
    if param.choices:
        return shapes.one_of(*param.choices)(said)
    if param.kind == "images":
        return _images_trouble(param, said)
    if param.kind == "image":
        return _image_trouble(param.picture, said)
    if param.kind == "boolean":
        return None if isinstance(said, bool) else expected("boolean", said)
    if param.kind in ("integer", "number"):
        check = shapes.integer if param.kind == "integer" else shapes.number
        return check(said, param.minimum, param.maximum)
    return _text_trouble(param, said)


def _text_trouble(param: Param, said: Any) -> str | None:
    if complaint := shapes.text(said):
        return complaint
    units = len(said.encode("utf-16-le", "surrogatepass")) / 2
    if param.max_length and units > param.max_length:
        return f"String must contain at most {param.max_length} character(s)"
    return None


def _images_trouble(param: Param, said: Any) -> str | None:
    if not isinstance(said, list):
        return expected("array", said)
    return next(filter(None, (_image_trouble(param.picture, item) for item in said)), None)


def _image_trouble(wanted: Picture, said: Any) -> str | None:
    if wanted.inline and isinstance(said, str):
        if said.lower().startswith("data:image/"):
            return _picture_trouble(wanted, said)
        return shapes.url(said) and _BOTH
    return shapes.url(said)


def _picture_trouble(wanted: Picture, url: str) -> str | None:
    """What is wrong with a picture whose bytes are here."""
    try:
        content = pictures.data(url) or b""
    except ValueError:
        return "Invalid image"
    image = Image.open(io.BytesIO(content))
    kind, side = Image.MIME.get(image.format or ""), min(image.size)
    if wanted.formats and kind not in wanted.formats:
        return f"Expected {' | '.join(wanted.formats)}, received {kind}"
    if side < wanted.min_side:
        return f"Expected a shorter side of at least {wanted.min_side} pixels, received {side}"
    if wanted.max_bytes and len(content) > wanted.max_bytes:
        return f"Expected at most {wanted.max_bytes} bytes, received {len(content)}"
    return _ratio_trouble(wanted.ratio, image.size)


def _ratio_trouble(ratio: tuple[float, float] | None, size: tuple[int, int]) -> str | None:
    if ratio is None or ratio[0] <= size[0] / size[1] <= ratio[1]:
        return None
    return f"Expected a width to height ratio of {ratio[0]} to {ratio[1]}"


def _shape_complaints(model: VideoModel, body: Body) -> list[str]:
    """Of an image whose shape the video takes on, because the body names none."""
    image, ratio = model.param("image"), model.param("aspect_ratio")
    if image is None or (ratio and value(ratio, body) is not None):
        return []
    said = value(image, body)
    content = pictures.data(said) if isinstance(said, str) else None
    if content is None:
        return []
    trouble = _ratio_trouble(model.image_ratio, Image.open(io.BytesIO(content)).size)
    return [f"'{path(image)}': {trouble}"] if trouble else []


def _schema_complaints(model: VideoModel, body: Body) -> list[str]:
    """What the JSON Schema of a row that comes from a document has against the body."""
    if model.schema is None:
        return []
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only rows of documents need it

    errors = Draft202012Validator(model.schema).iter_errors(body)
    return [f"'{error.json_path.removeprefix('$.')}': {error.message[:200]}" for error in errors]
