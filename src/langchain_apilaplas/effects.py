"""What a flow needs from outside, and the two drivers: the only place that knows sync from async.

A flow is a generator that yields effects and returns a result (DESIGN: "written once").
`drive` and `adrive` carry the effects out and send the replies back in.
"""

import asyncio
import inspect
import logging
import math
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar

import httpx

from langchain_apilaplas.errors import SettingsError

logger = logging.getLogger("langchain_apilaplas")
logger.addHandler(logging.NullHandler())  # silent unless the application asks

T = TypeVar("T")

_LONGEST_ANSWER = 10_000_000
"""Bytes. A real one has a few hundred."""
_GRACE = 5.0
"""Seconds in which a submit may still be answered after its caller was cancelled."""


class Effect(Protocol):
    """Something to be done outside, in either world."""

    def run(self, http: httpx.Client) -> Any: ...

    async def arun(self, http: httpx.AsyncClient) -> Any: ...


Flow: TypeAlias = Generator[Effect, Any, T]


def drive(flow: Flow[T], http: httpx.Client) -> T:
    """Carry out a flow, blocking."""
    try:
        effect = next(flow)
        while True:
            try:
                reply = effect.run(http)
            except Exception as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


async def adrive(flow: Flow[T], http: httpx.AsyncClient) -> T:
    """Carry out a flow on the running event loop. Cancelling it ends the flow: at once, but for a
    submit that is under way (see `Send.left`).
    """
    try:
        effect = next(flow)
        while True:
            try:
                reply = await effect.arun(http)
            except Exception as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


class Progress(TypedDict):
    """One look at a generation. `elapsed` and `expected` are seconds."""

    type: str
    generation_id: str
    model: str
    status: str
    elapsed: float
    expected: float


Listener: TypeAlias = Callable[[Any], Awaitable[None] | None]
"""Takes a dict: `Progress`, or a download's `DownloadProgress`."""


@dataclass(frozen=True)
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
    left: Callable[[httpx.Response], None] | None = None

    def run(self, http: httpx.Client) -> httpx.Response:
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

    async def arun(self, http: httpx.AsyncClient) -> httpx.Response:
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

    def _late(self, sending: "asyncio.Task[httpx.Response]") -> None:
        if not sending.cancelled() and not sending.exception() and self.left:
            self.left(sending.result())

    async def _asend(self, http: httpx.AsyncClient) -> httpx.Response:
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
        if http.is_closed:
            raise SettingsError("The HTTP client is closed, so nothing can be sent with it.")
        request = self.request
        return http.build_request(
            request.method,
            request.url,
            params=request.url.params or None,
            headers=request.headers,
            content=request.content,
            extensions=request.extensions,
        )


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

    def of(self, answer: httpx.Response) -> httpx.Response:
        """The whole answer. Where reading a refusal broke off, its status alone says enough."""
        headers = answer.headers.copy()
        headers.pop("Content-Encoding", None)  # it has been decoded
        return httpx.Response(answer.status_code, headers=headers, content=bytes(self._bytes))


@dataclass(frozen=True)
class Sleep:
    """Wait some seconds."""

    seconds: float

    def run(self, http: httpx.Client) -> None:
        time.sleep(self.seconds)

    async def arun(self, http: httpx.AsyncClient) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class Record:
    """A step of the ledger's; for an event loop, in a thread of the ledger's. Once begun it is
    carried out, even when its caller is cancelled.
    """

    step: Callable[[], Any]
    thread: Executor

    def run(self, http: httpx.Client) -> Any:
        return self.step()

    async def arun(self, http: httpx.AsyncClient) -> Any:
        return await asyncio.shield(asyncio.wrap_future(self.thread.submit(self.step)))


@dataclass(frozen=True)
class Call:
    """Something that takes its time; for an event loop its own way to be awaited, else a thread."""

    blocking: Callable[[], Any]
    awaited: Callable[[], Awaitable[Any]] | None = None

    def run(self, http: httpx.Client) -> Any:
        return self.blocking()

    async def arun(self, http: httpx.AsyncClient) -> Any:
        return await (self.awaited() if self.awaited else asyncio.to_thread(self.blocking))


@dataclass(frozen=True)
class Now:
    """Seconds on a clock that never jumps."""

    def run(self, http: httpx.Client) -> float:
        return time.monotonic()

    async def arun(self, http: httpx.AsyncClient) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Report:
    """Tell a listener. What it raises is logged and goes no further: a job is worth more."""

    progress: Any
    listener: Listener

    def run(self, http: httpx.Client) -> None:
        try:
            outcome = self.listener(self.progress)
            if inspect.iscoroutine(outcome):
                outcome.close()
                raise TypeError("only AsyncApilaplasClient takes a coroutine function")
        except Exception:
            logger.warning("A progress listener raised", exc_info=True)

    async def arun(self, http: httpx.AsyncClient) -> None:
        try:
            outcome = self.listener(self.progress)
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:
            logger.warning("A progress listener raised", exc_info=True)
