"""What can be ordered to go wrong. Each fault strikes the next `times` calls of its kind.

A clock that jumps needs no order: a sandbox takes its time from the `clock` it was given.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

Kind = Literal["create", "fetch", "download", "chat"]


class Dropped(httpx.RemoteProtocolError):
    """The connection closes without an answer. The HTTP server turns it into just that.

    Attributes:
        after: In so many seconds.
    """

    def __init__(self, request: httpx.Request, after: float = 0.0) -> None:
        super().__init__("Server disconnected without sending a response.", request=request)
        self.after = after


class Unreached(httpx.ConnectError):
    """No connection came about, so nothing was sent."""


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
        location: Its `Location`.
        accepted: Whether the call is carried out all the same.
        alter: What is made of the real answer then, instead of all that.
        delay: Seconds before whatever comes of it.
        connects: Whether the call arrives at all.
    """

    on: Kind
    times: int
    status: int | None = None
    message: str = ""
    html: bool = False
    body: bytes | None = None
    retry_after: float | None = None
    location: str | None = None
    accepted: bool = False
    alter: Callable[[httpx.Response], httpx.Response] | None = None
    delay: float = 0.0
    connects: bool = True


@dataclass(frozen=True)
class Outcome:
    """How the next generation ends, instead of well.

    Attributes:
        failed: Whether it fails.
        error: Its error then; `...` for the vendor's own.
        has_video: Whether its answer holds a video in the end.
        link_seconds: How long that video's link works, where not as long as any other.
        ends: Whether it ever ends.
        old_id: Whether its create is answered with the id of the one before it.
    """

    failed: bool = False
    error: Any = None
    has_video: bool = True
    link_seconds: float | None = None
    ends: bool = True
    old_id: bool = False


# --- of calls ---


def http_error(
    status: int,
    *,
    on: Kind = "create",
    times: int = 1,
    message: str | None = None,
    retry_after: float | None = None,
    html: bool = False,
    accepted: bool = False,
) -> Fault:
    """An HTTP error, with the gateway's JSON or a proxy's HTML page; `accepted`: after the call was
    carried out, as when a proxy loses patience with the gateway behind it.
    """
    words = message or httpx.codes.get_reason_phrase(status) or f"Error {status}"
    return Fault(
        on,
        times,
        status=status,
        message=words,
        html=html,
        retry_after=retry_after,
        accepted=accepted,
    )


def redirect(to: str, status: int = 307, *, on: Kind = "create", times: int = 1) -> Fault:
    """The call is sent elsewhere instead of being carried out."""
    return Fault(on, times, status=status, message="Moved", html=True, location=to)


def unreachable(*, on: Kind = "create", times: int = 1) -> Fault:
    """The connection is refused, so `received` does not have the call.

    In-process only: a server that listens can't refuse one call. Over HTTP the connection closes
    without an answer, as `dropped` does, and a caller can't tell that it was not accepted.
    """
    return Fault(on, times, connects=False)


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


def truncated(
    part: float = 0.5, *, on: Kind = "fetch", times: int = 1, resets: bool = False
) -> Fault:
    """Only that part of the real answer, as if it were all; `resets`: until the connection breaks.

    A create is carried out.
    """

    def cut(real: httpx.Response) -> httpx.Response:
        size = int(len(real.content) * part)
        if resets:
            return _altered(real, real.content, breaks_after=size)
        return _altered(real, real.content[:size])

    return Fault(on, times, accepted=True, alter=cut)


def unknown_status(
    word: str = "pondering", *, on: Literal["create", "fetch"] = "fetch", times: int = 1
) -> Fault:
    """The real answer with another status word, where it has one."""

    def reword(real: httpx.Response) -> httpx.Response:
        said = real.json()
        for item in said if isinstance(said, list) else [said]:
            item.update({name: word for name in ("status", "state") if name in item})
        return _altered(real, json.dumps(said).encode("ascii"))

    return Fault(on, times, accepted=True, alter=reword)


def slow(seconds: float, *, on: Kind = "fetch", times: int = 1, accepted: bool = True) -> Fault:
    """The real answer, that much later. Not `accepted`: the call is not carried out, and all that
    comes by then is the end of the connection.
    """
    return Fault(on, times, accepted=accepted, delay=seconds, alter=_as_it_is if accepted else None)


def dripping(seconds: float, *, on: Kind = "fetch", times: int = 1) -> Fault:
    """The real answer, byte by byte over that many seconds.

    In-process no time goes by: where the caller's read timeout comes first, the answer ends in
    that timeout.
    """
    return Fault(
        on, times, accepted=True, alter=lambda real: _altered(real, real.content, drip=seconds)
    )


def _as_it_is(real: httpx.Response) -> httpx.Response:
    return real


def _altered(real: httpx.Response, content: bytes, **how: Any) -> httpx.Response:
    """Another content, and how it is to be delivered."""
    headers = httpx.Headers(real.headers)
    del headers["Content-Length"]
    extensions = {**real.extensions, **how}
    return httpx.Response(real.status_code, headers=headers, content=content, extensions=extensions)


# --- of generations ---


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


def repeated_id() -> Outcome:
    """The next generation's create is answered with the id of the one before it on its path, if
    there was one; its own id is never told.
    """
    return Outcome(old_id=True)
