"""Renders a real H.264 MP4 of what a create asks for: a camera move over a picture."""

import os
import random
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFilter

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.sandbox import bodies, pictures, stills
from langchain_apilaplas.sandbox.camera import Camera, camera, ordered

_FPS = 24
_LONGEST = 10
"""Seconds of the longest video."""

SIZES = {
    "16:9": (1280, 720),
    "9:16": (720, 1280),
    "4:3": (1104, 832),
    "3:4": (832, 1104),
    "1:1": (960, 960),
    "21:9": (1584, 672),
    "9:21": (672, 1584),
}
"""Pixels of each aspect ratio, as Runway's own API gives them for gen4_turbo."""

_SETTLING = Camera((1.15, 1.0))
"""How the camera comes to rest on the last image."""

_DISSOLVE = 0.6
"""From which part of the video on the last image comes through."""

Size = tuple[int, int]


def render(scene: "Scene", caption: str) -> bytes:
    """The MP4 of a scene, with words on every frame."""
    last = scene.seconds * _FPS - 1
    frames = (captioned(scene.frame(n / last), caption) for n in range(last + 1))
    return _encoded(frames, scene.size)


def caption_of(model: VideoModel, body: bodies.Body) -> str:
    """What stands on every frame of a create's video."""
    return f"SANDBOX  {model.id}  seed {_seed(bodies.values(model, body))}"


def scene_of(
    model: VideoModel,
    body: bodies.Body,
    *,
    before: Image.Image | None = None,
    after: Image.Image | None = None,
) -> "Scene":
    """What a create's body asks to be filmed.

    Args:
        model: The row that says how to read it.
        body: The body.
        before: The frame that it goes on from, where it extends a video.
        after: The frame that it leads to, where that is one of another video.
    """
    said = bodies.values(model, body)
    first, last = before or _picture(said, "image", "images"), after or _picture(said, "last_image")
    size = size_of(model, body)
    prompt, seed = str(said.get("prompt", "")), _seed(said)
    still = _still(first, size) or stills.title_card(prompt, size)
    end = _still(last, size)
    return Scene(
        wall=_wall(still),
        size=size,
        move=ordered(said) or camera(prompt, seed),
        tint=_tint(seed),
        seconds=_seconds(model, said),
        end=_wall(end) if end else None,
        loop=said.get("loop") is True and end is None,
    )


def size_of(model: VideoModel, body: bodies.Body) -> Size:
    """The pixels of the video: of the ratio asked for, else of the image, else 16:9."""
    said = bodies.values(model, body)
    param = model.param("aspect_ratio")
    if param is None or not param.for_agents:  # one that is kept for old callers decides nothing
        ratio = "auto"
    else:
        usual = "auto" if "auto" in param.choices else param.default
        ratio = str(said.get("aspect_ratio") or usual or "16:9")
    named = re.fullmatch(r"(\d{1,4})[:x/](\d{1,4})", ratio)
    if ratio in SIZES:
        return SIZES[ratio]
    if named and int(named[1]) and int(named[2]):
        return pictures.shape(int(named[1]), int(named[2]))
    image = _picture(said, "image", "images")
    return pictures.shape(*image.size) if isinstance(image, Image.Image) else SIZES["16:9"]


def _picture(said: dict[str, Any], *names: str) -> Image.Image | str | None:
    """The first picture of those names; of one that was never fetched its address."""
    for name in names:
        url = said.get(name)
        url = url[0] if isinstance(url, list) and url else url
        if isinstance(url, str):
            content = pictures.data(url)
            return pictures.opened(content) if content else url
    return None


def _still(picture: Image.Image | str | None, size: Size) -> Image.Image | None:
    if picture is None:
        return None
    if isinstance(picture, str):
        return stills.address_card(picture, size)
    return pictures.fitted(picture, size)


