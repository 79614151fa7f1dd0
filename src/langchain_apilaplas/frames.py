"""The last frame of a video, as the picture that the next one starts from."""

import asyncio
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, Any

import httpx

from langchain_apilaplas.books import Books
from langchain_apilaplas.confined import fetch
from langchain_apilaplas.effects import Flow
from langchain_apilaplas.errors import DownloadError, GatewayError, InvalidRequestError
from langchain_apilaplas.formats import check_size
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.ledger import Job, Origin, State
from langchain_apilaplas.wire import Wire

_FEW = 5
_TAIL = 3.0
"""Seconds before the end from which it is decoded; from the start where that gives nothing."""


def last_frame(
    generation_id: str,
    look: Callable[[str], Flow[Generation]],
    api: Wire,
    books: Books,
    origin: Origin | None,
) -> Flow[ImageInput]:
    """Fetch a finished video and take its last frame.

    Args:
        generation_id: The video's generation.
        look: Asks the gateway for it.
        api: Whose host may lie anywhere.
        books: Where jobs stand.
        origin: When given, the video must be of this thread, by the books.

    Raises:
        InvalidRequestError: There is no such video in the thread, or it is not finished; or what
            frames need is not installed.
        GatewayError: The video can't be fetched.
        ApilaplasError: What `look` raises.
    """
    name = f"video:{generation_id}:last"
    _check_installed(name)
    job = yield from books.find(generation_id)
    if origin is not None and (job is None or job.origin.thread != origin.thread):
        raise InvalidRequestError((yield from _unknown(name, books, origin)))
    known = job.generation if job and books.is_settled(job) else None
    found = known if known and known.video else (yield from look(generation_id))
    if found.video is None:
        raise InvalidRequestError(f"{name!r} can't be had: {_unfinished(found)}")
    with tempfile.TemporaryFile() as file:
        try:
            yield from fetch(found.video.url, file, api)
        except DownloadError as error:
            raise GatewayError(
                f"{name!r} can't be had: {error.problem}",
                next_step="Call again once; if it stays so, name another picture.",
                status_code=error.status_code,
            ) from error
        image: ImageInput = yield Work(lambda: _image(file, name))
    return image


@dataclass(frozen=True)
class Work:
    """Something that takes a moment: for an event loop in a thread."""

    do: Callable[[], Any]

    def run(self, http: httpx.Client) -> Any:
        return self.do()

    async def arun(self, http: httpx.AsyncClient) -> Any:
        return await asyncio.to_thread(self.do)


def _image(file: IO[bytes], name: str) -> ImageInput:
    try:
        return ImageInput.of_frame(decoded(file), source=name)
    except Exception as error:
        raise InvalidRequestError(
            f"{name!r} can't be had: the video can't be decoded ({type(error).__name__})."
        ) from error


def decoded(file: IO[bytes]) -> bytes:
    """The last frame of a video file, as a PNG.

    Raises:
        ValueError: It is no MP4 or WebM file, or holds no frame.
    """
    import av  # noqa: PLC0415 - an extra

    file.seek(0)
    head = file.read(12)
    file.seek(0)
    # Named, because FFmpeg would take a playlist too, and open whatever that names.
    kind = "mp4" if head[4:8] == b"ftyp" else "matroska" if head[:4] == b"\x1aE\xdf\xa3" else None
    if kind is None:
        raise ValueError("it is no video file")
    with av.open(file, format=kind) as container:
        if not container.streams.video:
            raise ValueError("it has no pictures")
        stream = container.streams.video[0]
        check_size(stream.width, stream.height, "the video")
        last = _last(container, stream, tail=True) or _last(container, stream, tail=False)
        if last is None:
            raise ValueError("it holds no frame")
        buffer = io.BytesIO()
        last.to_image().save(buffer, "PNG")
    return buffer.getvalue()


def _last(container: Any, stream: Any, *, tail: bool) -> Any:
    """The frame shown last, decoded from shortly before the end or from the start."""
    import av  # noqa: PLC0415 - an extra

    length = float(stream.duration * stream.time_base) if stream.duration else 0.0
    try:
        start = int(max(0.0, length - _TAIL) / stream.time_base) if tail else 0
        container.seek(start + (stream.start_time or 0), stream=stream)
        last = None
        for frame in container.decode(stream):
            last = frame if last is None or (frame.pts or 0) >= (last.pts or 0) else last
    except av.error.FFmpegError:
        if tail:
            return None
        raise
    return last


def _check_installed(name: str) -> None:
    if any(find_spec(module) is None for module in ("av", "PIL")):
        raise InvalidRequestError(
            f"{name!r} needs PyAV and Pillow, which are not installed.",
            next_step="Name another picture. The developer can pip install "
            "'langchain-apilaplas[images]'.",
        )


def _unknown(name: str, books: Books, origin: Origin) -> Flow[str]:
    jobs = yield from books.jobs([State.COMPLETED], origin.thread)
    there = [job for job in jobs if job.origin.thread == origin.thread and job.generation_id]
    if not there:
        return f"{name!r} does not exist: no video of this conversation is finished."
    told = ", ".join(map(_named, there[-_FEW:]))
    return f"{name!r} does not exist; of this conversation there are {told}."


def _named(job: Job) -> str:
    return repr(f"video:{job.generation_id}:last")


def _unfinished(found: Generation) -> str:
    if found.status is Status.ERROR:
        return "that generation failed, and has no video."
    return "that video is not finished; get_video waits for it."
