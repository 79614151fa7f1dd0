"""How fast a client may ask: the bucket with time as a value, the queue with tasks and threads."""

import asyncio
import os
import threading
import time
from typing import Any

import httpx
import pytest
from langchain_core.rate_limiters import BaseRateLimiter, InMemoryRateLimiter

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    ApilaplasVideoToolkit,
    AsyncApilaplasClient,
    RateLimiter,
    Status,
)
from langchain_apilaplas.bucket import Bucket
from langchain_apilaplas.effects import Flow, adrive, drive
from langchain_apilaplas.errors import (
    GatewayError,
    RateLimitError,
    SettingsError,
    StillRenderingError,
)
from langchain_apilaplas.flows import now
from langchain_apilaplas.limiter import SUBMIT_SLACK, slack_of_look
from langchain_apilaplas.sandbox import Sandbox, http_error
from tests.conftest import KEY, World
from tests.proofs import many, virtual

URL = "https://example.com/cat.jpg"
ARGS: dict[str, Any] = {"image": URL, "prompt": "The cat yawns"}
INF = float("inf")
NOBODY = httpx.MockTransport(lambda _: httpx.Response(500))
HTTP, AHTTP = httpx.Client(transport=NOBODY), httpx.AsyncClient(transport=NOBODY)


# --- the bucket ---


def passed(bucket: Bucket, start: float, end: float, *, answered: bool = True) -> list[float]:
    """When requests leave that all wait from the start on, and are answered at once."""
    times, now = [], start
    while now < end:
        if bucket.allows(now):
            bucket.take(now)
            if answered:
                bucket.ended()
            times.append(round(now, 2))
        else:
            now += bucket.wait(now)
    return times


def slowed(took: int, at: float = 10.0, retry_after: float | None = None, *of: float) -> Bucket:
    """A bucket that met a 429 after the server took so many in a second."""
    bucket = Bucket(*of or (INF, INF))
    bucket.tick(at - 0.5)
    for _ in range(took):
        bucket.took(at - 0.5)
    bucket.slow_down(at, at - 0.1, retry_after)
    return bucket


def test_a_bound_is_kept_after_a_burst() -> None:
    assert passed(Bucket(2, 3), 0, 2) == [0, 0, 0, 0.5, 1, 1.5]


def test_what_is_not_used_is_saved_up_to_the_burst_only() -> None:
    bucket = Bucket(10, 2)
    assert passed(bucket, 0, 0.05) == [0, 0]
    assert passed(bucket, 100, 100.15) == [100, 100, 100.1]


def test_a_429_pauses_then_halves_what_the_server_took() -> None:
    times = passed(slowed(took=40), 10, 12)
    assert times[0] == 11.0
    assert 19 <= len(times) <= 22


def test_the_pause_is_what_the_server_asks_for_but_not_for_a_quota() -> None:
    assert passed(slowed(8, retry_after=7), 10, 18)[0] == 17
    assert passed(slowed(8, retry_after=3000), 10, 12)[0] == 11
    assert passed(slowed(8, retry_after=0), 10, 12)[0] == 11


def test_after_a_429_a_tenth_of_a_second_is_saved_up_at_most() -> None:
    assert passed(slowed(took=40), 21, 21.01) == [21] * 4
    assert passed(slowed(40, 10.0, None, 100, 2), 21, 21.01) == [21] * 2


def test_the_rate_grows_steadily_and_is_given_up_when_it_has_doubled() -> None:
    bucket = slowed(took=40)
    assert [bucket.rate(11.0 + t) for t in (0, 5, 10, 30)] == [20, 30, 40, 80]
    bucket.speed_up(11.0 + 29)
    assert bucket.is_bounded
    bucket.speed_up(11.0 + 30)
    assert not bucket.is_bounded


def test_a_set_bound_comes_back_after_a_429() -> None:
    bucket = Bucket(30, 1)
    bucket.slow_down(10, 9, None)
    assert (bucket.rate(11), bucket.rate(1000)) == (1, 30)


def test_a_burst_that_the_server_took_raises_no_bound() -> None:
    bucket = slowed(100, 10.0, None, 10, 100)
    assert bucket.rate(11.0) == 5
    for _ in range(100):
        bucket.took(9.9)
    assert bucket.rate(11.0) == 5


