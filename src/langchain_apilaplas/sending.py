"""The effect that sends a request: once, bounded in time and size, and not given up half-way."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx

from langchain_apilaplas.errors import SettingsError

_LONGEST_ANSWER = 10_000_000
"""Bytes. A real one has a few hundred."""
_PIECE = 65_536
_GRACE = 5.0
"""Seconds in which a submit may still be answered after its caller was cancelled."""


@dataclass
class Answer:
    """A whole answer, unpacked. Httpx's own could not be made of what came without reading all of
    it a second time. Its `repr` is the status alone: a server may quote the key.

    Attributes:
        headers: Without `Content-Encoding`, which was true of the packed bytes.
    """

    status_code: int
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status says that it was done."""
        return 200 <= self.status_code <= 299

    @property
    def is_redirect(self) -> bool:
        """Whether the status says to ask elsewhere."""
        return 300 <= self.status_code <= 399


@dataclass
class Send:
    """Send a request once, with the caller's own default headers and cookies; the whole response.

    Redirects are not followed, and no `auth` of the caller's client takes part: both could send a
    paid submit a second time. An answer that still drips in after the request's read timeout is
    given up.

    Attributes:
        request: What is sent.
        left: Takes the answer that comes when the caller was cancelled meanwhile. With it, a
            cancelled request has a few more seconds, and its caller waits for them unless it is
            cancelled again. For the one that costs money.
    """

    request: httpx.Request
    left: Callable[[Answer], None] | None = None

    def run(self, http: httpx.Client) -> Answer:
        body = _Body(self.request)
        try:
            answer = http.send(self._for(http), stream=True, auth=None, follow_redirects=False)
        except httpx.HTTPStatusError as error:  # a hook of the caller's raised for the status
            return body.of(error.response)
        try:
            for chunk in answer.iter_bytes():
                body.add(chunk)
        except httpx.HTTPError:
            if not answer.is_error:
                raise
        finally:
            answer.close()
        return body.of(answer)

    async def arun(self, http: httpx.AsyncClient) -> Answer:
        if self.left is None:
            return await self._asend(http)
        sending = asyncio.ensure_future(self._asend(http))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(_GRACE, sending.cancel)
            sending.add_done_callback(self._late)
            await asyncio.wait([sending])  # cancelled again, it goes on by itself
            raise

    def _late(self, sending: "asyncio.Task[Answer]") -> None:
        if not sending.cancelled() and not sending.exception() and self.left:
            self.left(sending.result())

    async def _asend(self, http: httpx.AsyncClient) -> Answer:
        body = _Body(self.request)
        try:
            answer = await http.send(
                self._for(http), stream=True, auth=None, follow_redirects=False
            )
        except httpx.HTTPStatusError as error:
            return body.of(error.response)
        try:
            async for chunk in answer.aiter_bytes():
                body.add(chunk)
        except httpx.HTTPError:
            if not answer.is_error:
                raise
        finally:
            await answer.aclose()
        return body.of(answer)

    def _for(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """As `http.build_request` would, but what is known of a request is not parsed again."""
        if http.is_closed:
            raise SettingsError("The HTTP client is closed, so nothing can be sent with it.")
        request, url = self.request, self.request.url
        if http.params:
            url = url.copy_with(params=http.params.merge(url.params))
        ready = httpx.Request(
            request.method,
            url,
            headers=_merged(http.headers, request.headers),
            cookies=http.cookies,
            stream=request.stream,
            extensions=request.extensions,
        )
        if isinstance(ready.stream, httpx.ByteStream):
            ready.read()  # for a hook of the caller's
        return ready


def _merged(theirs: httpx.Headers, ours: httpx.Headers) -> httpx.Headers:
    given = ours.raw
    names = {name.lower() for name, _ in given}
    return httpx.Headers([pair for pair in theirs.raw if pair[0].lower() not in names] + given)


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of many megabytes, never put together: of one that is sent as a whole, httpcore copies
    what is left after each packet.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            for start in range(0, len(piece), _PIECE):
                yield piece[start : start + _PIECE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class _Body:
    """The bytes of an answer as they come, bounded in time and size: a drip is no answer."""

    def __init__(self, request: httpx.Request) -> None:
        self._bytes = bytearray()
        seconds = request.extensions.get("timeout", {}).get("read", math.inf)
        self._until = time.monotonic() + seconds

    def add(self, chunk: bytes) -> None:
        self._bytes += chunk
        if time.monotonic() > self._until:
            raise httpx.ReadTimeout("The answer came too slowly")
        if len(self._bytes) > _LONGEST_ANSWER:
            raise httpx.DecodingError("The answer is too long")

    def of(self, answer: httpx.Response) -> Answer:
        """The whole answer. Where reading a refusal broke off, its status alone says enough."""
        headers = answer.headers
        if "Content-Encoding" in headers:
            headers = headers.copy()
            del headers["Content-Encoding"]
        return Answer(answer.status_code, headers, bytes(self._bytes))
