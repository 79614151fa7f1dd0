"""Pictures that the sandbox draws itself: a title card, and a card for an address."""

import colorsys
import hashlib
import random
import textwrap
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Size = tuple[int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_WORLDLY = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Fonts that know more letters than Pillow's own; which of them there are is up to the machine."""

_UNTITLED = "Untitled"


def font(text: str, size: float) -> Font:
    """One that can write the text, if there is one."""
    for name in () if text.isascii() else _WORLDLY:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size=size)


def title_card(prompt: str, size: Size) -> Image.Image:
    """The prompt as the title of a film, on a ground of its own colors."""
    text = " ".join(prompt.split()) or _UNTITLED
    dice = random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())  # noqa: S311
    lines, points = _set(text, (size[0] * 0.62, size[1] * 0.56))
    letters = _lettered(lines, font(text, points), points, size)
    image = _lit(_ground(size, dice), dice)
    shadow = letters.filter(ImageFilter.GaussianBlur(points / 10)).point(lambda value: value * 0.8)
    image.paste("black", (0, round(points / 20)), shadow)
    image.paste("white", (0, 0), letters)
    return image


def _lettered(lines: str, type_: Font, points: float, size: Size) -> Image.Image:
    """Where a title's letters are, with a bar above them."""
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    middle = (size[0] / 2, size[1] / 2)
    form: dict[str, Any] = {"spacing": points * 0.35, "align": "center"}
    draw.multiline_text(middle, lines, 255, type_, anchor="mm", **form)
    top = draw.multiline_textbbox(middle, lines, type_, anchor="mm", **form)[1] - points
    draw.rectangle((middle[0] - points, top, middle[0] + points, top + points * 0.1), 210)
    return mask


def _ground(size: Size, dice: random.Random) -> Image.Image:
    """A slope from one color to a neighbor of it, dark enough for white letters."""
    hue = dice.random()
    near, far = _color(hue, 0.55, 0.62), _color(hue + 0.12, 0.75, 0.24)
    slope = Image.linear_gradient("L").rotate(dice.choice((20, -20)), Image.Resampling.BICUBIC)
    mask = slope.crop((48, 48, 208, 208)).resize(size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", size, far), Image.new("RGB", size, near), mask)


def _lit(ground: Image.Image, dice: random.Random) -> Image.Image:
    """The ground with lights out of focus on it, which show how the camera moves."""
    small = (ground.width // 2, ground.height // 2)
    lights = Image.new("L", small)
    draw = ImageDraw.Draw(lights)
    for light in sorted(dice.randrange(14, 58) for _ in range(14)):
        radius = dice.uniform(0.02, 0.11) * min(small)
        x, y = dice.uniform(0, small[0]), dice.uniform(0, small[1])
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=light)
    lights = lights.filter(ImageFilter.GaussianBlur(2)).resize(ground.size)
    return Image.composite(Image.new("RGB", ground.size, "white"), ground, lights)


def _color(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _set(text: str, room: tuple[float, float]) -> tuple[str, float]:
    """The text in lines, and the greatest size at which they find room; the end may be left out."""
    points, least = room[0] / 9, max(14.0, room[0] / 42)
    while True:
        written = font(text, points)
        letter = max(1.0, written.getlength(text[:300]) / len(text[:300]))
        lines = textwrap.wrap(text, max(8, int(room[0] / letter)))
        widest = max(map(written.getlength, lines))
        most = max(1, int(room[1] / (points * 1.55)))
        if points <= least and len(lines) > most:
            lines = [*lines[: most - 1], lines[most - 1] + " …"]
        if points <= least or (len(lines) <= most and widest <= room[0] * 1.06):
            return "\n".join(lines), points
        points = max(least, points * 0.88)


def address_card(url: str, size: Size) -> Image.Image:
    """A stand-in for a picture nobody fetched: its address over a grid that shows the motion."""
    image = Image.new("RGB", size, "#1d2b3a")
    draw = ImageDraw.Draw(image)
    for at in range(0, max(size), 80):
        draw.line([(at, 0), (at, size[1])], fill="#2f4560")
        draw.line([(0, at), (size[0], at)], fill="#2f4560")
    name = url.partition("?")[0]
    lines = [name[start : start + 40] for start in range(0, min(len(name), 240), 40)]
    middle = (size[0] / 2, size[1] / 2)
    draw.multiline_text(
        middle, "\n".join(lines), font=font(name, size[0] / 32), anchor="mm", align="center"
    )
    return image
