"""The long conversation with the API: looking until the server's last word or the deadline."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_apilaplas.books import Books, made_by
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.effects import Flow, Listener, Progress, Report, Sleep, logger
from langchain_apilaplas.endings import (
    finished,
    give_up_when_refused,
    not_found,
    still_rendering,
)
from langchain_apilaplas.errors import ApilaplasError, AuthenticationError, GenerationFailedError
from langchain_apilaplas.flows import ask, now
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.ledger import Origin
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.submitting import Submitting
from langchain_apilaplas.wire import Wire

LAST_LOOK = 5.0
"""Seconds a request may take that is sent at the deadline."""


@dataclass
class _Holding:
    """Lets the server do the waiting, as Luma's can, until a look that it holds goes wrong."""

    seconds: float

    def can(self, left: float) -> bool:
        """Whether there is time for it, and for a last look after it."""
        return 0 < self.seconds <= left - LAST_LOOK

    def until(self, last: Generation | None, left: float) -> tuple[str | None, float]:
        """The state, in Luma's words, at which the next look is to be answered; and by when."""
        if not self.can(left):
            return None, max(LAST_LOOK, left)
        queued = last is not None and last.status is Status.QUEUED
        return "dreaming" if queued else "completed", left - LAST_LOOK

    def has_waited(self, until: str | None, took: float, last: Generation | None) -> bool:
        """Whether that look took the place of sleeping."""
        began = until == "dreaming" and last is not None and last.status is not Status.QUEUED
        return until is not None and (began or took >= self.seconds / 2)


@dataclass(frozen=True)
class Waiting:
    """How to wait: at what pace, at most `timeout` seconds, telling `books` of each change and
    `listener` of each look.
    """

    api: Wire
    pace: Pace
    timeout: float
    books: Books
    listener: Listener | None = None

    def generate(self, request: VideoRequest, key: str, origin: Origin) -> Flow[Generation]:
        """Submit, then wait for the end; the time that submitting takes counts."""
        started = yield from now()
        submitting = Submitting(self.api, self.pace, self.books)
        deadline = started + self.timeout
        submitted = yield from submitting.submit(request, key, origin, deadline)
        generation = submitted.generation
        if submitted.is_settled:
            return finished(generation)
        job = submitted.job
        model = made_by(job, [request.model]) if job else None
        try:
            done = yield from self.wait(
                generation.id,
                model or request.model,
                started=started,
                last=None if job else generation,
                ours=True,
            )
        except GenerationFailedError as error:
            error.hide(request.hide)
            raise
        # Some answers tell the cost at submit only, which is when it is spent.
        return done if done.usage else dataclasses.replace(done, usage=generation.usage)

    def wait_for_any(self, generation_id: str, models: Sequence[VideoModel]) -> Flow[Generation]:
        """Wait for a generation that one of several models made."""
        started = yield from now()
        model, last = yield from self._find(generation_id, models, started + self.timeout)
        pace = dataclasses.replace(self.pace, typical_seconds=model.seconds)
        waiting = dataclasses.replace(self, pace=pace)
        done = yield from waiting.wait(generation_id, model, started=started, last=last)
        alike = [row for row in models if row.how_to_fetch.path == model.how_to_fetch.path]
        return done if len(alike) == 1 else dataclasses.replace(done, model=None)

    def wait(
        self,
        generation_id: str,
        model: VideoModel,
        *,
        started: float | None = None,
        last: Generation | None = None,
        ours: bool = False,
    ) -> Flow[Generation]:
        """Look until the server's last word or the deadline. A failed look ends nothing.

        After our own submit there is nothing to see yet, so the first look can wait. A server that
        holds requests does the waiting itself. A key or an id that is refused ends the wait: at
        once, or after our own submit when it stays so.
        """
        time = yield from now()
        started = time if started is None else started
        deadline, failures, refusals = started + self.timeout, 0, 0
        holding = _Holding(0.0 if self.pace.poll_interval is not None else model.how_to_fetch.hold)
        now_at_once = holding.can(deadline - time) or not last
        delay = 0.0 if now_at_once else self.pace.next_delay(0)
        look = self.api.looks(model, generation_id)
        yield from self._tell(last, last, model, time - started)
        while last is None or not last.status.is_terminal:
            before, nap = last, max(0.0, min(delay, deadline - time))
            yield Sleep(nap)
            asked, trouble, left = time + nap, None, deadline - time - nap
            until, within = holding.until(last, left)
            try:
                last = yield from ask(look(within=within, hold_until=until))
                failures = refusals = 0
            except ApilaplasError as error:
                trouble, failures = error, failures + 1
                refusals = 0 if error.retry or until else refusals + 1
                give_up_when_refused(error, refusals, generation_id, ours=ours)
            time = yield from now()
            delay = self.pace.next_delay(time - started)
            if trouble:
                holding.seconds = 0.0 if until else holding.seconds
                delay = self.pace.backoff(failures, trouble.retry_after)
            elif holding.has_waited(until, time - asked, last):
                delay = 0.0
            elif until:
                delay = max(0.0, delay - (time - asked))
            yield from self._tell(before, last, model, time - started, trouble)
            if time >= deadline and not (last and last.status.is_terminal):
                if trouble and not (last or ours):
                    raise trouble
                raise still_rendering(generation_id, self.timeout, trouble)
        return finished(last)

    def _find(
        self, generation_id: str, models: Sequence[VideoModel], deadline: float
    ) -> Flow[tuple[VideoModel, Generation]]:
        """The first of several models on whose path the gateway knows the generation."""
        firsts = {model.how_to_fetch.path: model for model in reversed(models)}
        ways = [model for model in models if firsts[model.how_to_fetch.path] is model]
        rounds = 0
        while True:
            errors: list[ApilaplasError] = []
            for model in ways:
                left = deadline - (yield from now())
                look = self.api.look(model, generation_id, within=max(LAST_LOOK, left))
                try:
                    found = yield from ask(look)
                    yield from self.books.note(found)
                    return model, found
                except AuthenticationError:
                    raise
                except ApilaplasError as error:
                    errors.append(error)
            time, rounds = (yield from now()), rounds + 1
            passing = [error for error in errors if error.retry]
            if not passing or time >= deadline:
                raise not_found(generation_id, errors)
            delay = max(self.pace.backoff(rounds, error.retry_after) for error in passing)
            yield Sleep(min(delay, deadline - time))

    def _tell(
        self,
        before: Generation | None,
        generation: Generation | None,
        model: VideoModel,
        elapsed: float,
        trouble: ApilaplasError | None = None,
    ) -> Flow[None]:
        """The books hear of what is new, the log of each look, the listener of everything."""
        if trouble:
            logger.debug("A look failed after %.1f s: %s", elapsed, trouble.problem)
        elif generation:
            _log(self.books.public(generation), model, elapsed)
        if generation and (before is None or before.status is not generation.status):
            yield from self.books.note(generation)
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


def _log(generation: Generation, model: VideoModel, elapsed: float) -> None:
    named = generation.id, model.id
    logger.debug("Generation %s of %s: %s after %.1f s", *named, generation.status.value, elapsed)
    if generation.status is Status.COMPLETED:
        logger.info("Generation %s of %s finished after %.1f s", *named, elapsed)
    elif generation.status is Status.ERROR:
        logger.info("Generation %s of %s failed: %s", *named, generation.error)
