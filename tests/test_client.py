import asyncio
import gc
import logging
import os
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    AsyncApilaplasClient,
    Generation,
    ImageInput,
    Status,
)
from langchain_apilaplas.effects import Call
from langchain_apilaplas.errors import (
    AuthenticationError,
    GatewayError,
    InvalidRequestError,
    SettingsError,
    StillRenderingError,
    UnknownOutcomeError,
)
from langchain_apilaplas.ledger import State
from langchain_apilaplas.pools import Pools
from langchain_apilaplas.sandbox import Sandbox, Server, http_error, slow
from tests.conftest import KEY, ROCKET, World

URL = "https://example.com/cat.jpg"


def test_a_client_submits_gets_waits_and_generates(world: World) -> None:
    client = world.client
    submitted = client.submit(image=URL, prompt="Go", duration=5)
    assert submitted == Generation(submitted.id, Status.QUEUED, "runway/gen4_turbo")
    assert client.get(submitted.id).status is Status.QUEUED
    assert client.wait(submitted.id).status is Status.COMPLETED
    finished = client.generate(image=ROCKET, prompt="Go")
    assert finished.video is not None
    assert [body.get("duration") for body in world.sandbox.accepted] == [5, None]


async def test_the_async_client_does_the_same(world: World) -> None:
    client = world.async_client
    submitted = await client.submit(image=URL, prompt="Go", duration=5)
    assert (await client.get(submitted.id)).status is Status.QUEUED
    assert (await client.wait(submitted.id)).status is Status.COMPLETED
    finished = await client.generate(image=ROCKET, prompt="Go")
    assert finished.video is not None


def test_bad_arguments_raise_before_anything_is_sent(world: World) -> None:
    with pytest.raises(InvalidRequestError, match="duration: 7 is not allowed"):
        world.client.generate(image=URL, duration=7)
    assert world.sandbox.received == []


def test_the_callers_key_travels_and_a_fresh_one_otherwise(world: World) -> None:
    world.client.submit(image=URL, key="mine")
    world.client.submit(image=URL)
    world.client.submit(image=URL)
    keys = [call.headers["idempotency-key"] for call in world.sandbox.received]
    assert keys[0] == "mine"
    assert len(set(keys)) == 3


def test_progress_is_told_at_each_look(world: World) -> None:
    told: list[Any] = []
    finished = world.client.generate(image=URL, on_progress=told.append)
    assert told[0] == {
        "type": "video_progress",
        "generation_id": finished.id,
        "model": "runway/gen4_turbo",
        "status": "queued",
        "elapsed": 0.0,
        "expected": 65,
        "fraction": 0.0,
        "tool_call_id": None,
    }
    assert (told[-1]["status"], told[-1]["fraction"]) == ("completed", 1.0)
    assert len(told) == len(world.slept) + 1


def test_a_wait_ends_at_its_timeout_and_can_be_taken_up_again(world: World) -> None:
    with pytest.raises(StillRenderingError) as caught:
        world.client.generate(image=URL, timeout=20)
    assert caught.value.generation_id
    assert world.client.wait(caught.value.generation_id).status is Status.COMPLETED
    assert len(world.sandbox.accepted) == 1


def test_videos_are_downloaded_by_either_client(tmp_path: Path) -> None:
    sandbox = Sandbox(seconds=0)
    with (
        Server(sandbox),
        ApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0) as client,
    ):
        video = client.generate(image=ROCKET)
        path = client.download(video, tmp_path)

        async def fetch() -> Path:
            async with AsyncApilaplasClient(api_key=KEY, base_url=sandbox.url) as client:
                return await client.download(video, tmp_path / "other.mp4")

        assert asyncio.run(fetch()).read_bytes() == path.read_bytes()
    assert path.name == f"{video.id}.mp4"
    assert all("authorization" not in call.headers for call in sandbox.received)


# --- connections ---


def test_one_pool_serves_a_clients_life() -> None:
    sandbox = Sandbox(seconds=0)
    with (
        Server(sandbox),
        ApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0) as client,
    ):
        [pool] = client._pools._pools.values()
        client.generate(image=URL)
        with client:
            client.generate(image=URL)
        assert list(client._pools._pools.values()) == [pool]
        assert not pool.is_closed
    assert pool.is_closed


def test_a_client_outside_of_a_with_keeps_its_pool_until_it_is_closed() -> None:
    sandbox = Sandbox(seconds=0)
    with Server(sandbox):
        client = ApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0)
        client.generate(image=URL)
        [first] = client._pools._pools.values()
        client.generate(image=URL)
        assert list(client._pools._pools.values()) == [first]
        client.close()
        assert first.is_closed
        client.generate(image=URL)
        client.close()
    assert len(sandbox.accepted) == 3


