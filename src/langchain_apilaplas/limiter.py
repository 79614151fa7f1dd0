"""How fast a client may ask: one bucket of tokens for all its calls, a queue by urgency before it.

The rules are pure, each method takes the time as a number; what waits is a flow, `turn`.
"""

import asyncio
import heapq
import itertools
import math
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx

from langchain_apilaplas.bucket import AT_ONCE, Bucket
from langchain_apilaplas.effects import Bell, Flow, Now, Sleep, logger
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.ledger.forks import Forkable

SUBMIT_SLACK = 10.0
"""For so many seconds a submit lets looks go first that are likely to find a finished video."""
_MOST_SLACK = 60.0
"""Either way, so that nobody waits for ever."""
_OVERDUE = 1.0
"""Seconds after which one that could pass and does not is taken for gone."""
_ROOM = 100
"""So many may be in the queue that are gone, or as many as are not."""
_LONGEST = 10.0
"""Seconds after which anybody looks whether those before are gone."""
_GLANCE = 0.01
"""Seconds between two tries at a limiter of LangChain's."""


class RateLimiter(Forkable):
    """Lets requests pass at a bounded rate. Give one to several clients to bound them together.

    All calls of a client share it, threads and event loops alike, and at most 90 requests are
    without an answer at a time. Looks that are likely to find a finished video go first, but
    whoever waits long enough goes before them all. When the server answers 429, everybody pauses
    for as long as it says, goes on at half the rate that it took, and gets faster again bit by bit.

    Args:
        requests_per_second: What may be sent on average. None: any number, until the server
            answers 429.
        burst: How many may go at once when none went for a while. Default: what may go in a tenth
            of a second, at least one.

    Raises:
        SettingsError: A number is not positive.
    """

    def __init__(
        self, requests_per_second: float | None = None, *, burst: float | None = None
    ) -> None:
        rate = math.inf if requests_per_second is None else requests_per_second
        given = (rate, 1.0 if burst is None else burst)
        are_numbers = all(isinstance(one, int | float) and one is not True for one in given)
        if not are_numbers or not given[0] > 0 or not given[1] >= 1:
            raise SettingsError("requests_per_second must be more than 0, burst at least 1.")
        super().__init__()
        self._bucket = Bucket(rate, burst or max(1.0, rate / 10))
        self._outer: Any = None
        self._held = -math.inf
        # The garbage collector may end a call anywhere, and so call `leave` or `ended` in the midst
        # of another method: these two leave the queue as it is.
        self._lock = threading.RLock()
        self._queue: list[tuple[float, int, _Ticket]] = []
        self._room = _ROOM
        self._numbers = itertools.count()

    @classmethod
    def of(cls, given: object) -> "RateLimiter":
        """The one that is given, one around a limiter of LangChain's, or a fresh one for None.

        Raises:
            SettingsError: It is neither.
        """
        if isinstance(given, RateLimiter):
            return given
        limiter = cls()
        if given is not None:
            methods = [getattr(given, name, None) for name in ("acquire", "aacquire")]
            if isinstance(given, type) or not all(map(callable, methods)):
                raise SettingsError(
                    "rate_limiter must be a RateLimiter, or a BaseRateLimiter of LangChain's, not "
                    f"a {type(given).__module__}.{type(given).__name__}."
                )
            limiter._outer = given
        return limiter

    @property
    def is_busy(self) -> bool:
        """Whether so many requests are without an answer that none should be held back by the
        server.
        """
        return len(self._bucket.unanswered) > AT_ONCE / 2

    @property
    def is_open(self) -> bool:
        """Whether nothing limits now."""
        bucket = self._bucket
        limits = bucket.is_bounded or bucket.is_crowded or self._outer is not None
        return not limits and not self._queue

    def turn(
        self, slack: float = 0.0, deadline: float = math.inf, since: float | None = None
    ) -> Flow[float | None]:
        """Wait until a request may be sent.

        Args:
            slack: Seconds for which it lets those go first that come later and have none; below 0,
                those are let go later that came earlier. A minute at most.
            deadline: When to give up, on the clock of `Now`.
            since: Since when it waits, if not from now on.

        Returns:
            The time on that clock; None where the deadline came first.
        """
        time: float = yield Now()
        with self._lock:
            if self.is_open:
                self._bucket.take(time)
                return time
        ticket, passes = self.join(time if since is None else since, slack), False
        try:
            while nap := self.nap(ticket, time):
                if time >= deadline:
                    return None
                yield Sleep(min(nap, deadline - time), ticket.bell)
                time = yield Now()
            while self._outer:
                may = yield Acquire(self._outer, deadline - time)
                time = yield Now()
                if may and time <= deadline:
                    break
                if time >= deadline:
                    return None
                self._held = time + _OVERDUE
                yield Sleep(min(_GLANCE, deadline - time))
                time = yield Now()
            passes = True
        finally:
            self.leave(ticket, passes=passes)
        return time

    def join(self, since: float, slack: float) -> "_Ticket":
        """Queue up, by the time and the slack."""
        ticket = _Ticket()
        due = since + max(-_MOST_SLACK, min(slack, _MOST_SLACK))
        with self._lock:
            heapq.heappush(self._queue, (due, next(self._numbers), ticket))
            if len(self._queue) > self._room:
                self._queue = [place for place in self._queue if not place[2].is_gone]
                heapq.heapify(self._queue)
                self._room = _ROOM + 2 * len(self._queue)
        return ticket

    def nap(self, ticket: "_Ticket", now: float) -> float:
        """Seconds to sleep before asking again, unless the ticket's bell rings; 0: it may pass."""
        with self._lock:
            self._deal(now, ticket)
            if ticket.passes:
                return 0.0
            if self._queue[0][2] is not ticket:
                behind = len(self._queue) / min(self._bucket.rate(now), 100.0)
                return min(_LONGEST, _OVERDUE + behind)
            held = self._held - now if self._outer else 0.0
            return max(held, self._bucket.wait(now))

    def leave(self, ticket: "_Ticket", *, passes: bool) -> None:
        """Leave the queue, to send a request or by giving up."""
        with self._lock:
            ticket.is_gone = True
            if ticket.passes:
                self._held = -math.inf
                if not passes:
                    self._bucket.give_back()
            if self._outer or not passes:
                self._call_first()

    def ended(self) -> None:
        """A request that had its turn has an answer, or will have none."""
        with self._lock:
            self._bucket.ended()
            self._call_first()

    def took(self, sent: float) -> None:
        """The server took a request that was sent at that time. Without the lock: it is only
        counting.
        """
        self._bucket.took(sent)

    def slow_down(self, now: float, sent: float, retry_after: float | None) -> None:
        """The server refused one, sent at that time, as too many."""
        with self._lock:
            self._bucket.slow_down(now, sent, retry_after)

    def _before_fork(self) -> None:
        self._lock.acquire()

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child:  # nobody waits there
            self._queue.clear()
            self._bucket.unanswered.clear()
        self._lock.release()

    def _deal(self, now: float, asking: "_Ticket") -> None:
        """Let those at the head of the queue pass that may."""
        before = self._queue[0] if self._queue else None
        while self._queue and (self._queue[0][2].is_gone or self._allows(now)):
            first = heapq.heappop(self._queue)[2]
            if first.is_gone or (first is not asking and not first.bell.ring()):
                continue
            first.passes = True
            self._bucket.take(now)
            self._held = now + _OVERDUE
        if self._queue and self._queue[0] is not before and self._queue[0][2] is not asking:
            self._queue[0][2].bell.ring()
        if not self._queue:
            self._bucket.speed_up(now)

    def _allows(self, now: float) -> bool:
        return not (self._outer and now < self._held) and self._bucket.allows(now)

    def _call_first(self) -> None:
        """Wake one that waits; it deals, and wakes the first."""
        for _, _, ticket in self._queue:
            if not ticket.is_gone and ticket.bell.ring():
                break


