"""Google's models, from the API's pages of April 2025."""

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.spec import VideoModel

_ENDPOINT = "/v2/generate/video/google/generation"
_DURATION = params.duration(5, 6, 7, 8)

MODELS = (
    VideoModel(
        id="veo2",
        vendor="google",
        endpoint=_ENDPOINT,
        params=(params.prompt(), params.aspect_ratio("16:9", "9:16"), _DURATION),
    ),
    VideoModel(
        id="veo2/image-to-video",
        vendor="google",
        endpoint=_ENDPOINT,
        params=(
            params.prompt(),
            params.image(more="At least 720 pixels on its shorter side."),
            params.aspect_ratio("auto", "16:9", "9:16"),
            _DURATION,
        ),
    ),
)
