"""Runway's models on Apilaplas, from the API's page of April 2025."""

from langchain_apilaplas.catalog.spec import Param, VideoModel

ENDPOINT = "/v2/generate/video/runway/generation"

GEN4_TURBO = VideoModel(
    id="runway/gen4_turbo",
    vendor="runway",
    endpoint=ENDPOINT,
    seconds=65,
    image_ratio=(0.5, 2.0),
    max_body=5_000_000,
    params=(
        Param(
            name="prompt",
            wire="prompt",
            kind="text",
            max_length=1000,
            description="What happens in the video: motion, camera, mood. "
            "Describe change; the image already shows the scene.",
        ),
        Param(
            name="image",
            wire="image_url",
            kind="image",
            required=True,
            description="First frame: an https URL, or a picture of this conversation as "
            "'attached:last' or 'attached:N' (1 = the user's first). Never base64.",
        ),
        Param(
            name="duration",
            wire="duration",
            kind="integer",
            choices=(5, 10),
            description="Length in seconds. Left out, the API decides.",
        ),
        Param(
            name="aspect_ratio",
            wire="ratio",
            kind="text",
            choices=("16:9", "9:16", "4:3", "3:4", "1:1", "21:9"),
            description="Shape of the video. Left out: 16:9, and the image must then be "
            "no wider than 2:1 and no taller than 1:2.",
        ),
        Param(
            name="seed",
            wire="seed",
            kind="integer",
            minimum=0,
            maximum=4294967295,
            description="The same seed and arguments give a similar video. "
            "Leave out unless asked for.",
        ),
    ),
)

MODELS = (GEN4_TURBO,)
