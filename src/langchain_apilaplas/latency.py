"""How long generations take: a distribution of seconds, and what finished ones teach. Pure."""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

TYPICAL = 120.0
COLD = 0.6
"""The spread while nothing is known but a catalog's figure: it may be wrong by half or twice."""
_LEAST, _MOST = 0.05, 1.0
_STRAYS = 0.02
_STRAY = 1.0
"""This share of the generations is taken to be spread that widely, whatever the others are. Else
one that takes far longer than any before would be looked at every second."""
_KEPT = 0.5 ** (1 / 100)
"""What an observation still weighs once another one has come: half after a hundred."""
_GUESSES = (-1.1503, -0.3186, 0.3186, 1.1503)
"""Where a normal distribution's eighths are, which stand for it among observations."""
MOST = 200
"""So many finished generations of a model are remembered."""
SURE = 0.99
"""The highest fraction before the end."""

Observed = tuple[Hashable, float]
"""A finished generation's `duration`, and the seconds that it took."""


@dataclass(frozen=True)
class Latency:
    """The seconds from submit to finish: log-normal, but for a few strays.

    Attributes:
        median: Half of the generations have finished by then.
        spread: The standard deviation of the seconds' natural logarithm: with 0.2, two of three
            generations take between 1/1.22 and 1.22 times the median.
    """

    median: float = TYPICAL
    spread: float = COLD

    def hazard(self, seconds: float) -> float:
        """What share of those unfinished after so many seconds finishes within the next one."""
        if seconds <= 0:
            return 0.0
        scale, density, left = math.log(seconds / self.median), 0.0, 0.0
        for share, spread in ((1 - _STRAYS, self.spread), (_STRAYS, max(_STRAY, self.spread))):
            z = scale / spread
            density += share * math.exp(-z * z / 2) / spread
            left += share * math.erfc(z / _ROOT_2)
        return density / left * _BY_ROOT / seconds if left else 1 / seconds

    def fraction(self, elapsed: float) -> float:
        """How much of its time a generation has behind it that is unfinished after `elapsed`
        seconds: those, by the seconds that such ones take on average. Rises, up to 0.99.
        """
        if elapsed <= 0:
            return 0.0
        z = math.log(elapsed / self.median) / self.spread
        left = math.erfc(z / _ROOT_2)
        if left < 1e-300:
            return SURE
        share = math.erfc((z - self.spread) / _ROOT_2) / left
        return min(SURE, elapsed / (self.median * math.exp(self.spread**2 / 2) * share))

    def learned(self, seconds: Sequence[float]) -> "Latency":
        """The distribution once generations took these seconds, the oldest first.

        Mean and deviation of the logarithms, but those far from the weighted median, by the median
        deviation, count as less far: one step of Huber's estimators, which a few strays hardly
        move. The newer an observation, the more it weighs; what was thought before counts as four
        old ones.
        """
        if not seconds:
            return self
        center = math.log(self.median)
        logs = [center + z * self.spread for z in _GUESSES] + [
            math.log(max(took, 0.01)) for took in seconds
        ]
        ages = [len(seconds)] * len(_GUESSES) + list(range(len(seconds) - 1, -1, -1))
        weights = [_KEPT**age for age in ages]
        middle = _median(logs, weights)
        far = _FAR * _median([abs(log - middle) for log in logs], weights) / _MAD
        near = [max(-far, min(far, log - middle)) for log in logs]
        total = sum(weights)
        shift = sum(w * x for w, x in zip(weights, near, strict=True)) / total
        square = sum(w * (x - shift) ** 2 for w, x in zip(weights, near, strict=True)) / total
        spread = math.sqrt(square / _OF_NEAR)
        return Latency(math.exp(middle + shift), min(_MOST, max(_LEAST, spread)))


_ROOT_2 = math.sqrt(2)
_BY_ROOT = 2 / math.sqrt(2 * math.pi)
_MAD = 0.6745
"""The median deviation of a normal distribution whose standard deviation is 1."""
_FAR = 2.0
_OF_NEAR = 0.9205
"""What is left of that distribution's variance when nothing counts as farther out than 2."""


def _median(values: Sequence[float], weights: Sequence[float]) -> float:
    """Where half of the weight lies on either side, between two values if need be."""
    half, below = sum(weights) / 2, 0.0
    last_value, last_middle = 0.0, 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        middle = below + weight / 2
        if middle >= half:
            part = (half - last_middle) / (middle - last_middle)
            return last_value + (value - last_value) * part if below else value
        below, last_value, last_middle = below + weight, value, middle
    return last_value


class Experience:
    """What a process knows of how long generations took, by gateway and model.

    What the ledger had is given once, with `begin`; after that, what finishes here is added. An
    estimate is made anew when there is a twentieth more to know.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Observed, ...]] = {}
        self._estimates: dict[tuple[Hashable, Hashable], tuple[int, Latency]] = {}
        self._added: dict[Hashable, int] = {}
        self._begun: set[Hashable] = set()

    def __contains__(self, place: Hashable) -> bool:
        return place in self._begun

    def begin(self, place: Hashable, observed: Iterable[Observed]) -> None:
        """What the ledger has, the oldest first; told once."""
        if place not in self._begun:
            self._begun.add(place)
            self._known[place] = tuple(observed)[-MOST:] or self._known.get(place, ())
            self._estimates = {at: it for at, it in self._estimates.items() if at[0] != place}

    def add(self, place: Hashable, duration: Hashable, seconds: float) -> None:
        """One more has finished."""
        known = (*self._known.get(place, ()), (duration, seconds))
        self._known[place] = known[-MOST:]
        self._added[place] = self._added.get(place, 0) + 1

    def latency(self, place: Hashable, duration: Hashable, typical: float) -> Latency:
        """How long those of a duration take; where that is new, it is guessed from the others,
        and where the model is new, from its typical seconds.
        """
        known, added = self._known.get(place, ()), self._added.get(place, 0)
        then, estimate = self._estimates.get((place, duration), (-MOST, Latency()))
        if (added - then) * 20 > len(known):
            every = Latency(typical).learned([seconds for _, seconds in known])
            own = [seconds for kind, seconds in known if kind == duration]
            estimate = Latency(every.median).learned(own)
            self._estimates[place, duration] = added, estimate
        return estimate
