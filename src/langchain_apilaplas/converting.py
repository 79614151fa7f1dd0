"""Pictures made into what a model takes, with Pillow: turned upright, converted, scaled to fit.

Pillow is an extra, imported when it is needed. What it writes carries no metadata but the color
profile: no place, no date, no camera.
"""

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_apilaplas.formats import check_size, foreign, read

if TYPE_CHECKING:
    from PIL.Image import Image

_SAVE = "save it as JPEG, or let the developer add a reader (pillow-heif, registered)"
_EXTRA = "install Pillow (pip install 'langchain-apilaplas[images]'), with which that is done here"
_QUALITY, _LESS_QUALITY = 95, 88
_TRIES = 8
_Size = tuple[int, int]
_PILLOW_NAMES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


@dataclass(frozen=True)
class Converted:
    """A picture's new file, and what was done, in words that follow "it was"."""

    data: bytes
    done: tuple[str, ...]


def written(image: "Image", source: str) -> bytes:
    """An image of Pillow's as a file.

    Raises:
        ValueError: It is animated, too big, or can't be read.
    """
    try:
        _check(image, source)
        flat = _upright(image)
        kind = "image/png" if flat.mode != "RGB" else "image/jpeg"
        return _encoded(flat, kind, _QUALITY)
    except Exception as error:
        raise _unreadable(source, error) from None


def usable(data: bytes, source: str) -> Converted:
    """A file that can't be sent as it is, made into one that can: another of `formats.foreign`'s
    formats into a JPEG, and one that EXIF says is turned into one that stands upright.

    Raises:
        ValueError: There is no Pillow that can, or it is animated, damaged or too big.
    """
    if kind := foreign(data):
        problem = f"{source} is {kind}, which has to be converted to JPEG first"
        target, done = "image/jpeg", f"converted from {kind} to JPEG"
    else:
        target, done = read(data, source).media_type, "turned upright"
        kind = _PILLOW_NAMES[target]
        problem = f"{source} is stored turned (by EXIF) and would lie on its side; save it upright"
    image = _opened(data, kind, source, problem)
    try:
        image = _upright(image)
        image = _flat(image) if target == "image/jpeg" else image
        return Converted(_encoded(image, target, _QUALITY), (done,))
    except Exception as error:
        raise _unreadable(source, error) from None


@dataclass(frozen=True)
class Wanted:
    """What a picture is to become.

    Attributes:
        kinds: The media types taken; empty for all.
        most: Bytes; None for no limit.
        least_side: The fewest pixels of its shorter side.
        problem: What is wrong with it as it is, for a message.
    """

    kinds: tuple[str, ...]
    most: int | None
    least_side: int
    problem: str


def fitted(data: bytes, media_type: str, source: str, wanted: Wanted) -> Converted:
    """The same picture in a format and of a size that is wanted.

    Raises:
        ValueError: There is no Pillow, it is damaged, or it can't be made small enough.
    """
    image = _opened(data, _PILLOW_NAMES[media_type], source, wanted.problem)
    jpeg = not wanted.kinds or "image/jpeg" in wanted.kinds
    target = "image/jpeg" if jpeg else wanted.kinds[0]
    full, part = image.size, _part(len(data), min(image.size), wanted)
    try:
        # A JPEG is decoded at a half, a quarter or an eighth for next to nothing.
        image.draft(None, (int(full[0] * part), int(full[1] * part)))
        small, size = _shrunk(_flat(_upright(image)), full, part, target, wanted)
    except Exception as error:
        raise _unreadable(source, error) from None
    if small is None:
        raise ValueError(f"{wanted.problem}; scaled down to that, it would be too small")
    done = []
    if target != media_type:
        done.append(f"converted from {_PILLOW_NAMES[media_type]} to {_PILLOW_NAMES[target]}")
    if size != full:
        before, after = (f"{width}\u00d7{height}" for width, height in (full, size))
        done.append(f"scaled from {before} to {after}")
    return Converted(small, tuple(done or [f"compressed to {len(small):,} bytes"]))


