"""Luma's models, from the API's pages of April 2025.

The API tells them apart by path; the ids are ours.
"""

from typing import Annotated, Literal

from pydantic import Field

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.spec import Fetch, Param, VideoModel
from langchain_apilaplas.catalog.typed import Nested

_SHAPES = ("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21")
_EXTEND = "Id of an earlier generation of this model; the video goes on where that one ends."


class ImageKeyframe(Nested):
    """A picture as a keyframe."""

    type: Literal["image"]
    url: str = Field(pattern=r"^https://\S+$", description="Its https URL.")


class GenerationKeyframe(Nested):
    """An earlier generation as a keyframe."""

    type: Literal["generation"]
    id: str = Field(min_length=1, description="Its id.")


_Keyframe = Annotated[ImageKeyframe | GenerationKeyframe, Field(discriminator="type")]


class Keyframes(Nested):
    """What the video starts from and what it leads to."""

    frame0: _Keyframe | None = Field(None, description="The start.")
    frame1: _Keyframe | None = Field(None, description="The end.")


_IMAGE = (("type", "image"),)

V2 = VideoModel(
    id="luma-ai/v2",
    vendor="luma",
    endpoint="/v2/generate/video/luma-ai/generation",
    tokens=500_000,
    sends_model=False,
    fetch=Fetch(
        "/v2/generate/video/luma-ai/generation",
        hold=30.0,
        many_path="/v2/generate/video/luma-ai/generations",
        many_name="generation_ids[]",
    ),
    params=(
        params.prompt(),
        params.image("url", required=False, inside=("keyframes", "frame0"), beside=_IMAGE),
        params.last_image("url", inside=("keyframes", "frame1"), beside=_IMAGE),
        params.aspect_ratio(*_SHAPES, required=True),
        params.switch("loop", "Whether the end leads back to the start."),
        Param(
            "extend",
            "id",
            "id",
            f"{_EXTEND} Not together with image.",
            inside=("keyframes", "frame0"),
            beside=(("type", "generation"),),
        ),
        # Luma's own pages name these values; the gateway's page says only that they are texts.
        Param("resolution", "resolution", "text", "Such as '720p'."),
        Param(
            "duration",
            "duration",
            "text",
            "Length.",
            form=("[1-9][0-9]?s", "seconds such as '5s'"),
        ),
        Param(
            "keyframes",
            "keyframes",
            "json",
            "Start and end, each a picture or an earlier generation.",
            type=Keyframes,
            for_agents=False,
        ),
    ),
)

V1 = VideoModel(
    id="luma-ai/v1",
    vendor="luma",
    endpoint="/luma-ai/generations",
    tokens=500_000,
    sends_model=False,
    fetch=Fetch(
        "/luma-ai/generation",
        id_name="ids[0]",
        many_path="/luma-ai/generation",
        many_name="ids[{n}]",
    ),
    extend_endpoint="/luma-ai/generations/{id}/extend",
    params=(
        params.prompt("user_prompt"),
        params.image("image_url", required=False),
        params.last_image("image_end_url"),
        params.aspect_ratio(*_SHAPES, required=True),
        params.switch("expand_prompt", "Whether the prompt is elaborated first."),
        Param("extend", "", "id", _EXTEND),
    ),
)

MODELS = (V2, V1)
