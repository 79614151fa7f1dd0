"""The effect that saves a video: streamed to a file that takes its name only when it is whole."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from langchain_apilaplas.errors import DownloadError


@dataclass(frozen=True)
class Save:
    """Stream a video file to `path`, by way of a temporary file beside it; the path."""

    request: httpx.Request
    path: Path

    def run(self, http: httpx.Client) -> Path:
        with _download_errors(http), _whole_file(self.path) as file:
            response = http.send(self.request, stream=True, auth=None, follow_redirects=False)
            try:
                _check_answer(response)
                for chunk in response.iter_bytes():
                    file.write(chunk)
            finally:
                response.close()
        return self.path

    async def arun(self, http: httpx.AsyncClient) -> Path:
        with _download_errors(http), _whole_file(self.path) as file:
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
def _download_errors(http: httpx.Client | httpx.AsyncClient) -> Iterator[None]:
    if http.is_closed:
        raise DownloadError("The HTTP client is closed.", next_step="Give one that is open.")
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError(f"The download broke off: {type(error).__name__}.") from error
    except OSError as error:
        problem = f"The file can't be written: {error.strerror}."
        raise DownloadError(problem, next_step="Give another path.") from error