def _shrunk(
    image: "Image", full: _Size, scale: float, target: str, wanted: Wanted
) -> tuple[bytes | None, _Size]:
    """Encoded with less and less of the full size, from a scale on, until it is small enough; None
    if it never is.
    """
    most, size = wanted.most, _scaled(full, scale)
    for _ in range(_TRIES):
        quality = _QUALITY if most is None else _LESS_QUALITY
        there = image if image.size == size else image.resize(size, reducing_gap=3.0)
        small = _encoded(there, target, quality)
        if most is None or len(small) <= most:
            return small, size
        scale *= min(0.9, max(0.3, math.sqrt(most / len(small)) * 0.97))
        size = _scaled(full, scale)
        if min(size) < max(1, wanted.least_side):
            break
    return None, size


def _scaled(size: _Size, scale: float) -> _Size:
    """Rounded towards a square, so that no limit of width:height is left by that."""
    longer = math.floor(max(size) * scale)
    shorter = min(longer, math.ceil(min(size) * scale))
    return (longer, shorter) if size[0] >= size[1] else (shorter, longer)


def _part(length: int, side: int, wanted: Wanted) -> float:
    """At which scale it is tried first: below the full one where it is many times too big."""
    parts = (1 / n for n in (8, 4, 2) if wanted.most and length > n * n * wanted.most)
    return next((part for part in parts if side * part >= wanted.least_side), 1.0)


def _opened(data: bytes, kind: str, source: str, problem: str) -> "Image":
    try:
        from PIL import Image  # noqa: PLC0415 - an extra
    except ImportError:
        raise ValueError(f"{problem}; {_SAVE if kind == 'HEIF' else _EXTRA}") from None
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
    except KeyError:  # no reader of that format is installed
        raise ValueError(f"{problem}, and Pillow can't read it here; {_SAVE}") from None
    except Exception as error:
        raise _unreadable(source, error) from None
    if kind not in _PILLOW_NAMES.values():
        _check(image, source)
    return image


def _check(image: "Image", source: str) -> None:
    check_size(*image.size, source)
    if getattr(image, "is_animated", False) and image.format != "MPO":  # a photo, and previews
        raise ValueError(f"{source} is animated, or holds several pictures; give a still picture")


def _upright(image: "Image") -> "Image":
    from PIL import ImageOps  # noqa: PLC0415 - an extra

    return ImageOps.exif_transpose(_plain(image))


def _plain(image: "Image") -> "Image":
    """In a mode that can be written, transparency kept."""
    if image.mode.startswith("I"):  # converting would cut off, not scale
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode == "F":  # of whatever range: from 0 to 1, as a rule
        most: Any = image.getextrema()[1]
        scale = 255 if 0 < most <= 1 else 255 / max(255.0, most)
        return image.point(lambda value: value * scale).convert("L")
    transparent = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    if image.mode in ("RGB", "RGBA", "L") and not transparent:
        return image
    return image.convert("RGBA" if transparent else "RGB")


def _flat(image: "Image") -> "Image":
    """Without transparency: on white."""
    from PIL import Image  # noqa: PLC0415 - an extra

    if image.mode == "RGBA":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        if profile := image.info.get("icc_profile"):
            ground.info["icc_profile"] = profile
        return ground
    return image


def _encoded(image: "Image", media_type: str, quality: int) -> bytes:
    buffer = io.BytesIO()
    profile = image.info.get("icc_profile") or b""
    if profile[16:20] != (b"GRAY" if image.mode == "L" else b"RGB "):  # of the mode it had before
        profile = None
    image.save(buffer, _PILLOW_NAMES[media_type], quality=quality, icc_profile=profile)
    return buffer.getvalue()


def _unreadable(source: str, error: Exception) -> ValueError:
    """What Pillow raises at damaged files is of many kinds."""
    if isinstance(error, ValueError) and str(error).startswith(source):
        return error
    return ValueError(f"{source} can't be read as a picture ({type(error).__name__})")
