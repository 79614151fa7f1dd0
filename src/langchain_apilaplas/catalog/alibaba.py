"""Alibaba's model, from the API's pages of April 2025."""

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.spec import Param, VideoModel

MODELS = (
    VideoModel(
        id="wan/v2.1/1.3b/text-to-video",
        vendor="alibaba",
        endpoint="/v2/generate/video/alibaba/generation",
        params=(
            params.prompt(),
            params.aspect_ratio("16:9", "9:16", default="16:9"),
            params.NEGATIVE_PROMPT,
            params.seed(),
            Param(
                "inference_steps",
                "inference_steps",
                "integer",
                "More steps take longer and look better.",
                default=30,
            ),
            Param(
                "guidance_scale",
                "guidance_scale",
                "number",
                "How closely to follow the prompt.",
                default=5,
            ),
            Param("shift", "shift", "number", "How much weight motion gets.", default=5),
            Param(
                "sampler",
                "sampler",
                "text",
                "How the frames are computed.",
                choices=("unipc", "dpm+"),
                default="unipc",
            ),
            params.switch("enable_safety_checker", "Whether the result is checked for safety."),
            params.switch("enable_prompt_expansion", "Whether the prompt is elaborated first."),
        ),
    ),
)
