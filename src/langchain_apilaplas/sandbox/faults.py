"""What can be ordered to go wrong. Each fault strikes the next `times` calls of its kind."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import httpx

Kind = Literal["create", "fetch", "download", "chat"]


class Dropped(httpx.RemoteProtocolError):
    """The connection closes without an answer. The HTTP server turns it into just that."""


@dataclass(frozen=True)
class Fault:
    """One kind of trouble; made by the functions below.

    Attributes:
        on: Which calls it strikes.
        times: How many of them.
        status: Of the answer given instead of the real one.
        message: In that answer.
        html: Whether that is a proxy's page instead of the gateway's JSON.
        body: That answer's whole body, instead of a message.
        retry_after: That answer's `Retry-After`, in seconds.
        accepted: Whether the call is carried out all the same.
        delay: Seconds before the real answer, instead of all that.
    """

    on: Kind
    times: int
    status: int | None = None
    message: str = ""
    html: bool = False
    body: bytes | None = None
    retry_after: float | None = None
    accepted: bool = False
    delay: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How the next generation ends, instead of well.

    Attributes:
        failed: Whether it fails.
        error: Its error then; `...` for the vendor's own.
        has_video: Whether its answer holds a video in the end.
        link_seconds: How long that video's link works, where not as long as any other.
        ends: Whether it ever ends.
    """

    failed: bool = False
    error: Any = None
    has_video: bool = True
    link_seconds: float | None = None
    ends: bool = True


def http_error(
    status: int,
    *,
    on: Kind = "create",
    times: int = 1,
    message: str | None = None,
    retry_after: float | None = None,
    html: bool = False,
) -> Fault:
    """An HTTP error, with the gateway's JSON or a proxy's HTML page."""
    words = message or httpx.codes.get_reason_phrase(status) or f"Error {status}"
    return Fault(on, times, status=status, message=words, html=html, retry_after=retry_after)


def dropped(*, on: Kind = "create", times: int = 1, accepted: bool = False) -> Fault:
    """The connection closes instead of an answer; `accepted`: after the call was carried out."""
    return Fault(on, times, accepted=accepted)


def garbage(
    body: bytes | str | dict[str, Any] = "<<<", *, on: Kind = "fetch", times: int = 1
) -> Fault:
    """A 200 with a body that makes no sense; on a create, after it was carried out."""
    if isinstance(body, dict):
        body = json.dumps(body)
    content = body.encode() if isinstance(body, str) else body
    return Fault(on, times, status=200, body=content, accepted=True)


def slow(seconds: float, *, on: Kind = "fetch", times: int = 1) -> Fault:
    """The real answer, that much later."""
    return Fault(on, times, delay=seconds)


def failed_generation(error: Any = ...) -> Outcome:
    """The next generation ends with this `error`, in whatever shape is given.

    Left out, the error has the shape that its vendor gives errors.
    """
    return Outcome(failed=True, error=error)


def no_video() -> Outcome:
    """The next generation completes, but its answer holds no video."""
    return Outcome(has_video=False)


def endless() -> Outcome:
    """The next generation never ends."""
    return Outcome(ends=False)


def expired_link() -> Outcome:
    """The next generation's link has expired by the time it is given."""
    return Outcome(link_seconds=-1.0)
