"""How many requests may leave: a token bucket that learns from 429s. Pure: time is a number."""

import math
from collections import deque
from contextlib import suppress

from langchain_apilaplas.effects import logger

_SHORTEST, _LONGEST = 1.0, 15.0
"""Bounds of a pause, in seconds, for which the server did not ask."""
_PATIENCE = 60.0
"""A server that asks for a longer pause means the one request, not all."""
_LEAST = 2.0
"""Requests per second that a server is at least believed to take."""
_RECOVERY = 20.0
"""Seconds in which the rate grows by as much as the server took before it said 429."""
AT_ONCE = 90
"""So many requests may be without an answer. httpx opens 100 connections, and takes very long to
hand them out to more that wait; some are left for downloads."""
_GLANCE = 1.0
"""Seconds after which one that waits for an answer of another's looks by itself."""
_ROUNDING = 1e-6
_GONE = 180.0
"""Seconds after which a request without an answer counts no more: its event loop was left."""


class Bucket:
    """Tokens that come at a rate; each request takes one.

    Without a bound, and until the first 429, there is no rate: only a crowd waits for answers.
    At a 429 all pause. Then the rate is half of what the server took in a second, and grows
    steadily; when it has doubled that without another 429, and nobody waits, it is given up.

    Attributes:
        most: The bound in requests per second.
        burst: How many tokens there may be.
        unanswered: When those requests were let go that are without an answer, the first first.
    """

    def __init__(self, most: float, burst: float) -> None:
        self.most = most
        self.burst = burst
        self._tokens, self._filled = math.inf, -math.inf
        self._second, self._taken, self._taken_before = -math.inf, 0, 0
        self.unanswered = deque[float]()
        self._peak: float | None = None
        self._slowed = self._until = -math.inf
        self._refused = 0

    @property
    def is_bounded(self) -> bool:
        """Whether there is a rate."""
        return self._peak is not None or self.most < math.inf

    @property
    def is_crowded(self) -> bool:
        """Whether as many requests are without an answer as may be."""
        return len(self.unanswered) >= AT_ONCE

    def allows(self, now: float) -> bool:
        """Whether a request may leave."""
        while self.unanswered and self.unanswered[0] < now - _GONE:
            self.unanswered.popleft()
        if now < self._until or self.is_crowded:
            return False
        if not self.is_bounded:
            self._tokens = math.inf
            return True
        rate = self.rate(now)
        if now > self._filled or self._tokens == math.inf:
            room = self.burst if self._peak is None else max(1.0, min(self.burst, rate / 10))
            self._tokens = min(room, self._tokens + (now - self._filled) * rate)
            self._filled = now
        return self._tokens >= 1 - _ROUNDING

    def wait(self, now: float) -> float:
        """Seconds until the next may leave, when none may now; sooner if one is answered."""
        rate = self.rate(now)
        lacking = _GLANCE if self.is_crowded else (1 - self._tokens) / rate
        return max(_ROUNDING, self._until - now, lacking)

    def take(self, now: float) -> None:
        """A request is let go."""
        self.tick(now)
        self._tokens -= 1
        self.unanswered.append(now)

    def give_back(self) -> None:
        """It did not go."""
        self._tokens += 1
        self.ended()

    def tick(self, now: float) -> None:
        """Count anew what the server takes when a second is over."""
        if now - self._second >= 1:
            self._taken_before = self._taken if now - self._second < 2 else 0
            self._second, self._taken = now, 0

    def ended(self) -> None:
        """A request has its answer, or will have none."""
        with suppress(IndexError):  # it counted no more
            self.unanswered.popleft()

    def took(self, sent: float) -> None:
        """The server took a request that was sent at that time."""
        self._taken += 1
        self._refused = 0
        if self._peak is not None and sent <= self._slowed:
            self._peak = min(self.most, max(self._peak, self._taken))

    def slow_down(self, now: float, sent: float, retry_after: float | None) -> None:
        """The server refused one, sent at that time, as too many.

        Of those that left before it was slowed down, the first one tells it all.
        """
        pause = 0.0
        if sent > self._slowed:
            measured = max(self._taken, self._taken_before) if now - self._second < 2 else 0
            self._peak = min(self.most, max(_LEAST, measured))
            self._slowed = now
            pause = min(_LONGEST, _SHORTEST * 2.0 ** min(self._refused, 9))
            self._refused += 1
            logger.debug("Too many requests: %.1f a second, after a pause", self._peak / 2)
        if retry_after is not None:
            pause = max(_SHORTEST, retry_after if retry_after <= _PATIENCE else 0.0)
        if now + pause > max(now, self._until):
            self._until = now + pause
            self._tokens, self._filled = 1.0, self._until

    def speed_up(self, now: float) -> None:
        """Nobody waits: the rate is given up if it is no bound any more."""
        if self._peak is not None and self._grown(now) >= 2 * self._peak:
            self._peak = None

    def rate(self, now: float) -> float:
        """Requests per second."""
        return self.most if self._peak is None else min(self.most, self._grown(now))

    def _grown(self, now: float) -> float:
        peak = self._peak or 0.0
        return peak / 2 + peak * max(0.0, now - self._until) / _RECOVERY
