"""What a flow needs from outside, and the two drivers: the only place that knows sync from async.

A flow is a generator that yields effects and returns a result (DESIGN: "written once").
`drive` and `adrive` carry the effects out and send the replies back in.
"""

import asyncio
import inspect
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, TypedDict, TypeVar

import httpx

from langchain_apilaplas.errors import DownloadError

logger = logging.getLogger("langchain_apilaplas")
logger.addHandler(logging.NullHandler())  # silent unless the application asks

T = TypeVar("T")


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
    """Carry out a flow on the running event loop. Cancelling it ends the flow at once."""
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


Listener: TypeAlias = Callable[[Progress], Awaitable[None] | None]


@dataclass(frozen=True)
class Send:
    """Send a request once, with the client's own default headers and cookies; the response.

    Redirects are not followed: a 307 would send a paid submit a second time.
    """

    request: httpx.Request

    def run(self, http: httpx.Client) -> httpx.Response:
        return http.send(self._for(http), follow_redirects=False)

    async def arun(self, http: httpx.AsyncClient) -> httpx.Response:
        return await http.send(self._for(http), follow_redirects=False)

    def _for(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        request = self.request
        return http.build_request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.content,
            extensions=request.extensions,
        )


@dataclass(frozen=True)
class Sleep:
    """Wait some seconds."""

    seconds: float

    def run(self, http: httpx.Client) -> None:
        time.sleep(self.seconds)

    async def arun(self, http: httpx.AsyncClient) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class Now:
    """Seconds on a clock that never jumps."""

    def run(self, http: httpx.Client) -> float:
        return time.monotonic()

    async def arun(self, http: httpx.AsyncClient) -> float:
        return self.run(http)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Report:
    """Tell a listener. What it raises is logged and goes no further: a job is worth more."""

    progress: Progress
    listener: Listener

    def run(self, http: httpx.Client) -> None:
        try:
            self.listener(self.progress)
        except Exception:
            logger.warning("A progress listener raised", exc_info=True)

    async def arun(self, http: httpx.AsyncClient) -> None:
        try:
            outcome = self.listener(self.progress)
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:
            logger.warning("A progress listener raised", exc_info=True)


@dataclass(frozen=True)
class Save:
    """Stream a video file to `path`, by way of a temporary file beside it; the path."""

    request: httpx.Request
    path: Path

    def run(self, http: httpx.Client) -> Path:
        with _download_errors(), _whole_file(self.path) as file:
            response = http.send(self.request, stream=True, auth=None, follow_redirects=False)
            try:
                _check_answer(response)
                for chunk in response.iter_bytes():
                    file.write(chunk)
            finally:
                response.close()
        return self.path

    async def arun(self, http: httpx.AsyncClient) -> Path:
        with _download_errors(), _whole_file(self.path) as file:
            response = await http.send(self.request, stream=True, auth=None, follow_redirects=False)
            try:
                _check_answer(response)
                async for chunk in response.aiter_bytes():
                    await asyncio.to_thread(file.write, chunk)
            finally:
                await response.aclose()
        return self.path


def _check_answer(response: httpx.Response) -> None:
    if response.status_code != 200:
        raise DownloadError(
            f"The video's host answered {response.status_code}.", status_code=response.status_code
        )


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only once it is whole and looks like a video."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("x+b") as file:
            yield file
            file.seek(0)
            _check_video(file.read(12))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _check_video(head: bytes) -> None:
    # An ISO media file's first box is `ftyp`; a WebM file starts with EBML's magic number.
    if head[4:8] != b"ftyp" and head[:4] != b"\x1aE\xdf\xa3":
        raise DownloadError("What came is not a video file.")


@contextmanager
def _download_errors() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise DownloadError(f"The download broke off: {type(error).__name__}.") from error
    except OSError as error:
        raise DownloadError(f"The file can't be written: {error.strerror}.") from error
