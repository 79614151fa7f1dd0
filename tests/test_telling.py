"""A listener of any kind, and the wait that must not suffer from it."""

import asyncio
import gc
import logging
import math
import time
import weakref
from typing import Any

import pytest

from langchain_apilaplas import AsyncApilaplasClient
from langchain_apilaplas.catalog import get_model
from langchain_apilaplas.errors import SettingsError, StillRenderingError
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.latency import SURE, Latency
from langchain_apilaplas.sandbox import Sandbox, endless
from langchain_apilaplas.telling import Audience, Story
from tests.conftest import World
from tests.proofs import virtual

URL = "https://example.com/cat.jpg"
GEN4 = get_model("runway/gen4_turbo")


def told(*steps: tuple[Generation, float], typical: float = 65) -> list[float]:
    story = Story(GEN4, Latency(typical, 0.2), "call_1", Audience(print))
    tells = [tell for seen, at in steps for tell in story.told(seen, at, is_last=False)]
    assert {tell.progress["tool_call_id"] for tell in tells} == {"call_1"}
    return [tell.progress["fraction"] for tell in tells]


def seen(status: Status = Status.GENERATING, progress: float | None = None) -> Generation:
    return Generation("g", status, GEN4.id, progress=progress)


# --- the fraction ---


def test_a_fraction_comes_from_what_is_known_of_the_latency() -> None:
    steps = [(seen(), elapsed) for elapsed in (0.0, 30.0, 60.0, 90.0, 9000.0)]
    assert told(*steps) == [0.0, 0.452, 0.817, 0.917, SURE]
    assert told(*steps, typical=180)[2] == 0.327


def test_the_servers_own_number_wins_and_nothing_ever_falls() -> None:
    steps = [
        (seen(), 0.0), (seen(progress=0.1), 40.0), (seen(progress=0.3), 50.0),
        (seen(progress=0.2), 60.0), (seen(progress=1.0), 61.0), (seen(), 62.0),
    ]  # fmt: skip
    assert told(*steps) == [0.0, 0.1, 0.3, 0.3, SURE, SURE]


def test_only_what_is_completed_is_one() -> None:
    assert told((seen(), 60.0), (seen(Status.COMPLETED), 61.0)) == [0.817, 1.0]
    assert told((seen(), 60.0), (seen(Status.ERROR), 61.0))[1] < 0.9


# --- listeners ---


class Slow:
    """Takes its time over each event."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.heard, self.began = seconds, [], 0

    async def __call__(self, event: Any) -> None:
        self.began += 1
        await asyncio.sleep(self.seconds)
        self.heard.append(event)


async def tell(audience: Audience, *events: Any) -> float:
    started = time.monotonic()
    for event in events:
        await audience.hear(event, is_last=event == events[-1])
    return time.monotonic() - started


async def test_a_fast_coroutine_function_hears_everything_in_order() -> None:
    heard = []

    async def listener(event: Any) -> None:
        await asyncio.sleep(0)
        heard.append(event)

    await tell(Audience(listener), *range(10))
    assert heard == list(range(10))


async def test_a_slow_one_hears_the_first_the_newest_and_the_last() -> None:
    slow = Slow(0.15)
    audience = Audience(slow)
    took = await tell(audience, *range(50))
    assert slow.heard == [0, 49]
    assert took < 0.5


async def test_one_that_hangs_holds_up_a_wait_for_a_moment_only_and_hears_the_end_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("langchain_apilaplas.telling._FAREWELL", 0.05)
    slow = Slow(0.3)
    audience = Audience(slow)
    assert await tell(audience, *range(50)) < 0.25
    audience.leave()
    assert slow.heard == []
    await asyncio.sleep(0.7)
    assert slow.heard == [0, 49]


async def test_one_that_is_cancelled_by_itself_goes_on_with_the_newest() -> None:
    heard: list[int] = []
    ending = asyncio.get_running_loop().create_future()

    async def listener(event: int) -> None:
        heard.append(event)
        if event == 0:
            await ending

    audience = Audience(listener)
    for event in (0, 1, 2):
        await audience.hear(event, is_last=False)
    ending.cancel()
    await asyncio.sleep(0.01)
    await audience.hear(3, is_last=True)
    assert heard == [0, 2, 3]


def test_one_that_never_ends_is_given_up_a_minute_after_the_end() -> None:
    async def main() -> None:
        audience = Audience(Slow(math.inf))
        await audience.hear("last", is_last=True)
        audience.leave()
        await asyncio.sleep(59)
        assert len(asyncio.all_tasks()) == 2
        await asyncio.sleep(2)
        assert len(asyncio.all_tasks()) == 1

    virtual.run(main())


async def test_a_wait_that_is_cancelled_takes_its_listener_along() -> None:
    slow = Slow(60)
    audience = Audience(slow)
    await audience.hear("first", is_last=False)
    audience.leave()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_what_a_listener_raises_at_once_or_later_is_logged_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def later(event: Any) -> None:
        await asyncio.sleep(0.1)
        raise RuntimeError(f"later {event}")

    def at_once(event: Any) -> None:
        raise RuntimeError(f"at once {event}")

    await tell(Audience(later), 1, 2, 3)
    await tell(Audience(at_once), 1, 2)
    assert caplog.text.count("RuntimeError: later") == 2
    assert "RuntimeError: later 3" in caplog.text
    assert caplog.text.count("RuntimeError: at once") == 2


async def test_a_listener_is_kept_in_memory_until_it_has_heard_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An event loop alone would forget one that waits for something that nothing else holds."""
    monkeypatch.setattr("langchain_apilaplas.telling._FAREWELL", 0.01)
    awaited, heard = [], []

    async def listener(event: Any) -> None:
        future = asyncio.get_running_loop().create_future()
        awaited.append(weakref.ref(future))
        await future
        heard.append(event)

    await tell(Audience(listener), "last")
    gc.collect()
    future = awaited[0]()
    assert future is not None
    future.set_result(None)
    await asyncio.sleep(0)
    assert heard == ["last"]


