import math
import random
import statistics

import pytest

from langchain_apilaplas.latency import COLD, MOST, SURE, Experience, Latency


def took(median: float, spread: float, count: int, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [median * math.exp(spread * rng.gauss(0, 1)) for _ in range(count)]


# --- the distribution ---


def test_the_hazard_is_that_of_a_log_normal_with_a_few_strays() -> None:
    """Against the distribution itself: what share of those left finishes within a short time."""
    for median, spread in ((65, 0.1), (65, 0.35), (180, 0.2)):
        parts = [(0.98, statistics.NormalDist(math.log(median), spread)),
                 (0.02, statistics.NormalDist(math.log(median), 1.0))]  # fmt: skip

        def left(seconds: float, parts: list[tuple[float, statistics.NormalDist]] = parts) -> float:
            return sum(share * (1 - of.cdf(math.log(seconds))) for share, of in parts)

        for at in (20.0, 60.0, 100.0, 200.0):
            brief = (left(at) - left(at + 1e-4)) / left(at) / 1e-4
            assert Latency(median, spread).hazard(at) == pytest.approx(brief, rel=1e-3)


def test_one_that_takes_far_too_long_is_not_expected_every_second() -> None:
    late = [Latency(65, 0.05).hazard(seconds) for seconds in (200, 600, 6000, 1e9)]
    assert late == sorted(late, reverse=True)
    assert late[0] < 0.02
    assert Latency(65, 0.05).hazard(0) == 0


def test_the_fraction_is_what_it_says_elapsed_by_the_average_of_those_unfinished() -> None:
    latency, all_of_them = Latency(65, 0.35), took(65, 0.35, 20_000)
    for elapsed in (10, 40, 65, 100):
        average = statistics.mean(end for end in all_of_them if end > elapsed)
        assert latency.fraction(elapsed) == pytest.approx(elapsed / average, abs=0.01)


def test_the_fraction_rises_and_never_is_one() -> None:
    for spread in (0.05, 0.2, 0.6, 1.0):
        shown = [Latency(65, spread).fraction(seconds) for seconds in range(0, 100_000, 7)]
        assert shown == sorted(shown)
        assert shown[0] == 0
        assert 0.85 < max(shown) <= SURE < 1
    assert Latency(65, 0.05).fraction(1e9) == SURE


# --- learning ---


def test_before_anything_finished_the_catalog_is_believed() -> None:
    assert Latency(65).learned([]) == Latency(65, COLD)


@pytest.mark.parametrize("said", [32.5, 65, 130])
def test_what_finished_counts_for_more_and_more(said: float) -> None:
    for seed in range(20):
        few, many = (Latency(said).learned(took(65, 0.2, n, seed)) for n in (10, 100))
        assert few.median == pytest.approx(65, rel=0.25)
        assert many.median == pytest.approx(65, rel=0.08)
        assert many.spread == pytest.approx(0.2, rel=0.3)


def test_one_in_ten_that_hangs_changes_little() -> None:
    stuck = [end * (10 if n % 10 == 0 else 1) for n, end in enumerate(took(65, 0.2, 100))]
    latency = Latency(65).learned(stuck)
    assert latency.median == pytest.approx(65, rel=0.12)
    assert latency.spread < 0.35


def test_what_was_long_ago_is_forgotten() -> None:
    history = took(65, 0.1, 50) + took(130, 0.1, 150)
    assert Latency(65).learned(history).median == pytest.approx(130, rel=0.05)
    assert Latency(65).learned(history[::-1]).median < 115


def test_nothing_is_ever_taken_for_certain_or_for_hopeless() -> None:
    assert Latency(65).learned([65.0] * 100).spread == 0.05
    assert Latency(65).learned([1.0, 10_000.0] * 100).spread == 1.0
    assert math.isfinite(Latency(65).learned([0.0] * 9).median)


# --- what a process knows ---


def test_each_gateway_model_and_duration_is_learned_by_itself() -> None:
    experience = Experience()
    for seconds in took(60, 0.1, 50):
        experience.add("a", "5", seconds)
        experience.add("a", "10", 2 * seconds)
        experience.add("b", "5", 10 * seconds)
    five, ten, other = (
        experience.latency(place, kind, 300).median for place, kind in ("a5", ("a", "10"), "b5")
    )
    assert (five, ten, other) == (
        pytest.approx(60, rel=0.05), pytest.approx(120, rel=0.05), pytest.approx(600, rel=0.05),
    )  # fmt: skip


def test_a_new_duration_is_guessed_from_the_others_and_a_new_model_from_the_catalog() -> None:
    experience = Experience()
    experience.begin("a", [("5", seconds) for seconds in took(60, 0.1, 50)])
    guess = experience.latency("a", "10", 300)
    assert (guess.median, guess.spread) == (pytest.approx(60, rel=0.1), COLD)
    assert experience.latency("b", "5", 300) == Latency(300, COLD)


def test_what_is_remembered_is_bounded_and_begun_once() -> None:
    experience = Experience()
    assert "a" not in experience
    experience.begin("a", [("5", 1.0)] * 1000)
    experience.begin("a", [("5", 500.0)] * 1000)
    for _ in range(MOST):
        experience.add("a", "5", 2.0)
    assert "a" in experience
    assert experience.latency("a", "5", 300).median == pytest.approx(2, rel=0.02)


def test_what_the_ledger_had_is_believed_the_first_time_only() -> None:
    experience = Experience()
    experience.begin("a", [("5", 60.0)] * 50)
    for _ in range(50):
        experience.add("a", "5", 60.0)
    experience.begin("a", [("5", 500.0)] * 50)
    assert experience.latency("a", "5", 300).median == pytest.approx(60, rel=0.05)


def test_a_ledger_that_is_read_later_is_believed_all_the_same() -> None:
    experience = Experience()
    experience.add("a", "5", 60.0)
    assert "a" not in experience
    assert experience.latency("a", "5", 60).median == pytest.approx(60)
    experience.begin("a", [("5", 200.0)] * 50)
    assert "a" in experience
    assert experience.latency("a", "5", 60).median == pytest.approx(200, rel=0.1)


def test_only_the_last_two_hundred_count_however_many_finish() -> None:
    old, new = took(600, 0.2, 500), took(60, 0.2, MOST)
    known = []
    for seconds in (old + new, new):
        experience = Experience()
        for one in seconds:
            experience.add("a", "5", one)
        known.append(experience.latency("a", "5", 300))
    assert known[0] == known[1]


def test_of_what_the_ledger_had_the_newest_is_remembered() -> None:
    experience = Experience()
    experience.begin("a", [("5", 500.0)] * MOST + [("5", 60.0)] * MOST)
    assert experience.latency("a", "5", 300).median == pytest.approx(60, rel=0.05)


def test_an_estimate_is_not_made_for_every_job(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    learned = Latency.learned

    def counted(self: Latency, seconds: list[float]) -> Latency:
        made.append(len(seconds))
        return learned(self, seconds)

    monkeypatch.setattr(Latency, "learned", counted)
    experience = Experience()
    experience.begin("a", [("5", 60.0)] * MOST)
    for _ in range(100):
        experience.add("a", "5", 60.0)
        experience.latency("a", "5", 60)
    assert len(made) <= 2 * 11
