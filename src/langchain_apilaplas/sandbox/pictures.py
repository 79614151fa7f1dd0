"""Pictures that come inside a request: decoded, turned upright, cut to a shape."""

import base64
import io

from PIL import Image, ImageOps

LONGEST = 1280
"""Pixels of the longer side of a video that takes its shape from a picture."""


def data(url: str) -> bytes | None:
    """The picture in a data URI; None of any other address.

    Raises:
        ValueError: It is no picture.
    """
    if not url.lower().startswith("data:"):
        return None
    content = base64.b64decode(url.partition(",")[2], validate=True)
    try:
        Image.open(io.BytesIO(content)).load()
    except Exception as error:
        raise ValueError("not a picture") from error
    return content


def opened(content: bytes) -> Image.Image:
    """A picture upright, on white where it is transparent."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode.startswith("I;16"):  # converting would cut off, not scale
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture cut to fill the size."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def shape(width: float, height: float) -> tuple[int, int]:
    """The size of a video of that shape: even, as H.264 wants it, and not too thin to see."""
    scale = LONGEST / max(width, height)
    across, down = (max(128, round(side * scale / 2) * 2) for side in (width, height))
    return across, down
