"""When to look again. Pure: numbers in, seconds out.

The classic inspection problem: each look costs, and so does each second in which a generation has
finished and nobody knows (Barlow, Hunter & Proschan, "Optimum checking procedures", J. SIAM 11,
1963). Looks are near to the optimum when their density is sqrt(hazard / (2 cost)) (Keller,
"Optimum checking schedules for systems subject to random failure", Management Science 21, 1974).
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from langchain_apilaplas.latency import Latency

MIN_DELAY = 1.0
MAX_DELAY = 15.0
POLL_COST = 0.03
"""Seconds of delay worth one request. A look is a small, free GET, so that 33 of them may save one
second of a person's waiting. Where looks are dear, 0.5 makes about as many as a loop of 10 s."""
JITTER = 0.1
PATIENCE = 60.0
"""The longest a single call waits because the server asked it to, in seconds."""

_STEPS = ((0.0, 1.0), (1.0, 3.0), (3.0, 7.0), (7.0, MAX_DELAY))

_UNKNOWN = Latency()


@dataclass(frozen=True)
class Pace:
    """How often to look at a generation: seldom while it can hardly be done, closely when it is
    likely to be, and never under 1 s nor over 15 s.

    Attributes:
        latency: How long such a generation takes.
        poll_interval: A plain fixed interval in seconds, instead of all that.
        poll_cost: Seconds of delay that are worth one request.
        uniform: Gives a random number between its two arguments. Each delay is up to a tenth
            shorter or longer, so that a fleet does not look in step.
    """

    latency: Latency = _UNKNOWN
    poll_interval: float | None = None
    poll_cost: float = POLL_COST
    uniform: Callable[[float, float], float] = random.uniform

    def next_delay(self, elapsed: float) -> float:
        """Seconds until the next look at what was submitted `elapsed` seconds ago."""
        if self.poll_interval is not None:
            return self.poll_interval
        return max(MIN_DELAY, self._gap(elapsed, self.uniform(1 - JITTER, 1 + JITTER)))

    def _gap(self, elapsed: float, wanted: float) -> float:
        """The seconds over which the density of looks adds up to `wanted`, 15 at most. It is taken
        to be straight in between a few points.
        """
        looks, density = 0.0, self._density(elapsed)
        for start, end in _STEPS:
            before, density = density, self._density(elapsed + end)
            more = (before + density) / 2 * (end - start)
            if looks + more >= wanted:
                slope, missing = (density - before) / (end - start), wanted - looks
                root = math.sqrt(max(0.0, before * before + 2 * slope * missing))
                return start + 2 * missing / (before + root)
            looks += more
        # A fleet that would wait longer than 15 s must not wait just 15.
        return MAX_DELAY * (1 - 2 * (wanted - looks))

    def _density(self, elapsed: float) -> float:
        """Looks per second, within the bounds."""
        worth = math.sqrt(self.latency.hazard(elapsed) / (2 * max(self.poll_cost, 1e-9)))
        return min(1 / MIN_DELAY, max(1 / MAX_DELAY, worth))

    def backoff(self, failures: int, retry_after: float | None) -> float:
        """Seconds until the next try after `failures` failed ones in a row.

        What the server asked for, else 1, 2, 4, 8, then 15 s, up to a fifth less. Never under 1 s,
        or a shorter `poll_interval`: a server that asks for 0 is not hammered.
        """
        if retry_after is not None:
            least = MIN_DELAY if self.poll_interval is None else self.poll_interval
            return max(retry_after, min(MIN_DELAY, least))
        return min(MAX_DELAY, MIN_DELAY * 2.0 ** min(failures - 1, 10)) * self.uniform(0.8, 1.0)
