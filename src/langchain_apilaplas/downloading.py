"""Getting a video's file: several tries, each going on where the last broke off; a fresh link."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from langchain_apilaplas import links
from langchain_apilaplas.books import Books
from langchain_apilaplas.confined import leads
from langchain_apilaplas.download import Receive
from langchain_apilaplas.effects import Call, Flow, Listener, Sleep, logger
from langchain_apilaplas.errors import DownloadError
from langchain_apilaplas.flows import now
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.pacing import PATIENCE, Pace
from langchain_apilaplas.part import MAX_BYTES, Part, final
from langchain_apilaplas.storage import file_name
from langchain_apilaplas.wire import Wire

ATTEMPTS = 5
"""So many tries in a row may bring less than `_ENOUGH`."""
_ENOUGH = 1_000_000
_HOPS = 5
_NO_LONGER = (401, 403, 404, 410)
"""How a host answers about a link that has expired."""

Refresh = Callable[[Generation], Flow[Generation]]


@dataclass(frozen=True)
class Downloading:
    """How to get a file.

    Attributes:
        api: Makes the request.
        books: Whose clock counts, and who hear of a file.
        pace: Between two tries.
        refresh: Gets a generation again, with a fresh link.
        max_bytes: A longer file is not taken.
        listener: Told of each piece that came.
    """

    api: Wire
    books: Books
    pace: Pace
    refresh: Refresh
    max_bytes: int = MAX_BYTES
    listener: Listener | None = None

    def download(self, video: Generation | Video | str, to: Path) -> Flow[Path]:
        """Save a video as a file, or in a folder under a name of its own.

        Raises:
            DownloadError: It did not arrive; nothing is left behind.
        """
        _url(video)
        path = to / _name(video) if to.is_dir() else to
        part = Part(path, self.max_bytes)
        try:
            yield from self.fill(part, video)
            yield Call(part.finish)
        finally:
            part.drop()
        what = f"generation {video.id}" if isinstance(video, Generation) else "a link"
        logger.info("The video of %s was downloaded to %s (%d bytes)", what, path, part.size)
        if isinstance(video, Generation):
            yield from self.books.keep(video.id, file=str(path.absolute()))
        return path

    def fill(
        self, part: Part, video: Generation | Video | str, seconds: float = math.inf
    ) -> Flow[None]:
        """Get all of a video into a part, and look whether it is one."""
        deadline = (yield from now()) + seconds
        try:
            if isinstance(video, Generation):
                yield from self._receive_newest(video, part, deadline)
            else:
                yield from self._receive(_url(video), part, deadline)
            yield Call(part.check)
        except DownloadError as error:
            error.generation_id = video.id if isinstance(video, Generation) else None
            raise

    def _receive_newest(self, generation: Generation, part: Part, deadline: float) -> Flow[None]:
        url = _url(generation)
        if not self.has_expired(url):
            try:
                return (yield from self._receive(url, part, deadline))
            except DownloadError as error:
                if error.status_code not in _NO_LONGER:
                    raise
        fresh = yield from self.refresh(generation)
        return (yield from self._receive(_url(fresh), part, deadline))

    def _receive(self, url: str, part: Part, deadline: float) -> Flow[None]:
        failures, most = 0, part.size
        while True:
            try:
                return (yield from self._follow(url, part, failures))
            except DownloadError as error:
                failures = 1 if part.size - most >= _ENOUGH else failures + 1
                most = max(most, part.size)
                delay = self.pace.backoff(failures, error.retry_after)
                late = (yield from now()) + delay > deadline
                if not error.retry or failures == ATTEMPTS or delay > PATIENCE or late:
                    self._explain(error, url)
                    raise
                logger.debug("%s The next try is in %.1f s", error.problem, delay)
            yield Sleep(delay)

    def _follow(self, url: str, part: Part, turn: int) -> Flow[None]:
        """Get the file, or what is missing of it, from where the link leads to."""
        is_own = self.api.is_own(url)
        for _ in range(_HOPS):
            requests = yield from leads(url, self.api, is_own=is_own)
            request = requests[turn % len(requests)]
            location: str | None = yield Receive(request, part, self.listener)
            if location is None:
                return
            url = _joined(url, location)
            is_own = is_own and self.api.is_own(url)
        raise final("The video's link leads from one address to another without end.")

    def _explain(self, error: DownloadError, url: str) -> None:
        if error.status_code in _NO_LONGER and self.has_expired(url):
            error.problem += f" The link expired at {links.expiry(url):%Y-%m-%d %H:%M} UTC."
            error.next_step = "Get a fresh link, by the generation's id."

    def has_expired(self, url: str) -> bool:
        """Whether a link says that it works no longer."""
        expires = links.expiry(url)
        return expires is not None and expires <= self.books.ledger.clock()


def _joined(url: str, location: str) -> str:
    try:
        return str(httpx.URL(url).join(location))
    except (httpx.InvalidURL, ValueError):
        raise final("The video's link leads to what is no URL.") from None


def _url(video: Generation | Video | str) -> str:
    if isinstance(video, str):
        return video
    if isinstance(video, Video):
        return video.url
    if video.video is None:
        raise DownloadError(
            f"Generation {video.id} has no video ({video.status.value}).",
            next_step="Wait for it first.",
            generation_id=video.id,
        )
    return video.video.url


def _name(video: Generation | Video | str) -> str:
    if isinstance(video, Generation):
        return f"{file_name(video.id)}.mp4"
    name = _url(video).partition("?")[0].rpartition("/")[2]
    return re.sub(r"[^\w.-]", "-", name).lstrip(".") or "video.mp4"
