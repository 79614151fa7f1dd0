"""How fast a client may ask: a token bucket for all its calls, and a queue by urgency before it.

The bucket is pure: each method takes the time as a number. What waits is a flow, `turn`.
"""

import heapq
import itertools
import math
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx

from langchain_apilaplas.effects import Bell, Flow, Now, Sleep, logger
from langchain_apilaplas.errors import SettingsError

SUBMIT_SLACK = 10.0
"""For so many seconds a submit lets looks go first that are likely to find a finished video."""
_LONGEST_SLACK = 60.0
_SHORTEST, _LONGEST = 1.0, 15.0
"""Bounds of a pause, in seconds, for which the server did not ask."""
_PATIENCE = 60.0
"""A server that asks for a longer pause means the one request, not all."""
_LEAST = 2.0
"""Requests per second that a server is at least believed to take."""
_RECOVERY = 20.0
"""Seconds in which the rate grows by as much as the server took before it said 429."""
_OVERDUE = 1.0
"""Seconds after which one that could pass and does not is taken for gone."""
_GLANCE = 0.01
_ROUNDING = 1e-6


class RateLimiter:
    """Lets requests pass at a bounded rate. Give one to several clients to bound them together.

    All calls of a client share it, threads and event loops alike. Looks that are likely to find a
    finished video go first, but whoever waits long enough goes before them all. When the server
    answers 429, everybody pauses for as long as it says, goes on at half the rate that it took, and
    gets faster again bit by bit.

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
        if not rate > 0 or (burst is not None and not burst >= 1):
            raise SettingsError("requests_per_second must be more than 0, burst at least 1.")
        self._most = rate
        self._burst = burst
        self._outer: Any = None
        self._lock = threading.Lock()
        self._queue: list[tuple[float, int, _Ticket]] = []
        self._numbers = itertools.count()
        self._tokens, self._filled = math.inf, -math.inf
        self._second, self._taken, self._taken_before = -math.inf, 0, 0
        self._peak: float | None = None
        self._slowed = self._until = self._held = -math.inf
        self._refused = 0

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
    def is_open(self) -> bool:
        """Whether nothing limits now."""
        return self._peak is None and self._most == math.inf and self._outer is None

    def turn(
        self, slack: float = 0.0, deadline: float = math.inf, since: float | None = None
    ) -> Flow[float | None]:
        """Wait until a request may be sent.

        Args:
            slack: Seconds for which it lets those go first that come later and have none.
            deadline: When to give up, on the clock of `Now`.
            since: Since when it waits, if not from now on.

        Returns:
            The seconds it took; None where the deadline came first.
        """
        if self.is_open:
            return 0.0
        time = started = yield Now()
        ticket = self.join(started if since is None else since, slack)
        try:
            while nap := self.nap(ticket, time):
                if time >= deadline:
                    return None
                yield Sleep(min(nap, deadline - time), ticket.bell)
                time = yield Now()
            while self._outer and not (yield Acquire(self._outer)):
                if time >= deadline:
                    return None
                yield Sleep(min(_GLANCE, deadline - time))
                time = yield Now()
                self._held = time + _OVERDUE
        finally:
            self.leave(ticket)
        return float(time - started)

    def join(self, since: float, slack: float) -> "_Ticket":
        """Queue up. Who has no slack is served in the order of coming."""
        ticket = _Ticket()
        with self._lock:
            due = since + min(slack, _LONGEST_SLACK)
            heapq.heappush(self._queue, (due, next(self._numbers), ticket))
        return ticket

    def nap(self, ticket: "_Ticket", now: float) -> float:
        """Seconds to sleep before asking again, unless the ticket's bell rings; 0: it may pass."""
        with self._lock:
            self._deal(now, ticket)
            if ticket.passes:
                ticket.knows = True
                return 0.0
            rate = self._rate(now)
            if self._queue[0][2] is not ticket:
                return _OVERDUE + len(self._queue) / min(rate, 100.0)
            held = self._held - now if self._outer else 0.0
            lacking = 0.0 if rate == math.inf else (1 - self._tokens) / rate
            return max(_ROUNDING, self._until - now, held, lacking)

    def leave(self, ticket: "_Ticket") -> None:
        """Leave the queue, by passing or by giving up."""
        with self._lock:
            ticket.is_gone = True
            if ticket.passes:
                self._held = -math.inf
                self._tokens += not ticket.knows
            if self._outer or not ticket.knows:
                self._call_first()

    def sent(self, now: float) -> None:
        """A request leaves. Without the lock: numbers that are a bit off do no harm."""
        if now - self._second >= 1:
            self._taken_before = self._taken if now - self._second < 2 else 0
            self._second, self._taken = now, 0

    def took(self, sent: float) -> None:
        """The server took one that was sent at that time."""
        self._taken += 1
        self._refused = 0
        if self._peak is not None and sent <= self._slowed:
            self._peak = min(self._most, max(self._peak, self._taken))

    def slow_down(self, now: float, sent: float, retry_after: float | None) -> None:
        """The server refused a request, sent at that time, as one too many.

        Of those that left before it was slowed down, the first one tells it all.
        """
        with self._lock:
            if sent > self._slowed:
                self._refused += 1
                self._slowed = now
                self._peak = min(self._most, max(_LEAST, float(self._measured(now))))
                pause = min(_LONGEST, _SHORTEST * 2.0 ** min(self._refused - 1, 9))
                logger.debug("Too many requests: at most %.1f per second now", self._peak / 2)
            else:
                pause = 0.0
            if retry_after is not None:
                pause = max(_SHORTEST, retry_after if retry_after <= _PATIENCE else 0.0)
            self._until = max(self._until, now + pause)
            self._tokens, self._filled = 1.0, self._until

    def _deal(self, now: float, asking: "_Ticket") -> None:
        """Let those at the head of the queue pass that may."""
        before = self._queue[0] if self._queue else None
        while self._queue and (self._queue[0][2].is_gone or self._allows(now)):
            first = heapq.heappop(self._queue)[2]
            if not first.is_gone:
                first.passes = True
                self._tokens -= 1
                self._held = now + _OVERDUE
                if first is not asking:
                    first.bell.ring()
        if self._queue and self._queue[0] is not before and self._queue[0][2] is not asking:
            self._queue[0][2].bell.ring()
        if not self._queue and self._peak and self._grown(now) >= 2 * self._peak:
            self._peak = None

    def _allows(self, now: float) -> bool:
        if now < self._until or (self._outer and now < self._held):
            return False
        rate = self._rate(now)
        if rate == math.inf:
            self._tokens = math.inf
        elif now > self._filled or self._tokens == math.inf:
            room = max(1.0, rate / 10) if self._peak or not self._burst else self._burst
            self._tokens = min(room, self._tokens + (now - self._filled) * rate)
            self._filled = now
        return self._tokens >= 1 - _ROUNDING

    def _rate(self, now: float) -> float:
        """Requests per second that are let pass now."""
        return self._most if self._peak is None else min(self._most, self._grown(now))

    def _grown(self, now: float) -> float:
        peak = self._peak or 0.0
        return peak / 2 + peak * max(0.0, now - self._until) / _RECOVERY

    def _measured(self, now: float) -> int:
        """How many requests the server took in a second, of late."""
        if now - self._second >= 2:
            return 0
        return max(self._taken, self._taken_before)

    def _call_first(self) -> None:
        while self._queue and self._queue[0][2].is_gone:
            heapq.heappop(self._queue)
        if self._queue:
            self._queue[0][2].bell.ring()


@dataclass(eq=False)
class _Ticket:
    """A place in the queue."""

    bell: Bell = field(default_factory=Bell)
    passes: bool = False
    knows: bool = False
    is_gone: bool = False


@dataclass(frozen=True)
class Acquire:
    """Ask a limiter of LangChain's for a turn, without waiting. One that is broken stops nothing:
    a video that is paid for has to be looked for.
    """

    limiter: Any

    def run(self, http: httpx.Client) -> bool:
        try:
            return bool(self.limiter.acquire(blocking=False))
        except Exception:
            logger.warning("The rate limiter raised", exc_info=True)
            return True

    async def arun(self, http: httpx.AsyncClient) -> bool:
        try:
            return bool(await self.limiter.aacquire(blocking=False))
        except Exception:
            logger.warning("The rate limiter raised", exc_info=True)
            return True


def slack_of_look(elapsed: float, typical: float) -> float:
    """How long a look at a generation may be put off: until it is likely to be finished.

    Args:
        elapsed: Seconds since it was submitted.
        typical: Seconds that such a generation takes.
    """
    return max(0.0, typical - elapsed)
