"""Runway's models, from the API's pages of April 2025."""

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.spec import Picture, VideoModel

ENDPOINT = "/v2/generate/video/runway/generation"
_SEEDS = 4294967295
_PICTURED = (
    "What happens in the video: motion, camera, mood. "
    "Describe change; the image already shows the scene."
)
_SHAPED = (
    "Shape of the video. Left out: 16:9, and the image must then be "
    "no wider than 2:1 and no taller than 1:2."
)

GEN4_TURBO = VideoModel(
    id="runway/gen4_turbo",
    vendor="runway",
    endpoint=ENDPOINT,
    seconds=65,  # the page's own run
    image_ratio=(0.5, 2.0),
    max_body=5_000_000,
    params=(
        params.prompt(required=False, max_length=1000, description=_PICTURED),
        params.image(picture=Picture()),
        params.duration(5, 10),
        params.aspect_ratio(
            *("16:9", "9:16", "4:3", "3:4", "1:1", "21:9"),
            wire="ratio",
            universal="aspect_ratio",
            description=_SHAPED,
        ),
        params.seed(_SEEDS),
    ),
)

GEN3A_TURBO = VideoModel(
    id="gen3a_turbo",
    vendor="runway",
    endpoint=ENDPOINT,
    tokens=525_000,
    image_ratio=(0.5, 2.0),
    max_body=5_000_000,
    params=(
        params.prompt(required=False, max_length=512, description=_PICTURED),
        params.image(picture=Picture()),
        params.last_image("last_image_url", picture=Picture(), universal="tail_image_url"),
        params.duration(5, 10, default=10),
        params.aspect_ratio("16:9", "9:16", wire="ratio", universal="aspect_ratio"),
        params.seed(_SEEDS),
        params.switch("watermark", "Whether the video carries Runway's watermark."),
    ),
)

MODELS = (GEN4_TURBO, GEN3A_TURBO)
