"""A generation as the API tells it, read tolerantly: shapes and words vary by vendor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from langchain_apilaplas import links, quoting, reading


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
    "dreaming": Status.GENERATING,
    "completed": Status.COMPLETED,
    "succeeded": Status.COMPLETED,
    "error": Status.ERROR,
    "failed": Status.ERROR,
}
"""The API's words. Any other word means: not done yet."""


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
        return links.expiry(self.url)

    def __repr__(self) -> str:
        return f"Video(url={self.url.partition('?')[0]!r}, expires_at={self.expires_at})"


@dataclass(frozen=True)
class Generation:
    """A generation: what the server knew of it when it answered.

    Attributes:
        id: The server's id. Opaque.
        status: One of four, whatever the vendor's word.
        model: The id of the model it was made with; None where only an id was given, and several
            models share the path on which it was found.
        videos: The finished videos; empty until `completed`.
        error: Why it failed, in one line; None unless `status` is `error`.
        progress: How far it is by the server's own number, from 0 to 1; None where it tells none.
        retry_after: The seconds after which the server asks to be looked at it again, or None.
        usage: Those of `credits_used`, `tokens_used`, `usd_spent` that the answer has.
        stored: A link to the video in your storage; None where there is none, or it is not there.
        not_stored: Why there is no such link, in one line. The ledger knows, and has it tried
            again.
        raw: What the answer says of it.
    """

    id: str
    status: Status
    model: str | None
    videos: tuple[Video, ...] = ()
    error: str | None = None
    progress: float | None = field(default=None, repr=False)
    retry_after: float | None = field(default=None, repr=False, compare=False)
    usage: Mapping[str, Any] = field(default_factory=dict)
    stored: str | None = field(default=None, repr=False)
    not_stored: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def url(self) -> str | None:
        """Where the video can be had: in your storage, else at the API; None until there is one."""
        return self.stored or (self.video.url if self.video else None)

    @property
    def video(self) -> Video | None:
        """The first video; None until there is one."""
        return self.videos[0] if self.videos else None

    @classmethod
    def parse(cls, answer: object, *, model: str, generation_id: str | None = None) -> "Generation":
        """Read an answer to create, or to the fetch of `generation_id`.

        Raises:
            ValueError: It holds no JSON object, no id, or nothing that tells a status; says which.
        """
        found = reading.one(answer, generation_id)
        identifier = generation_id or next(iter(reading.identifiers(found)), None)
        if not identifier:
            raise ValueError("the answer has no generation id")
        status = _status(found, created=generation_id is None)
        sure = status is Status.COMPLETED and bool(reading.words(found))
        videos = reading.videos(found, sure=sure) if status is Status.COMPLETED else []
        return cls(
            id=identifier,
            status=status,
            model=model,
            videos=tuple(Video(**video) for video in videos),
            error=reading.error(found) or "no reason given" if status is Status.ERROR else None,
            progress=reading.progress(found),
            retry_after=quoting.seconds(found.get("retry_after")),
            usage=reading.usage(found) or reading.usage(answer),
            raw=found,
        )


def _status(found: reading.Json, *, created: bool) -> Status:
    """What the words mean together. When they disagree, the end has not been reached."""
    words = reading.words(found)
    if not words:
        return _wordless(found, created=created)
    known = [_WORDS[word] for word in words if word in _WORDS]
    if unfinished := [status for status in known if not status.is_terminal]:
        return unfinished[0]
    if known and len(known) == len(words):
        return known[0]
    # Beside a word that nobody knows, an end must show itself.
    proofs = {Status.COMPLETED: reading.videos(found), Status.ERROR: reading.error(found)}
    return next((status for status in known if proofs[status]), Status.GENERATING)


def _wordless(found: reading.Json, *, created: bool) -> Status:
    if created:
        # MiniMax's create answer has an id and no status. An id is proof that it was accepted.
        return Status.QUEUED
    if reading.videos(found, sure=False):
        return Status.COMPLETED
    reason = reading.error(found)
    said = f" ({reason})" if reason else ""
    raise ValueError(f"the answer has no status and no video{said}")