def test_a_crowd_that_is_refused_slows_down_once() -> None:
    bucket = slowed(took=40)
    for _ in range(500):
        bucket.slow_down(10.05, 9.9, None)
    assert passed(bucket, 10, 11.02)[0] == 11.0
    assert bucket.rate(11.0) == 20


def test_answers_that_come_after_the_429_count_for_what_the_server_takes() -> None:
    bucket = slowed(took=0)
    for _ in range(50):
        bucket.took(9.9)
    assert bucket.rate(11.0) == 25
    for _ in range(100):
        bucket.took(11.5)  # what is let pass later says nothing of what could be
    assert bucket.rate(11.0) == 25


def test_what_the_server_took_in_the_second_before_counts_too() -> None:
    bucket = Bucket(INF, INF)
    bucket.tick(10.0)
    for _ in range(40):
        bucket.took(10.0)
    bucket.tick(11.2)
    bucket.took(11.2)
    bucket.slow_down(11.3, 11.2, None)
    assert bucket.rate(12.3) == 20


@pytest.mark.parametrize("sent", [11.0, 12.0, 20.0])
def test_what_the_server_took_long_ago_says_nothing_of_what_it_takes_now(sent: float) -> None:
    bucket = Bucket(INF, INF)
    bucket.tick(9.0)
    for _ in range(40):
        bucket.took(9.0)
    bucket.tick(sent)
    for _ in range(4):
        bucket.took(sent)
    bucket.slow_down(sent + 0.5, sent, None)
    assert bucket.rate(sent + 1.5) == 2


def test_a_429_that_was_long_on_its_way_is_not_held_against_a_second_long_ago() -> None:
    bucket = Bucket(INF, INF)
    bucket.tick(10.0)
    for _ in range(40):
        bucket.took(10.0)
    bucket.slow_down(13.0, 10.5, None)
    assert bucket.rate(14.0) == 1


def test_a_server_that_goes_on_refusing_is_asked_ever_less() -> None:
    bucket, now, pauses = slowed(took=8), 10.0, []
    for _ in range(6):
        at = passed(bucket, now, now + 100)[0]
        pauses.append(at - now)
        now = at
        bucket.slow_down(now, now, None)
    assert pauses == [1, 2, 4, 8, 15, 15]
    bucket.took(now + 1)
    bucket.slow_down(200.0, 199.0, None)
    assert passed(bucket, 200, 300)[0] == 201


@pytest.mark.parametrize("most", [INF, 1000.0])
def test_a_crowd_waits_for_answers(most: float) -> None:
    bucket = Bucket(most, 1000)
    assert len(passed(bucket, 0, 9, answered=False)) == 90
    for _ in range(60):
        bucket.ended()
    assert len(passed(bucket, 9, 99, answered=False)) == 60


def test_a_late_429_does_not_hold_up_the_recovery() -> None:
    bucket = slowed(took=40)
    bucket.slow_down(20, 9.5, None)
    assert bucket.rate(21.0) == 40


# --- the queue ---


def passer(limiter: RateLimiter, *turn: Any, name: Any, order: list[Any]) -> Flow[Any]:
    began = yield from now()
    passed = yield from limiter.turn(*turn)
    order.append((name, None if passed is None else round(passed - began, 2)))
    if passed is not None:
        limiter.ended()


def in_turn(limiter: RateLimiter, *turns: tuple[Any, ...]) -> list[Any]:
    """The order in which tasks that came in this order pass, each named by its number."""
    order: list[Any] = []

    async def main() -> None:
        http = AHTTP
        flows = [passer(limiter, *turn, name=n, order=order) for n, turn in enumerate(turns)]
        await asyncio.gather(*(adrive(flow, http) for flow in flows))

    virtual.run(main())
    return order


def test_those_who_wait_pass_in_order_at_the_rate() -> None:
    order = in_turn(RateLimiter(2), (), (), (), ())
    assert order == [(0, 0), (1, 0.5), (2, 1.0), (3, 1.5)]


@pytest.mark.parametrize("theirs", [False, True], ids=["ours", "LangChain's"])
def test_who_waits_is_woken_in_time_though_no_answer_has_come(theirs: bool) -> None:
    limiter = RateLimiter.of(Timed(0.1)) if theirs else RateLimiter(10)
    passed_at: list[float] = []

    async def request() -> None:
        await adrive(limiter.turn(), AHTTP)
        passed_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(60)
        limiter.ended()

    async def main() -> None:
        await asyncio.gather(*(request() for _ in range(5)))

    virtual.run(main())
    assert passed_at == [pytest.approx(passed_at[0] + 0.1 * n, abs=0.02) for n in range(5)]