@dataclass(eq=False)
class _Ticket:
    """A place in the queue."""

    bell: Bell = field(default_factory=Bell)
    passes: bool = False
    is_gone: bool = False


@dataclass
class Acquire:
    """Ask a limiter of LangChain's for a turn, without waiting. One that is broken stops nothing:
    a video that is paid for has to be looked for. `seconds` is how long one that waits all the same
    may take; a blocking one can't be stopped.
    """

    limiter: Any
    seconds: float

    def run(self, http: httpx.Client) -> bool:
        try:
            return bool(self.limiter.acquire(blocking=False))
        except Exception:
            logger.warning("The rate limiter raised", exc_info=True)
            return True

    async def arun(self, http: httpx.AsyncClient) -> bool:
        try:
            async with asyncio.timeout(None if self.seconds == math.inf else self.seconds) as bound:
                return bool(await self.limiter.aacquire(blocking=False))
        except Exception:
            if bound.expired():
                return False
            logger.warning("The rate limiter raised", exc_info=True)
            return True


def slack_of_look(elapsed: float, typical: float) -> float:
    """For how long a look lets others go first: until its generation is likely to be finished.

    Below 0, it goes before those that came earlier.

    Args:
        elapsed: Seconds since it was submitted.
        typical: Seconds that such a generation takes.
    """
    return typical - elapsed
