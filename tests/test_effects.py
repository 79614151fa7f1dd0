import asyncio
import gzip
import json
import threading
import time
from typing import Any

import httpx
import pytest

from langchain_apilaplas.effects import Bell, Flow, Now, Progress, Report, Sleep, adrive, drive
from langchain_apilaplas.sending import Send

PROGRESS = Progress(
    type="video_progress",
    generation_id="x",
    model="m",
    status="queued",
    elapsed=0,
    expected=65,
    fraction=0,
    tool_call_id=None,
)


def client(answer: Any, **options: Any) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer), **options)


def aclient(answer: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer), **options)


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=dict(request.headers), headers={"Location": "/elsewhere"})


async def both(flow: Any, answer: Any) -> list[Any]:
    """The result of a flow under each driver."""
    return [drive(flow(), client(answer)), await adrive(flow(), aclient(answer))]


async def test_replies_come_back_into_the_flow() -> None:
    def flow() -> Flow[int]:
        response = yield Send(httpx.Request("GET", "https://a/"))
        yield Sleep(0)
        assert (yield Now()) == pytest.approx(time.monotonic(), abs=1)
        return response.status_code

    assert await both(flow, echo) == [200, 200]


async def test_failed_effects_are_thrown_into_the_flow() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    def flow() -> Flow[str]:
        try:
            yield Send(httpx.Request("GET", "https://a/"))
        except httpx.ConnectError as error:
            return f"caught {error}"
        return "nothing"

    assert await both(flow, refuse) == ["caught refused"] * 2


async def test_a_flow_is_closed_when_it_raises() -> None:
    closed = []

    def flow() -> Flow[None]:
        try:
            yield Sleep(0)
            raise KeyError("out")
        finally:
            closed.append(True)

    with pytest.raises(KeyError):
        drive(flow(), client(echo))
    with pytest.raises(KeyError):
        await adrive(flow(), aclient(echo))
    assert closed == [True, True]


async def test_cancelling_ends_a_sleeping_flow_at_once() -> None:
    closed = []

    def flow() -> Flow[None]:
        try:
            yield Sleep(60)
        finally:
            closed.append(True)

    task = asyncio.create_task(adrive(flow(), aclient(echo)))
    await asyncio.sleep(0.01)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [True]
    assert time.monotonic() - started < 0.5


async def test_a_bell_wakes_a_sleeper_from_anywhere() -> None:
    for ring in (lambda bell: bell.ring(), lambda bell: threading.Thread(target=bell.ring).start()):
        bell = Bell()
        sleeper = asyncio.create_task(Sleep(60, bell).arun(aclient(echo)))
        await asyncio.sleep(0.01)
        ring(bell)
        await asyncio.wait_for(sleeper, 5)


async def test_a_bell_that_rang_early_is_heard_once() -> None:
    bell = Bell()
    for _ in range(2):
        bell.ring()
    await asyncio.wait_for(bell.await_(60), 5)
    for _ in range(2):
        bell.ring()
    bell.wait(60)
    started = time.monotonic()
    bell.wait(0.05)
    await bell.await_(0.05)
    bell.wait(-1)
    assert time.monotonic() - started > 0.09


async def test_the_callers_default_headers_go_along_and_ours_win() -> None:
    request = httpx.Request("GET", "https://a/", headers={"Accept": "application/json"})
    options = {"headers": {"X-Team": "films", "Accept": "*/*"}}
    responses = [
        Send(request).run(client(echo, **options)),
        await Send(request).arun(aclient(echo, **options)),
    ]
    for response in responses:
        told = json.loads(response.content)
        assert told["x-team"] == "films"
        assert told["accept"] == "application/json"


async def test_the_callers_query_and_cookies_go_along_and_ours_wins() -> None:
    def seen(request: httpx.Request) -> httpx.Response:
        told = {"url": str(request.url), "cookie": request.headers["Cookie"]}
        return httpx.Response(200, json=told | {"body": request.content.decode()})

    request = httpx.Request("POST", "https://a/?id=1", content=b"paid")
    options: dict[str, Any] = {"params": {"team": "films", "id": "2"}, "cookies": {"way": "b"}}
    responses = [
        Send(request).run(client(seen, **options)),
        await Send(request).arun(aclient(seen, **options)),
    ]
    for response in responses:
        told = json.loads(response.content)
        assert told["url"] == "https://a/?team=films&id=1"
        assert (told["cookie"], told["body"]) == ("way=b", "paid")


def test_a_hook_of_the_callers_sees_the_body() -> None:
    seen: list[bytes] = []
    hooks = {"request": [lambda request: seen.append(request.content)]}
    send = Send(httpx.Request("POST", "https://a/", content=b"paid"))
    send.run(client(lambda _: httpx.Response(200), event_hooks=hooks))
    assert seen == [b"paid"]


async def test_a_packed_answer_is_unpacked_once() -> None:
    packed = gzip.compress(b'{"id": "g-1"}')

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed)

    send = Send(httpx.Request("GET", "https://a/"))
    for response in (send.run(client(answer)), await send.arun(aclient(answer))):
        assert response.content == b'{"id": "g-1"}'
        assert "Content-Encoding" not in response.headers


async def test_redirects_are_not_followed() -> None:
    def redirect(_: httpx.Request) -> httpx.Response:
        return httpx.Response(307, headers={"Location": "https://b/"})

    send = Send(httpx.Request("POST", "https://a/", content=b"paid"))
    assert send.run(client(redirect, follow_redirects=True)).status_code == 307
    assert (await send.arun(aclient(redirect, follow_redirects=True))).status_code == 307


async def test_a_listener_is_told_and_may_be_a_coroutine_function() -> None:
    told = []

    async def listener(progress: Progress) -> None:
        told.append(progress)

    Report(PROGRESS, told.append).run(client(echo))
    await Report(PROGRESS, told.append).arun(aclient(echo))
    await Report(PROGRESS, listener).arun(aclient(echo))
    assert told == [PROGRESS] * 3


def test_a_coroutine_function_can_not_listen_to_a_blocking_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def listener(_: Progress) -> None: ...

    Report(PROGRESS, listener).run(client(echo))
    assert "only AsyncApilaplasClient takes a coroutine function" in caplog.text


async def test_what_a_listener_raises_is_logged_and_goes_no_further(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def listener(_: Progress) -> None:
        raise RuntimeError("broken consumer")

    Report(PROGRESS, listener).run(client(echo))
    await Report(PROGRESS, listener).arun(aclient(echo))
    assert caplog.text.count("RuntimeError: broken consumer") == 2