def test_looks_that_likely_find_a_video_go_first_then_submits_then_young_looks() -> None:
    young, old = slack_of_look(5, 65), slack_of_look(70, 65)
    order = in_turn(RateLimiter(1), (0,), (young,), (SUBMIT_SLACK,), (old,))
    assert [name for name, _ in order] == [0, 3, 2, 1]


def test_whoever_waits_long_enough_goes_before_all_others() -> None:
    order: list[Any] = []
    limiter = RateLimiter(1)

    async def main() -> None:
        http = AHTTP

        def come(name: Any, slack: float) -> "asyncio.Task[None]":
            return asyncio.create_task(adrive(passer(limiter, slack, name=name, order=order), http))

        tasks = [come("first", 0), come("patient", 1e9)]
        for n in range(150):  # one a second, as fast as they can pass
            tasks.append(come(n, -1e9))
            await asyncio.sleep(1)
        await asyncio.gather(*tasks)

    virtual.run(main())
    assert 110 < [name for name, _ in order].index("patient") < 130, "a minute either way"


def test_a_wait_for_a_turn_ends_at_its_deadline() -> None:
    order = in_turn(RateLimiter(0.1), (), (0.0, 4.0), ())
    assert order == [(0, 0), (1, None), (2, 10.0)]


def test_who_waits_in_a_crowd_goes_before_one_who_comes_as_an_answer_makes_room() -> None:
    order: list[Any] = []
    limiter = RateLimiter()

    async def main() -> None:
        def come(name: Any) -> "asyncio.Task[None]":
            return asyncio.create_task(adrive(passer(limiter, name=name, order=order), AHTTP))

        for _ in range(90):
            await adrive(limiter.turn(), AHTTP)
        tasks = [come("first")]
        await asyncio.sleep(0.5)
        tasks.append(come("second"))
        limiter.ended()
        await asyncio.gather(*tasks)

    virtual.run(main())
    assert order == [("first", 0.5), ("second", 0.0)]


def test_a_task_that_is_cancelled_leaves_the_queue_and_costs_nobody_a_turn() -> None:
    order: list[Any] = []
    limiter = RateLimiter(1)

    async def main() -> None:
        http = AHTTP
        tasks = [
            asyncio.create_task(adrive(passer(limiter, name=n, order=order), http))
            for n in range(4)
        ]
        await asyncio.sleep(0.5)
        for n in (1, 2):
            tasks[n].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    virtual.run(main())
    assert order == [(0, 0), (3, 1.0)]


def test_a_turn_that_was_given_to_one_who_just_left_goes_to_the_next() -> None:
    limiter = RateLimiter(1)
    first, second, third = (limiter.join(0, 0) for _ in range(3))
    assert limiter.nap(first, 0) == 0
    limiter.leave(first, passes=True)
    assert limiter.nap(third, 1) > 0  # woken first, it lets the second pass
    assert second.passes
    started = time.monotonic()
    second.bell.wait(5)  # it was woken
    assert time.monotonic() - started < 1
    limiter.leave(second, passes=False)  # who was cancelled meanwhile
    assert limiter.nap(third, 1) == 0


def test_one_who_left_from_the_middle_of_the_queue_takes_no_turn_along() -> None:
    limiter = RateLimiter(1, burst=2)
    first, middle, last = (limiter.join(0, 0) for _ in range(3))
    limiter.leave(middle, passes=False)
    assert limiter.nap(first, 0) == 0
    assert limiter.nap(last, 0) == 0


def test_nobody_waits_for_one_who_was_let_pass_and_has_not_noticed_yet() -> None:
    limiter = RateLimiter(10, burst=1)
    first, second = (limiter.join(0, 0) for _ in range(2))
    assert limiter.nap(first, 0) == 0
    assert limiter.nap(second, 0) == pytest.approx(0.1)
    assert limiter.nap(second, 0.1) == 0


