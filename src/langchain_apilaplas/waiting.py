"""The long conversation with the API: looking until the server's last word or the deadline."""

import dataclasses
from dataclasses import dataclass

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.effects import Flow, Listener, Progress, Report, Sleep
from langchain_apilaplas.errors import (
    ApilaplasError,
    Charged,
    GenerationFailedError,
    InvalidRequestError,
    MissingVideoError,
    NotFoundError,
    StillRenderingError,
)
from langchain_apilaplas.flows import ask, now, submit
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.pacing import MIN_DELAY, Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.responses import later
from langchain_apilaplas.wire import Exchange, Wire

REFUSALS = 3
"""So many times in a row may looks after our own submit be refused: by a proxy, or by a part of
the server that has not heard of the generation."""
LAST_LOOK = 5.0
"""Seconds a request may take that is sent at the deadline."""


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
        done = yield from self.wait(generation.id, request.model, generation, started)
        # Some answers tell the cost at submit only, which is when it is spent.
        return done if done.usage else dataclasses.replace(done, usage=generation.usage)

    def wait(
        self,
        generation_id: str,
        model: VideoModel,
        submitted: Generation | None = None,
        started: float | None = None,
    ) -> Flow[Generation]:
        """Look until the server's last word or the deadline. A failed look ends nothing.

        After our own submit there is nothing to see yet, so the first look can wait. A server that
        holds requests does the waiting itself. A key or an id that is refused ends the wait: at
        once, or after our own submit when it stays so.
        """
        time = yield from now()
        started = time if started is None else started
        deadline = started + self.timeout
        generation, failures, refusals = submitted, 0, 0
        if submitted and submitted.status is Status.COMPLETED and not submitted.video:
            generation = None  # too early to believe
        wait = submitted and not _can_hold(model, deadline - time)
        delay = self.pace.next_delay(0) if wait else 0.0
        yield from self._report(generation, model, 0.0)
        while generation is None or not generation.status.is_terminal:
            nap = max(0.0, min(delay, deadline - time))
            yield Sleep(nap)
            asked, trouble, before = time + nap, None, generation
            look, held = self._look(model, generation_id, generation, deadline - asked)
            try:
                generation = yield from ask(look)
                failures = refusals = 0
            except ApilaplasError as error:
                trouble, failures = error, failures + 1
                refusals = 0 if error.retry else refusals + 1
                self._give_up_when_refused(error, refusals, submitted)
            time = yield from now()
            waited = held and (time - asked >= MIN_DELAY or _started(before, generation))
            delay = 0.0 if waited else self.pace.next_delay(time - started)
            if trouble:
                delay = self.pace.backoff(failures, trouble.retry_after)
            yield from self._report(generation, model, time - started)
            if time >= deadline and not (generation and generation.status.is_terminal):
                if trouble and not (generation or submitted):
                    raise trouble
                raise still_rendering(generation_id, self.timeout, trouble)
        return finished(generation)

    def _look(
        self, model: VideoModel, generation_id: str, last: Generation | None, left: float
    ) -> tuple[Exchange[Generation], bool]:
        """The next look, and whether the server is asked to hold it: not when time runs out."""
        held = _can_hold(model, left)
        queued = last is not None and last.status is Status.QUEUED
        until = "dreaming" if queued else "completed"  # in Luma's words
        within = max(LAST_LOOK, left)
        look = self.api.look(
            model, generation_id, within=within, hold_until=until if held else None
        )
        return look, held

    def _give_up_when_refused(
        self, error: ApilaplasError, refusals: int, submitted: Generation | None
    ) -> None:
        if refusals > (REFUSALS if submitted else 0):
            if submitted:
                advise_fetching(error, submitted.id)
            raise error

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


def _started(before: Generation | None, after: Generation | None) -> bool:
    """Whether a look that was held until the work begins has seen it begin."""
    queued = before is not None and before.status is Status.QUEUED
    return queued and after is not None and after.status is not Status.QUEUED


def _can_hold(model: VideoModel, left: float) -> bool:
    return 0 < model.how_to_fetch.hold <= left


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
