"""What waits teach: how long generations take, by gateway, model and duration."""

import asyncio
import logging
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_apilaplas import (
    ApilaplasClient,
    AsyncApilaplasClient,
    Generation,
    Job,
    Ledger,
    MemoryLedger,
    RateLimiter,
    SqliteLedger,
    State,
    Status,
)
from langchain_apilaplas.errors import GenerationFailedError, StillRenderingError
from langchain_apilaplas.latency import MOST
from langchain_apilaplas.ledger import memory, rows
from langchain_apilaplas.sandbox import failed_generation, http_error
from tests.conftest import KEY, World

URL = "https://example.com/cat.jpg"
GATEWAY = "https://api.apilaplas.com"
MODEL = "runway/gen4_turbo"


@pytest.fixture(params=["memory", "file"])
def ledger(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Ledger:
    if request.param == "memory":
        return MemoryLedger(clock=world.now)
    return SqliteLedger(tmp_path / "ledger.db", clock=world.now)


def client(world: World, ledger: Ledger, **options: Any) -> ApilaplasClient:
    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    return ApilaplasClient(api_key=KEY, http_client=http, ledger=ledger, **options)


def slow_to_answer(
    world: World, ledger: Ledger, *, seconds: float, looks: Any = None, **options: Any
) -> ApilaplasClient:
    """A client of a gateway that takes its time over each look, as things stood when it came."""

    def answer(request: httpx.Request) -> httpx.Response:
        response = world.sandbox.transport().handle_request(request)
        if request.method == "GET":
            if looks is not None:
                looks.append(world.time)
            world.time += seconds
        return response

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return ApilaplasClient(api_key=KEY, http_client=http, ledger=ledger, **options)


def again(ledger: Ledger, world: World) -> Ledger:
    """The same rows in another process."""
    if isinstance(ledger, SqliteLedger):
        return SqliteLedger(ledger.path, clock=world.now)
    fresh = MemoryLedger(clock=world.now)
    fresh._rows = ledger._rows  # type: ignore[attr-defined]
    return fresh


def expected(world: World, ledger: Ledger, **values: Any) -> float:
    """The median that the first event of a new job tells."""
    told: list[Any] = []
    client(world, ledger).generate(image=URL, on_progress=told.append, **values)
    return float(told[0]["expected"])


def test_a_finished_job_knows_its_seconds_and_the_next_ones_are_waited_for_by_them(
    ledger: Ledger, world: World
) -> None:
    world.sandbox.seconds = 200
    for _ in range(12):
        client(world, ledger).generate(image=URL)
    seconds = [job.seconds for job in ledger.jobs(GATEWAY, [State.COMPLETED])]
    assert len(seconds) == 12
    assert all(took and 185 < took < 216 for took in seconds)
    assert expected(world, ledger) == pytest.approx(200, rel=0.1)
    assert expected(world, again(ledger, world)) == pytest.approx(200, rel=0.1)
    world.slept.clear()
    client(world, ledger).generate(image=URL)
    assert len([nap for nap in world.slept[:8] if nap > 10]) == 8


def test_durations_and_gateways_do_not_teach_each_other(ledger: Ledger, world: World) -> None:
    world.sandbox.seconds = 30
    for _ in range(12):
        client(world, ledger).generate(image=URL, duration=5)
    world.sandbox.seconds = 120
    for _ in range(12):
        client(world, ledger).generate(image=URL, duration=10)
    for known in (ledger, again(ledger, world)):
        assert expected(world, known, duration=5) == pytest.approx(30, rel=0.2)
        assert expected(world, known, duration=10) == pytest.approx(120, rel=0.2)
    elsewhere = client(world, ledger, base_url="https://other.example")
    told: list[Any] = []
    with pytest.raises(StillRenderingError):
        elsewhere.generate(image=URL, on_progress=told.append, timeout=1)
    assert told[0]["expected"] == 65


def test_the_ledger_is_asked_once_for_each_model(
    ledger: Ledger, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for kind in (memory._MemoryRows, rows.SqliteRows):
        latencies = kind.latencies

        def counted(self: Any, *of: Any, latencies: Any = latencies) -> Any:
            asked.append(of)
            return latencies(self, *of)

        monkeypatch.setattr(kind, "latencies", counted)
    for duration in (5, 10, 5):
        client(world, ledger).generate(image=URL, duration=duration)
    client(world, ledger).generate(model="veo2", prompt="Waves")
    assert asked == [(GATEWAY, MODEL, MOST), (GATEWAY, "veo2", MOST)]


def test_a_ledger_that_can_not_be_read_leaves_the_catalogs_figure(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("bad row")

    monkeypatch.setattr(memory._MemoryRows, "latencies", broken)
    assert expected(world, MemoryLedger(clock=world.now)) == 65
    assert "How long runway/gen4_turbo takes" in caplog.text


def test_what_nobody_watched_teaches_nothing(ledger: Ledger, world: World) -> None:
    ours = client(world, ledger)
    submitted = ours.submit(image=URL)
    world.time += 86_400
    assert ours.wait(submitted.id).video
    world.sandbox.order(failed_generation("x"))
    with pytest.raises(GenerationFailedError):
        ours.generate(image=URL)
    foreign = world.stranger().submit(image=URL)
    ours.wait(foreign.id)
    slow = client(world, ledger, poll_interval=60)
    slow.generate(image=URL)
    assert [job.seconds for job in ledger.jobs(GATEWAY, set(State))] == [None] * 3
    assert expected(world, ledger) == 65


def test_one_that_another_process_submitted_teaches_when_its_end_was_watched(
    ledger: Ledger, world: World
) -> None:
    submitted = client(world, ledger).submit(image=URL)
    world.time += 40
    client(world, again(ledger, world)).wait(submitted.id)
    [job] = again(ledger, world).jobs(GATEWAY, [State.COMPLETED])
    assert job.seconds == pytest.approx(65, abs=4)


def test_a_held_look_ends_when_the_generation_does(world: World, ledger: Ledger) -> None:
    client(world, ledger).generate(model="luma-ai/v2", prompt="Go", aspect_ratio="1:1")
    [job] = ledger.jobs(GATEWAY, [State.COMPLETED])
    assert job.seconds == pytest.approx(65, abs=0.1)


def test_while_a_look_waits_for_its_turn_the_end_is_not_supposed(
    world: World, ledger: Ledger
) -> None:
    client(world, ledger, rate_limiter=RateLimiter(1 / 15)).generate(image=URL)
    [job] = ledger.jobs(GATEWAY, [State.COMPLETED])
    assert job.seconds is not None, "looked at 60 s and at 75 s, which is close enough"
    assert 60 <= job.seconds <= 75


def test_while_an_answer_is_on_its_way_the_end_may_come(world: World, ledger: Ledger) -> None:
    world.sandbox.seconds = 33
    ours = slow_to_answer(world, ledger, seconds=6, poll_interval=12)
    ours.generate(image=URL)
    [job] = ledger.jobs(GATEWAY, [State.COMPLETED])
    assert job.seconds is None, "24 s lie between the last look but one and the last answer"


def test_of_one_that_takes_long_a_quarter_of_its_time_may_be_unknown(
    world: World, ledger: Ledger
) -> None:
    world.sandbox.seconds = 190
    client(world, ledger, poll_interval=40).generate(image=URL)
    [job] = ledger.jobs(GATEWAY, [State.COMPLETED])
    assert job.seconds is not None
    assert 160 <= job.seconds <= 200


def test_where_between_two_looks_an_end_was_is_drawn_by_lot(world: World, ledger: Ledger) -> None:
    for _ in range(9):
        client(world, ledger, poll_interval=15).generate(image=URL)
    seconds = [job.seconds or 0 for job in ledger.jobs(GATEWAY, [State.COMPLETED])]
    assert all(60 <= took <= 75 for took in seconds)
    assert max(seconds) - min(seconds) > 1


def test_the_seconds_count_from_the_last_submit_and_the_first_word_stays(world: World) -> None:
    job = Job("k", GATEWAY, MODEL, "/v", {}, "f")
    at = world.now()
    for state, after in ((State.INTENT, 0), (State.ABANDONED, 5), (State.INTENT, 60)):
        job = job.turned(state, at + timedelta(seconds=after))
    assert job.submitted_at == at + timedelta(seconds=60)
    done = Generation("g", Status.COMPLETED, MODEL)
    job = job.seen(done, at, 65.0)
    assert job.seen(done, at, 99.0).seconds == 65.0


def test_no_more_than_the_last_are_read_and_pruned_ones_are_forgotten(
    ledger: Ledger, world: World
) -> None:
    for n in range(MOST + 5):
        job = Job(f"k{n}", GATEWAY, MODEL, "/v", {"duration": 5}, "f")
        ledger.claim(job)
        generation = Generation(f"g{n}", Status.COMPLETED, MODEL)
        ledger.note(GATEWAY, generation, f"k{n}", None, float(n + 1))
        world.time += 1
    found = ledger.latencies(GATEWAY, MODEL)
    assert found == [(5, float(n + 1)) for n in range(5, MOST + 5)]
    assert ledger.latencies(GATEWAY, "veo2") == ledger.latencies("https://b", MODEL) == []
    ledger.prune(timedelta(seconds=10))
    assert 9 <= len(ledger.latencies(GATEWAY, MODEL)) <= 11


async def test_those_that_begin_together_learn_too_and_read_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db", clock=world.now)
    asked = []
    latencies = ledger.latencies
    monkeypatch.setattr(ledger, "latencies", lambda *of: asked.append(of) or latencies(*of))
    http = httpx.AsyncClient(transport=httpx.MockTransport(world.answer))
    ours = AsyncApilaplasClient(api_key=KEY, http_client=http, ledger=ledger)
    await asyncio.gather(*(ours.generate(image=URL) for _ in range(3)))
    assert len([job for job in await ours.jobs("completed") if job.seconds]) >= 1
    assert asked == [(GATEWAY, MODEL)]


def test_the_cost_of_a_look_is_a_clients_to_set(world: World) -> None:
    counts = []
    for cost in (0.01, 5.0):
        world.slept.clear()
        client(world, MemoryLedger(clock=world.now), poll_cost=cost).generate(image=URL)
        counts.append(len(world.slept))
    assert counts[0] > 2 * counts[1]


# --- what the server asks for ---


@pytest.mark.parametrize(
    "how", [{"headers": {"Retry-After": "11"}}, {"json": {"retry_after": 11}},
            {"json": {"retry_after": "11"}}],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 429, 503])
def test_a_look_that_asks_for_a_wait_gets_it(
    world: World, status: int, how: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = world.sandbox.transport()
    looks = []

    def answer(request: httpx.Request) -> httpx.Response:
        response = answers.handle_request(request)
        if request.method == "GET":
            looks.append(world.time)
            if len(looks) == 6:
                body = {"id": request.url.params["generation_id"], "status": "generating"}
                return httpx.Response(
                    status, json={**body, **how.get("json", {})}, headers=how.get("headers")
                )
        return response

    http = httpx.Client(transport=httpx.MockTransport(answer))
    ours = ApilaplasClient(api_key=KEY, http_client=http, ledger=MemoryLedger(clock=world.now))
    ours.generate(image=URL)
    gaps = [after - before for before, after in pairwise(looks)]
    assert gaps[5] == pytest.approx(11)
    assert gaps[4] < 5
    assert gaps[6] < 5


def test_a_server_that_asks_for_less_than_the_pace_is_not_looked_at_more(world: World) -> None:
    answers = world.sandbox.transport()

    def hasty(request: httpx.Request) -> httpx.Response:
        response = answers.handle_request(request)
        response.headers["Retry-After"] = "1"
        return response

    http = httpx.Client(transport=httpx.MockTransport(hasty))
    ApilaplasClient(api_key=KEY, http_client=http, poll_interval=10).generate(image=URL)
    assert world.slept == [10] * 7


# --- looks that fail ---


def test_looks_that_fail_now_and_then_are_not_counted_together(world: World) -> None:
    """A part of the server has not heard of the generation, and is asked every other time."""
    answers = world.sandbox.transport()
    looks = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            looks.append(world.time)
            if len(looks) % 2:
                return httpx.Response(404)
        return answers.handle_request(request)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    ours = ApilaplasClient(api_key=KEY, http_client=http, poll_interval=5)
    assert ours.generate(image=URL).video
    after_failures = [after - before for before, after in pairwise(looks)][::2]
    assert len(after_failures) > 8
    assert all(pause <= 1.001 for pause in after_failures)


def test_one_of_ours_that_can_not_be_looked_at_is_still_rendering(world: World) -> None:
    submitted = world.client.submit(key="k", image=URL)
    world.sandbox.order(http_error(503, on="fetch", times=1000))
    with pytest.raises(StillRenderingError) as told:
        world.client.generate(key="k", image=URL, timeout=30)
    assert told.value.generation_id == submitted.id


# --- a server that is slow to answer ---


def test_the_pause_between_two_looks_begins_with_an_answer(world: World) -> None:
    looks: list[float] = []
    ledger = MemoryLedger(clock=world.now)
    slow_to_answer(world, ledger, seconds=6, looks=looks, poll_interval=5).generate(image=URL)
    assert [after - before for before, after in pairwise(looks)] == [pytest.approx(11)] * 6


def test_time_for_which_a_look_was_held_is_no_pause_on_top(world: World) -> None:
    """Luma's server may hold a look for less than it says."""
    looks: list[float] = []
    ours = slow_to_answer(world, MemoryLedger(clock=world.now), seconds=10, looks=looks)
    ours.generate(model="luma-ai/v2", prompt="Go", aspect_ratio="1:1")
    gaps = [after - before for before, after in pairwise(looks)]
    assert all(gap < 15 for gap in gaps)
    assert gaps[2:] == [pytest.approx(10)] * (len(gaps) - 2)
    assert len(gaps) >= 5
