"""What a tool answers: words for the agent (content), a plain dict for the program (artifact)."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages.content import create_video_block

from langchain_apilaplas.errors import (
    ApilaplasError,
    GenerationFailedError,
    MissingVideoError,
    StillRenderingError,
)
from langchain_apilaplas.generation import Generation, Status

_LAST_WORDS = {
    StillRenderingError: Status.GENERATING,
    GenerationFailedError: Status.ERROR,
    MissingVideoError: Status.COMPLETED,
}
"""What an error says of the generation's own status. Any other error says nothing of it."""

Answer = tuple[str, dict[str, Any]]


def video(generation: Generation, record: Mapping[str, Any], seconds: float) -> Answer:
    """Of a completed generation. `record` says which model was asked for what and what was set
    right about that; `seconds` how long the tool waited.
    """
    made = generation.video
    if made is None:
        raise AssertionError("unreachable: the client gives completed generations")
    expires = made.expires_at
    artifact = {
        "generation_id": generation.id,
        "status": generation.status.value,
        **record,
        "video": create_video_block(url=made.url, mime_type=made.content_type),
        "expires_at": expires.isoformat() if expires else None,
        "usage": dict(generation.usage),
        "seconds_waited": round(seconds, 1),
    }
    content = (
        f"{made.url}\nThis is the finished video, generation {generation.id}. "
        "Give the user the whole link, unchanged."
    )
    if expires:
        content += f" It works until {expires:%Y-%m-%d %H:%M} UTC."
    return " ".join([content, *record["fixes"]]), artifact


def no_video(error: ApilaplasError, record: Mapping[str, Any]) -> Answer:
    """Of a generation that is still rendering, or that went wrong."""
    status = next((status for kind, status in _LAST_WORDS.items() if isinstance(error, kind)), None)
    rendering = status is Status.GENERATING
    artifact = {
        "generation_id": error.generation_id,
        "status": status.value if status else None,
        **record,
        "error": None if rendering else {"type": type(error).__name__, "message": str(error)},
        "charged": error.charged.value,
    }
    return " ".join([str(error), *record["fixes"]]), artifact
