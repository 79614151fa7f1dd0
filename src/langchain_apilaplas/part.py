"""A file that grows beside its target until it is whole."""

import math
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypedDict

import httpx

from langchain_apilaplas import video_file
from langchain_apilaplas.errors import DownloadError
from langchain_apilaplas.quoting import retry_after

MAX_BYTES = 2 * 1024**3
"""The longest file that is taken unless another bound is given."""
_PASSING = (408, 425, 429)
"""Refusals that may be over soon, as may a 5xx."""
_WINDOW, _LEAST = 60.0, 60_000
"""In so many seconds at least so many bytes must come; else the connection counts as dropped."""


class DownloadProgress(TypedDict):
    """How far a download is, in bytes. `total` is None where the host does not tell."""

    type: str
    received: int
    total: int | None


class Part:
    """What has come of a file.

    Args:
        target: Where the file is to stand when it is whole. The part lies beside it.
        max_bytes: It may not get longer than that.
        seconds: It may not take longer than that.
    """

    def __init__(self, target: Path, max_bytes: int = MAX_BYTES, seconds: float = math.inf) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name[:80]}.{uuid.uuid4().hex}.part")
        self.size = 0
        self._total: int | None = None
        self._validator: str | None = None
        self._tag: str | None = None
        self._file: IO[bytes] | None = None
        self._dropped = False
        self._max_bytes = max_bytes
        self._until = time.monotonic() + seconds
        self._window = (math.inf, 0)

    @property
    def progress(self) -> DownloadProgress:
        """How far it is."""
        return DownloadProgress(type="video_download", received=self.size, total=self._total)

    @property
    def seconds_left(self) -> float | None:
        """How long it may still take; None for as long as it likes."""
        return None if self._until == math.inf else self._until - time.monotonic()

    def wanted(self, request: httpx.Request) -> httpx.Request:
        """The request for what is missing: a range (RFC 9110, 14), if it is the same file."""
        headers = request.headers.copy()
        if self.size and self._total and self._validator:
            headers["Range"] = f"bytes={self.size}-"
            headers["If-Range"] = self._validator
        return httpx.Request("GET", request.url, headers=headers, extensions=request.extensions)

    def begin(self, answer: httpx.Response) -> None:
        """Go on, or start anew, as the answer's head says.

        Raises:
            DownloadError: It is a refusal, or too long.
        """
        self._window = (time.monotonic() + _WINDOW, self.size)
        packing = answer.headers.get("Content-Encoding", "identity").lower()
        if packing not in ("identity", "gzip", "deflate"):  # others unpack to gigabytes at once
            raise final(f"The file comes packed ({packing[:20]}).")
        if answer.status_code == 206 and self._continues(answer):
            return
        if answer.status_code != 200:
            if answer.status_code in (206, 416):  # what was asked for is no longer there
                self._start(None, None)
            raise refusal(answer)
        length = answer.headers.get("Content-Length", "")
        plain = answer.headers.get("Content-Encoding", "identity") == "identity"
        total = int(length) if plain and re.fullmatch("[0-9]{1,18}", length) else None
        self._check_size(total or 0)
        self._start(total, _validator(answer.headers))
        self._tag = answer.headers.get("ETag")

    def add(self, chunk: bytes) -> None:
        """One more piece.

        Raises:
            DownloadError: It is too long, takes too long, comes too slowly, or the disk is full.
        """
        self._check_size(self.size + len(chunk))
        with self._writable():
            if self._file:
                self._file.write(chunk)
        self.size += len(chunk)
        now, (due, before) = time.monotonic(), self._window
        if now > self._until:
            raise final("The download takes too long.")
        if now > due and self.size != self._total:
            if self.size - before < _LEAST:
                raise DownloadError("The download broke off: it came too slowly.")
            self._window = (now + _WINDOW, self.size)

    def end(self) -> None:
        """The answer is over.

        Raises:
            DownloadError: The file is not.
        """
        if self._total is not None and self.size != self._total:
            raise DownloadError(f"The download broke off: {self.size} of {self._total} bytes came.")

    def check(self) -> None:
        """Write all of it to the disk, and see that it is a video.

        Raises:
            DownloadError: It is none, or the disk is full.
        """
        with self._writable():
            if self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
            try:
                video_file.check(self.path)
            except DownloadError as error:
                error.retry = False
                raise

    def finish(self) -> None:
        """Let it take its name."""
        with self._writable():
            self.path.replace(self.target)

    def drop(self) -> None:
        """Leave nothing behind but what took its name."""
        self._dropped = True
        with suppress(OSError):
            if self._file:
                self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _continues(self, answer: httpx.Response) -> bool:
        said = answer.headers.get("Content-Range", "")
        same = _validator(answer.headers) in (None, self._validator)
        same = same and answer.headers.get("ETag") in (None, self._tag)
        wanted = rf"bytes {self.size}-\d+/{self._total}"
        return bool(self.size and same and re.fullmatch(wanted, said, re.ASCII))

    def _start(self, total: int | None, validator: str | None) -> None:
        with self._writable():
            if self._file is None:
                self._file = self.path.open("xb")
                if self._dropped:  # while it was opened in a thread, its caller went away
                    self.drop()
                    raise final("The download was given up.")
            self._file.seek(0)
            self._file.truncate()
        self.size, self._total, self._validator = 0, total, validator
        self._window = (self._window[0], 0)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise final(
                f"The file is longer than {self._max_bytes:,} bytes.",
                next_step="The developer may allow more with max_bytes=.",
            )

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise final(
                f"{self.target} can't be written: {error.strerror or type(error).__name__}.",
                next_step="The developer must make room for it, or name another place.",
            ) from error


def final(
    problem: str, *, next_step: str | None = None, status_code: int | None = None
) -> DownloadError:
    """An error that stays the same however often one tries."""
    error = DownloadError(problem, next_step=next_step, status_code=status_code)
    error.retry = False
    return error


def refusal(answer: httpx.Response) -> DownloadError:
    """What a host said instead of giving the file."""
    status = answer.status_code
    problem = f"The video's host answered {status}."
    if status in (206, 416):
        problem = f"The video's host answered {status}: the file is no longer what it was."
    if status in (206, 416, *_PASSING) or status >= 500:
        return DownloadError(
            problem, status_code=status, retry_after=retry_after(answer.headers, b"")
        )
    return final(problem, status_code=status)


def _validator(headers: Mapping[str, str]) -> str | None:
    """What names this very version of the file: a strong ETag, else its date."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified")
