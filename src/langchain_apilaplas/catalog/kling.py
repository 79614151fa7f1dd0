"""Kling's models, from the API's pages of April 2025."""

from typing import Annotated, Literal

from pydantic import Field

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.spec import Param, VideoModel
from langchain_apilaplas.catalog.typed import Nested, Whole, lower

_ENDPOINT = "/v2/generate/video/kling/generation"
_SHAPES = ("16:9", "9:16", "1:1")


class Point(Nested):
    """A point of the image."""

    x: Whole = Field(description="Pixels across.")
    y: Whole = Field(description="Pixels down.")


class DynamicMask(Nested):
    """A part of the image that moves, and along which path."""

    mask_url: str = Field(
        pattern=r"^https://\S+$", description="https URL of a picture that marks the part."
    )
    trajectories: list[Point] = Field(min_length=1, description="The path, point by point.")


class CameraMove(Nested):
    """One camera movement, and how much of it."""

    movement_type: Annotated[
        Literal["horizontal", "vertical", "pan", "tilt", "roll", "zoom"], lower
    ] = Field(description="How the camera moves.")
    movement_value: Whole = Field(ge=-10, le=10, description="How far; negative the other way.")


_SHARED = (
    params.duration(5, 10),
    params.NEGATIVE_PROMPT,
    Param(
        "cfg_scale",
        "cfg_scale",
        "number",
        "How closely to follow the prompt: 0 loosely, 1 strictly.",
        minimum=0,
        maximum=1,
    ),
)

_TEXT = (params.prompt(), params.aspect_ratio(*_SHAPES), *_SHARED)

_IMAGE = (
    params.prompt(description="What happens in the video: motion, camera, mood."),
    params.image(),
    *_SHARED,
)

_LAST = params.last_image("tail_image_url")

_CAMERA = (
    Param(
        "camera_control",
        "camera_control",
        "text",
        "A camera movement by name. For one of your own: advanced_camera_control.",
        choices=("down_back", "forward_up", "right_turn_forward", "left_turn_forward"),
    ),
    Param(
        "advanced_camera_control",
        "advanced_camera_control",
        "json",
        "A camera movement of your own.",
        type=CameraMove,
    ),
)

_MASKS = (
    Param(
        "static_mask_url",
        "static_mask_url",
        "image",
        "https URL of a picture that marks what must not move.",
        picture=params.URL_ONLY,
    ),
    Param(
        "dynamic_masks",
        "dynamic_masks",
        "json",
        "Parts of the image, each with the path it moves along.",
        type=list[DynamicMask],
    ),
)

_DEPRECATED = tuple(
    Param(
        name,
        name,
        "text",
        "Deprecated by the API: the image decides the shape.",
        choices=_SHAPES,
        for_agents=False,
    )
    for name in ("aspect_ratio", "ratio")
)


def _row(name: str, *takes: Param) -> VideoModel:
    return VideoModel(f"kling-video/{name}", "kling", _ENDPOINT, takes)


MODELS = (
    _row("v1/standard/text-to-video", *_TEXT, *_CAMERA),
    _row("v1/pro/text-to-video", *_TEXT),
    _row("v1.6/standard/text-to-video", *_TEXT),
    _row("v1.6/pro/text-to-video", *_TEXT),
    _row("v1/standard/image-to-video", *_IMAGE, _LAST, *_MASKS, *_DEPRECATED),
    _row("v1/pro/image-to-video", *_IMAGE, _LAST, *_MASKS, *_DEPRECATED),
    _row("v1.6/standard/image-to-video", *_IMAGE),
    _row("v1.6/pro/image-to-video", *_IMAGE, _LAST),
)
