"""The conversations with the API: submit, get, wait, generate. Each is a generator of effects."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.download import Save
from langchain_apilaplas.effects import (
    Flow,
    Listener,
    Now,
    Progress,
    Report,
    Send,
    Sleep,
    logger,
)
from langchain_apilaplas.errors import (
    ApilaplasError,
    Charged,
    DownloadError,
    GenerationFailedError,
    InvalidRequestError,
    MissingVideoError,
    NotFoundError,
    StillRenderingError,
)
from langchain_apilaplas.generation import Generation, Status, Video
from langchain_apilaplas.pacing import PATIENCE, Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.wire import Exchange, Wire, later

SUBMIT_ATTEMPTS = 3
GET_ATTEMPTS = 4
REFUSALS = 3
"""So many times in a row may looks after our own submit be refused: by a proxy, or by a part of
the server that has not heard of the generation."""
LAST_LOOK = 5.0
"""Seconds a request may take that is sent at the deadline."""


def submit(
    request: VideoRequest, key: str, api: Wire, pace: Pace, deadline: float = math.inf
) -> Flow[Generation]:
    """Send a request, and again only when it was certainly not accepted."""
    exchange = api.submit(request, key)
    generation = yield from persist(exchange, SUBMIT_ATTEMPTS, pace, deadline)
    logger.info("Generation %s submitted to %s", generation.id, request.model.id)
    return generation


def get(generation_id: str, model: VideoModel, api: Wire, pace: Pace) -> Flow[Generation]:
    """Look once, and again a few times where there was no usable answer."""
    return (yield from persist(api.look(model, generation_id), GET_ATTEMPTS, pace))


@dataclass(frozen=True)
class Waiting:
    """How to wait: at what pace, at most `timeout` seconds, telling `listener` of each look."""

    api: Wire
    pace: Pace
    timeout: float
    listener: Listener | None = None

    def generate(self, request: VideoRequest, key: str) -> Flow[Generation]:
        """Submit, then wait for the end; the time that submitting takes counts."""
        started = yield from now()
        deadline = started + self.timeout
        generation = yield from submit(request, key, self.api, self.pace, deadline)
        return (yield from self.wait(generation.id, request.model, generation, started))

    def wait(
        self,
        generation_id: str,
        model: VideoModel,
        submitted: Generation | None = None,
        started: float | None = None,
    ) -> Flow[Generation]:
        """Look until the server's last word or the deadline. A failed look ends nothing.

        After our own submit there is nothing to see yet, so the first look can wait. A key or an
        id that is refused ends the wait: at once, or after our own submit when it stays so.
        """
        time = yield from now()
        started = time if started is None else started
        deadline = started + self.timeout
        generation, failures, refusals = submitted, 0, 0
        if submitted and submitted.status is Status.COMPLETED and not submitted.video:
            generation = None  # too early to believe
        delay = self.pace.next_delay(0) if submitted else 0.0
        yield from self._report(generation, model, 0.0)
        while generation is None or not generation.status.is_terminal:
            nap = max(0.0, min(delay, deadline - time))
            yield Sleep(nap)
            trouble = None
            try:
                within = max(LAST_LOOK, deadline - time - nap)
                generation = yield from ask(self.api.look(model, generation_id, within=within))
                failures = refusals = 0
            except ApilaplasError as error:
                trouble, failures = error, failures + 1
                refusals = 0 if error.retry else refusals + 1
                if refusals > (REFUSALS if submitted else 0):
                    if submitted:
                        advise_fetching(error, generation_id)
                    raise
            time = yield from now()
            delay = self.pace.next_delay(time - started)
            if trouble:
                delay = self.pace.backoff(failures, trouble.retry_after)
            yield from self._report(generation, model, time - started)
            if time >= deadline and not (generation and generation.status.is_terminal):
                if trouble and not (generation or submitted):
                    raise trouble
                raise still_rendering(generation_id, self.timeout, trouble)
        return finished(generation)

    def _report(
        self, generation: Generation | None, model: VideoModel, elapsed: float
    ) -> Flow[None]:
        if self.listener and generation:
            progress = Progress(
                type="video_progress",
                generation_id=generation.id,
                model=model.id,
                status=generation.status.value,
                elapsed=round(elapsed, 1),
                expected=model.seconds,
            )
            yield Report(progress, self.listener)


def download(video: Generation | Video | str, to: Path, api: Wire) -> Flow[Path]:
    """Stream a video to a file, or into a folder under a name of its own."""
    url, name = _url_and_name(video)
    saved: Path = yield Save(api.download(url), to / name if to.is_dir() else to)
    return saved


def finished(generation: Generation) -> Generation:
    """A generation that ended well.

    Raises:
        GenerationFailedError: It ended with an error.
        MissingVideoError: It is completed, without a video.
    """
    if generation.status is Status.ERROR:
        raise GenerationFailedError(
            f"The generation failed: {generation.error}.", generation_id=generation.id
        )
    if generation.video is None:
        raise MissingVideoError(
            f"Generation {generation.id} is completed, but the answer holds no video.",
            next_step="Do not generate it again; fetch it once more with get_video, "
            f"generation_id {generation.id}, and if it stays so, ask Apilaplas's support.",
            generation_id=generation.id,
        )
    return generation


def still_rendering(
    generation_id: str, timeout: float, trouble: ApilaplasError | None
) -> StillRenderingError:
    """The end of a wait, not of the generation."""
    last = f" (the last look failed: {trouble.problem.rstrip('.')})" if trouble else ""
    return StillRenderingError(
        f"{generation_id} is still rendering after {timeout:g} s of waiting{last}.",
        next_step="It goes on by itself. Do not call generate_video for it again; fetch it later "
        f"with get_video, generation_id {generation_id}.",
        generation_id=generation_id,
    )


def advise_fetching(error: ApilaplasError, generation_id: str) -> None:
    """Let a refused look say that the generation was accepted, paid for, and is not lost."""
    error.charged = Charged.YES
    if isinstance(error, NotFoundError | InvalidRequestError):
        error.next_step = later(generation_id)


def ask(exchange: Exchange) -> Flow[Generation]:
    """Send once and read the answer. Whatever goes wrong becomes an error of ours.

    `except Exception` on purpose: once a request has left, nothing else may escape.
    """
    try:
        return exchange.read((yield Send(exchange.request)))
    except ApilaplasError:
        raise
    except Exception as error:
        raise exchange.failure(error) from error


def persist(
    exchange: Exchange, attempts: int, pace: Pace, deadline: float = math.inf
) -> Flow[Generation]:
    """Try again what may be tried again, as long as the wait is short and ends in time."""
    attempt = 1
    while True:
        try:
            return (yield from ask(exchange))
        except ApilaplasError as error:
            delay = pace.backoff(attempt, error.retry_after)
            late = (yield from now()) + delay > deadline
            if not error.retry or attempt == attempts or delay > PATIENCE or late:
                raise
        yield Sleep(delay)
        attempt += 1


def now() -> Flow[float]:
    """The time, typed."""
    time: float = yield Now()
    return time


def _url_and_name(video: Generation | Video | str) -> tuple[str, str]:
    if isinstance(video, Generation):
        if video.video is None:
            raise DownloadError(
                f"Generation {video.id} has no video ({video.status.value}).",
                next_step="Wait for it first.",
                generation_id=video.id,
            )
        url, name = video.video.url, f"{video.id}.mp4"
    else:
        url = video.url if isinstance(video, Video) else video
        name = url.partition("?")[0].rpartition("/")[2]
    # An id may hold slashes and colons.
    return url, re.sub(r"[^\w.-]", "-", name).lstrip(".") or "video.mp4"
