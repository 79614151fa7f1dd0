"""One value against one parameter: taken, set right where only its form is off, or refused."""

import math
import re
from typing import Any

from langchain_apilaplas import slips
from langchain_apilaplas.catalog import Param, Picture
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.nested import ToImage, take_json
from langchain_apilaplas.quoting import quoted
from langchain_apilaplas.reading import LONGEST_ID

_LARGEST = 2.0**63


def take(param: Param, value: object, to_image: ToImage = ImageInput.of) -> tuple[Any, str | None]:
    """The value as the model takes it, and what had to be changed about it, as a sentence.

    Raises:
        ValueError: Its arguments are sentences, each naming field, value and what is allowed.
    """
    if param.kind == "image":
        return _image(param, value, to_image), None
    if param.kind == "images":
        return _images(param, value, to_image), None
    if param.kind == "json":
        return take_json(param, value, to_image)
    if _fits(param, value):
        return value, None
    fixed = slips.fix(param, value)
    if fixed is not None and _fits(param, fixed):
        return fixed, f"{param.name}: {quoted(value)} was taken as {fixed!r}."
    raise ValueError(_problem(param, value))


def allowed(param: Param) -> str:
    """What may be given, in words."""
    if param.choices:
        return "one of " + ", ".join(map(str, param.choices))
    if param.form:
        return param.form[1]
    if param.kind == "text":
        return f"at most {param.max_length} characters" if param.max_length else "a text"
    if param.kind in ("integer", "number"):
        least = "" if param.minimum is None else f" from {_plain(param.minimum)}"
        most = "" if param.maximum is None else f" to {_plain(param.maximum)}"
        return ("a whole number" if param.kind == "integer" else "a number") + least + most
    return _ALLOWED[param.kind]


_ALLOWED = {
    "image": "an https URL, 'attached:last', 'attached:N' or 'video:ID:last'",
    "images": "a list of images, each an https URL, 'attached:last', 'attached:N' or "
    "'video:ID:last'",
    "boolean": "true or false",
    "id": "the id of a generation, as it was given",
    "json": "what its description and schema say",
}


def is_id(text: str) -> bool:
    """Whether it can be the id of a generation: no path leads out of the API with it."""
    sayable = 0 < len(text) <= LONGEST_ID and text == text.strip(slips.AROUND) and _is_whole(text)
    return sayable and text not in (".", "..") and not text.lower().startswith("data:")


def framed(value: object) -> str | None:
    """The id of the video whose last frame is named, as in `video:<generation id>:last`."""
    if not isinstance(value, str) or value[:6].lower() != "video:":
        return None
    generation_id, _, at = value[6:].strip().rpartition(":")
    return generation_id if at.strip().lower() == "last" and is_id(generation_id) else None


def utf16_units(text: str) -> int:
    """The length of a text as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "id": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def _fits(param: Param, value: Any) -> bool:
    if type(value) not in _TYPES[param.kind]:  # a bool or a Decimal may equal an int
        return False
    if param.choices:
        return value in param.choices
    if isinstance(value, str):
        return is_id(value) if param.kind == "id" else _fits_text(param, value)
    if not -_LARGEST < value < _LARGEST:  # a NaN is not, either
        return False
    above = param.minimum is None or value >= param.minimum
    return above and (param.maximum is None or value <= param.maximum)


def _fits_text(param: Param, text: str) -> bool:
    if not _is_whole(text) or (param.form and not re.fullmatch(param.form[0], text)):
        return False
    return param.max_length is None or utf16_units(text) <= param.max_length


def _is_whole(text: str) -> bool:
    return not re.search(r"[\ud800-\udfff]", text)


def _problem(param: Param, value: object) -> str:
    if param.kind == "text" and not (param.choices or param.form) and isinstance(value, str):
        units = utf16_units(value)
        if param.max_length is not None and units > param.max_length:
            return (
                f"{param.name}: is {units} characters long (an emoji counts as 2); "
                f"allowed: {allowed(param)}."
            )
        return f"{param.name}: holds half of a character (a lone surrogate); write it again."
    nearest = slips.nearest(param, value)
    hint = "" if nearest is None else f"; nearest: {nearest}"
    return f"{param.name}: {quoted(value)} is not allowed; allowed: {allowed(param)}{hint}."


def _image(param: Param, value: object, to_image: ToImage) -> ImageInput:
    try:
        return _fitting(param.picture, to_image(value))
    except ValueError as error:
        raise ValueError(f"{param.name}: {error}.") from None


def _images(param: Param, value: object, to_image: ToImage) -> list[ImageInput]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(_problem(param, value))
    return [_image(param, item, to_image) for item in value]


def _fitting(wanted: Picture, image: ImageInput) -> ImageInput:
    """The picture as the model takes it. Of a URL nothing is known."""
    if image.link:
        return image
    if not wanted.inline:
        instead = "choose another model" if image.promised else "ask the user for its https URL"
        raise ValueError(
            f"{image.source} is the picture itself, and this model takes only a URL; {instead}"
        )
    if image.width is None or image.height is None or image.ratio is None:
        return image
    side = min(image.width, image.height)
    if side < wanted.min_side:
        raise ValueError(
            f"{image.source} has a shorter side of {side} pixels; allowed: at least "
            f"{wanted.min_side}"
        )
    least, most = wanted.ratio or (0.0, math.inf)
    if not least <= image.ratio <= most:
        raise ValueError(
            f"{image.source} has a width:height of {image.ratio:.2f}; allowed: "
            f"{least:g} to {most:g}"
        )
    return _converted(wanted, image)


def _converted(wanted: Picture, image: ImageInput) -> ImageInput:
    """In a format and of a size that the model takes."""
    if wanted.formats and image.media_type not in wanted.formats:
        names = " or ".join(name.removeprefix("image/").upper() for name in wanted.formats)
        need = f"is {image.media_type}; allowed: {names}"
    elif wanted.max_bytes is not None and image.size > wanted.max_bytes:
        need = f"has {image.size:,} bytes; allowed: at most {wanted.max_bytes:,}"
    else:
        return image
    return image.fitted(wanted.formats, wanted.max_bytes, wanted.min_side, need)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"
