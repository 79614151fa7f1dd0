"""The ledger's rules, the same in memory and in a file."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from langchain_apilaplas import (
    Generation,
    Job,
    Ledger,
    MemoryLedger,
    Origin,
    SqliteLedger,
    State,
    Status,
    Video,
)
from langchain_apilaplas.errors import InvalidRequestError, NotFoundError, SettingsError

GATEWAY = "https://api.example"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINK = "https://cdn.example/v.mp4?Expires=1795442400"  # 2026-11-23 14:00 UTC
UNSETTLED = [State.INTENT, State.SUBMITTED, State.UNKNOWN]


class Hands:
    """A clock, moved by hand."""

    now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture(params=["memory", "file"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Hands) -> Ledger:
    return MemoryLedger(clock=clock) if request.param == "memory" else in_file(tmp_path, clock)


def in_file(folder: Path, clock: Callable[[], datetime]) -> SqliteLedger:
    return SqliteLedger(folder / "ledger.db", clock=clock)


def job(key: str = "k", **values: Any) -> Job:
    given = {"model": "m", "endpoint": "/v", "request": {"prompt": "Go"}, "fingerprint": "f"}
    return Job(key=key, gateway=GATEWAY, **{**given, **values})


def generation(status: Status, **values: Any) -> Generation:
    return Generation("g-1", status, "m", **values)


def only(ledger: Ledger, *states: State) -> Job:
    [found] = ledger.jobs(GATEWAY, states or list(State))
    return found


def test_the_first_to_claim_a_key_submits_and_the_others_wait(ledger: Ledger) -> None:
    first, second = ledger.claim(job()), ledger.claim(job())
    assert (first.verdict, second.verdict) == ("ours", "busy")
    assert first.job.state is State.INTENT
    assert first.job.created_at == START
    assert second.job == first.job


def test_a_job_goes_from_intent_to_its_video(ledger: Ledger, clock: Hands) -> None:
    ledger.claim(job(origin=Origin("t-1", "call-1")))
    for seconds, said in [
        (1, generation(Status.QUEUED, usage={"credits_used": 5})),
        (20, generation(Status.GENERATING)),
        (20, generation(Status.GENERATING)),
        (24, generation(Status.COMPLETED, videos=(Video(LINK),))),
    ]:
        clock.pass_by(seconds=seconds)
        ledger.note(GATEWAY, said, "k" if seconds == 1 else None)
    found = ledger.find(GATEWAY, "g-1")
    assert found is not None
    assert found.history == (
        ("intent", START),
        ("queued", START + timedelta(seconds=1)),
        ("generating", START + timedelta(seconds=21)),
        ("completed", START + timedelta(seconds=65)),
    )
    assert (found.state, found.status) == (State.COMPLETED, Status.COMPLETED)
    assert found.url == LINK
    assert found.expires_at == datetime(2026, 11, 23, 14, tzinfo=UTC)
    assert found.usage == {"credits_used": 5}
    assert found.origin == Origin("t-1", "call-1")
    assert found.generation == generation(
        Status.COMPLETED, videos=(Video(LINK),), usage={"credits_used": 5}
    )


def test_a_known_key_is_told_of_instead_of_submitted(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.QUEUED), "k")
    claim = ledger.claim(job())
    assert (claim.verdict, claim.job.state) == ("known", State.SUBMITTED)
    assert claim.job.generation_id == "g-1"


def test_the_same_key_of_another_gateway_is_another_job(ledger: Ledger) -> None:
    ledger.claim(job())
    other = Job(**{**vars(job()), "gateway": "https://other.example"})
    assert ledger.claim(other).verdict == "ours"
    assert ledger.find("https://other.example", "g-1") is None


def test_the_same_key_for_another_request_is_refused(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.QUEUED), "k")
    with pytest.raises(InvalidRequestError, match=r"'k' names another request, to m \(gener") as no:
        ledger.claim(job(fingerprint="other"))
    assert no.value.generation_id == "g-1"
    assert "Nothing was charged." in str(no.value)


def test_what_was_certainly_not_accepted_may_be_claimed_anew(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.give_up(GATEWAY, "k", State.ABANDONED, "429")
    assert only(ledger).error == "429"
    claim = ledger.claim(job(fingerprint="other"))
    assert claim.verdict == "ours"
    assert [word for word, _ in claim.job.history] == ["intent", "abandoned", "intent"]
    assert claim.job.error is None


def test_an_unknown_outcome_stays_unknown_until_somebody_decides(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "no answer")
    assert ledger.claim(job()).verdict == "known"
    assert only(ledger, State.UNKNOWN).error == "no answer"
    assert ledger.claim(job(), resubmit=True).verdict == "ours"
    assert ledger.claim(job(), resubmit=True).verdict == "busy"
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "no answer again")
    assert ledger.claim(job(), resubmit=True).verdict == "known"


def test_that_a_second_submit_was_refused_says_nothing_of_the_first(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "no answer")
    ledger.claim(job(), resubmit=True)
    ledger.give_up(GATEWAY, "k", State.ABANDONED, "401")
    assert (only(ledger).state, only(ledger).doubts) == (State.UNKNOWN, 2)
    ledger.resolve(GATEWAY, "k", None)
    assert only(ledger).doubts == 0


def test_only_who_is_submitting_can_give_up(ledger: Ledger) -> None:
    mine, other = object(), object()
    ledger.claim(job(), mine)
    ledger.claim(job(), other)
    ledger.give_up(GATEWAY, "k", State.ABANDONED, "cancelled", other)
    assert only(ledger).state is State.INTENT
    assert ledger.claim(job()).verdict == "busy"
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "no answer", mine)
    ledger.give_up(GATEWAY, "k", State.ABANDONED, "cancelled", mine)
    assert only(ledger).state is State.UNKNOWN


def test_giving_up_changes_nothing_that_has_gone_on(ledger: Ledger) -> None:
    ledger.give_up(GATEWAY, "nobody", State.UNKNOWN, "?")
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.QUEUED), "k")
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "?")
    assert only(ledger).state is State.SUBMITTED


def test_a_person_names_the_generation_of_an_unknown_job(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "no answer")
    settled = ledger.resolve(GATEWAY, "k", "g-9")
    assert (settled.state, settled.generation_id) == (State.SUBMITTED, "g-9")
    assert ledger.find(GATEWAY, "g-9") == settled
    assert ledger.claim(job()).verdict == "known"


def test_a_person_says_that_an_unknown_job_was_not_accepted(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "no answer")
    assert ledger.resolve(GATEWAY, "k", None).state is State.ABANDONED
    assert ledger.claim(job()).verdict == "ours"


def test_only_an_open_job_can_be_resolved(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError, match=r"no job 'k' of https://api\.example"):
        ledger.resolve(GATEWAY, "k", None)
    ledger.claim(job())
    with pytest.raises(SettingsError, match="Job 'k' is just being submitted"):
        ledger.resolve(GATEWAY, "k", None)
    ledger.note(GATEWAY, generation(Status.ERROR, error="Flagged"), "k")
    with pytest.raises(SettingsError, match="Job 'k' is not open any more but error"):
        ledger.resolve(GATEWAY, "k", "g-2")


def test_a_person_can_be_mistaken_and_say_so(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.give_up(GATEWAY, "k", State.UNKNOWN, "no answer")
    ledger.resolve(GATEWAY, "k", "typo")
    assert ledger.resolve(GATEWAY, "k", "g-1").generation_id == "g-1"
    settled = ledger.resolve(GATEWAY, "k", None)
    assert (settled.state, settled.generation_id) == (State.ABANDONED, None)


def test_what_has_ended_does_not_begin_again(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.COMPLETED, videos=(Video(LINK),)), "k")
    ledger.note(GATEWAY, generation(Status.GENERATING))
    assert only(ledger).state is State.COMPLETED
    fresh = LINK.replace("1795442400", "1795528800")
    ledger.note(GATEWAY, generation(Status.COMPLETED, videos=(Video(fresh),)))
    assert only(ledger).url == fresh
    assert len(only(ledger).history) == 2


def test_a_failure_is_kept_with_its_reason(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.ERROR, error="Flagged"), "k")
    found = only(ledger)
    assert (found.state, found.error) == (State.ERROR, "Flagged")
    assert found.is_settled(START)


def test_a_generation_of_another_ledger_is_not_ours_to_note(ledger: Ledger) -> None:
    ledger.note(GATEWAY, generation(Status.QUEUED))
    assert ledger.jobs(GATEWAY, list(State)) == []


def test_a_generation_with_two_jobs_does_no_harm(ledger: Ledger, clock: Hands) -> None:
    for key in ("k", "other"):
        clock.pass_by(seconds=1)
        ledger.claim(job(key))
        ledger.note(GATEWAY, generation(Status.QUEUED), key)
    found = ledger.find(GATEWAY, "g-1")
    assert found is not None
    assert found.key == "other"
    ledger.note(GATEWAY, generation(Status.ERROR, error="Flagged"))
    assert [job.state for job in ledger.jobs(GATEWAY, list(State))] == [State.ERROR] * 2


def test_jobs_are_listed_by_state_and_thread_the_oldest_first(ledger: Ledger, clock: Hands) -> None:
    for n, thread in enumerate(["a", "b", "a", None]):
        clock.pass_by(seconds=1)
        ledger.claim(job(f"z{9 - n}", origin=Origin(thread)))
    ledger.give_up(GATEWAY, "z9", State.UNKNOWN, "?")
    ledger.give_up(GATEWAY, "z8", State.ABANDONED, "?")

    def keys(*states: State, thread: str | None = None) -> list[str]:
        return [found.key for found in ledger.jobs(GATEWAY, states, thread)]

    assert keys(*UNSETTLED) == ["z9", "z7", "z6"]
    assert keys(*UNSETTLED, thread="a") == ["z9", "z7"]
    assert keys(State.ABANDONED) == ["z8"]
    assert ledger.jobs("https://other.example", list(State)) == []


def test_a_link_is_settled_until_a_minute_before_it_ends(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.COMPLETED, videos=(Video(LINK),)), "k")
    assert only(ledger).is_settled(datetime(2026, 11, 23, 13, 58, tzinfo=UTC))
    assert not only(ledger).is_settled(datetime(2026, 11, 23, 13, 59, 30, tzinfo=UTC))


def test_a_link_that_tells_nothing_is_settled_for_a_day(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.COMPLETED, videos=(Video("https://a/b"),)), "k")
    assert only(ledger).is_settled(START + timedelta(hours=23))
    assert not only(ledger).is_settled(START + timedelta(hours=24))


def test_what_one_cost_is_what_the_next_will(ledger: Ledger, clock: Hands) -> None:
    assert ledger.expected_usage(GATEWAY, "m") == {}
    for key, cost in (("a", 5), ("b", 7), ("c", None)):
        clock.pass_by(seconds=1)
        ledger.claim(job(key))
        usage = {"credits_used": cost} if cost else {}
        ledger.note(GATEWAY, Generation(key, Status.QUEUED, "m", usage=usage), key)
    assert ledger.expected_usage(GATEWAY, "m") == {"credits_used": 7}
    assert ledger.expected_usage(GATEWAY, "other") == {}


def test_where_the_file_lies_is_kept(ledger: Ledger) -> None:
    ledger.claim(job())
    ledger.note(GATEWAY, generation(Status.QUEUED), "k")
    ledger.keep(GATEWAY, "g-1", file="/videos/a.mp4")
    ledger.keep(GATEWAY, "nobody", file="/videos/b.mp4")
    assert only(ledger).file == "/videos/a.mp4"


def test_what_a_storage_is_to_keep_is_known_until_it_does(ledger: Ledger) -> None:
    ledger.claim(job(storage="s3://b"))
    ledger.note(GATEWAY, generation(Status.QUEUED), "k")
    assert ledger.unstored(GATEWAY, "s3://b") == []
    ledger.note(GATEWAY, generation(Status.COMPLETED))
    assert ledger.unstored(GATEWAY, "s3://b") == [only(ledger)]
    assert ledger.unstored(GATEWAY, "s3://other") == ledger.unstored("https://b", "s3://b") == []
    ledger.keep(GATEWAY, "g-1", stored="s3://b/g-1.mp4")
    assert ledger.unstored(GATEWAY, "s3://b") == []
    ledger.keep(GATEWAY, "g-1", file="/videos/a.mp4")
    assert only(ledger).stored == "s3://b/g-1.mp4"
    ledger.keep(GATEWAY, "g-1", storage="s3://other", stored=None)
    assert ledger.unstored(GATEWAY, "s3://other") == [only(ledger)]


def test_only_what_ended_long_ago_is_pruned(ledger: Ledger, clock: Hands) -> None:
    for key in ("open", "unknown", "failed", "abandoned", "young"):
        clock.pass_by(days=10 if key == "young" else 0)
        ledger.claim(job(key))
    ledger.note(GATEWAY, Generation("g-open", Status.QUEUED, "m"), "open")
    clock.now = START
    ledger.give_up(GATEWAY, "unknown", State.UNKNOWN, "?")
    ledger.give_up(GATEWAY, "abandoned", State.ABANDONED, "?")
    ledger.note(GATEWAY, Generation("g-failed", Status.ERROR, "m", error="x"), "failed")
    clock.pass_by(days=10)
    ledger.note(GATEWAY, Generation("g-young", Status.ERROR, "m", error="x"), "young")
    clock.pass_by(days=1)
    assert ledger.prune(timedelta(days=5)) == 2
    left = {found.key for found in ledger.jobs(GATEWAY, list(State))}
    assert left == {"open", "unknown", "young"}
    assert ledger.find(GATEWAY, "g-failed") is None


def test_a_ledger_in_memory_forgets_what_ended_first() -> None:
    ledger = MemoryLedger(limit=2)
    for n in range(4):
        ledger.claim(job(f"k{n}"))
        if n != 1:
            ledger.note(GATEWAY, Generation(f"g-{n}", Status.ERROR, "m", error="x"), f"k{n}")
    assert [found.key for found in ledger.jobs(GATEWAY, list(State))] == ["k1", "k3"]
    assert ledger.find(GATEWAY, "g-0") is None
