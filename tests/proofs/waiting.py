"""What waiting costs, by whose rules: `python -m tests.proofs.waiting`.

Generations whose seconds are log-normal are waited for on a virtual clock, a look taking no time.
For each way of waiting: requests per generation; seconds from finished to known, mean and 95th
percentile; what both cost together, with `poll_cost` seconds for a request; and the mean delay,
divided by that of a fixed interval that makes as many requests.
"""

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from langchain_apilaplas.latency import Experience, Latency
from langchain_apilaplas.pacing import MAX_DELAY, MIN_DELAY, POLL_COST, Pace

PROFILES = [(median, spread) for median in (65.0, 180.0) for spread in (0.1, 0.2, 0.35)]
"""Typical seconds: of the client page's own run, and of "most between 1 and 4 minutes"."""

_LEARNERS = 20
"""So many processes have each learned from generations of their own, and share these."""

Wait = Callable[[float], float]
"""The seconds until the next look, by the seconds waited so far."""


@dataclass(frozen=True)
class Outcome:
    """What a way of waiting comes to."""

    requests: float
    delay: float
    late: float

    @property
    def cost(self) -> float:
        return self.requests * POLL_COST + self.delay


def generations(median: float, spread: float, count: int, seed: int) -> list[float]:
    """The seconds that generations take."""
    rng = random.Random(seed)
    return [median * math.exp(spread * rng.gauss(0, 1)) for _ in range(count)]


def waited(took: Sequence[float], wait: Wait, *, at_once: bool = False) -> Outcome:
    """Wait for each, looking at once or not before the first delay is over."""
    requests, delays = len(took) if at_once else 0, []
    for end in took:
        time = 0.0
        while time < end:
            time += wait(time)
            requests += 1
        delays.append(time - end)
    late = sorted(delays)[int(len(delays) * 0.95)]
    return Outcome(requests / len(took), sum(delays) / len(took), late)


def every(seconds: float, give_or_take: float = 0.0, seed: int = 3) -> Wait:
    """A plain loop."""
    rng = random.Random(seed)
    return lambda _: seconds + (rng.uniform(-give_or_take, give_or_take) if give_or_take else 0)


def pace(latency: Latency, poll_cost: float = POLL_COST, seed: int = 4) -> Pace:
    """What the client itself waits by."""
    return Pace(latency, poll_cost=poll_cost, uniform=random.Random(seed).uniform)


def learned(median: float, spread: float, count: int = 200, seed: int = 5) -> Latency:
    """What is known after so many generations, of each of which only the looks are known."""
    experience, rng = Experience(), random.Random(seed)
    for end in generations(median, spread, count, seed):
        ours, time, before = (
            pace(experience.latency("", None, median), seed=rng.getrandbits(32)),
            0.0,
            0.0,
        )
        while time < end:
            before, time = time, time + ours.next_delay(time)
        experience.add("", None, rng.uniform(before, time))
    return experience.latency("", None, median)


def of_fixed(took: Sequence[float], outcome: Outcome) -> float:
    """The mean delay, by that of the fixed interval that makes as many requests on average; its
    first look is after one interval.
    """
    low, high = 0.01, 10 * max(took)
    for _ in range(60):
        middle = math.sqrt(low * high)
        requests = sum(math.ceil(end / middle) for end in took) / len(took)
        low, high = (middle, high) if requests > outcome.requests else (low, middle)
    return outcome.delay / (sum(math.ceil(end / low) * low - end for end in took) / len(took))


def optimum(median: float, spread: float, longest: float = MAX_DELAY, step: float = 0.25) -> Wait:
    """The best schedule of all, by dynamic programming over a grid of times."""
    final = int((median * math.exp(5 * spread) + MAX_DELAY) / step)
    least, most = int(MIN_DELAY / step), int(longest / step)
    done = [_done(n * step, median, spread) for n in range(final + most + 1)]
    area = [0.0]
    for before, after in pairwise(done):
        area.append(area[-1] + step * (before + after) / 2)
    cost, following = [0.0] * len(done), [least] * len(done)
    for n in range(final, -1, -1):
        # A look costs those who are unfinished, and the delay of those who finish before it.
        options = (
            (area[n + gap] - area[n] - gap * step * done[n] + cost[n + gap], gap)
            for gap in range(least, most + 1)
        )
        best, following[n] = min(options)
        cost[n] = best + POLL_COST * (1 - done[n])
    return lambda time: following[min(final, round(time / step))] * step


def _done(time: float, median: float, spread: float) -> float:
    """The share that has finished by then."""
    return math.erfc(-math.log(time / median) / (spread * math.sqrt(2))) / 2 if time else 0.0


def _shared(took: Sequence[float], taught: Sequence[Latency], poll_cost: float) -> Outcome:
    """What those who learned come to, of whom each waits for a part."""
    paces = [pace(latency, poll_cost, seed) for seed, latency in enumerate(taught)]
    parts = [waited(took[n :: len(paces)], one.next_delay) for n, one in enumerate(paces)]
    figures = zip(*((part.requests, part.delay, part.late) for part in parts), strict=True)
    return Outcome(*(sum(figure) / len(parts) for figure in figures))


def table(median: float, spread: float, count: int) -> Iterator[tuple[str, Outcome, float]]:
    """Each way of waiting, what it comes to, and its delay by a fixed interval's."""
    took = generations(median, spread, count, seed=1)
    taught = [learned(median, spread, seed=seed) for seed in range(_LEARNERS)]
    ours = {
        "ours, cold": Latency(median),
        "ours, cold, catalog says half": Latency(median / 2),
        "ours, cold, catalog says twice": Latency(median * 2),
    }
    ways: dict[str, Callable[[], Outcome]] = {
        "ours, learned": partial(_shared, took, taught, POLL_COST),
        "ours, learned, poll_cost=0.5": partial(_shared, took, taught, 0.5),
    }
    ways |= {
        name: partial(waited, took, pace(latency).next_delay) for name, latency in ours.items()
    }
    ways |= {
        "10 s, at once (the client's page)": partial(waited, took, every(10), at_once=True),
        "6 s ± 1.5 s (runwayml)": partial(waited, took, every(6, 1.5)),
        "5 s": partial(waited, took, every(5)),
        "2 s": partial(waited, took, every(2)),
        "0.1 s, at once (fal)": partial(waited, took, every(0.1), at_once=True),
        "optimum": lambda: waited(took, optimum(median, spread)),
        "optimum without the bound of 15 s": lambda: waited(
            took, optimum(median, spread, longest=2 * median, step=0.5)
        ),
    }
    for name, way in ways.items():
        outcome = way()
        yield name, outcome, of_fixed(took, outcome)


def main() -> None:
    """Print a table for each profile."""
    count = int(sys.argv[1]) if sys.argv[1:] else 10_000
    for median, spread in PROFILES:
        heads = ("requests", "delay", "95 %", "cost", "of fixed")
        print(f"{f'{median:g} s, spread {spread:g}':36}", *(f"{head:>8}" for head in heads))  # noqa: T201
        for name, one, share in table(median, spread, count):
            figures = (one.requests, one.delay, one.late, one.cost, share)
            print(f"  {name:34}", *(f"{figure:8.2f}" for figure in figures))  # noqa: T201
        print()  # noqa: T201


if __name__ == "__main__":
    main()
