"""What a tool answers: words for the agent (content), a plain dict for the program (artifact)."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages.content import create_video_block

from langchain_apilaplas import links
from langchain_apilaplas.errors import (
    ApilaplasError,
    GenerationFailedError,
    MissingVideoError,
    StillRenderingError,
)
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.ledger import UNSETTLED, Job, State
from langchain_apilaplas.quoting import shorten

_LAST_WORDS = {
    StillRenderingError: Status.GENERATING,
    GenerationFailedError: Status.ERROR,
    MissingVideoError: Status.COMPLETED,
}
"""What an error says of the generation's own status. Any other error says nothing of it."""

_MOST = 10
"""So many jobs are listed, of each sort."""

Answer = tuple[str, dict[str, Any]]


def video(generation: Generation, record: Mapping[str, Any], seconds: float) -> Answer:
    """Of a completed generation. `record` says which model was asked for what and what was set
    right about that; `seconds` how long the tool waited.
    """
    made = generation.video
    if made is None:
        raise AssertionError("unreachable: the client gives completed generations")
    url = generation.stored or made.url
    expires = links.expiry(url)
    artifact = {
        "generation_id": generation.id,
        "status": generation.status.value,
        **record,
        "video": create_video_block(url=url, mime_type=made.content_type),
        "expires_at": expires.isoformat() if expires else None,
        "stored": generation.stored is not None,
        "not_stored": generation.not_stored,
        "cdn_url": made.url,
        "usage": dict(generation.usage),
        "seconds_waited": round(seconds, 1),
    }
    content = (
        f"{url}\nThis is the finished video, generation {generation.id}. "
        "Give the user the whole link, unchanged."
    )
    if expires:
        content += f" It works until {expires:%Y-%m-%d %H:%M} UTC."
    if generation.not_stored:
        content += (
            f" There is no link into the storage yet ({generation.not_stored.rstrip('.')}); "
            "get_video tries again."
        )
    return " ".join([content, *record["fixes"]]), artifact


def listing(jobs: Sequence[Job]) -> Answer:
    """Of a conversation's jobs: those that are open or unknown, and what else there is."""
    pending = [job for job in jobs if job.state in UNSETTLED]
    over = [job for job in jobs if job.state in (State.COMPLETED, State.ERROR)][-_MOST:]
    told = [f"- {_pending(job)}" for job in pending[:_MOST]]
    if len(pending) > _MOST:
        told.append(f"- and {len(pending) - _MOST} more.")
    if not pending:
        told.insert(0, "No video of this conversation is unfinished.")
    else:
        told.insert(0, "Not finished in this conversation:")
    if over:
        ended = ", ".join(f"{job.generation_id} ({job.state.value})" for job in over)
        told.append(f"Ended: {ended}. get_video gives a fresh link of a completed one.")
    return "\n".join(told), {"jobs": [_entry(job) for job in (*pending, *over)]}


def _pending(job: Job) -> str:
    what = f"{job.model}, {job.created_at:%Y-%m-%d %H:%M} UTC"
    if prompt := job.request.get("prompt"):
        what += f", prompt {shorten(str(prompt))!r}"
    if job.state is State.SUBMITTED:
        status = (job.status or Status.QUEUED).value
        return f"generation {job.generation_id} ({what}): {status}; get_video fetches it."
    if job.state is State.INTENT:
        return f"{what}: just being submitted."
    return (
        f"{what}: nobody knows whether it was accepted. It may have been charged; do not generate "
        "it again, and tell the user."
    )


def _entry(job: Job) -> dict[str, Any]:
    return {
        "key": job.key,
        "generation_id": job.generation_id,
        "state": job.state.value,
        "status": job.status.value if job.status else None,
        "model": job.model,
        "request": dict(job.request),
        "stored": job.stored,
        "created_at": job.created_at.isoformat(),
        "usage": dict(job.usage),
    }


def no_video(error: ApilaplasError, record: Mapping[str, Any]) -> Answer:
    """Of a generation that is still rendering, or that went wrong."""
    status = next((status for kind, status in _LAST_WORDS.items() if isinstance(error, kind)), None)
    rendering = status is Status.GENERATING
    artifact = {
        "generation_id": error.generation_id,
        "key": error.key,
        "status": status.value if status else None,
        **record,
        "error": None if rendering else {"type": type(error).__name__, "message": str(error)},
        "charged": error.charged.value,
    }
    return " ".join([str(error), *record["fixes"]]), artifact