def _seconds(model: VideoModel, said: dict[str, Any]) -> int:
    param = model.param("duration")
    asked = said.get("duration", param.default if param else None)
    number = re.match(r"\d+(\.\d+)?", str(asked))
    return max(1, round(min(_LONGEST, float(number[0])))) if number else 5


def _seed(said: dict[str, Any]) -> int:
    seed = said.get("seed", 0)
    return seed if isinstance(seed, int) else 0


def _wall(still: Image.Image) -> Image.Image:
    """The picture in the middle of a blurred wall half as large again, to zoom out over."""
    width, height = still.size
    wall = still.resize((width // 8, height // 8)).filter(ImageFilter.GaussianBlur(4))
    beside, above = width // 4, height // 4
    wall = wall.resize((width + 2 * beside, height + 2 * above), Image.Resampling.BICUBIC)
    wall.paste(still, (beside, above))
    return wall


def _tint(seed: int) -> tuple[int, int, int]:
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return dice.randrange(256), dice.randrange(256), dice.randrange(256)


@dataclass(frozen=True)
class Scene:
    """What is filmed, and how.

    Attributes:
        wall: The picture, on a wall half as large again.
        size: Of the video, in pixels.
        move: What the camera does.
        tint: The color that the light takes on.
        seconds: How long it takes.
        end: The wall of the last image.
        loop: Whether it goes back to where it began.
    """

    wall: Image.Image
    size: Size
    move: Camera
    tint: tuple[int, int, int]
    seconds: int = 5
    end: Image.Image | None = None
    loop: bool = False

    def frame(self, at: float) -> Image.Image:
        """The picture as the camera sees it at a moment between 0 and 1."""
        ease = _ease(1 - abs(2 * at - 1) if self.loop else at)
        image = _seen(self.wall, self.size, self.move, ease)
        image = Image.blend(image, Image.new("RGB", self.size, self.tint), 0.08 * ease)
        if self.end is None or at <= _DISSOLVE:
            return image
        through = _ease((at - _DISSOLVE) / (1 - _DISSOLVE))
        return Image.blend(image, _seen(self.end, self.size, _SETTLING, through), through)


def _ease(at: float) -> float:
    return at * at * (3 - 2 * at)


def _seen(wall: Image.Image, size: Size, move: Camera, ease: float) -> Image.Image:
    """What the camera sees of a wall when it has done that part of its move."""
    zoom, x, y, roll = (a + (b - a) * ease for a, b in (move.zoom, move.x, move.y, move.roll))
    if roll:
        wall = wall.rotate(roll, Image.Resampling.BILINEAR)
    width, height = size[0] / zoom, size[1] / zoom
    left = (wall.width - width + x * max(0.0, size[0] - width)) / 2
    top = (wall.height - height + y * max(0.0, size[1] - height)) / 2
    box = (left, top, left + width, top + height)
    return wall.resize(size, Image.Resampling.BILINEAR, box=box)


def captioned(image: Image.Image, caption: str) -> Image.Image:
    """The same image with words at the bottom left, readable on any ground."""
    draw = ImageDraw.Draw(image)
    points = 28.0
    while points > 12 and draw.textlength(caption, stills.font(caption, points)) > image.width - 48:
        points -= 2  # a long model id on a narrow video
    at = (24, image.height - 24 - points)
    font = stills.font(caption, points)
    draw.text(at, caption, "white", font, stroke_width=2, stroke_fill="black")
    return image


def _encoded(frames: Iterable[Image.Image], size: Size) -> bytes:
    # `faststart` puts the index first, so that a browser plays at once; it needs a real file.
    handle, path = tempfile.mkstemp(suffix=".mp4")
    os.close(handle)
    try:
        with av.open(path, "w", options={"movflags": "faststart"}) as container:
            options = {"preset": "veryfast", "crf": "23"}
            stream = container.add_stream("libx264", rate=_FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for frame in frames:
                picture = av.VideoFrame.from_image(frame)  # type: ignore[no-untyped-call]
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        with open(path, "rb") as file:
            return file.read()
    finally:
        os.unlink(path)
