"""Bodies that would be too long, made short enough by smaller pictures. Pure."""

from typing import Any

from langchain_apilaplas import bodies
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.images import ImageInput

_STEP = 65_536


def shortened(model: VideoModel, values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values with pictures as small as the longest body asks for; and what is wrong, if not."""
    length = sum(map(len, bodies.pieces(model, values))) if model.max_body else 0
    if not model.max_body or length <= model.max_body:
        return values, []
    need = f"makes the request {length:,} bytes long; allowed: at most {model.max_body:,}"
    sizes = [len(image.encoded) for value in values.values() for image in _images(value)]
    most = _most(sizes, model.max_body - (length - sum(sizes)))
    shorter, problems = dict(values), []
    for param in (p for p in model.params if _images(values.get(p.name))):
        wanted, given = param.picture, values[param.name]
        try:
            small = [
                image.fitted(wanted.formats, most, wanted.min_side, need)
                if image.size > most
                else image
                for image in _images(given)
            ]
        except ValueError as error:
            problems.append(f"{param.name}: {error}. Or use its https URL.")
            continue
        shorter[param.name] = small if isinstance(given, list) else small[0]
    return shorter, problems


def _most(sizes: list[int], room: int) -> int:
    """Bytes that each picture may have of the room for all. What smaller ones leave is for the
    bigger ones. In steps, so that each is made once.
    """
    share = 0
    for n, size in enumerate(sorted(sizes)):
        share = max(0, room) // (len(sizes) - n)
        if size > share:
            break
        room -= size
    most = max(0, share - 1) // 4 * 3  # in base64; a JPEG's data URI begins with a letter more
    return most - most % _STEP if most > _STEP else most


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