def test_threads_and_event_loops_share_one_queue() -> None:
    limiter, started = RateLimiter(200, burst=1), time.monotonic()
    order: list[Any] = []

    def thread(n: int) -> None:
        for _ in range(5):
            drive(passer(limiter, name=n, order=order), HTTP)

    def loop() -> None:
        async def main() -> None:
            http = AHTTP
            flows = [passer(limiter, name="task", order=order) for _ in range(20)]
            await asyncio.gather(*(adrive(flow, http) for flow in flows))

        asyncio.run(main())

    threads = [threading.Thread(target=thread, args=(n,)) for n in range(4)]
    threads.append(threading.Thread(target=loop))
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)
    took = time.monotonic() - started
    assert len(order) == 40
    assert 39 / 200 <= took < 3


def test_nobody_waits_for_an_event_loop_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_apilaplas.limiter._OVERDUE", 0.05)
    limiter, order = RateLimiter(5, burst=1), []
    loop = asyncio.new_event_loop()
    flow = passer(limiter, -5.0, name="stuck", order=order)
    drive(passer(limiter, name="first", order=order), HTTP)

    async def begin() -> "asyncio.Task[None]":
        task = asyncio.create_task(adrive(flow, AHTTP))
        await asyncio.sleep(0.005)
        return task

    task = loop.run_until_complete(begin())
    drive(passer(limiter, name="other", order=order), HTTP)
    assert [name for name, _ in order] == ["first", "other"]
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()


def test_an_event_loop_that_is_closed_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_apilaplas.limiter._OVERDUE", 0.05)
    limiter, order = RateLimiter(20, burst=1), []
    left = asyncio.new_event_loop()

    async def begin() -> None:
        flows = [passer(limiter, name="left", order=order) for _ in range(5)]
        kept.extend(left.create_task(adrive(flow, AHTTP)) for flow in flows)
        await asyncio.sleep(0.005)

    kept: list[Any] = []
    left.run_until_complete(begin())
    left.close()
    started = time.monotonic()
    drive(passer(limiter, name="ours", order=order), HTTP)
    assert [name for name, _ in order] == ["left", "ours"]
    assert time.monotonic() - started < 1
    for task in kept:
        task.get_coro().close()
        task._log_destroy_pending = False


def test_requests_that_were_left_make_room_in_the_end() -> None:
    bucket = Bucket(INF, INF)
    for _ in range(90):
        bucket.take(10)
    assert not bucket.allows(189)
    assert bucket.allows(191)
    bucket.take(191)
    for _ in range(100):  # should they be answered all the same
        bucket.ended()
    assert not bucket.unanswered


def test_those_who_gave_up_do_not_pile_up() -> None:
    limiter = RateLimiter(1)
    for ticket in (limiter.join(0, 0) for _ in range(3)):
        assert not ticket.passes
    for n in range(10_000):
        limiter.leave(limiter.join(n, 0), passes=False)
    assert len(limiter._queue) < 150
    assert len([1 for _, _, ticket in limiter._queue if not ticket.is_gone]) == 3


