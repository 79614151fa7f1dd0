"""When to look again. Pure: numbers in, seconds out."""

import random
from collections.abc import Callable
from dataclasses import dataclass

MIN_DELAY = 1.0
MAX_DELAY = 15.0
PATIENCE = 60.0
"""The longest a single call waits because the server asked it to, in seconds."""


@dataclass(frozen=True)
class Pace:
    """How often to look at a generation.

    Each look costs a request, each second of not looking may be a second lost. So: seldom until
    half the typical time has gone, then whenever a twelfth of the time waited so far has gone by,
    never under 1 s nor over 15 s, a tenth of jitter so that a fleet does not look in step.

    Attributes:
        typical_seconds: How long this model usually takes.
        poll_interval: A plain fixed interval in seconds, instead of all that.
        uniform: Gives a random number between its two arguments.
    """

    typical_seconds: float
    poll_interval: float | None = None
    uniform: Callable[[float, float], float] = random.uniform

    def next_delay(self, elapsed: float) -> float:
        """Seconds until the next look, when `elapsed` seconds have been waited."""
        if self.poll_interval is not None:
            return self.poll_interval
        delay = max(self.typical_seconds / 2 - elapsed, elapsed / 12)
        return min(MAX_DELAY, max(MIN_DELAY, delay * self.uniform(0.9, 1.1)))

    def backoff(self, failures: int, retry_after: float | None) -> float:
        """Seconds until the next try after `failures` failed ones in a row.

        What the server asked for, else 1, 2, 4, 8, then 15 s, up to a fifth less. Never under 1 s,
        or a shorter `poll_interval`: a server that asks for 0 is not hammered.
        """
        if retry_after is not None:
            least = MIN_DELAY if self.poll_interval is None else self.poll_interval
            return max(retry_after, min(MIN_DELAY, least))
        return min(MAX_DELAY, MIN_DELAY * 2.0 ** min(failures - 1, 10)) * self.uniform(0.8, 1.0)
