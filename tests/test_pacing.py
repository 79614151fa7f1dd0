import pytest

from langchain_apilaplas.pacing import Pace


def middle(low: float, high: float) -> float:
    return (low + high) / 2


PACE = Pace(typical_seconds=65, uniform=middle)


def test_looks_are_seldom_at_first_and_closer_around_the_typical_time() -> None:
    looks, elapsed = [], 0.0
    while elapsed < 90:
        elapsed += PACE.next_delay(elapsed)
        looks.append(round(elapsed, 1))
    assert looks == [15.0, 30.0, 32.5, 35.2, 38.1, 41.3, 44.8, 48.5, 52.5, 56.9, 61.7, 66.8, 72.4,
                     78.4, 84.9, 92.0]  # fmt: skip


def test_a_delay_is_never_under_one_second_nor_over_fifteen() -> None:
    assert Pace(2, uniform=middle).next_delay(1.0) == 1.0
    assert PACE.next_delay(10_000) == 15.0


def test_jitter_is_a_tenth_either_way() -> None:
    assert Pace(65, uniform=min).next_delay(36) == pytest.approx(2.7)
    assert Pace(65, uniform=max).next_delay(36) == pytest.approx(3.3)


def test_a_fixed_interval_replaces_all_that() -> None:
    assert [Pace(65, poll_interval=0.0).next_delay(at) for at in (0, 100)] == [0.0, 0.0]


def test_backoff_doubles_up_to_fifteen_seconds_and_obeys_the_server() -> None:
    longest = Pace(65, uniform=max)
    assert [longest.backoff(n, None) for n in (1, 2, 3, 4, 5, 5000)] == [1, 2, 4, 8, 15, 15]
    assert Pace(65, uniform=min).backoff(1, None) == 0.8
    assert PACE.backoff(1, 42.0) == 42.0
