"""Renders a real H.264 MP4 from a picture: a camera move over it, as the prompt says."""

import io
import os
import random
import re
import tempfile
from dataclasses import dataclass
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

FPS = 24

SIZES = {
    "16:9": (1280, 720),
    "9:16": (720, 1280),
    "4:3": (1104, 832),
    "3:4": (832, 1104),
    "1:1": (960, 960),
    "21:9": (1584, 672),
}
"""Pixels of each aspect ratio, as Runway's own API gives them for gen4_turbo."""


@dataclass(frozen=True)
class Camera:
    """Where the camera is at the start and at the end of the video.

    `zoom` is how many times closer than the whole picture, below 1 further away; `x` and `y` run
    from -1 (left, top) to 1 (right, bottom) of what can be moved at that zoom. It starts with the
    whole picture: the image is the video's first frame.
    """

    zoom: tuple[float, float] = (1.0, 1.3)
    x: tuple[float, float] = (0.0, 0.0)
    y: tuple[float, float] = (0.0, 0.0)


_MOVES = (
    (r"static|still|fixed|locked", Camera((1.0, 1.0))),
    (r"zoom\w* out|pull\w* (back|out)|reveal\w*", Camera((1.0, 0.7))),
    (r"pan\w* left|to the left", Camera(x=(0.0, -1.0))),
    (r"pan\w*|to the right|track\w*", Camera(x=(0.0, 1.0))),
    (r"tilt\w* down|land\w*|fall\w*|sink\w*", Camera(y=(0.0, 1.0))),
    (r"tilt\w*|lift\w*|ris\w+|launch\w*|take\w* off|fl\w+|upward\w*", Camera(y=(0.0, -1.0))),
)
"""What the prompt says → how the camera moves; the first that matches. Else it moves closer."""


def camera(prompt: str, seed: int) -> Camera:
    """The prompt's camera move; the seed bends its end a little, so that seeds differ."""
    move = next((m for words, m in _MOVES if re.search(rf"\b({words})\b", prompt, re.I)), Camera())
    drift = random.Random(seed).uniform(-0.4, 0.4)  # noqa: S311 - reproducible, not secret
    if move.x == (0.0, 0.0):
        return Camera(move.zoom, (0.0, drift), move.y)
    return Camera(move.zoom, move.x, (0.0, drift))


def render(picture: bytes | None, body: dict[str, Any]) -> bytes:
    """The MP4 of a create's body: its duration, ratio, seed and prompt obeyed.

    Without a `picture` (only its URL is known) a card with the URL stands in.
    """
    scene = scene_of(picture, body)
    count = int(body.get("duration", 5)) * FPS
    caption = f"SANDBOX  {body.get('model', '')}  seed {body.get('seed', 0)}"
    frames = (captioned(scene.frame(n / (count - 1)), caption) for n in range(count))
    return _encoded(frames, scene.size)


def scene_of(picture: bytes | None, body: dict[str, Any]) -> "Scene":
    """What a create's body asks to be filmed."""
    size = SIZES[body.get("ratio", "16:9")]
    prompt, seed = str(body.get("prompt", "")), int(body.get("seed", 0))
    still = fitted(picture, size) if picture else _card(str(body.get("image_url", "")), size)
    return Scene(_wall(still), size, camera(prompt, seed), _tint(seed))


def fitted(picture: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture upright, on white where it is transparent, cut to fill the size."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(picture)))
    if image.mode.startswith("I;16"):  # converting would cut off, not scale
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    image = Image.alpha_composite(ground, image).convert("RGB")
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _wall(still: Image.Image) -> Image.Image:
    """The picture in the middle of a blurred wall half as large again, to zoom out over."""
    width, height = still.size
    wall = still.resize((width // 8, height // 8)).filter(ImageFilter.GaussianBlur(4))
    wall = wall.resize((width * 3 // 2, height * 3 // 2), Image.Resampling.BICUBIC)
    wall.paste(still, (width // 4, height // 4))
    return wall


def _tint(seed: int) -> tuple[int, int, int]:
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return dice.randrange(256), dice.randrange(256), dice.randrange(256)


def _card(text: str, size: tuple[int, int]) -> Image.Image:
    """A stand-in for a picture nobody fetched: its address over a grid that shows the motion."""
    image = Image.new("RGB", size, "#1d2b3a")
    draw = ImageDraw.Draw(image)
    for at in range(0, max(size), 80):
        draw.line([(at, 0), (at, size[1])], fill="#2f4560")
        draw.line([(0, at), (size[0], at)], fill="#2f4560")
    name = text.partition("?")[0]
    lines = [name[start : start + 40] for start in range(0, min(len(name), 240), 40)]
    middle = (size[0] / 2, size[1] / 2)
    font = ImageFont.load_default(size=size[0] / 32)
    draw.multiline_text(middle, "\n".join(lines), font=font, anchor="mm", align="center")
    return image


@dataclass(frozen=True)
class Scene:
    """What is filmed, and how."""

    wall: Image.Image
    size: tuple[int, int]
    move: Camera
    tint: tuple[int, int, int]

    def frame(self, at: float) -> Image.Image:
        """The picture as the camera sees it at a moment between 0 and 1."""
        ease = at * at * (3 - 2 * at)
        zoom, x, y = (a + (b - a) * ease for a, b in (self.move.zoom, self.move.x, self.move.y))
        width, height = self.size[0] / zoom, self.size[1] / zoom
        left = (self.wall.width - width + x * max(0.0, self.size[0] - width)) / 2
        top = (self.wall.height - height + y * max(0.0, self.size[1] - height)) / 2
        box = (left, top, left + width, top + height)
        image = self.wall.resize(self.size, Image.Resampling.BICUBIC, box=box)
        return Image.blend(image, Image.new("RGB", self.size, self.tint), 0.08 * ease)


def captioned(image: Image.Image, caption: str) -> Image.Image:
    """The same image with words at the bottom left, readable on any ground."""
    font = ImageFont.load_default(size=28)
    at = (24, image.height - 52)
    ImageDraw.Draw(image).text(at, caption, "white", font, stroke_width=2, stroke_fill="black")
    return image


def _encoded(frames: Any, size: tuple[int, int]) -> bytes:
    # `faststart` puts the index first, so that a browser plays at once; it needs a real file.
    handle, path = tempfile.mkstemp(suffix=".mp4")
    os.close(handle)
    try:
        with av.open(path, "w", options={"movflags": "faststart"}) as container:
            options = {"preset": "veryfast", "crf": "23"}
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for frame in frames:
                picture = av.VideoFrame.from_image(frame)  # type: ignore[no-untyped-call]
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        with open(path, "rb") as file:
            return file.read()
    finally:
        os.unlink(path)