def test_a_with_closes_what_was_open_before_it_too() -> None:
    sandbox = Sandbox(seconds=0)
    with Server(sandbox):
        client = ApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0)
        client.generate(image=URL)
        with client:
            client.generate(image=URL)
        assert client._pools._pools == {}


def test_connections_of_closed_event_loops_are_let_go() -> None:
    client = AsyncApilaplasClient(api_key=KEY, base_url="http://127.0.0.1:9", timeout=0.5)

    async def look() -> None:
        with pytest.raises(GatewayError):
            await client.submit(image=URL)

    for _ in range(3):
        asyncio.run(look())
    assert len(client._pools._pools) == 1


def test_no_call_under_way_loses_its_connection_to_a_with_that_ends() -> None:
    sandbox = Sandbox(seconds=0)
    sandbox.order(slow(0.3, on="create"))
    with Server(sandbox):
        client = ApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0)
        done: list[Any] = []
        with client:
            thread = threading.Thread(target=lambda: done.append(client.generate(image=URL)))
            thread.start()
            while not sandbox.received:
                time.sleep(0.01)
        thread.join()
    assert done[0].status is Status.COMPLETED


def test_a_result_is_not_lost_when_connections_close_badly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Closing(httpx.MockTransport):
        def close(self) -> None:
            raise RuntimeError("close failed")

    transport = Closing(world.sandbox.handle)
    client = ApilaplasClient(api_key=KEY)
    client._pools = Pools(None, lambda: httpx.Client(transport=transport))
    with client:
        assert client.generate(image=URL).status is Status.COMPLETED
    assert "close failed" in caplog.text


def test_the_callers_own_http_client_is_used_and_left_open(world: World) -> None:
    http = httpx.Client(transport=world.sandbox.transport(), headers={"X-Team": "films"})
    with ApilaplasClient(api_key=KEY, http_client=http) as client:
        client.submit(image=URL)
    assert world.sandbox.received[0].headers["x-team"] == "films"
    assert not http.is_closed
    http.close()
    with pytest.raises(SettingsError, match="HTTP client is closed"):
        client.submit(image=URL)


def test_each_event_loop_has_connections_of_its_own_and_none_are_left_behind() -> None:
    sandbox = Sandbox(seconds=0)
    with Server(sandbox), warnings.catch_warnings():
        warnings.simplefilter("error")
        client = AsyncApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0)

        async def generate() -> Status:
            async with client, client:
                return (await client.generate(image=URL)).status

        for _ in range(3):
            assert asyncio.run(generate()) is Status.COMPLETED
        gc.collect()
    assert client._pools._pools == {}


async def test_an_async_client_can_be_closed_without_a_with(world: World) -> None:
    client = AsyncApilaplasClient(api_key=KEY, base_url="http://127.0.0.1:9", timeout=0.5)
    with pytest.raises(GatewayError):
        await client.submit(image=URL)
    [pool] = client._pools._pools.values()
    await client.aclose()
    assert pool.is_closed


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTPS_PROXY", "foo://proxy"), ("SSL_CERT_FILE", "/nonexistent.pem")],
)
def test_an_environment_without_a_way_out_is_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("langchain_apilaplas.connected.tls", httpx.create_ssl_context)
    with (
        pytest.raises(SettingsError, match="No connections can be opened"),
        ApilaplasClient(api_key=KEY) as client,
    ):
        client.submit(image=URL)


# --- the caller's own http client ---


def test_a_client_of_the_other_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"must be an httpx.Client, not a httpx.AsyncClient"):
        ApilaplasClient(api_key=KEY, http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"must be an httpx.AsyncClient, not a builtins.str"):
        AsyncApilaplasClient(api_key=KEY, http_client="x")  # type: ignore[arg-type]


async def test_its_query_auth_and_hooks_do_not_get_in_the_way(world: World) -> None:
    def hook(response: httpx.Response) -> None:
        response.raise_for_status()

    async def ahook(response: httpx.Response) -> None:
        response.raise_for_status()

    options: dict[str, Any] = {
        "transport": world.sandbox.transport(),
        "params": {"team": "films"},
        "auth": ("user", "password"),
    }
    http = httpx.Client(**options, event_hooks={"response": [hook]})
    ahttp = httpx.AsyncClient(**options, event_hooks={"response": [ahook]})
    client = ApilaplasClient(api_key=KEY, http_client=http)
    aclient = AsyncApilaplasClient(api_key=KEY, http_client=ahttp)
    world.sandbox.api_key = KEY
    world.sandbox.order(http_error(429, times=2), http_error(502, on="fetch"))
    assert client.generate(image=URL).status is Status.COMPLETED
    assert (await aclient.generate(image=URL)).status is Status.COMPLETED
    assert "team=films" in world.sandbox.received[-1].url
    world.sandbox.order(http_error(400, times=2))
    with pytest.raises(InvalidRequestError, match="400"):
        client.submit(image=URL)
    with pytest.raises(InvalidRequestError, match="400"):
        await aclient.submit(image=URL)


