"""The parameters that many models share, so that they read the same everywhere."""

from typing import Any

from langchain_apilaplas.catalog.spec import Param, Picture

URL_ONLY = Picture(inline=False)

_NAMES = "'attached:last' or 'attached:N' (1 = the user's first)"
_ATTACHED = (
    f"or a picture of this conversation as {_NAMES}, or 'video:<generation id>:last', where an "
    "earlier video of it ends. Never base64."
)
_LINKED = f"or {_NAMES} where that picture came as a URL. Not a picture itself."


def prompt(wire: str = "prompt", **more: Any) -> Param:
    """What happens in the video; needed unless said otherwise."""
    said = "What happens in the video: scene, motion, camera, mood."
    return Param("prompt", wire, "text", **{"required": True, "description": said, **more})


def image(
    wire: str = "image_url", *, picture: Picture = URL_ONLY, more: str = "", **rest: Any
) -> Param:
    """The first frame; needed unless said otherwise."""
    said = f"First frame: an https URL, {_ATTACHED if picture.inline else _LINKED} {more}".strip()
    usual = {"required": True, "description": said}
    return Param("image", wire, "image", picture=picture, **{**usual, **rest})


def last_image(wire: str, *, picture: Picture = URL_ONLY, **more: Any) -> Param:
    """The last frame."""
    said = "Last frame, named as `image` is. The video ends there."
    return Param("last_image", wire, "image", picture=picture, description=said, **more)


def aspect_ratio(*choices: str, wire: str = "aspect_ratio", **more: Any) -> Param:
    """The shape of the video, width:height."""
    said = {"description": "Shape of the video, width:height."}
    return Param("aspect_ratio", wire, "text", choices=choices, **{**said, **more})


def duration(*choices: int, default: int | None = None) -> Param:
    """The length of the video."""
    said = "Length in seconds." if default else "Length in seconds. Left out, the API decides."
    return Param("duration", "duration", "integer", said, choices=choices, default=default)


def seed(maximum: int | None = None) -> Param:
    """What makes a generation repeatable."""
    said = "The same seed and arguments give a similar video. Leave out unless asked for."
    least = None if maximum is None else 0
    return Param("seed", "seed", "integer", said, minimum=least, maximum=maximum)


def switch(name: str, description: str, **more: Any) -> Param:
    """Something that is on or off."""
    return Param(name, name, "boolean", description, **more)


NEGATIVE_PROMPT = Param(
    "negative_prompt", "negative_prompt", "text", "What must not be seen in the video."
)
