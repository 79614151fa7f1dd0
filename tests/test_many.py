"""Many at once: generate_many, a tool's batch, one client for several threads."""

import asyncio
import gc
import threading
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    AsyncApilaplasClient,
    MemoryLedger,
    Origin,
    Outcome,
    RateLimiter,
    SqliteLedger,
    State,
    Status,
    VideoRequest,
    get_model,
)
from langchain_apilaplas.errors import (
    ApilaplasError,
    AuthenticationError,
    Charged,
    GenerationFailedError,
    InvalidRequestError,
    SettingsError,
)
from langchain_apilaplas.sandbox import Sandbox, Server, failed_generation, http_error, slow
from tests.conftest import KEY
from tests.proofs import virtual

VEO: dict[str, Any] = {"model": "veo2"}


def scenes(count: int) -> list[dict[str, Any]]:
    return [{**VEO, "prompt": f"Scene {n}"} for n in range(count)]


class Stage:
    """A sandbox on virtual time, and clients of it that share a ledger."""

    def __init__(self) -> None:
        self.loop: Any = None
        self.sandbox = Sandbox(seconds=60, clock=lambda: 1_800_000_000 + self.loop.time())
        self.ledger: Any = MemoryLedger()
        self.most_at_once = self.at_once = 0
        self.latency = 0.1

    def client(self, **options: Any) -> AsyncApilaplasClient:
        async def answer(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(self.latency)
            return self.sandbox.handle(request)

        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        return AsyncApilaplasClient(api_key=KEY, http_client=http, ledger=self.ledger, **options)

    def run(self, main: Any) -> Any:
        async def begin() -> Any:
            self.loop = asyncio.get_running_loop()
            return await main

        return virtual.run(begin())

    def all(self, requests: Any, **options: Any) -> list[Outcome]:
        async def main() -> list[Outcome]:
            return [o async for o in self.client().generate_many(requests, **options)]

        return self.run(main())  # type: ignore[no-any-return]


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- outcomes ---


def test_each_request_has_an_outcome_in_the_order_of_completion(stage: Stage) -> None:
    async def requests() -> AsyncIterator[Any]:
        yield {**VEO, "prompt": "Scene 0"}
        yield VideoRequest.check(get_model("veo2"), {"prompt": "Scene 1"})

    outcomes = stage.all(requests())
    assert sorted(outcome.index for outcome in outcomes) == [0, 1]
    assert all(o.generation and o.generation.status is Status.COMPLETED for o in outcomes)
    assert len({outcome.key for outcome in outcomes}) == 2
    assert {o.key for o in outcomes} == {job.key for job in stage.ledger.jobs(URL, State)}
    by_index = {o.index: o for o in outcomes}
    assert by_index[0].request == {**VEO, "prompt": "Scene 0"}
    assert {body["prompt"] for body in stage.sandbox.accepted} == {"Scene 0", "Scene 1"}


URL = "https://api.apilaplas.com"


def test_what_is_done_first_comes_first(stage: Stage) -> None:
    done = stage.ledger  # a key whose job is finished is answered at once
    stage.all([{**VEO, "prompt": "Old", "key": "old"}])
    outcomes = stage.all([*scenes(2), {**VEO, "prompt": "Old", "key": "old"}])
    assert outcomes[0].key == "old"
    assert len(stage.sandbox.accepted) == 3
    assert len(done.jobs(URL, State)) == 3


def test_one_that_fails_stops_nothing(stage: Stage) -> None:
    stage.sandbox.order(failed_generation("Flagged"), http_error(401))
    bad: list[Any] = [{**VEO}, {"model": "sora", "prompt": "x"}, 7, {1: 2}, {**VEO, "key": "a b"}]
    outcomes = stage.all([*scenes(4), *bad])
    errors = {o.index: o.error for o in outcomes if o.error}
    kinds = Counter(type(error) for error in errors.values())
    assert kinds == {
        GenerationFailedError: 1,
        AuthenticationError: 1,
        InvalidRequestError: 3,
        SettingsError: 2,
    }
    assert "prompt: missing" in str(errors[4])
    assert str(errors[6]) == (
        "requests[6] must be a dict or a VideoRequest. Nothing was charged. Correct this and call "
        "again."
    )
    assert [errors[n].charged for n in (4, 5, 6, 7, 8)] == [Charged.NO] * 5
    assert len([o for o in outcomes if o.generation]) == 2
    assert len({o.key for o in outcomes}) == 9
    assert [o.key for o in outcomes if o.index == 8] == ["a b"]
    assert len(stage.sandbox.accepted) == 3


def test_an_error_of_no_kind_that_is_known_is_an_outcome_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = AsyncApilaplasClient.generate

    async def generate(client: Any, *args: Any, **values: Any) -> Any:
        if values["prompt"] == "Scene 1":
            raise ZeroDivisionError
        return await real(client, *args, **values)

    monkeypatch.setattr(AsyncApilaplasClient, "generate", generate)
    outcomes = {o.index: o for o in stage.all(scenes(3))}
    error = outcomes[1].error
    assert isinstance(error, ApilaplasError)
    assert (error.charged, type(error.__cause__)) == (Charged.UNKNOWN, ZeroDivisionError)
    assert outcomes[0].generation
    assert "An unexpected error in generate_many" in caplog.text


def test_a_row_that_can_not_be_read_is_an_outcome_too(stage: Stage) -> None:
    class Row(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise OSError("the connection was lost")

    outcomes = stage.all([Row(prompt="x"), *scenes(2)], concurrency=1)
    assert [o.index for o in outcomes if o.generation] == [1, 2]
    assert isinstance(outcomes[0].error, ApilaplasError)
    assert len(stage.sandbox.accepted) == 2


class Ended(BaseException):
    """As pytest's or gevent's are, no Exception."""


@pytest.mark.parametrize("where", ["source", "listener"])
def test_what_ends_a_program_ends_the_iteration_too(stage: Stage, where: str) -> None:
    def requests() -> Iterator[Any]:
        yield from scenes(2)
        if where == "source":
            raise Ended

    def listener(_: Any) -> None:
        if where == "listener":
            raise Ended

    with pytest.raises(Ended):
        stage.all(requests(), on_progress=listener)


def test_nothing_is_begun_once_the_iteration_is_left(stage: Stage) -> None:
    async def requests() -> AsyncIterator[Any]:
        for scene in scenes(1000):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                await asyncio.sleep(5)
            yield scene

    async def main() -> None:
        outcomes = stage.client().generate_many(requests(), concurrency=3)
        await anext(outcomes)
        begun = len(stage.sandbox.accepted)
        await outcomes.aclose()
        await asyncio.sleep(1000)
        assert len(stage.sandbox.accepted) == begun

    stage.run(main())


def test_a_source_that_breaks_is_told_when_all_is_done_that_was_begun(stage: Stage) -> None:
    def requests() -> Iterator[Any]:
        yield from scenes(2)
        raise OSError("the list ended badly")

    seen: list[Outcome] = []

    async def main() -> None:
        async for outcome in stage.client().generate_many(requests()):
            seen.append(outcome)

    with pytest.raises(OSError, match="ended badly"):
        stage.run(main())
    assert [outcome.error for outcome in seen] == [None, None]


def test_a_source_that_takes_its_time_is_asked_by_one_at_a_time(stage: Stage) -> None:
    async def requests() -> AsyncIterator[Any]:
        for scene in scenes(5):
            await asyncio.sleep(1)
            yield scene

    outcomes = stage.all(requests(), concurrency=3)
    assert [o.error for o in outcomes] == [None] * 5
    assert {o.index: o.request for o in outcomes} == dict(enumerate(scenes(5)))


def test_one_that_is_cancelled_from_outside_is_told_when_the_others_are_done(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, seen = stage.sandbox.handle, []

    def cancelled(request: httpx.Request) -> httpx.Response:
        if b"Scene 1" in request.content:
            raise asyncio.CancelledError
        return handle(request)

    monkeypatch.setattr(stage.sandbox, "handle", cancelled)

    async def main() -> None:
        async for outcome in stage.client().generate_many(scenes(3), concurrency=2):
            seen.append(outcome.index)

    with pytest.raises(RuntimeError, match="was cancelled from outside"):
        stage.run(main())
    assert seen == [0, 2]


def test_a_source_that_broke_once_is_not_asked_again(stage: Stage) -> None:
    class Source:
        taken = 0

        def __iter__(self) -> "Source":
            return self

        def __next__(self) -> Any:
            self.taken += 1
            if self.taken == 3:
                raise OSError("a row that can not be read")
            if self.taken == 9:
                raise StopIteration
            return {**VEO, "prompt": f"Scene {self.taken}"}

    source = Source()
    with pytest.raises(OSError, match="can not be read"):
        stage.all(source, concurrency=2)
    assert (source.taken, len(stage.sandbox.accepted)) == (3, 2)


@pytest.mark.parametrize(
    ("requests", "options", "words"),
    [
        ({"prompt": "x"}, {}, "requests must be a list of dicts"),
        ("x", {}, "requests must be a list of dicts"),
        (None, {}, "requests must be a list of dicts"),
        ([], {"concurrency": 0}, "concurrency must be a whole number from 1"),
        ([], {"concurrency": True}, "concurrency must be a whole number from 1"),
        ([], {"key": "a b"}, "key must be 1 to 255"),
        ([], {"key": ""}, "key must be 1 to 255"),
        ([], {"key": 5}, "key must be 1 to 255"),
        ([], {"key": "k" * 250}, "key must be 1 to 255"),
        ([], {"timeout": -1}, "timeout must be a number of seconds"),
    ],
)
def test_arguments_of_no_use_are_told_at_once(
    stage: Stage, requests: Any, options: Any, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        stage.client().generate_many(requests, **options)


def test_nothing_asked_for_is_nothing_done(stage: Stage) -> None:
    assert stage.all([]) == []


# --- how many at a time ---


def test_no_more_is_begun_than_there_are_requests(stage: Stage) -> None:
    async def main() -> int:
        outcomes = stage.client().generate_many(scenes(2), concurrency=1_000_000)
        first = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(1)
        tasks = len(asyncio.all_tasks())
        await first
        await outcomes.aclose()
        return tasks

    assert stage.run(main()) < 10


@pytest.mark.parametrize("origin", ["a", {"thread": "a"}, Origin(thread=5), Origin("a", {})])  # type: ignore[arg-type]
def test_an_origin_of_no_use_costs_nothing(stage: Stage, origin: Any) -> None:
    [outcome] = stage.all([{**VEO, "prompt": "A kite", "origin": origin}])
    assert isinstance(outcome.error, InvalidRequestError)
    assert str(outcome.error).startswith("origin: must be an Origin; its thread and tool_call are")
    assert stage.ledger.jobs(URL, State) == []


def test_requests_are_taken_as_there_is_room(stage: Stage) -> None:
    taken: list[int] = []

    def requests() -> Iterator[Any]:
        for n, scene in enumerate(scenes(10)):
            taken.append(n)
            yield scene

    async def main() -> None:
        outcomes = stage.client().generate_many(requests(), concurrency=3)
        first = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(30)
        assert len(taken) == len(stage.sandbox.accepted) == 3
        await first
        await outcomes.aclose()

    stage.run(main())


def test_a_slow_consumer_holds_up_what_is_begun(stage: Stage) -> None:
    async def main() -> None:
        outcomes = stage.client().generate_many(iter(scenes(50)), concurrency=3)
        await anext(outcomes)
        await asyncio.sleep(10_000)
        assert len(stage.sandbox.accepted) == 7  # one taken, three in the queue, three at its door
        assert len([outcome async for outcome in outcomes]) == 49

    stage.run(main())
    assert len(stage.sandbox.accepted) == 50


def test_who_has_not_been_sent_when_it_is_cancelled_never_is(stage: Stage) -> None:
    async def main() -> list[Any]:
        client, sent = stage.client(), stage.sandbox.accepted
        stage.latency = 1.0
        tasks = [
            asyncio.create_task(client.submit(**scene, key=f"k{n}"))
            for n, scene in enumerate(scenes(100))
        ]
        await asyncio.sleep(0.5)
        started = asyncio.get_running_loop().time()
        for task in tasks[90:]:
            task.cancel()
        await asyncio.wait(tasks[90:])
        assert asyncio.get_running_loop().time() == started
        await asyncio.gather(*tasks[:90])
        assert (await client.submit(**scenes(1)[0], key="k90")).id
        assert len(sent) == 91
        return [job.key for job in await client.jobs("abandoned")]

    assert stage.run(main()) == [f"k{n}" for n in range(91, 100)]


def test_a_server_that_is_slow_fails_nobody(stage: Stage) -> None:
    stage.latency = 20.0
    assert all(outcome.generation for outcome in stage.all(scenes(300), concurrency=300))


@pytest.mark.parametrize(("jobs", "held"), [(45, 45), (90, 45)])
def test_the_server_is_asked_to_hold_looks_of_half_a_crowd_at_most(
    stage: Stage, jobs: int, held: int
) -> None:
    luma = {"model": "luma-ai/v2", "prompt": "Go", "aspect_ratio": "1:1"}
    assert all(outcome.generation for outcome in stage.all([luma] * jobs))
    looks = [call.url for call in stage.sandbox.received if call.kind == "fetch"][:jobs]
    assert sum("state=" in url for url in looks) == held


def test_one_that_must_be_done_by_now_is_looked_at_first(stage: Stage) -> None:
    def clock() -> datetime:
        return datetime.fromtimestamp(1_800_000_000 + stage.loop.time(), UTC)

    stage.ledger = MemoryLedger(clock=clock)

    async def main() -> None:
        client = stage.client(rate_limiter=RateLimiter(1))
        old = await client.submit(**scenes(1)[0])
        await asyncio.sleep(200)
        young = await client.submit(**scenes(2)[1])
        await asyncio.gather(*(client.wait(made.id) for made in (young, old)))
        first = next(call for call in stage.sandbox.received if call.kind == "fetch")
        assert old.id in first.url

    stage.run(main())


def test_a_listener_that_raises_a_cancellation_loses_no_outcome(stage: Stage) -> None:
    def cancelled(_: Any) -> None:
        raise asyncio.CancelledError

    outcomes = stage.all(scenes(3), on_progress=cancelled)
    assert [outcome.error for outcome in outcomes] == [None] * 3


# --- again after a crash ---


def test_left_midway_and_run_again_nothing_is_paid_twice(stage: Stage, tmp_path: Path) -> None:
    stage.ledger = SqliteLedger(tmp_path / "jobs.db")

    async def main() -> list[Outcome]:
        first = []
        outcomes = stage.client().generate_many(scenes(12), concurrency=4, key="batch-7")
        async for outcome in outcomes:
            first.append(outcome)
            if len(first) == 5:
                break
        await outcomes.aclose()
        submitted = len(stage.sandbox.accepted)
        assert 5 < submitted < 12
        stage.ledger.close()
        stage.ledger = SqliteLedger(tmp_path / "jobs.db")  # another process
        again = stage.client().generate_many(scenes(12), concurrency=4, key="batch-7")
        second = {o.key: o async for o in again}
        for outcome in first:
            assert outcome.generation.id == second[outcome.key].generation.id  # type: ignore[union-attr]
        return list(second.values())

    outcomes = stage.run(main())
    stage.ledger.close()
    assert {o.key for o in outcomes} == {f"batch-7-{n}" for n in range(12)}
    assert [o.error for o in outcomes] == [None] * 12
    assert len(stage.sandbox.accepted) == 12


def test_a_key_of_its_own_comes_before_the_batchs(stage: Stage) -> None:
    outcomes = stage.all([{**scenes(1)[0], "key": "mine"}, scenes(1)[0]], key="b")
    assert {o.key for o in outcomes} == {"mine", "b-1"}


def test_leaving_the_iteration_ends_what_is_under_way_without_a_word() -> None:
    sandbox = Sandbox(seconds=0.3)
    with Server(sandbox), warnings.catch_warnings():
        warnings.simplefilter("error")

        async def main() -> int:
            async with AsyncApilaplasClient(
                api_key=KEY, base_url=sandbox.url, poll_interval=0.1
            ) as client:
                async for _ in client.generate_many(scenes(40), concurrency=10):
                    break
                await asyncio.sleep(0.5)
                running = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
                assert running == []
                known = await client.jobs(*State)
                assert {job.state for job in known} <= {State.SUBMITTED, State.COMPLETED}
                return len(known)

        known = asyncio.run(main())
        gc.collect()
    assert known == len(sandbox.accepted) < 40


def test_a_submit_under_way_is_still_noted_when_the_iteration_is_left() -> None:
    sandbox = Sandbox(seconds=0)
    sandbox.order(slow(0.6, on="create"))
    with Server(sandbox):

        async def main() -> list[Any]:
            client = AsyncApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0.1)
            async with client:
                outcomes = client.generate_many(scenes(2), concurrency=2)
                await anext(outcomes)
                await outcomes.aclose()
                return [job.state for job in await client.jobs(*State)]

        states = asyncio.run(main())
    assert sorted(states) == [State.COMPLETED, State.SUBMITTED]


async def test_over_http_against_a_gateway_that_takes_few() -> None:
    sandbox = Sandbox(seconds=0.5, requests_per_second=60)
    with Server(sandbox):
        async with AsyncApilaplasClient(
            api_key=KEY, base_url=sandbox.url, poll_interval=0.2
        ) as client:
            outcomes = [o async for o in client.generate_many(scenes(70), concurrency=70)]
    assert [o.error for o in outcomes] == [None] * 70
    assert len(sandbox.accepted) == 70


# --- a tool's batch ---


CALLS: list[Any] = [
    {"prompt": "One", "image": "https://example.com/1.jpg"},
    {"prompt": "Two", "image": "https://example.com/2.jpg", "duration": 7},
    {"prompt": "Three", "image": "https://example.com/3.jpg"},
    {"prompt": "Four", "image": "nonsense"},
    {"prompt": "Five", "image": "https://example.com/5.jpg"},
]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("handles", [True, False])
async def test_a_batch_of_a_tool_makes_each_its_own_video(
    apilaplas_sandbox: Sandbox, asynchronous: bool, handles: bool
) -> None:
    tool = ApilaplasGenerateVideo(handle_tool_error=handles)
    config = {"max_concurrency": 2}
    if asynchronous:
        answers = await tool.abatch(CALLS, config, return_exceptions=True)  # type: ignore[arg-type]
    else:
        answers = await asyncio.to_thread(tool.batch, CALLS, config, return_exceptions=True)  # type: ignore[arg-type]
    links = [str(answers[n]).split()[0] for n in (0, 2, 4)]
    assert len(set(links)) == 3
    assert all(link.startswith(apilaplas_sandbox.url) for link in links)
    assert "duration: 7 is not allowed" in str(answers[1])
    assert "image: 'nonsense'" in str(answers[3])
    assert [isinstance(answers[n], Exception) for n in (1, 3)] == [not handles] * 2
    assert sorted(body["user_prompt"] if "user_prompt" in body else body["prompt"]
                  for body in apilaplas_sandbox.accepted) == ["Five", "One", "Three"]  # fmt: skip


async def test_a_batch_of_tool_calls_gives_a_message_each(apilaplas_sandbox: Sandbox) -> None:
    tool = ApilaplasGenerateVideo()
    calls: list[Any] = [
        {"type": "tool_call", "id": str(n), "name": tool.name, "args": args}
        for n, args in enumerate(CALLS)
    ]
    heard: list[Any] = []

    class Handler(BaseCallbackHandler):
        def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            heard.append((data["tool_call_id"], data["generation_id"]))

    messages = await tool.abatch(calls, {"callbacks": [Handler()]})
    videos = [message for message in messages if message.status == "success"]
    assert set(heard) == {(v.tool_call_id, v.artifact["generation_id"]) for v in videos}
    assert [message.tool_call_id for message in messages] == ["0", "1", "2", "3", "4"]
    assert [message.status for message in messages] == [
        "success", "error", "success", "error", "success",
    ]  # fmt: skip
    assert len(apilaplas_sandbox.accepted) == 3


# --- one client, several threads ---


def test_threads_share_a_client_and_each_gets_its_own_video() -> None:
    sandbox = Sandbox(seconds=0.1)
    got: dict[int, Any] = {}
    with Server(sandbox):
        client = ApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0.05)

        def work(n: int) -> None:
            try:
                with client:  # which ends while the others are still at it
                    first = client.generate(model="veo2", prompt=f"Scene {n}", key=f"k{n}")
                got[n] = (first, client.get(first.id))
            except Exception as error:  # noqa: BLE001
                got[n] = error

        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        client.close()
    assert [n for n in range(16) if not isinstance(got[n], tuple)] == []
    assert len({first.id for first, _ in got.values()}) == len(sandbox.accepted) == 16
    assert all(first.id == second.id for first, second in got.values())
    prompts = {sandbox._jobs[first.id].body["prompt"]: n for n, (first, _) in got.items()}
    assert prompts == {f"Scene {n}": n for n in range(16)}


@pytest.mark.parametrize("in_file", [False, True])
def test_the_same_key_from_several_threads_is_submitted_once(in_file: bool, tmp_path: Path) -> None:
    sandbox = Sandbox(seconds=0.1)
    sandbox.order(slow(0.2, on="create"))
    got: list[Any] = []
    with Server(sandbox):
        ledger = SqliteLedger(tmp_path / "jobs.db") if in_file else MemoryLedger()
        client = ApilaplasClient(
            api_key=KEY, base_url=sandbox.url, poll_interval=0.05, ledger=ledger
        )
        ready = threading.Barrier(8)

        def work() -> None:
            ready.wait()
            got.append(client.generate(model="veo2", prompt="Waves", key="k").id)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        client.close()
        if isinstance(ledger, SqliteLedger):
            ledger.close()
    assert len(got) == 8
    assert len(set(got)) == len(sandbox.accepted) == 1
