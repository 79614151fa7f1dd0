"""Bodies that would be too long, made short enough by smaller pictures. Pure."""

from typing import Any

from langchain_apilaplas import bodies
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.images import ImageInput

_SLACK = 1000
"""Bytes left for what is around a picture."""
_STEP = 65_536


def shortened(model: VideoModel, values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values with pictures as small as the longest body asks for; and what is wrong, if not."""
    length = sum(map(len, bodies.pieces(model, values))) if model.max_body else 0
    if not model.max_body or length <= model.max_body:
        return values, []
    need = f"makes the request {length:,} bytes long; allowed: at most {model.max_body:,}"
    pictures = sum(len(image.encoded) for value in values.values() for image in _images(value))
    room = model.max_body - (length - pictures) - _SLACK
    shorter, problems = dict(values), []
    for param in (p for p in model.params if _images(values.get(p.name))):
        wanted, given = param.picture, values[param.name]
        try:
            small = [
                image.fitted(wanted.formats, _share(image, room, pictures), wanted.min_side, need)
                if image.encoded
                else image
                for image in _images(given)
            ]
        except ValueError as error:
            problems.append(f"{param.name}: {error}. Or use its https URL.")
            continue
        shorter[param.name] = small if isinstance(given, list) else small[0]
    return shorter, problems


def _share(image: ImageInput, room: int, pictures: int) -> int:
    """Bytes that a picture may have of the room for all; in steps, so that it is made once."""
    share = max(0, room) * len(image.encoded) // max(1, pictures) * 3 // 4
    return share - share % _STEP if share > _STEP else share


def _images(value: Any) -> list[ImageInput]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, ImageInput)]


def picture_fixes(name: str, value: Any) -> list[str]:
    """What was done to the pictures of one parameter, a sentence each."""
    return [
        f"{name}: {image.source} was {' and '.join(image.fixes)}."
        for image in _images(value)
        if image.fixes
    ]
