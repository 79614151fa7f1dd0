"""Keeping finished videos in a storage. Whatever goes wrong there loses no video."""

import dataclasses
import json
import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from langchain_apilaplas.books import Books
from langchain_apilaplas.downloading import Downloading
from langchain_apilaplas.effects import Call, Flow, logger
from langchain_apilaplas.errors import ApilaplasError
from langchain_apilaplas.flows import now
from langchain_apilaplas.generation import Generation, Status, Video
from langchain_apilaplas.ledger import Job
from langchain_apilaplas.part import Part
from langchain_apilaplas.quoting import one_line
from langchain_apilaplas.storage import Storage, file_name

PATIENCE = 300.0
"""Seconds in which a file must have come from its host, and in which the storage must have it: a
caller waits for the answer.
"""


@dataclass(frozen=True)
class Keeping:
    """How to keep videos: in `storage`, by `books`, got by `downloading`, not after `until`."""

    storage: Storage
    books: Books
    downloading: Downloading
    until: float = math.inf

    def kept(self, generation_id: str) -> Flow[Generation | None]:
        """A generation whose video the storage keeps by the ledger, with a link to it."""
        job = yield from self.books.find(generation_id)
        if job is None or job.generation is None or not self.books.is_stored(job):
            return None
        try:
            return (yield from self._linked(job.generation))
        except Exception as error:
            logger.warning("No link to the video of %s: %s", generation_id, _reason(error))
            return None

    def keep(self, generation: Generation) -> Flow[Generation]:
        """A completed generation with a link into the storage; or with the reason why there is
        none. Then the ledger knows that it is to be tried again.
        """
        job = yield from self.books.find(generation.id)
        stored = self.books.is_stored(job)
        try:
            if stored:
                with suppress(FileNotFoundError):
                    return (yield from self._linked(generation))
                stored = False
                yield from self.books.keep(generation.id, stored=None)
            yield from self._store(generation, job)
            stored = True
            return (yield from self._linked(generation))
        except Exception as error:
            reason = _reason(error)
            reason = f"It is kept, but has no link now: {reason}" if stored else reason
        logger.warning("No link into the storage for generation %s: %s", generation.id, reason)
        job = yield from self.books.find(generation.id)
        if not (job and job.stored):  # what another storage or process keeps stays known
            yield from self.books.keep(generation.id, storage=self.storage.address)
        if self.downloading.has_expired(_video(generation).url):
            with suppress(ApilaplasError):
                generation = yield from self.downloading.refresh(generation)
        return dataclasses.replace(generation, not_stored=reason)

    def _store(self, generation: Generation, job: Job | None) -> Flow[None]:
        started = yield from now()
        patience = min(PATIENCE, self.until - started)
        if patience <= 0:
            raise TimeoutError("There was no time left to store it.")
        name = file_name(generation.id)
        folder = yield Call(self.storage.scratch, seconds=patience)
        part = Part(folder / f"{name}.mp4", self.downloading.max_bytes, patience)
        try:
            yield from self.downloading.fill(part, generation, patience)
            yield self._put(f"{name}.mp4", part.path, _video(generation).content_type)
        finally:
            part.drop()
        about = _about(generation, job, self.books, part.size)
        yield self._put(f"{name}.json", about, "application/json")
        address = self.storage.address_of(f"{name}.mp4")
        yield from self.books.keep(generation.id, storage=self.storage.address, stored=address)
        took = (yield from now()) - started
        logger.info("Generation %s stored as %s in %.1f s", generation.id, address, took)

    def _put(self, name: str, content: Path | bytes, content_type: str) -> Call:
        return Call(
            partial(self.storage.put, name, content, content_type),
            partial(self.storage.aput, name, content, content_type),
            PATIENCE,
        )

    def _linked(self, generation: Generation) -> Flow[Generation]:
        name = f"{file_name(generation.id)}.mp4"
        link = yield Call(
            partial(self.storage.link, name), partial(self.storage.alink, name), PATIENCE
        )
        return dataclasses.replace(generation, stored=link)


def _reason(error: Exception) -> str:
    if isinstance(error, ApilaplasError):
        return error.problem
    if isinstance(error, TimeoutError) and not str(error):
        return f"The storage took more than {PATIENCE:.0f} s."
    return one_line(error)


def _about(generation: Generation, job: Job | None, books: Books, size: int) -> bytes:
    """What lies beside a video: where it comes from, and what it cost."""
    request = dict(job.request) if job else {}
    ends = [at for word, at in job.history if word == Status.COMPLETED] if job else []
    about = {
        "generation_id": generation.id,
        "gateway": books.gateway,
        "model": job.model if job else generation.model,
        "prompt": request.pop("prompt", None),
        "parameters": request,
        "usage": {**(job.usage if job else {}), **generation.usage},
        "submitted_at": job.created_at if job else None,
        "completed_at": ends[0] if ends else None,
        "stored_at": books.ledger.clock(),
        "file": f"{file_name(generation.id)}.mp4",
        "bytes": size,
        "source": _video(generation).url.partition("?")[0],
    }
    text = json.dumps(about, default=_written, ensure_ascii=False, indent=2)
    return text.encode("utf-8", "replace")


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _video(generation: Generation) -> Video:
    if generation.video is None:
        raise AssertionError("unreachable: only completed generations are kept")
    return generation.video
