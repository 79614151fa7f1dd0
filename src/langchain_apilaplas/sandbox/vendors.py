"""How each vendor's path answers: ids, words and shapes, from the API's pages of April 2025."""

import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from langchain_apilaplas.catalog import UNIVERSAL_ENDPOINT, VideoModel
from langchain_apilaplas.sandbox.cdn import Signed

Json = dict[str, Any]
Failure = tuple[str, str, str]
Stage = Literal["queued", "generating", "completed", "error"]

_LUMA_WORDS = {"generating": "dreaming", "error": "failed"}
_FAILED = ("", "error", "The generation could not be completed.")
_CREDITS = 100_000  # of a model whose price no page tells; a made-up figure


@dataclass(frozen=True)
class Seen:
    """A generation as an answer tells of it.

    Attributes:
        id: Its id.
        model: Its model's row.
        body: Of its create.
        stage: How far it is.
        created: When it was created, in seconds since 1970.
        video: The link to its video, once it has one.
        size: Gives the pixels of that video.
        bytes: Its length, where the video was made already.
        error: Why it failed.
    """

    id: str
    model: VideoModel
    body: Json
    stage: Stage
    created: float
    video: str | None = None
    size: Callable[[], tuple[int, int]] = lambda: (0, 0)
    bytes: int | None = None
    error: Any = None

    @property
    def state(self) -> str:
        """The stage in Luma's words."""
        return _LUMA_WORDS.get(self.stage, self.stage)


# --- ids ---


def _uuid(_: VideoModel) -> str:
    return str(uuid.uuid4())


def _named_uuid(model: VideoModel) -> str:
    return f"{uuid.uuid4()}:{model.id}"


def _digits(_: VideoModel) -> str:
    return str(random.randrange(10**14, 10**15))  # noqa: S311 - no secret


def _nanoid(_: VideoModel) -> str:
    letters = string.ascii_letters + string.digits + "_-"
    return "".join(random.choices(letters, k=21))  # noqa: S311 - no secret


# --- what a create answers ---


def _created(seen: Seen) -> Json:
    return {"id": seen.id, "status": seen.stage}


def _created_by_minimax(seen: Seen) -> Json:
    return {"generation_id": seen.id}


def _created_by_luma(seen: Seen) -> Json:
    return {"id": seen.id, "state": seen.state}


# --- what a fetch answers ---


def _fetched(seen: Seen) -> Json:
    answer: Json = {"id": seen.id, "status": seen.stage}
    if seen.video:
        answer["video"] = dialect(seen.model).video(seen)
    if seen.stage == "error":
        answer["error"] = seen.error
    return answer


def _fetched_from_universal(seen: Seen) -> Json:
    return {**_fetched(seen), "meta": _usage(seen.model, priced=True)}


def _fetched_from_luma(seen: Seen) -> Json:
    return {
        "id": seen.id,
        "state": seen.state,
        "failure_reason": seen.error,
        "created_at": datetime.fromtimestamp(seen.created, UTC).isoformat(),
        "assets": {"video": seen.video} if seen.video else None,
        "request": seen.body,
    }


def _fetched_from_luma_v1(seen: Seen) -> Json:
    answer: Json = {"id": seen.id, "prompt": seen.body.get("user_prompt"), "state": seen.state}
    if seen.video:
        across, down = seen.size()
        video = {"url": seen.video, "width": across, "height": down, "thumbnail": None}
        answer["video"] = video
    if seen.stage == "error":
        answer["failure_reason"] = seen.error
    return answer


# --- videos ---


def _urls(seen: Seen) -> Any:
    return [seen.video]


def _object(seen: Seen) -> Any:
    return {"url": seen.video}


def _file(seen: Seen) -> Any:
    """Its size only where it is known: rendering takes seconds, which a fetch must not."""
    size = {} if seen.bytes is None else {"file_size": seen.bytes}
    return {"url": seen.video, "content_type": "video/mp4", "file_name": "output.mp4", **size}


# --- errors ---


def _sentence(place: str, kind: str, words: str) -> Any:
    return f"{place}: {words}" if place else words


def _named(place: str, kind: str, words: str) -> Any:
    name = "".join(part.capitalize() for part in kind.split("_"))
    return {"name": name, "message": _sentence(place, kind, words)}


def _detailed(place: str, kind: str, words: str) -> Any:
    loc = ["body", *place.split(".")] if place else ["body"]
    return {"detail": [{"loc": loc, "msg": words, "type": kind}]}


@dataclass(frozen=True)
class Dialect:
    """How a path answers.

    Attributes:
        new_id: Makes an id.
        created: The answer to a create.
        fetched: The answer to a fetch.
        video: A finished video in that answer.
        error: An error in it: of the place in the body, the kind, and the words.
        failures: Place, kind and words of the error that is ordered without saying which; the first
            whose place the model has.
        signed: How links are signed.
        strict: Whether fields that it does not know are refused.
        priced: Whether every answer tells what the generation cost.
    """

    new_id: Callable[[VideoModel], str] = _uuid
    created: Callable[[Seen], Json] = _created
    fetched: Callable[[Seen], Json] = _fetched
    video: Callable[[Seen], Any] = _object
    error: Callable[[str, str, str], Any] = _sentence
    failures: tuple[Failure, ...] = ()
    signed: Signed = "jwt"
    strict: bool = False
    priced: bool = False


_FACELESS = ("image_url", "face_detection_error", "Could not detect face in the image")
_FLAGGED = ("prompt", "content_policy_violation", "The prompt was flagged by a content checker")

DIALECTS = {
    "runway": Dialect(video=_urls, error=_named),
    "kling": Dialect(
        new_id=_named_uuid, video=_file, error=_detailed, failures=(_FACELESS, _FLAGGED)
    ),
    "minimax": Dialect(new_id=_digits, created=_created_by_minimax, signed="oss"),
    "luma": Dialect(created=_created_by_luma, fetched=_fetched_from_luma, strict=True),
    "/luma-ai/generations": Dialect(created=_created_by_luma, fetched=_fetched_from_luma_v1),
}
"""By path, else by vendor. Every other vendor answers as `Dialect()` does."""


def dialect(model: VideoModel) -> Dialect:
    """How the path of a row answers."""
    own = DIALECTS.get(model.vendor, Dialect())
    if model.endpoint == UNIVERSAL_ENDPOINT:
        return replace(
            own,
            new_id=_nanoid,
            created=_created,
            fetched=_fetched_from_universal,
            video=_object,
            signed="jwt",
            strict=False,
            priced=True,
        )
    return DIALECTS.get(model.endpoint, own)


def created(seen: Seen) -> Json:
    """The answer to a create."""
    spoken = dialect(seen.model)
    usage = _usage(seen.model, priced=spoken.priced)
    return {**spoken.created(seen), **({"meta": usage} if usage else {})}


def fetched(seen: Seen) -> Json:
    """The answer to a fetch, of one generation."""
    return dialect(seen.model).fetched(seen)


def failure(model: VideoModel) -> Any:
    """The error of a generation that fails for no reason but that it was ordered to."""
    spoken, places = dialect(model), {param.wire for param in model.params}
    return spoken.error(*next((f for f in spoken.failures if f[0] in places), _FAILED))


def _usage(model: VideoModel, *, priced: bool) -> Json:
    usage = {"tokens_used": model.tokens} if model.tokens else {}
    if priced:
        usage["credits_used"] = model.tokens or _CREDITS
    return {"usage": usage} if usage else {}