# --- bad arguments never cost money ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timeout": -1}, "timeout must be a number of seconds, at least 0"),
        ({"timeout": None}, "timeout must be a number"),
        ({"timeout": float("nan")}, "timeout must be a number"),
        ({"key": "a\nb"}, "key must be"),
        ({"key": "ключ"}, "key must be"),
        ({"key": ""}, "key must be"),
        ({"model": "sora"}, "no model"),
    ],
)
def test_a_bad_argument_is_told_before_anything_is_sent(
    world: World, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        world.client.generate(image=URL, **arguments)
    assert world.sandbox.received == []


def test_a_dripping_answer_is_bounded(world: World) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b" "

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=drip()))
    client = ApilaplasClient(
        api_key=KEY, timeout=0.1, http_client=httpx.Client(transport=transport)
    )
    started = time.monotonic()
    with pytest.raises(UnknownOutcomeError, match="came too slowly"):
        client.submit(image=URL)
    assert time.monotonic() - started < 1


def test_a_refusal_whose_words_break_off_is_still_a_refusal(world: World) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise httpx.ReadError("reset")

    transport = httpx.MockTransport(lambda _: httpx.Response(401, content=broken()))
    client = ApilaplasClient(api_key=KEY, http_client=httpx.Client(transport=transport))
    with pytest.raises(AuthenticationError, match=r"\(401: half\)"):
        client.submit(image=URL)


def test_an_endless_answer_is_bounded(world: World) -> None:
    def flood() -> Iterator[bytes]:
        while True:
            yield bytes(1_000_000)

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=flood()))
    client = ApilaplasClient(api_key=KEY, http_client=httpx.Client(transport=transport))
    with pytest.raises(UnknownOutcomeError, match="too long"):
        client.submit(image=URL)


# --- secrets ---


def test_the_key_is_in_no_repr_log_or_traceback(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.sandbox.order(http_error(401, message=f"bad key {KEY}"))
    with pytest.raises(AuthenticationError) as caught:
        world.client.submit(image=URL)
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = [
        repr(world.client),
        repr(world.client.settings),
        "".join(trace.format()),
        caplog.text,
    ]
    assert not [text for text in shown if KEY in text]


class Photo(os.PathLike[str]):
    """A path that notes in which thread it is read."""

    def __init__(self, path: Path = ROCKET) -> None:
        self.path, self.threads = path, list[threading.Thread]()

    def __fspath__(self) -> str:
        self.threads.append(threading.current_thread())
        return str(self.path)


async def test_pictures_are_read_off_the_event_loop(world: World) -> None:
    photo, here = Photo(), threading.current_thread()
    await world.async_client.submit(image=photo)
    assert here not in photo.threads
    assert len(world.sandbox.accepted) == 1


async def test_a_hundred_pictures_do_not_take_a_hundred_threads(world: World) -> None:
    photo = Photo()
    await asyncio.gather(*(world.async_client.submit(image=photo) for _ in range(100)))
    assert len(world.sandbox.accepted) == 100
    assert len(set(photo.threads)) <= 32


async def test_a_tool_reads_pictures_off_the_event_loop_too(world: World) -> None:
    threads = []

    class Graph:
        config, tool_call_id = None, "c-1"

        @property
        def state(self) -> Any:
            threads.append(threading.current_thread())
            return [HumanMessage([{"type": "image", "url": URL}])]

    tool = ApilaplasGenerateVideo(async_client=world.async_client)
    await tool._arun(image="attached:1", runtime=Graph())
    assert world.sandbox.accepted
    assert threads
    assert threading.current_thread() not in threads


def test_a_thread_is_needed_for_pictures_only(world: World) -> None:
    photo, here = Photo(), threading.current_thread()
    world.client.submit(image=photo)
    assert set(photo.threads) == {here}
    calls = world.client._calls
    for values in (
        {"image": URL},
        {"image": "video:g-1:last"},
        {"prompt": "Go", "model": "veo2"},
    ):
        asked = dict(values)
        first = next(calls.submit(None, asked.pop("model", None), None, None, asked))
        assert not isinstance(first, Call)
    for image in (ROCKET, str(ROCKET), ROCKET.read_bytes(), ImageInput.of(ROCKET)):
        flow = calls.submit(None, None, None, None, {"image": image})
        assert isinstance(next(flow), Call)


async def test_a_picture_that_can_not_be_sent_is_told_before_anything_is(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "none.jpg").write_bytes(b"x")
    for image in (b"x", tmp_path / "none.jpg", "nope.jpg"):
        with pytest.raises(InvalidRequestError, match="image: "):
            world.client.submit(image=image, duration=5)
        with pytest.raises(InvalidRequestError, match="image: "):
            await world.async_client.generate(image=image, duration=5)
    assert not world.sandbox.received
    assert world.client.jobs(*State) == []