def test_the_garbage_collector_may_end_a_call_while_the_limiter_is_at_another() -> None:
    limiter = RateLimiter(1)
    drive(passer(limiter, name="first", order=[]), HTTP)

    def collected() -> None:
        waiting = limiter.turn()
        next(waiting)
        waiting.send(time.monotonic())  # it sleeps
        with limiter._lock:
            limiter.ended()
            waiting.close()

    thread = threading.Thread(target=collected, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


# --- in a client ---


def test_a_429_slows_all_of_a_client_down(world: World) -> None:
    made = world.client.submit(**ARGS)
    world.slept.clear()
    world.sandbox.order(http_error(429, on="fetch", retry_after=30))
    assert world.client.get(made.id).status is not Status.ERROR
    assert world.slept == [30.0]
    world.sandbox.order(http_error(429, retry_after=30))
    with pytest.raises(RateLimitError, match="Wait 30 seconds before you call again"):
        world.client.generate(key="k", timeout=20, **ARGS)
    [job] = world.client.jobs("abandoned")
    assert job.key == "k"


def test_some_time_after_a_429_nothing_limits_any_more(world: World) -> None:
    made = world.client.submit(**ARGS)
    world.sandbox.order(http_error(429, on="fetch"))
    world.client.get(made.id)
    assert not world.client.rate_limiter.is_open
    world.time += 60
    world.client.get(made.id)
    assert world.client.rate_limiter.is_open


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_forked_child_waits_for_none_of_its_parents_answers() -> None:
    limiter = RateLimiter()
    for _ in range(90):
        drive(limiter.turn(), HTTP)
    limiter.join(0, 0)
    if not (child := os.fork()):
        os._exit(0 if limiter.is_open else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not limiter.is_open


def test_clients_may_share_a_limiter(world: World) -> None:
    limiter = RateLimiter(1)
    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    clients = [
        ApilaplasClient(api_key=KEY, http_client=http, rate_limiter=limiter) for _ in range(3)
    ]
    for client in clients:
        client.submit(**ARGS)
    assert world.slept == [1.0, 1.0]


def test_a_create_that_never_has_its_turn_is_told_so(world: World) -> None:
    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    client = ApilaplasClient(api_key=KEY, http_client=http, rate_limiter=RateLimiter(0.01))
    client.submit(**ARGS)
    with pytest.raises(RateLimitError) as told:
        client.generate(key="k", timeout=30, **ARGS)
    assert str(told.value) == (
        "It was not its turn to be sent in the time given: there are too many requests. Nothing "
        "was charged. Call again later, or allow more time."
    )
    assert len(world.sandbox.accepted) == 1
    assert world.time == 1_800_000_030


def test_the_last_look_may_wait_a_little_for_its_turn(world: World) -> None:
    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    client = ApilaplasClient(api_key=KEY, http_client=http, rate_limiter=RateLimiter(1 / 68))
    assert client.generate(timeout=66, **ARGS).status is Status.COMPLETED
    assert [call.kind for call in world.sandbox.received] == ["create", "fetch"]
    assert world.time == pytest.approx(1_800_000_068)


def test_a_bound_is_kept_at_the_deadline_too(world: World) -> None:
    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    client = ApilaplasClient(api_key=KEY, http_client=http, rate_limiter=RateLimiter(0.01))
    with pytest.raises(StillRenderingError, match="It was not its turn to be sent"):
        client.generate(timeout=66, **ARGS)
    assert [call.kind for call in world.sandbox.received] == ["create"]
    assert world.time == pytest.approx(1_800_000_071)


def test_a_submit_gives_up_after_ten_refusals(world: World) -> None:
    world.sandbox.order(http_error(429, times=100))
    with pytest.raises(RateLimitError):
        world.client.submit(**ARGS)
    assert world.slept == [1, 2, 4, 8, 15, 15, 15, 15, 15]


def test_a_generate_waits_even_for_an_hourly_limit_if_it_may(world: World) -> None:
    world.sandbox.order(http_error(429, retry_after=3000))
    assert world.client.generate(timeout=4000, **ARGS).status is Status.COMPLETED
    assert world.slept[0] == 3000


def test_a_submit_that_was_refused_keeps_its_place() -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        sandbox = Sandbox(clock=lambda: 1_800_000_000 + loop.time())
        sandbox.order(http_error(429))

        async def answer(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.1)
            return sandbox.handle(request)

        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        client = AsyncApilaplasClient(api_key=KEY, http_client=http, rate_limiter=RateLimiter(1))
        tasks = []
        for prompt in ("first", "second"):
            tasks.append(asyncio.create_task(client.submit(model="veo2", prompt=prompt)))
            await asyncio.sleep(0.05)
        await asyncio.gather(*tasks)
        return [body["prompt"] for body in sandbox.accepted]

    assert virtual.run(main()) == ["first", "second"]


def test_answers_make_room_for_the_rest_of_a_crowd_at_once() -> None:
    result = many.prove(jobs=250, rate=INF, concurrency=250)
    assert result.failed == {}
    assert many.peak(result.sent) == 250
    assert many.peak(result.sent, many.LATENCY) == 90


# --- LangChain's ---


class Taken(BaseRateLimiter):
    """Counts, and refuses each second try."""

    def __init__(self) -> None:
        self.tries: list[str] = []

    def acquire(self, *, blocking: bool = True) -> bool:
        assert not blocking
        self.tries.append("sync")
        return len(self.tries) % 2 == 0

    async def aacquire(self, *, blocking: bool = True) -> bool:
        assert not blocking
        self.tries.append("async")
        return len(self.tries) % 2 == 0


async def test_langchains_limiter_covers_creates_and_looks(world: World) -> None:
    theirs = Taken()
    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    ahttp = httpx.AsyncClient(transport=httpx.MockTransport(world.answer))
    client = ApilaplasClient(api_key=KEY, http_client=http, rate_limiter=theirs)
    aclient = AsyncApilaplasClient(api_key=KEY, http_client=ahttp, rate_limiter=theirs)
    client.generate(**ARGS)
    assert theirs.tries == ["sync"] * 2 * len(world.sandbox.received)
    before = len(world.sandbox.received)
    theirs.tries.clear()
    await aclient.generate(**ARGS)
    assert theirs.tries == ["async"] * 2 * (len(world.sandbox.received) - before)


def test_only_one_of_those_who_wait_asks_langchains_limiter() -> None:
    theirs = InMemoryRateLimiter(requests_per_second=0.001)
    limiter = RateLimiter.of(theirs)
    tries = []
    theirs._consume = lambda: bool(tries.append(1)) or len(tries) % 10 == 0  # type: ignore[method-assign]
    order = in_turn(limiter, *[()] * 5)
    assert [name for name, _ in order] == [0, 1, 2, 3, 4]
    assert len(tries) == 50


class Stubborn(Taken):
    """Waits although it is told not to."""

    def acquire(self, *, blocking: bool = True) -> bool:
        time.sleep(0.05)
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        await asyncio.sleep(50)
        return True


def test_a_limiter_that_waits_all_the_same_lets_nothing_be_sent_too_late() -> None:
    order = in_turn(RateLimiter.of(Stubborn()), (0.0, 20.0), (0.0, 80.0))
    assert order == [(0, None), (1, 51.0)]  # it asks when the first has done so for a second
    limiter = RateLimiter.of(Stubborn())
    drive(passer(limiter, 0.0, time.monotonic() + 0.02, name="late", order=order), HTTP)
    drive(passer(limiter, 0.0, time.monotonic() + 5.0, name="in time", order=order), HTTP)
    assert order[2:] == [("late", None), ("in time", pytest.approx(0.05, abs=0.05))]
    assert not limiter._bucket.unanswered


def test_while_one_asks_langchains_limiter_the_next_sleeps_and_is_woken_when_it_has_done() -> None:
    limiter = RateLimiter.of(Taken())
    first, second = (limiter.join(0, 0) for _ in range(2))
    assert limiter.nap(first, 0) == 0
    assert limiter.nap(second, 0) == pytest.approx(1)
    assert limiter.nap(second, 0.9) == pytest.approx(0.1)
    second.bell.wait(0)  # rung before, as it became the next one
    limiter.leave(first, passes=True)
    started = time.monotonic()
    second.bell.wait(5)
    assert time.monotonic() - started < 1
    assert limiter.nap(second, 0.9) == 0


class Timed(Taken):
    """Lets one pass every so many seconds of virtual time; knows when it was asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.next, self.asked = seconds, seconds, []

    async def aacquire(self, *, blocking: bool = True) -> bool:
        now = asyncio.get_running_loop().time()
        self.asked.append(round(now, 3))
        if now < self.next - 1e-6:
            return False
        self.next = now + self.seconds
        return True


def test_where_langchains_limiter_lets_all_pass_nobody_waits() -> None:
    order = in_turn(RateLimiter.of(Timed(0.0)), *[()] * 5)
    assert order == [(n, 0) for n in range(5)]


def test_however_long_langchains_limiter_takes_it_is_asked_by_one_at_a_time() -> None:
    theirs = Timed(3.0)
    order = in_turn(RateLimiter.of(theirs), *[()] * 4)
    assert order == [(n, pytest.approx(3 * n + 3)) for n in range(4)]
    most = max(theirs.asked.count(at) for at in theirs.asked)
    assert most == 2, "who has passed and the next one"


def test_a_deadline_is_kept_however_long_langchains_limiter_refuses(world: World) -> None:
    class Never(Taken):
        def acquire(self, *, blocking: bool = True) -> bool:
            self.tries.append("sync")
            assert len(self.tries) < 1000, "which ends a test that would not end"
            return False

    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    client = ApilaplasClient(api_key=KEY, http_client=http, rate_limiter=Never())
    with pytest.raises(RateLimitError, match="It was not its turn to be sent in the time given"):
        client.generate(timeout=0.125, **ARGS)
    assert world.sandbox.received == []
    assert world.time - 1_800_000_000 == pytest.approx(0.125, abs=1e-3)


def test_a_limiter_that_is_broken_stops_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Taken):
        def acquire(self, *, blocking: bool = True) -> bool:
            raise OSError("no Redis")

    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    client = ApilaplasClient(api_key=KEY, http_client=http, rate_limiter=Broken())
    assert client.generate(**ARGS).status is Status.COMPLETED
    assert "The rate limiter raised" in caplog.text


def test_one_that_is_broken_for_tasks_stops_nothing_either() -> None:
    class Broken(Taken):
        async def aacquire(self, *, blocking: bool = True) -> bool:
            raise OSError("no Redis")

    assert in_turn(RateLimiter.of(Broken()), (0.0, 1.0), (0.0, 1.0)) == [(0, 0), (1, 0)]


@pytest.mark.parametrize("given", [5, "fast", threading.Lock(), RateLimiter, InMemoryRateLimiter])
def test_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(SettingsError, match=r"rate_limiter must be a RateLimiter, or a BaseRate"):
        ApilaplasClient(api_key=KEY, rate_limiter=given)


@pytest.mark.parametrize("bad", [{"requests_per_second": 0}, {"burst": 0.5}, {"burst": "a"},
                                 {"requests_per_second": "x"}, {"requests_per_second": True},
                                 {"requests_per_second": float("nan")}])  # fmt: skip
def test_a_rate_is_positive(bad: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="more than 0, burst at least 1"):
        RateLimiter(**bad)


# --- of tools ---


def test_the_tools_of_a_toolkit_and_their_clients_share_one_limiter() -> None:
    limiter = RateLimiter(5)
    [generate, get] = ApilaplasVideoToolkit(api_key=KEY, rate_limiter=limiter).get_tools()
    for tool in (generate, get):
        account = tool._account  # type: ignore[attr-defined]
        assert account.blocking().rate_limiter is limiter
        assert account.awaited().rate_limiter is limiter
    [generate, get] = ApilaplasVideoToolkit(api_key=KEY).get_tools()
    assert generate._account.blocking().rate_limiter is get._account.awaited().rate_limiter  # type: ignore[attr-defined]


def test_a_tools_limiter_comes_before_its_clients() -> None:
    limiter = RateLimiter(5)
    client = ApilaplasClient(api_key=KEY, rate_limiter=RateLimiter(1))
    tool = ApilaplasGenerateVideo(client=client, rate_limiter=limiter)
    assert tool._account.blocking().rate_limiter is limiter
    assert client.rate_limiter is not limiter
    kept = ApilaplasGenerateVideo(client=client)
    assert kept._account.blocking().rate_limiter is client.rate_limiter


def test_a_tool_takes_langchains_limiter_too() -> None:
    tool = ApilaplasGenerateVideo(api_key=KEY, rate_limiter=InMemoryRateLimiter())
    assert isinstance(tool._account.blocking().rate_limiter, RateLimiter)
    with pytest.raises(SettingsError, match="rate_limiter must be"):
        ApilaplasGenerateVideo(api_key=KEY, rate_limiter=7)


# --- the sandbox's own bound; the proof in short ---


def test_the_sandbox_takes_so_many_in_any_second(world: World) -> None:
    world.sandbox.requests_per_second = 2
    http = httpx.Client(transport=httpx.MockTransport(world.answer), base_url="https://a")
    path = "/v2/generate/video/runway/generation?generation_id=x"

    def ask() -> httpx.Response:
        return http.get(path, headers={"Authorization": "Bearer a"})

    assert [ask().status_code for _ in range(3)] == [404, 404, 429]
    world.time += 0.6
    refused = ask()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    world.time += 0.4
    assert ask().status_code == 404


def test_a_crowd_at_a_gateway_that_takes_few_finishes_without_a_failed_job() -> None:
    result = many.prove(jobs=150, rate=10, concurrency=150)
    assert (result.done, result.paid, result.failed) == (150, 150, {})
    assert len(result.refused) < 150
    assert many.peak([t for t in result.sent if t > 1]) <= 13
    assert result.seconds < 120


def test_a_client_that_knows_the_bound_is_never_refused() -> None:
    result = many.prove(jobs=100, rate=10, concurrency=100, limiter=RateLimiter(9, burst=1))
    assert (result.done, result.paid, result.refused) == (100, 100, [])


def test_trouble_of_another_kind_slows_nobody_down(world: World) -> None:
    world.sandbox.order(http_error(503, on="fetch", times=4))
    made = world.client.submit(**ARGS)
    with pytest.raises(GatewayError):
        world.client.get(made.id)
    assert world.client.rate_limiter.is_open


def test_the_sandbox_alone_has_no_bound() -> None:
    assert Sandbox().requests_per_second == INF
