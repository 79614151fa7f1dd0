"""The one conversation that costs money: claim the key, send, record; or attach to its job."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_apilaplas.books import Books, Step
from langchain_apilaplas.effects import Flow, Sleep, logger
from langchain_apilaplas.errors import (
    ApilaplasError,
    Charged,
    GatewayError,
    UnknownOutcomeError,
)
from langchain_apilaplas.flows import now, persist
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.ledger import Claim, Job, Origin, State
from langchain_apilaplas.limiter import SUBMIT_SLACK
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.wire import Left, Wire

ATTEMPTS = 3
"""So often a request is sent that does not reach the server."""
_BUSY = 120.0
"""Seconds to wait, at most, for another process that is submitting the same."""
_LEFT = "The call was cancelled before the answer came."
_SOON, _LATER = 0.05, 1.0


@dataclass(frozen=True)
class Submitted:
    """What came of a submit.

    Attributes:
        generation: As the server, or the ledger, knows it.
        job: The job that there was of the same key; None where this call submitted it.
        is_settled: Whether the ledger knows its end, and a link that still works.
    """

    generation: Generation
    job: Job | None = None
    is_settled: bool = False


@dataclass(frozen=True)
class Submitting:
    """How to submit: over which gateway, at what pace, by which books."""

    api: Wire
    pace: Pace
    books: Books

    def submit(
        self, request: VideoRequest, key: str, origin: Origin, deadline: float | None = None
    ) -> Flow[Submitted]:
        """Submit a request, once per key.

        Raises:
            UnknownOutcomeError: Nobody knows whether it was accepted, now or by an earlier call.
            GatewayError: Another process is still submitting it when the deadline comes.
            ApilaplasError: It was certainly not accepted, or not even sent.
        """
        unknown: UnknownOutcomeError | None = None
        while True:
            attempt = object()
            try:
                claim = yield from self._claim(request, key, origin, deadline, attempt)
            except ApilaplasError as error:
                if unknown:  # that nothing was charged is true of this attempt only
                    raise unknown from error
                raise
            if claim.verdict == "known":
                return self._attached(claim.job)
            try:
                return Submitted((yield from self._send(request, claim.job, deadline, attempt)))
            except UnknownOutcomeError as error:
                if self.books.on_unknown == "report" or claim.job.doubts:
                    raise
                unknown = error
            yield Sleep(self.pace.backoff(1, None))

    def _claim(
        self,
        request: VideoRequest,
        key: str,
        origin: Origin,
        deadline: float | None,
        attempt: object,
    ) -> Flow[Claim]:
        """Wait for whoever is submitting the same, then ask again."""
        delay, until = _SOON, (yield from now()) + _BUSY
        until = until if deadline is None else min(deadline, until)
        while True:
            try:
                claim = yield from self.books.claim(request, key, origin, attempt)
            except BaseException:  # cancelled, for one; the step may still be carried out
                self.books.soon(self.books.giving_up(key, State.ABANDONED, _LEFT, attempt))
                raise
            if claim.verdict != "busy":
                return claim
            if (yield from now()) >= until:
                error = GatewayError(
                    "Somebody else is still submitting this very request.",
                    next_step="Do not generate it again; look at it later. get_video without an id "
                    "lists this conversation's videos.",
                    charged=Charged.UNKNOWN,
                )
                error.key = key
                raise error
            yield Sleep(delay)
            delay = min(_LATER, delay * 1.5)

    def _send(
        self, request: VideoRequest, job: Job, deadline: float | None, attempt: object
    ) -> Flow[Generation]:
        """Send it, and again only while it is certainly not accepted. The ledger learns of each
        end, before anybody else does.
        """
        end = _End(self.books, job, attempt)
        try:
            exchange = self.api.submit(request, job.key)
            exchange = dataclasses.replace(exchange, left=end.leaves(exchange.read))
            generation = yield from persist(exchange, ATTEMPTS, self.pace, deadline, SUBMIT_SLACK)
        except ApilaplasError as error:
            error.hide(request.hide)
            logger.info("A submit to %s failed: %s", request.model.id, error.problem)
            yield from self.books.do(end.of(error))
            raise end.told(error) from (None if request.is_private else error.__cause__)
        except GeneratorExit:  # while it slept: what was being sent, `left` has recorded
            self.books.soon(end.gives_up(State.ABANDONED))
            raise
        except BaseException:  # Ctrl-C, in our own code
            self.books.soon(end.gives_up(State.UNKNOWN))
            raise
        generation = _believable(generation)
        try:
            yield from self.books.do(end.notes(generation))
        except BaseException:
            self.books.soon(end.notes(generation))
            raise
        logger.info("Generation %s submitted to %s", generation.id, request.model.id)
        return generation

    def _attached(self, job: Job) -> Submitted:
        generation = job.generation
        if generation is None or job.state is State.UNKNOWN:
            when = f"{job.created_at:%Y-%m-%d %H:%M} UTC"
            error = UnknownOutcomeError(
                f"This very request was submitted before, at {when}, and its outcome is unknown: "
                f"{job.error}"
            )
            error.key = job.key
            raise error
        logger.info("Generation %s is the one of this key already", generation.id)
        is_settled = self.books.is_settled(job)
        return Submitted(generation, job, is_settled)


@dataclass(frozen=True)
class _End:
    """How an attempt ends: the steps that record it."""

    books: Books
    job: Job
    attempt: object

    def notes(self, generation: Generation) -> Step:
        return self.books.noting(generation, self.job.key, self.attempt)

    def gives_up(self, state: State, why: str = _LEFT) -> Step:
        return self.books.giving_up(self.job.key, state, why, self.attempt)

    def of(self, error: ApilaplasError) -> Step:
        unknown = isinstance(error, UnknownOutcomeError)
        return self.gives_up(State.UNKNOWN if unknown else State.ABANDONED, error.problem)

    def told(self, error: ApilaplasError) -> ApilaplasError:
        """The error with the job's key; an unknown outcome, if an earlier attempt had one."""
        if self.job.doubts and not isinstance(error, UnknownOutcomeError):
            error = UnknownOutcomeError(
                f"Of an earlier submit of this very request nobody knows whether it was accepted; "
                f"the one now was not: {error.problem}"
            )
        error.key = self.job.key
        return error

    def leaves(self, read: Callable[[Any], Generation]) -> Left:
        """What to do when the caller goes away, with the answer or without."""

        def left(answer: Any) -> None:
            if answer is None:
                step = self.gives_up(State.UNKNOWN)
            else:
                try:
                    step = self.notes(_believable(read(answer)))
                except ApilaplasError as error:
                    step = self.of(error)
            self.books.soon(step)

        return left


def _believable(generation: Generation) -> Generation:
    """It is too early for an end without a video."""
    if generation.status is Status.COMPLETED and not generation.video:
        return dataclasses.replace(generation, status=Status.QUEUED)
    return generation
