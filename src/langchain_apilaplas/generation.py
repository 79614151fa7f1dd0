"""A generation as the API tells it, read tolerantly: shapes and words vary by vendor."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Status(StrEnum):
    """How far a generation is."""

    QUEUED = "queued"
    GENERATING = "generating"
    COMPLETED = "completed"
    ERROR = "error"

    @property
    def is_terminal(self) -> bool:
        """Whether the server will say nothing else any more."""
        return self in (Status.COMPLETED, Status.ERROR)


_WORDS = {
    "queued": Status.QUEUED,
    "waiting": Status.QUEUED,
    "generating": Status.GENERATING,
    "completed": Status.COMPLETED,
    "succeeded": Status.COMPLETED,
    "error": Status.ERROR,
    "failed": Status.ERROR,
}
"""The API's words. Any other word means: not done yet."""

_USAGE = ("credits_used", "tokens_used", "usd_spent")


@dataclass(frozen=True)
class Video:
    """A finished video.

    Attributes:
        url: Where it lies. Signed and short-lived; `repr` leaves the signature out.
        content_type: As the server says, "video/mp4" where it does not.
        file_size: Bytes, or None.
        expires_at: When the link stops working (aware, UTC), or None when it does not tell.
    """

    url: str
    content_type: str = "video/mp4"
    file_size: int | None = None

    @property
    def expires_at(self) -> datetime | None:
        """Read from the link itself."""
        return link_expiry(self.url)

    def __repr__(self) -> str:
        return f"Video(url={self.url.partition('?')[0]!r}, expires_at={self.expires_at})"


@dataclass(frozen=True)
class Generation:
    """A generation: what the server knew of it when it answered.

    Attributes:
        id: The server's id. Opaque.
        status: One of four, whatever the vendor's word.
        model: The id of the model it was made with.
        videos: The finished videos; empty until `completed`.
        error: Why it failed, in one line; None unless `status` is `error`.
        usage: Those of `credits_used`, `tokens_used`, `usd_spent` that `meta.usage` has.
        raw: The answer itself.
    """

    id: str
    status: Status
    model: str
    videos: tuple[Video, ...] = ()
    error: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def video(self) -> Video | None:
        """The first video; None until there is one."""
        return self.videos[0] if self.videos else None

    @classmethod
    def parse(cls, answer: object, *, model: str, generation_id: str | None = None) -> "Generation":
        """Read an answer to create, or to the fetch of `generation_id`.

        Raises:
            ValueError: It is no JSON object, has no id, or nothing in it tells a status.
        """
        if not isinstance(answer, Mapping):
            raise ValueError("the answer is not a JSON object")
        identifier = generation_id or _identifier(answer)
        if not identifier:
            raise ValueError("the answer has no generation id")
        status = _status(answer, fetched=generation_id is not None)
        failed = status is Status.ERROR
        return cls(
            id=identifier,
            status=status,
            model=model,
            videos=tuple(_videos(answer.get("video"))) if status is Status.COMPLETED else (),
            error=_error_text(answer.get("error")) or "no reason given" if failed else None,
            usage=_usage(answer),
            raw=answer,
        )


def link_expiry(url: str) -> datetime | None:
    """The `exp` of the link's `_jwt`, without asking the server; None when there is none."""
    try:
        token = parse_qs(urlsplit(url).query)["_jwt"][0]
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (LookupError, ValueError, TypeError, OverflowError, OSError, RecursionError):
        return None


def _identifier(answer: Mapping[str, Any]) -> str | None:
    for name in ("id", "generation_id"):
        value = answer.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return _text(str(value))
    return None


def _text(value: str) -> str:
    """Half characters (lone surrogates) replaced: they can't be sent on, by us or an agent."""
    return value.encode("utf-8", "replace").decode()


def _status(answer: Mapping[str, Any], *, fetched: bool) -> Status:
    word = answer.get("status")
    if isinstance(word, str):
        return _WORDS.get(word.strip().lower(), Status.GENERATING)
    # MiniMax's create answer has an id and no status. An id is proof that it was accepted.
    if not fetched:
        return Status.QUEUED
    raise ValueError("the answer has no status")


def _videos(value: object) -> list[Video]:
    if isinstance(value, list):
        return [video for item in value for video in _videos(item)]
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return [Video(_text(value))]
    if isinstance(value, Mapping):
        content_type, size = value.get("content_type"), value.get("file_size")
        return [
            Video(
                video.url,
                content_type if isinstance(content_type, str) else "video/mp4",
                size if isinstance(size, int) else None,
            )
            for video in _videos(value.get("url"))
        ]
    return []


def _error_text(value: object, depth: int = 5) -> str | None:
    """One line out of a string, `{"name", "message"}` or `{"detail": [{"loc", "msg", "type"}]}`."""
    if isinstance(value, str):
        return _text(value).strip() or None
    if isinstance(value, list) and depth:
        texts = [_error_text(item, depth - 1) for item in value]
        return "; ".join(filter(None, texts)) or None
    if isinstance(value, Mapping) and depth:
        told = [_error_text(value.get(name), depth - 1) for name in ("detail", "message", "msg")]
        message = next(filter(None, told), None)
        loc = value.get("loc")
        where = str(loc[-1]) if isinstance(loc, list) and loc else None
        kind = value.get("type") or value.get("name")
        text = f"{where}: {message}" if where and message else message or where
        kind = _text(kind) if isinstance(kind, str) else None
        return f"{text} ({kind})" if text and kind else text or kind
    return None


def _usage(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = answer.get("meta")
    usage = meta.get("usage") if isinstance(meta, Mapping) else None
    if not isinstance(usage, Mapping):
        return {}
    return {name: usage[name] for name in _USAGE if _is_amount(usage.get(name))}


def _is_amount(value: object) -> bool:
    # What a checkpointer can store: no NaN, no integer beyond 64 bits.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63
