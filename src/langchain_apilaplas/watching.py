"""Looking at a generation again and again, until the server's last word or the deadline."""

from dataclasses import dataclass

from langchain_apilaplas.books import Books
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.effects import Flow, Sleep, logger
from langchain_apilaplas.endings import give_up_when_refused, still_rendering
from langchain_apilaplas.errors import ApilaplasError
from langchain_apilaplas.flows import ask, no_turn, now
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.limiter import slack_of_look
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.telling import Story
from langchain_apilaplas.wire import Exchange, Wire

LAST_LOOK = 5.0
"""Seconds a request may take that is sent at the deadline."""
_CLOSE = 20.0
"""An end between two looks is known well enough to learn from when they are so many seconds apart,
or a quarter of the time that the generation took."""


@dataclass
class _Holding:
    """Lets the server do the waiting, as Luma's can, until a look that it holds goes wrong."""

    seconds: float

    def can(self, left: float) -> bool:
        """Whether there is time for it, and for a last look after it."""
        return 0 < self.seconds <= left - LAST_LOOK

    def until(
        self, last: Generation | None, left: float, *, is_busy: bool
    ) -> tuple[str | None, float]:
        """The state, in Luma's words, at which the next look is to be answered; and by when. In a
        crowd it would keep others from being sent.
        """
        if is_busy or not self.can(left):
            return None, max(LAST_LOOK, left)
        queued = last is not None and last.status is Status.QUEUED
        return "dreaming" if queued else "completed", left - LAST_LOOK

    def has_waited(self, until: str | None, took: float, last: Generation | None) -> bool:
        """Whether that look took the place of sleeping."""
        began = until == "dreaming" and last is not None and last.status is not Status.QUEUED
        return until is not None and (began or took >= self.seconds / 2)


@dataclass
class Watch:
    """One wait for one generation.

    Attributes:
        api: Whom to ask.
        books: Hear of each change, and of how long it took.
        pace: When to look.
        story: Tells the listener.
        generation_id: The server's id.
        duration: The length of the video that was asked for.
        started: When the wait began.
        timeout: So many seconds later it ends.
        began: From when the pace counts: its submit, where that is known.
        unseen: Until when it was certainly unfinished; None where nobody knows when it began.
        last: What was seen last.
        ours: Whether it was submitted here, so that it must be there.
    """

    api: Wire
    books: Books
    pace: Pace
    story: Story
    generation_id: str
    duration: object
    started: float
    timeout: float
    began: float
    unseen: float | None
    last: Generation | None
    ours: bool

    def until_the_end(self) -> Flow[Generation]:
        """Raises StillRenderingError at the deadline, or what refuses looks for good."""
        failures = refusals = 0
        look = self.api.looks(self.story.model, self.generation_id)
        time = yield from now()
        holding = _Holding(
            0.0 if self.pace.poll_interval is not None else self.story.model.how_to_fetch.hold
        )
        at_once = holding.can(self.deadline - time) or not self.last
        due = time if at_once else time + self.pace.next_delay(time - self.began)
        yield from self._tell(self.last, time)
        while self.last is None or not self.last.status.is_terminal:
            before, trouble = self.last, None
            time = yield from now()  # the listener may have taken its time
            asked, until = max(time, min(due, self.deadline)), None
            try:
                asked = yield from self._turn(asked - time, asked)
                is_busy = self.api.limiter.is_busy
                until, within = holding.until(self.last, self.deadline - asked, is_busy=is_busy)
                yield from self._look(look(within=within, hold_until=until), asked, until)
                failures = refusals = 0
            except ApilaplasError as error:
                trouble, failures = error, failures + 1
                refusals = 0 if error.retry or until else refusals + 1
                give_up_when_refused(error, refusals, self.generation_id, ours=self.ours)
            time = yield from now()
            if trouble:
                holding.seconds = 0.0 if until else holding.seconds
                due = time + self.pace.backoff(failures, trouble.retry_after)
            elif holding.has_waited(until, time - asked, self.last):
                due = time
            else:
                due = (asked if until else time) + self._delay(time - self.began)
            yield from self._tell(before, time, trouble)
            self._check(time, trouble)
        return self.last

    @property
    def deadline(self) -> float:
        """When the wait ends."""
        return self.started + self.timeout

    def _turn(self, nap: float, due: float) -> Flow[float]:
        """Sleep, then wait for the turn of a look, but not past the last one. Says when that was,
        or raises RateLimitError.
        """
        yield Sleep(nap)
        slack = slack_of_look(due - self.began, self.story.latency.median)
        asked = yield from self.api.limiter.turn(slack, self.deadline + LAST_LOOK)
        if asked is None:
            raise no_turn()
        return asked

    def _look(self, look: Exchange[Generation], asked: float, until: str | None) -> Flow[None]:
        self.last = yield from ask(look, asked)
        if self.unseen is not None:
            is_over = self.last.status.is_terminal
            if not is_over:
                self.unseen = asked
            elif until:  # a server that holds a look answers as soon as it is over
                self.unseen = yield from now()

    def _delay(self, elapsed: float) -> float:
        asked_for = self.last.retry_after if self.last else None
        return max(self.pace.next_delay(elapsed), asked_for or 0.0)

    def _tell(
        self, before: Generation | None, time: float, trouble: ApilaplasError | None = None
    ) -> Flow[None]:
        """The books hear of what is new, the log of each look, the listener of everything."""
        generation, is_over = self.last, time >= self.deadline
        if trouble:
            logger.debug("A look failed after %.1f s: %s", time - self.started, trouble.problem)
        if generation is None:
            return
        if not trouble:
            _log(self.books.public(generation), self.story.model, time - self.started)
        if before is None or before.status is not generation.status:
            took = self._took(generation, time)
            if took is None:
                yield from self.books.note(generation)
            else:
                yield from self.books.finish(generation, self.story.model, self.duration, took)
        is_over = is_over or generation.status.is_terminal
        yield from self.story.told(generation, time - self.began, is_last=is_over)

    def _took(self, generation: Generation, time: float) -> float | None:
        """Seconds from submit to finish: somewhere between the last two looks, at random, as the
        middle of all such gaps would be taken for the typical time.
        """
        if self.unseen is None or generation.status is not Status.COMPLETED:
            return None
        low, high = self.unseen - self.began, time - self.began
        if high - low > max(_CLOSE, high / 4):
            return None
        return round(self.pace.uniform(low, high), 2)

    def _check(self, time: float, trouble: ApilaplasError | None) -> None:
        """Raise what there is to be told at the deadline, short of the end."""
        if time < self.deadline or (self.last and self.last.status.is_terminal):
            return
        if trouble and not (self.last or self.ours):
            raise trouble
        raise still_rendering(self.generation_id, self.timeout, trouble)


def _log(generation: Generation, model: VideoModel, elapsed: float) -> None:
    named = generation.id, model.id
    logger.debug("Generation %s of %s: %s after %.1f s", *named, generation.status.value, elapsed)
    if generation.status is Status.COMPLETED:
        logger.info("Generation %s of %s finished after %.1f s", *named, elapsed)
    elif generation.status is Status.ERROR:
        logger.info("Generation %s of %s failed: %s", *named, generation.error)
