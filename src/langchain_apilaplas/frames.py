"""The last frame of a video, as the picture that the next one starts from."""

import io
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from langchain_apilaplas import video_file
from langchain_apilaplas.books import Books
from langchain_apilaplas.downloading import Downloading
from langchain_apilaplas.effects import Call, Flow
from langchain_apilaplas.errors import DownloadError, GatewayError, InvalidRequestError
from langchain_apilaplas.formats import check_size
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.ledger import Job, Origin, State
from langchain_apilaplas.part import Part

_FEW = 5
_LONGEST = 500_000_000
"""Bytes."""
_SLOWEST = 600.0
"""Seconds in which a video must have come."""
_PATIENCE = 60.0
"""Seconds that decoding may take."""
_TAIL = 3.0
"""Seconds before the end from which it is decoded; from the start where that gives nothing."""


def last_frame(
    generation_id: str,
    look: Callable[[str], Flow[Generation]],
    downloading: Downloading,
    books: Books,
    origin: Origin | None,
) -> Flow[ImageInput]:
    """Fetch a finished video and take its last frame.

    Args:
        generation_id: The video's generation.
        look: Asks the gateway for it.
        downloading: Fetches the video.
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
    with tempfile.TemporaryDirectory() as folder:
        part = Part(Path(folder, "video"), _LONGEST, _SLOWEST)
        try:
            yield from downloading.fill(part, found, _SLOWEST)
            image: ImageInput = yield Call(lambda: _image(part.path, name))
        except DownloadError as error:
            raise GatewayError(
                f"{name!r} can't be had: {error.problem}",
                next_step="Call again once; if it stays so, name another picture.",
                status_code=error.status_code,
            ) from error
        finally:
            part.drop()
    return image


def _image(path: Path, name: str) -> ImageInput:
    try:
        with path.open("rb") as file:
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

    kind = video_file.container(file)
    if kind is None:
        raise ValueError("it is no video file")
    file.seek(0)
    with av.open(file, format=kind) as container:
        if not container.streams.video:
            raise ValueError("it has no pictures")
        stream = container.streams.video[0]
        check_size(stream.width, stream.height, "the video")
        last = _last(container, stream, tail=True) or _last(container, stream, tail=False)
        if last is None:
            raise ValueError("it holds no frame")
        buffer = io.BytesIO()
        turned = getattr(last, "rotation", 0)  # PyAV before 14.2 does not tell it
        last.to_image().rotate(turned, expand=True).save(buffer, "PNG")
    return buffer.getvalue()


def _last(container: Any, stream: Any, *, tail: bool) -> Any:
    """The frame shown last, decoded from shortly before the end or from the start."""
    import av  # noqa: PLC0415 - an extra

    until = time.monotonic() + _PATIENCE
    length = float(stream.duration * stream.time_base) if stream.duration else 0.0
    try:
        start = int(max(0.0, length - _TAIL) / stream.time_base) if tail else 0
        container.seek(start + (stream.start_time or 0), stream=stream)
        last = None
        for frame in container.decode(stream):
            check_size(frame.width, frame.height, "the video")
            if time.monotonic() > until:
                raise ValueError("it takes too long")
            last = frame if last is None or (frame.pts or 0) >= (last.pts or 0) else last
    except av.error.FFmpegError:
        if tail:
            return None
        raise
    return last


def _check_installed(name: str) -> None:
    if not all(map(_is_installed, ("av", "PIL"))):
        raise InvalidRequestError(
            f"{name!r} needs PyAV and Pillow, which are not installed.",
            next_step="Name another picture. The developer can pip install "
            "'langchain-apilaplas[images]'.",
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # said by an import hook
        return False


def _unknown(name: str, books: Books, origin: Origin) -> Flow[str]:
    # Whoever belongs to no thread is told no ids: they would be those of all others like that.
    thread = origin.thread
    jobs = (yield from books.jobs([State.COMPLETED], thread)) if thread is not None else []
    there = [job for job in jobs if job.generation_id]
    if thread is None:
        return f"{name!r} is not a video of this conversation."
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
