"""Jobs as a client's user meets them: keys, unknown outcomes, restarts, budgets, cancellation."""

import asyncio
import dataclasses
import logging
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_apilaplas import (
    ApilaplasClient,
    AsyncApilaplasClient,
    Budget,
    Job,
    MemoryLedger,
    Origin,
    SqliteLedger,
    State,
    Status,
    VideoModel,
    VideoRequest,
    get_model,
)
from langchain_apilaplas.errors import (
    ApilaplasError,
    AuthenticationError,
    BudgetError,
    Charged,
    GatewayError,
    GenerationFailedError,
    InvalidRequestError,
    LedgerError,
    NotFoundError,
    SettingsError,
    StillRenderingError,
    UnknownOutcomeError,
)
from langchain_apilaplas.ledger import Claim, owners
from langchain_apilaplas.responses import Reader
from langchain_apilaplas.sandbox import (
    Sandbox,
    Server,
    dropped,
    endless,
    failed_generation,
    garbage,
    http_error,
    slow,
)
from langchain_apilaplas.wire import Wire
from tests.conftest import KEY, World

URL = "https://example.com/cat.jpg"
ARGS = {"image": URL, "prompt": "The cat yawns"}


class User:
    """A client in either world, as plain functions; `again()` is one after a restart."""

    def __init__(self, world: World, kind: str, path: Path, **options: Any) -> None:
        self._world, self._kind, self._path = world, kind, path
        asynchronous = kind == "async"
        transport = httpx.MockTransport(world.answer)
        http: Any = (httpx.AsyncClient if asynchronous else httpx.Client)(transport=transport)
        self.ledger = SqliteLedger(path, clock=world.now)
        settings = {"api_key": KEY, "http_client": http, "ledger": self.ledger, **options}
        self.client: Any = (AsyncApilaplasClient if asynchronous else ApilaplasClient)(**settings)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)
        if self._kind == "sync":
            return method  # type: ignore[no-any-return]

        async def call(*args: Any, **values: Any) -> Any:
            return await method(*args, **values)

        return lambda *args, **values: asyncio.run(call(*args, **values))

    def again(self, **options: Any) -> "User":
        return User(self._world, self._kind, self._path, **options)

    def only(self) -> Job:
        [job] = self.jobs(*State)
        return job