# --- in a wait ---


async def test_events_are_the_same_for_both_clients(world: World) -> None:
    heard: list[list[Any]] = [[], [], []]

    async def listener(event: Any) -> None:
        heard[2].append(event)

    world.client.generate(image=URL, on_progress=heard[0].append)
    for listen in (heard[1].append, listener):
        world.ledger.__init__(clock=world.now)  # type: ignore[misc]
        await world.async_client.generate(image=URL, on_progress=listen)
    for events in heard:
        assert [events[0]["status"], events[-1]["status"]] == ["queued", "completed"]
        fractions = [event["fraction"] for event in events]
        assert fractions == sorted(fractions)
        assert (fractions[0], fractions[-1]) == (0.0, 1.0)
        assert 0.5 < fractions[-2] < 1
        assert {event["expected"] for event in events} == {65.0}
    assert {event["status"] for event in heard[0]} == {"queued", "generating", "completed"}


@pytest.mark.parametrize("listener", [5, "bar", []])
def test_a_listener_that_can_not_be_called_is_refused_before_money_is_spent(
    world: World, listener: Any
) -> None:
    with pytest.raises(SettingsError, match="on_progress must be a function that takes a dict"):
        world.client.generate(image=URL, on_progress=listener)
    assert world.sandbox.received == []
    assert world.client.jobs() == []


async def test_a_slow_coroutine_function_does_not_hold_up_the_polling(
    apilaplas_sandbox: Sandbox,
) -> None:
    apilaplas_sandbox.seconds = 0.4
    slow = Slow(0.35)
    async with AsyncApilaplasClient(poll_interval=0.02) as client:
        started = time.monotonic()
        generation = await client.generate(image=URL, on_progress=slow)
    assert generation.video
    assert time.monotonic() - started < 1.6
    assert len(apilaplas_sandbox.received) > 6
    assert slow.began < 6
    assert slow.heard[-1]["status"] == "completed"


def test_the_time_of_a_slow_blocking_listener_counts_as_waiting(world: World) -> None:
    def slow(event: Any) -> None:
        world.time += 4

    assert world.client.generate(image=URL, on_progress=slow).video
    # Where a look would be due after 3 s, it is due when the listener has done.
    assert world.slept.count(0) > 10
    assert world.slept[0] > 5


def test_a_blocking_listener_that_outlasts_the_deadline_still_gets_its_last_look(
    world: World,
) -> None:
    def very_slow(event: Any) -> None:
        world.time += 700

    assert world.client.generate(image=URL, on_progress=very_slow).video

    world.sandbox.order(endless())
    with pytest.raises(StillRenderingError):
        world.client.generate(image=URL, on_progress=very_slow, timeout=600)
    assert [call.kind for call in world.sandbox.received[-2:]] == ["create", "fetch"]


async def test_a_slow_listener_hears_how_things_stood_at_the_deadline(world: World) -> None:
    world.sandbox.order(endless())
    slow = Slow(0.06)
    with pytest.raises(StillRenderingError):
        await world.async_client.generate(image=URL, on_progress=slow, timeout=3)
    assert [event["elapsed"] for event in slow.heard] == [0, 3]


async def test_cancelling_stops_a_slow_listener_and_logs_nothing(
    apilaplas_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    apilaplas_sandbox.seconds = 60
    caplog.set_level(logging.WARNING)
    slow = Slow(60)
    async with AsyncApilaplasClient() as client:
        task = asyncio.create_task(client.generate(image=URL, on_progress=slow))
        while not slow.began:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
    assert slow.heard == []
    assert not caplog.records


def test_what_had_ended_before_ends_for_a_new_listener_too(world: World) -> None:
    world.client.generate(key="k", image=URL)
    told: list[Any] = []
    world.client.generate(key="k", image=URL, on_progress=told.append)
    assert [(event["status"], event["fraction"]) for event in told] == [("completed", 1.0)]
    assert 60 < told[0]["elapsed"] < 80


def test_a_wait_taken_up_later_counts_from_the_submit(world: World) -> None:
    submitted = world.client.submit(image=URL)
    world.time += 40
    told: list[Any] = []
    world.slept.clear()
    world.client.wait(submitted.id, on_progress=told.append)
    assert told[0]["elapsed"] == 40
    assert told[0]["fraction"] > 0.3
    # It is late already, so the looks are close from the first on.
    assert world.slept[0] == 0
    assert max(world.slept) < 4
