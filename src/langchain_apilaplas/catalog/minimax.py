"""MiniMax's models, from the API's pages of April 2025."""

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.spec import Picture, VideoModel

_PICTURE = Picture(
    formats=("image/jpeg", "image/png"), min_side=301, ratio=(0.4, 2.5), max_bytes=20_000_000
)


def _row(name: str) -> VideoModel:
    return VideoModel(
        id=name,
        vendor="minimax",
        endpoint="/v2/generate/video/minimax/generation",
        seconds=40,  # "20 to 60 s", says the page
        params=(
            params.prompt(max_length=2000),
            params.image("first_frame_image", required=False, picture=_PICTURE),
            params.switch(
                "prompt_optimizer", "Whether the prompt is elaborated first.", default=True
            ),
        ),
    )


MODELS = (_row("video-01"), _row("video-01-live2d"))
