import asyncio
import gc
import logging
import traceback
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_apilaplas import ApilaplasClient, AsyncApilaplasClient, Generation, Status
from langchain_apilaplas.errors import (
    AuthenticationError,
    InvalidRequestError,
    SettingsError,
    StillRenderingError,
)
from langchain_apilaplas.sandbox import Sandbox, Server, http_error
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
    }
    assert told[-1]["status"] == "completed"
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
        pool = client._pools.use(None)
        client.generate(image=URL)
        with client:
            client.generate(image=URL)
        assert client._pools.use(None) is pool
        assert not pool.is_closed
    assert pool.is_closed


def test_a_client_may_be_used_again_after_it_was_closed(world: World) -> None:
    client = ApilaplasClient(api_key=KEY)
    first = client._pools.use(None)
    client.close()
    second = client._pools.use(None)
    client.close()
    assert first.is_closed
    assert second is not first


def test_the_callers_own_http_client_is_used_and_left_open(world: World) -> None:
    http = httpx.Client(transport=world.sandbox.transport(), headers={"X-Team": "films"})
    with ApilaplasClient(api_key=KEY, http_client=http) as client:
        client.submit(image=URL)
    assert world.sandbox.received[0].headers["x-team"] == "films"
    assert not http.is_closed
    http.close()
    with pytest.raises(SettingsError, match="http_client given to this client is closed"):
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
    client = AsyncApilaplasClient(api_key=KEY)
    pool = client._pools.use(asyncio.get_running_loop())
    await client.aclose()
    assert pool.is_closed


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
