"""How many requests a second the sandbox takes: a bound that slides."""

import math
import threading
from collections import deque


class Allowance:
    """Counts what was taken in the last second."""

    def __init__(self) -> None:
        self._taken: deque[float] = deque()
        self._lock = threading.Lock()

    def refuses(self, now: float, per_second: float) -> int:
        """Whole seconds after which to ask again; 0: it is taken."""
        with self._lock:
            while self._taken and self._taken[0] <= now - 1:
                self._taken.popleft()
            if len(self._taken) < per_second:
                self._taken.append(now)
                return 0
            wait = self._taken[0] + 1 - now if self._taken else 1.0
        return max(1, math.ceil(wait))