@pytest.fixture(params=["sync", "async"])
def user(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> User:
    return User(world, request.param, tmp_path / "ledger.db")


def creates(world: World) -> int:
    return [call.kind for call in world.sandbox.received].count("create")


def fetches(world: World) -> int:
    return [call.kind for call in world.sandbox.received].count("fetch")


# --- one job per key ---


def test_the_same_key_gets_the_same_video_and_is_answered_at_once(user: User, world: World) -> None:
    first = user.generate(key="k", **ARGS)
    looks = fetches(world)
    again = user.again().generate(key="k", **ARGS)
    assert (again.id, again.video.url) == (first.id, first.video.url)
    assert (creates(world), fetches(world)) == (1, looks)


def test_without_a_key_each_call_makes_a_video_of_its_own(user: User, world: World) -> None:
    assert user.generate(**ARGS).id != user.generate(**ARGS).id
    assert creates(world) == 2


def test_a_video_whose_link_expired_is_asked_for_again(user: User, world: World) -> None:
    first = user.generate(key="k", **ARGS)
    world.time += 86_400
    again = user.again().generate(key="k", **ARGS)
    assert again.id == first.id
    assert again.video.expires_at > world.now()
    assert creates(world) == 1
    assert user.only().url == again.video.url


def test_a_submitted_key_is_attached_to_and_looked_at_at_once(user: User, world: World) -> None:
    submitted = user.submit(key="k", **ARGS)
    world.time += 100
    world.slept.clear()
    done = user.again().generate(key="k", **ARGS)
    assert (done.id, world.slept) == (submitted.id, [0.0])
    assert user.again().submit(key="k", **ARGS).id == submitted.id
    assert creates(world) == 1


def test_a_key_that_failed_fails_again_without_being_asked(user: User, world: World) -> None:
    world.sandbox.order(failed_generation("Flagged"))
    for one in (user, user.again()):
        with pytest.raises(GenerationFailedError, match="Flagged") as failed:
            one.generate(key="k", **ARGS)
        assert failed.value.charged is Charged.YES
    assert creates(world) == 1


def test_a_key_that_was_refused_may_be_sent_again(user: User, world: World) -> None:
    world.sandbox.order(http_error(401))
    with pytest.raises(AuthenticationError):
        user.generate(key="k", **ARGS)
    assert user.only().state is State.ABANDONED
    assert user.again().generate(key="k", **ARGS).status is Status.COMPLETED
    assert len(world.sandbox.accepted) == 1


def test_a_key_names_one_request_only(user: User, world: World) -> None:
    first = user.submit(key="k", **ARGS)
    with pytest.raises(InvalidRequestError, match="names another request") as told:
        user.submit(key="k", image=URL, prompt="The cat purrs")
    assert first.id in str(told.value)
    assert creates(world) == 1


def test_what_is_recorded_holds_no_key_and_no_bytes(user: User, world: World) -> None:
    picture = (Path(__file__).parent.parent / "examples" / "rocket.jpg").read_bytes()
    user.generate(key="k", image=picture, prompt="Go")
    user.ledger.close()
    content = b"".join(f.read_bytes() for f in user.ledger.path.parent.iterdir() if f.is_file())
    assert b"The cat" not in content
    assert b'"prompt": "Go"' in content
    assert KEY.encode() not in content
    assert b"base64" not in content
    assert len(content) < 100_000


# --- nobody knows ---


TROUBLES = [
    http_error(500),
    http_error(502, html=True),
    dropped(accepted=True),
    garbage(on="create"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=["500", "502", "dropped", "garbage"])
def test_an_unknown_outcome_is_reported_by_every_later_call(
    user: User, world: World, trouble: Any
) -> None:
    world.sandbox.order(trouble)
    for one in (user, user.again(), user.again()):
        with pytest.raises(UnknownOutcomeError) as told:
            one.generate(key="k", **ARGS)
        assert (told.value.charged, told.value.key) == (Charged.UNKNOWN, "k")
        assert "Do not call generate_video again" in str(told.value)
    assert "This very request was submitted before, at 2027-01-15" in str(told.value)
    assert creates(world) == 1
    [job] = user.jobs()
    assert (job.key, job.state) == ("k", State.UNKNOWN)


def test_a_person_finds_the_generation_and_the_next_call_waits_for_it(
    user: User, world: World
) -> None:
    world.sandbox.order(dropped(accepted=True))
    with pytest.raises(UnknownOutcomeError):
        user.generate(key="k", **ARGS)
    [generation_id] = world.sandbox._jobs
    assert user.resolve("k", generation_id=generation_id).state is State.SUBMITTED
    assert user.again().generate(key="k", **ARGS).id == generation_id
    assert creates(world) == 1


def test_a_person_finds_none_and_the_next_call_submits(user: User, world: World) -> None:
    world.sandbox.order(dropped())
    with pytest.raises(UnknownOutcomeError):
        user.generate(key="k", **ARGS)
    assert user.resolve("k", submitted=False).state is State.ABANDONED
    assert user.again().generate(key="k", **ARGS).status is Status.COMPLETED
    assert len(world.sandbox.accepted) == 1


@pytest.mark.parametrize("how", [{}, {"generation_id": "g", "submitted": False}])
def test_resolving_needs_one_answer(user: User, how: Any) -> None:
    with pytest.raises(SettingsError, match=r"takes generation_id=\.\.\., or submitted=False"):
        user.resolve("k", **how)


def test_resolving_what_nobody_knows_says_so(user: User) -> None:
    with pytest.raises(NotFoundError, match="no job 'k'"):
        user.resolve("k", submitted=False)


def test_resubmitting_is_the_developers_choice_and_happens_once(user: User, world: World) -> None:
    world.sandbox.order(dropped(), http_error(502))
    bold = user.again(on_unknown="resubmit")
    for _ in range(3):
        with pytest.raises(UnknownOutcomeError):
            bold.generate(key="k", **ARGS)
    assert creates(world) == 2
    bold.resolve("k", submitted=False)
    assert bold.generate(key="k", **ARGS).status is Status.COMPLETED
    assert len(world.sandbox.accepted) == 1


@pytest.mark.parametrize("then", [http_error(401), None], ids=["refused", "over budget"])
def test_after_an_unknown_submit_nobody_says_that_nothing_was_charged(
    user: User, world: World, then: Any
) -> None:
    world.sandbox.order(*filter(None, [dropped(accepted=True), then]))
    budget = None if then else Budget(generations=1)
    bold = user.again(on_unknown="resubmit", budget=budget)
    for one in (bold, user.again()):
        with pytest.raises(UnknownOutcomeError) as told:
            one.generate(key="k", **ARGS)
        assert "Nothing was charged" not in str(told.value)
        assert told.value.key == "k"
    assert user.only().state is State.UNKNOWN


def test_the_policy_has_two_words() -> None:
    with pytest.raises(SettingsError, match="on_unknown must be 'report' or 'resubmit'"):
        ApilaplasClient(api_key=KEY, on_unknown="retry")  # type: ignore[arg-type]


# --- another process, another day ---


def test_the_ledger_knows_the_model_of_an_id(user: User, world: World) -> None:
    made = user.submit(model="veo2", prompt="Waves")
    other = user.again()
    assert other.get(made.id).model == "veo2"
    assert other.get_many([made.id])[0].model == "veo2"
    done = other.wait(made.id)
    assert (done.model, done.status) == ("veo2", Status.COMPLETED)
    assert user.only().state is State.COMPLETED


def test_the_ledgers_word_on_the_model_comes_first(user: User) -> None:
    made = user.submit(model="veo2", prompt="Waves")
    assert user.wait(made.id, model="luma-ai/v2").model == "veo2"


def test_the_ledger_knows_who_was_called_on_the_universal_path(user: User, world: World) -> None:
    made = user.submit(model=get_model("veo2").universal(), prompt="Waves")
    user.again().wait(made.id)
    looks = [call.url for call in world.sandbox.received if call.kind == "fetch"]
    assert all("/v2/video/generations" in url for url in looks)
    made = user.submit(key="k", model="veo2", prompt="Waves", origin=Origin("t", "call-1"))
    assert user.again(universal=True).wait(made.id).status is Status.COMPLETED
    world.sandbox.received.clear()
    world.time += 86_400
    again = user.again(universal=True)
    args = {"model": "veo2", "prompt": "Waves", "origin": Origin("t", "call-1")}
    assert again.generate(key="k", **args).id == made.id
    assert "/v2/generate/video/google" in world.sandbox.received[-1].url


def test_all_open_jobs_are_picked_up_after_a_restart(user: User, world: World) -> None:
    world.sandbox.order(http_error(500))
    with pytest.raises(UnknownOutcomeError):
        user.submit(key="lost", **ARGS)
    world.sandbox.order(failed_generation("Flagged"))
    made = [user.submit(key=f"k{n}", **ARGS) for n in range(3)]
    done = user.generate(key="done", **ARGS)
    jobs = user.again().resume_all()
    assert [(job.key, job.state) for job in jobs] == [
        ("k0", State.ERROR),
        ("k1", State.COMPLETED),
        ("k2", State.COMPLETED),
        ("lost", State.UNKNOWN),
    ]
    assert [job.generation_id for job in jobs[:3]] == [generation.id for generation in made]
    assert jobs[0].error == "Flagged"
    assert str(jobs[1].url).startswith("https://")
    assert user.again().resume_all()[0].key == "lost"
    assert done.id not in {job.generation_id for job in jobs}
    assert creates(world) == 5


def test_resuming_ends_with_its_time_and_leaves_the_rest_open(user: User, world: World) -> None:
    world.sandbox.order(endless(), endless())
    for n in range(2):
        user.submit(key=f"k{n}", **ARGS)
    started = world.time
    assert [job.state for job in user.again().resume_all(timeout=100)] == [State.SUBMITTED] * 2
    assert world.time - started == pytest.approx(100)


def test_resuming_tells_of_its_progress(user: User, world: World) -> None:
    user.submit(**ARGS)
    told: list[Any] = []
    user.again().resume_all(on_progress=told.append)
    assert told[-1]["status"] == "completed"


def test_resuming_with_a_key_that_is_refused_says_so(user: User, world: World) -> None:
    user.submit(**ARGS)
    world.sandbox.api_key = "another"
    with pytest.raises(AuthenticationError):
        user.again().resume_all()


def test_jobs_are_listed_by_state_and_thread(user: User) -> None:
    user.submit(key="a", origin=Origin("t-1"), **ARGS)
    user.generate(key="b", origin=Origin("t-2"), **ARGS)
    assert [job.key for job in user.jobs()] == ["a"]
    assert [job.key for job in user.jobs("completed")] == ["b"]
    assert [job.key for job in user.jobs(State.COMPLETED, State.SUBMITTED, thread="t-1")] == ["a"]
    with pytest.raises(SettingsError, match="There is no state done; there are: intent, subm"):
        user.jobs("done")


def test_a_downloaded_file_is_noted(world: World, tmp_path: Path) -> None:
    user = User(world, "sync", tmp_path / "ledger.db")
    done = user.generate(key="k", **ARGS)
    saved = user.download(done, tmp_path)
    assert user.only().file == str(saved)


# --- budgets ---


def test_a_budget_of_generations_ends(user: User, world: World) -> None:
    careful = user.again(budget=Budget(generations=2))
    made = [careful.submit(key=f"k{n}", **ARGS) for n in range(2)]
    with pytest.raises(BudgetError) as told:
        careful.submit(key="k2", **ARGS)
    assert str(told.value) == (
        "The budget for this program does not allow another generation. Left: 0 of 2 generations. "
        "Nothing was charged. Do not call generate_video again; tell the user what is left."
    )
    assert careful.generate(key="k1", **ARGS).id == made[1].id  # that one is paid for
    assert creates(world) == 2
    assert {job.key for job in user.jobs(*State)} == {"k0", "k1"}


def test_what_was_not_accepted_costs_nothing_of_a_budget(user: User, world: World) -> None:
    careful = user.again(budget=Budget(generations=1))
    world.sandbox.order(http_error(401))
    with pytest.raises(AuthenticationError):
        careful.submit(**ARGS)
    careful.submit(**ARGS)
    with pytest.raises(BudgetError):
        careful.submit(**ARGS)


def test_an_unknown_outcome_counts_as_spent(user: User, world: World) -> None:
    careful = user.again(budget=Budget(generations=1))
    world.sandbox.order(http_error(500))
    with pytest.raises(UnknownOutcomeError):
        careful.submit(**ARGS)
    with pytest.raises(BudgetError):
        careful.submit(**ARGS)


def test_each_thread_has_a_budget_of_its_own(user: User) -> None:
    careful = user.again(budget=Budget(generations=1, per="thread"))
    for thread in ("a", "b"):
        careful.submit(origin=Origin(thread), **ARGS)
    with pytest.raises(BudgetError, match="for this conversation"):
        careful.submit(origin=Origin("a"), **ARGS)


def test_a_budget_per_process_begins_anew_with_the_process_and_per_thread_does_not(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    per_process, per_thread = Budget(generations=1), Budget(generations=1, per="thread")
    for process in ("a" * 32, "b" * 32):
        monkeypatch.setattr(owners, "process", lambda name=process: name)
        user.again(budget=per_process).submit(origin=Origin("t"), **ARGS)
        with pytest.raises(BudgetError):
            user.again(budget=per_process).submit(origin=Origin("t"), **ARGS)
    with pytest.raises(BudgetError):
        user.again(budget=per_thread).submit(origin=Origin("t"), **ARGS)
    user.again(budget=per_thread).submit(origin=Origin("other"), **ARGS)


def test_tokens_that_the_catalog_knows_count_before_the_server_tells(user: User) -> None:
    careful = user.again(budget=Budget(tokens=1_000_000))
    careful.submit(model="gen3a_turbo", image=URL)
    with pytest.raises(
        BudgetError, match=r"Left: 475,000 of 1,000,000 tokens \(one takes 525,000\)"
    ):
        careful.submit(model="gen3a_turbo", image=URL)
    assert careful.expected_usage("gen3a_turbo") == {"tokens_used": 525_000}
    assert careful.expected_usage() == {}


def test_two_calls_at_once_do_not_both_take_the_last_of_a_budget(world: World) -> None:
    client = ApilaplasClient(
        api_key=KEY,
        http_client=httpx.Client(transport=httpx.MockTransport(world.answer)),
        budget=Budget(generations=3),
    )

    def submit(_: int) -> bool:
        try:
            client.submit(**ARGS)  # type: ignore[arg-type]
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(submit, range(16))).count(True) == 3


# --- the ledger itself fails ---


class Broken(MemoryLedger):
    """A ledger that can be written only as long as it is told to."""

    works = True

    def _transaction(self, *, writes: bool = True) -> Any:
        if not self.works:
            raise LedgerError("The ledger x can't be used: disk full.")
        return super()._transaction(writes=writes)


class Breaking(Broken):
    """One that breaks as soon as the money may be spent."""

    def claim(self, *args: Any, **values: Any) -> Claim:
        claim = super().claim(*args, **values)
        self.works = claim.verdict != "ours"
        return claim


def test_a_ledger_that_can_not_be_written_stops_everything_before_money(
    user: User, world: World
) -> None:
    ledger = Broken()
    ledger.works = False
    with pytest.raises(LedgerError, match=r"disk full\. Nothing was charged\."):
        user.again(ledger=ledger).generate(**ARGS)
    assert creates(world) == 0


def test_a_ledger_that_breaks_after_money_loses_no_video(
    user: User, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Breaking()
    done = user.again(ledger=ledger).generate(key="k", **ARGS)
    assert done.status is Status.COMPLETED
    assert f"What became of generation {done.id} is not in the ledger. The ledger x" in caplog.text
    ledger.works = True
    assert user.again(ledger=ledger).generate(key="k", **ARGS).id == done.id
    assert creates(world) == 1


def test_a_ledger_that_can_not_be_read_hides_no_video(user: User, world: World) -> None:
    made = user.submit(**ARGS)
    ledger = Broken()
    ledger.works = False
    assert user.again(ledger=ledger).wait(made.id).status is Status.COMPLETED


def test_a_refusal_is_told_even_when_the_ledger_breaks(user: User, world: World) -> None:
    world.sandbox.order(http_error(401))
    with pytest.raises(AuthenticationError):
        user.again(ledger=Breaking()).generate(**ARGS)


# --- several at once, and those who leave ---


@pytest.fixture
def served() -> Iterator[Sandbox]:
    sandbox = Sandbox(seconds=0.4)
    with Server(sandbox):
        yield sandbox


@pytest.fixture
def connect(served: Sandbox, tmp_path: Path) -> dict[str, Any]:
    return {
        "api_key": KEY,
        "base_url": served.url,
        "poll_interval": 0.05,
        "ledger": tmp_path / "ledger.db",
    }


def test_threads_with_the_same_key_make_one_video(served: Sandbox, connect: dict[str, Any]) -> None:
    served.order(slow(0.2, on="create"))
    with ApilaplasClient(**connect) as client, ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: client.generate(key="k", **ARGS).id, range(4))  # type: ignore[arg-type]
        assert len(set(made)) == 1
    assert len(served.accepted) == 1


async def test_tasks_with_the_same_key_make_one_video(
    served: Sandbox, connect: dict[str, Any]
) -> None:
    served.order(slow(0.2, on="create"))
    async with AsyncApilaplasClient(**connect) as client:
        made = await asyncio.gather(*(client.generate(key="k", **ARGS) for _ in range(4)))  # type: ignore[arg-type]
    assert len({generation.id for generation in made}) == 1
    assert len(served.accepted) == 1


async def test_who_waits_for_anothers_submit_does_not_wait_for_ever(world: World) -> None:
    client = world.client
    world.ledger.claim(Job("k", client.settings.base_url, *_sent_of(ARGS)))
    with pytest.raises(GatewayError, match="still submitting this very request") as told:
        client.generate(key="k", timeout=30, **ARGS)  # type: ignore[arg-type]
    assert (told.value.charged, told.value.key) == (Charged.UNKNOWN, "k")
    assert sum(world.slept) == pytest.approx(30, abs=1)


def _sent_of(args: dict[str, Any]) -> tuple[str, str, dict[str, Any], str]:
    request = VideoRequest.check(get_model("runway/gen4_turbo"), args)
    return request.model.id, request.endpoint, request.summary, request.fingerprint


async def test_cancelling_while_it_renders_stops_at_once_and_the_next_call_attaches(
    served: Sandbox, connect: dict[str, Any]
) -> None:
    async with AsyncApilaplasClient(**{**connect, "poll_interval": 0.3}) as client:
        waiting = asyncio.create_task(client.generate(key="k", **ARGS))  # type: ignore[arg-type]
        await until(lambda: any(call.kind == "fetch" for call in served.received))
        looks = len(served.received)
        cancelled = time.monotonic()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert time.monotonic() - cancelled < 0.2
        assert len(served.received) == looks
        [job] = await client.jobs()
        assert job.state is State.SUBMITTED
        assert (await client.generate(key="k", **ARGS)).id == job.generation_id  # type: ignore[arg-type]
    assert len(served.accepted) == 1


async def test_a_submit_that_is_cancelled_is_answered_all_the_same(
    served: Sandbox, connect: dict[str, Any]
) -> None:
    served.order(slow(0.3, on="create"))
    async with AsyncApilaplasClient(**connect) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.generate(key="k", **ARGS), 0.15)  # type: ignore[arg-type]
        [job] = await client.jobs()
        assert job.state is State.SUBMITTED
        assert (await client.generate(key="k", **ARGS)).id == job.generation_id  # type: ignore[arg-type]
    assert len(served.accepted) == 1


async def test_a_cancelled_submit_that_was_refused_was_not_accepted(
    served: Sandbox, connect: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    served.api_key = "another"
    served.order(slow(0.3, on="create"))
    async with AsyncApilaplasClient(**connect) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.submit(key="k", **ARGS), 0.15)  # type: ignore[arg-type]
        [job] = await client.jobs(*State)
        assert job.state is State.ABANDONED


async def test_a_cancelled_submit_that_is_not_answered_soon_is_unknown(
    served: Sandbox, connect: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_apilaplas.sending._GRACE", 0.1)
    served.order(slow(1, on="create"))
    async with AsyncApilaplasClient(**connect) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.submit(key="k", **ARGS), 0.15)  # type: ignore[arg-type]
        [job] = await client.jobs()
        assert job.state is State.UNKNOWN
        assert job.error == "The call was cancelled before the answer came."


@pytest.mark.parametrize("seconds", [0.01, 60], ids=["the line breaks", "nobody answers"])
async def test_a_cancelled_submit_without_an_answer_ends_without_noise(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("langchain_apilaplas.sending._GRACE", 0.05)
    noise: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    arrived = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.sleep(seconds)
        raise httpx.ReadError("cut off")

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    client = AsyncApilaplasClient(api_key=KEY, http_client=http, ledger=MemoryLedger())
    task = asyncio.create_task(client.submit(key="k", **ARGS))  # type: ignore[arg-type]
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [job] = await client.jobs()
    assert job.state is State.UNKNOWN
    assert noise == []


async def test_cancelling_twice_does_not_wait(served: Sandbox, connect: dict[str, Any]) -> None:
    served.order(slow(2, on="create"))
    async with AsyncApilaplasClient(**connect) as client:
        task = asyncio.create_task(client.submit(key="k", **ARGS))  # type: ignore[arg-type]
        for _ in range(2):
            await asyncio.sleep(0.15)
            task.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 0.5
        [job] = await client.jobs()
        assert job.state is State.UNKNOWN


async def test_an_answer_after_the_second_cancellation_is_still_noted(
    served: Sandbox, connect: dict[str, Any]
) -> None:
    """As anyio cancels: again and again."""
    served.order(slow(0.6, on="create"))
    async with AsyncApilaplasClient(**connect) as client:
        await client.jobs()
        task = asyncio.create_task(client.submit(key="k", **ARGS))  # type: ignore[arg-type]
        for _ in range(2):
            await asyncio.sleep(0.15)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            while (await client.jobs())[0].state is not State.SUBMITTED:
                await asyncio.sleep(0.05)
    assert len(served.accepted) == 1


async def test_a_cancelled_duplicate_leaves_the_first_alone(
    served: Sandbox, connect: dict[str, Any]
) -> None:
    served.order(slow(0.6, on="create"))
    async with AsyncApilaplasClient(**connect) as client:
        first = asyncio.create_task(client.submit(key="k", **ARGS))  # type: ignore[arg-type]
        await until(lambda: len(served.received) == 1)
        held = threading.Event()
        assert client.ledger.thread
        client.ledger.thread.submit(held.wait)  # the ledger is busy for a moment
        second = asyncio.create_task(client.submit(key="k", **ARGS))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.wait([second])
        held.set()
        third = await client.submit(key="k", **ARGS)  # type: ignore[arg-type]
        assert third.id == (await first).id
    assert len(served.accepted) == 1


@pytest.mark.parametrize("where", ["read_submitted", "submit"])
def test_an_interruption_in_our_own_code_leaves_nobody_waiting(
    user: User, world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Reader if where == "read_submitted" else Wire, where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            user.submit(key="k", **ARGS)
    with pytest.raises(UnknownOutcomeError):
        user.submit(key="k", **ARGS)
    assert world.slept == []


def test_a_model_that_nobody_knows_any_more_is_told_and_left_open(user: User, world: World) -> None:
    row: VideoModel = get_model("veo2")
    own = dataclasses.replace(row, id="own", sends_model=False, constants=(("model", "veo2"),))
    made = user.submit(model=own, prompt="Waves")
    with pytest.raises(SettingsError, match="was made with own, which is not in the catalog"):
        user.again().wait(made.id)
    [job] = user.again().resume_all()
    assert (job.state, fetches(world)) == (State.SUBMITTED, 0)
    assert user.again().wait(made.id, model=own).status is Status.COMPLETED


async def test_cancelling_before_anything_left_leaves_nothing_open(
    served: Sandbox, connect: dict[str, Any]
) -> None:
    served.order(http_error(429, retry_after=20))
    async with AsyncApilaplasClient(**connect) as client:
        task = asyncio.create_task(client.submit(key="k", **ARGS))  # type: ignore[arg-type]
        await until(lambda: len(served.received) == 1)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        [job] = await client.jobs(*State)
        assert job.state is State.ABANDONED


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """A shell starts its background jobs with Ctrl-C switched off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_interrupting_a_submit_leaves_it_unknown(served: Sandbox, connect: dict[str, Any]) -> None:
    served.order(slow(5, on="create"))
    main = threading.main_thread().ident or 0

    def interrupt_while_it_waits() -> None:
        while not served.received:
            time.sleep(0.01)
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt_while_it_waits).start()
    with ApilaplasClient(**connect) as client:
        with pytest.raises(KeyboardInterrupt):
            client.submit(key="k", **ARGS)  # type: ignore[arg-type]
        [job] = client.jobs()
        assert job.state in (State.INTENT, State.UNKNOWN)
        with pytest.raises(UnknownOutcomeError):
            client.submit(key="k", **ARGS)  # type: ignore[arg-type]


async def test_a_busy_file_does_not_hold_up_the_event_loop(
    served: Sandbox, connect: dict[str, Any]
) -> None:
    async with AsyncApilaplasClient(**connect) as client:
        await client.jobs()
        with closing(sqlite3.connect(connect["ledger"], isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(client.generate(**ARGS))  # type: ignore[arg-type]
            gaps, last = [], time.monotonic()
            for _ in range(40):
                await asyncio.sleep(0.01)
                gaps.append(time.monotonic() - last)
                last = time.monotonic()
            assert served.received == []
            writer.execute("COMMIT")
        assert (await task).status is Status.COMPLETED
    assert max(gaps) < 0.2


async def until(happened: Callable[[], bool]) -> None:
    while not happened():
        await asyncio.sleep(0.01)


def test_a_wait_past_its_time_leaves_the_job_open(user: User, world: World) -> None:
    with pytest.raises(StillRenderingError):
        user.generate(key="k", timeout=10, **ARGS)
    assert user.only().state is State.SUBMITTED
    assert user.again().generate(key="k", **ARGS).status is Status.COMPLETED
    assert creates(world) == 1


def test_nothing_is_logged_but_what_happened(user: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "langchain_apilaplas")
    first = user.again(poll_interval=70).generate(key="k", **ARGS)
    user.again().generate(key="k", **ARGS)
    assert logged(caplog) == [
        f"Generation {first.id} submitted to runway/gen4_turbo",
        f"Generation {first.id} of runway/gen4_turbo finished after 70.0 s",
        f"Generation {first.id} is the one of this key already",
    ]


def test_what_failed_is_logged_with_its_reason(
    user: User, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "langchain_apilaplas")
    world.sandbox.order(http_error(401, message="Bad key"), failed_generation("Flagged"))
    for error in (AuthenticationError, GenerationFailedError):
        with pytest.raises(error) as failed:
            user.generate(**ARGS)
    assert logged(caplog) == [
        "A submit to runway/gen4_turbo failed: The gateway does not accept the API key "
        "(401: Bad key).",
        f"Generation {failed.value.generation_id} submitted to runway/gen4_turbo",
        f"Generation {failed.value.generation_id} of runway/gen4_turbo failed: Flagged",
    ]


def test_each_look_is_logged_for_who_debugs(
    user: User, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "langchain_apilaplas")
    made = user.submit(**ARGS)
    world.sandbox.order(http_error(502, on="fetch", retry_after=1))
    user.again(poll_interval=40).wait(made.id)
    user.get(made.id)
    assert logged(caplog)[1:] == [
        "A look failed after 0.0 s: The gateway answered with 502: Bad Gateway.",
        f"Generation {made.id} of runway/gen4_turbo: queued after 1.0 s",
        f"Generation {made.id} of runway/gen4_turbo: generating after 41.0 s",
        f"Generation {made.id} of runway/gen4_turbo: completed after 81.0 s",
        f"Generation {made.id} of runway/gen4_turbo finished after 81.0 s",
        f"Generation {made.id}: completed",
    ]
    assert KEY not in caplog.text


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "langchain_apilaplas"]


def test_the_package_is_silent_by_default(tmp_path: Path) -> None:
    program = """
import logging, warnings
from langchain_apilaplas import ApilaplasClient
from langchain_apilaplas.sandbox import Sandbox, Server, failed_generation
with Server(sandbox := Sandbox(seconds=0)):
    client = ApilaplasClient(api_key="x", base_url=sandbox.url, storage="/dev/null/x")
    with client:
        print(client.generate(model="veo2", prompt="Waves", on_progress=lambda _: 1 / 0).not_stored)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == (
        "[Errno 20] Not a directory: '/dev/null/x'\n",
        "",
    )


def test_every_error_here_is_ours() -> None:
    assert issubclass(LedgerError, ApilaplasError)
    assert issubclass(BudgetError, ApilaplasError)
