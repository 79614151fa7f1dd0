"""Downloads from a host that is played by hand, on a clock that only waiting moves."""

import asyncio
import builtins
import errno
import gzip
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_apilaplas import (
    ApilaplasClient,
    AsyncApilaplasClient,
    Generation,
    Status,
    Video,
)
from langchain_apilaplas import part as module
from langchain_apilaplas.errors import DownloadError, NotFoundError, SettingsError
from langchain_apilaplas.sandbox import (
    Sandbox,
    Server,
    dropped,
    expired_link,
    http_error,
    truncated,
)
from tests.conftest import KEY, World
from tests.movies import MATROSKA, MOOV_FIRST, MP4, movie

LINK = "https://cdn.example/a.mp4?_jwt=the-secret"


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off after some bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("Connection reset by peer")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


class Host:
    """A file's host. Each answer in `plan` is for one request; after them it does as it should."""

    def __init__(self, content: bytes = MP4, **headers: str) -> None:
        self.content, self.headers = content, {"ETag": '"1"', **headers}
        self.plan: list[Callable[[httpx.Request], httpx.Response]] = []
        self.asked: list[httpx.Headers] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers)
        return self.plan.pop(0)(request) if self.plan else self.file(request)

    def file(self, request: httpx.Request) -> httpx.Response:
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        tag = self.headers.get("ETag")
        if wanted and request.headers.get("If-Range", tag) == tag:
            start, size = int(wanted[1]), len(self.content)
            headers = {**self.headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
            return httpx.Response(206, headers=headers, content=self.content[start:])
        return httpx.Response(200, headers=self.headers, content=self.content)

    def breaking(self, after: int) -> Callable[[httpx.Request], httpx.Response]:
        """The real answer, until the connection breaks after so many bytes of it."""

        def answer(request: httpx.Request) -> httpx.Response:
            real = self.file(request)
            stream = Broken(real.content[:after])
            return httpx.Response(real.status_code, headers=real.headers, stream=stream)

        return answer

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.asked]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [public])
    return Host()


@pytest.fixture(params=["sync", "async"])
def load(request: pytest.FixtureRequest, world: World, host: Host) -> Any:
    """A client's `download` from that host, in either world."""

    def run(to: Path, video: Any = LINK, **options: Any) -> Path:
        transport = httpx.MockTransport(host)
        if request.param == "sync":
            http = httpx.Client(transport=transport)
            return ApilaplasClient(api_key=KEY, http_client=http).download(video, to, **options)
        ahttp = httpx.AsyncClient(transport=transport)
        client = AsyncApilaplasClient(api_key=KEY, http_client=ahttp)
        return asyncio.run(client.download(video, to, **options))

    return run


def answer(status: int, **values: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, **values)


def test_a_video_is_saved_under_its_name_only(load: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("an older one")
    assert load(path) == path
    assert path.read_bytes() == MP4
    assert list(tmp_path.iterdir()) == [path]


def test_in_a_folder_it_gets_a_harmless_name_of_its_own(load: Any, tmp_path: Path) -> None:
    for video, name in (
        (Video(LINK), "a.mp4"),
        ("https://c.example/", "video.mp4"),
        ("https://c.example/..", "video.mp4"),
        (Generation("g-1", Status.COMPLETED, "m", (Video(LINK),)), "g-1.mp4"),
        (Generation("u:k/v1", Status.COMPLETED, "m", (Video(LINK),)), "u-k-v1-407d3b82.mp4"),
    ):
        assert load(tmp_path, video) == tmp_path / name


def test_neither_the_key_nor_the_callers_headers_go_to_the_host(
    world: World, host: Host, tmp_path: Path
) -> None:
    own = {"headers": {"Authorization": "Bearer other"}, "auth": ("user", "password")}
    http = httpx.Client(transport=httpx.MockTransport(host), **own)  # type: ignore[arg-type]
    ApilaplasClient(api_key=KEY, http_client=http).download(LINK, tmp_path)
    assert "Authorization" not in host.asked[0]
    assert host.asked[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "link",
    ["http://169.254.169.254/latest", "file:///etc/passwd", "https.example/x", "https://a\nb"],
)
def test_only_https_and_the_gateway_itself_are_called(
    load: Any, host: Host, tmp_path: Path, link: str
) -> None:
    with pytest.raises(DownloadError, match="link is not a"):
        load(tmp_path, link)
    assert (host.asked, list(tmp_path.iterdir())) == ([], [])


def test_what_has_no_video_can_not_be_downloaded(load: Any, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"g-1 has no video \(queued\)"):
        load(tmp_path, Generation("g-1", Status.QUEUED, "m"))


# --- a connection that drops ---


def test_a_dropped_connection_goes_on_where_it_broke_off(
    load: Any, host: Host, world: World, tmp_path: Path
) -> None:
    host.plan = [host.breaking(500), host.breaking(1), host.breaking(0)]
    assert load(tmp_path).read_bytes() == MP4
    assert host.ranges == [None, "bytes=500-", "bytes=501-", "bytes=501-"]
    assert host.asked[1]["If-Range"] == '"1"'
    assert [0.8 <= slept / 2**n <= 1 for n, slept in enumerate(world.slept)] == [True] * 3


def test_the_date_of_the_file_serves_where_there_is_no_strong_tag(
    load: Any, host: Host, tmp_path: Path
) -> None:
    date = "Sat, 14 Nov 2026 10:00:00 GMT"
    host.headers = {"ETag": 'W/"1"', "Last-Modified": date}
    host.plan = [host.breaking(500), lambda r: (r.headers.pop("If-Range"), host.file(r))[1]]
    assert load(tmp_path).read_bytes() == MP4
    assert host.asked[-1].get("Range") == "bytes=500-"


def test_without_either_the_length_must_be_the_same(load: Any, host: Host, tmp_path: Path) -> None:
    host.headers = {}
    host.plan = [host.breaking(500)]
    assert load(tmp_path).read_bytes() == MP4
    assert "If-Range" not in host.asked[1]


def test_a_host_that_knows_no_ranges_is_asked_for_all_of_it(
    load: Any, host: Host, tmp_path: Path
) -> None:
    host.plan = [host.breaking(500), answer(200, content=MP4)]
    assert load(tmp_path).read_bytes() == MP4
    assert len(host.asked) == 2


def test_a_file_that_changed_meanwhile_is_begun_anew(load: Any, host: Host, tmp_path: Path) -> None:
    other = movie(seed=3)
    assert other != MP4
    host.plan = [host.breaking(500)]
    first = host.plan[0]

    def change(request: httpx.Request) -> httpx.Response:
        broken = first(request)
        host.content, host.headers = other, {"ETag": '"2"'}
        return broken

    host.plan = [change]
    assert load(tmp_path).read_bytes() == other


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 0-99/100"},
        {"Content-Range": f"bytes 500-{len(MP4)}/{len(MP4) + 1}"},
        {"Content-Range": f"bytes 500-{len(MP4) - 1}/{len(MP4)}", "ETag": '"2"'},
        {},
    ],
    ids=["start", "length", "tag", "none"],
)
def test_a_range_that_does_not_fit_is_not_taken(
    load: Any, host: Host, tmp_path: Path, headers: dict[str, str]
) -> None:
    host.plan = [host.breaking(500), answer(206, headers=headers, content=MP4[500:])]
    assert load(tmp_path).read_bytes() == MP4
    assert host.ranges == [None, "bytes=500-", None]


def test_a_host_that_has_lost_the_rest_is_asked_for_all_of_it(
    load: Any, host: Host, tmp_path: Path
) -> None:
    host.plan = [host.breaking(500), answer(416, headers={"Content-Range": "bytes */9"})]
    assert load(tmp_path).read_bytes() == MP4
    host.plan = [answer(416)] * 5
    with pytest.raises(DownloadError, match="answered 416: the file is no longer what it was"):
        load(tmp_path)


def test_a_body_shorter_than_was_said_counts_as_dropped(
    load: Any, host: Host, tmp_path: Path
) -> None:
    said = {"Content-Length": str(len(MP4)), "ETag": '"1"'}
    host.plan = [lambda _: httpx.Response(200, headers=said, stream=httpx.ByteStream(MP4[:500]))]
    assert load(tmp_path).read_bytes() == MP4
    assert host.ranges == [None, "bytes=500-"]


def test_a_packed_body_is_unpacked_and_never_gone_on_with(
    load: Any, host: Host, tmp_path: Path
) -> None:
    headers = {"Content-Encoding": "gzip", "ETag": '"1"'}
    packed = gzip.compress(MP4)
    half = Broken(packed[: len(packed) // 2])
    host.plan = [
        lambda _: httpx.Response(200, headers=headers, stream=half),
        lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(packed)),
    ]
    assert load(tmp_path).read_bytes() == MP4
    assert host.ranges == [None, None]


def test_a_busy_host_is_given_time(load: Any, host: Host, world: World, tmp_path: Path) -> None:
    host.plan = [answer(503), answer(429, headers={"Retry-After": "7"}), host.breaking(0)]
    assert load(tmp_path).read_bytes() == MP4
    assert world.slept[1] == 7


def test_after_five_tries_in_vain_it_is_given_up(
    load: Any, host: Host, world: World, tmp_path: Path
) -> None:
    host.plan = [host.breaking(9)] * 9
    with pytest.raises(DownloadError) as told:
        load(tmp_path)
    assert str(told.value) == (
        "The download broke off: ReadError. The generation was charged when it was submitted. "
        "Download it again; if the link has expired, get a fresh one first."
    )
    assert told.value.retry
    assert (len(host.asked), list(tmp_path.iterdir())) == (5, [])


def test_a_connection_that_brings_a_lot_each_time_is_not_given_up(
    load: Any, host: Host, tmp_path: Path
) -> None:
    tail = 10_000_000
    host.content = MP4 + tail.to_bytes(4, "big") + b"free" + bytes(tail - 8)
    host.plan = [host.breaking(1_100_000)] * 8
    assert load(tmp_path).stat().st_size == len(host.content)
    assert len(host.asked) == 9


def test_a_host_that_asks_for_too_long_a_wait_is_not_waited_for(
    load: Any, host: Host, world: World, tmp_path: Path
) -> None:
    host.plan = [answer(503, headers={"Retry-After": "3600"})]
    with pytest.raises(DownloadError, match="answered 503"):
        load(tmp_path)
    assert world.slept == []


def test_a_drip_is_no_download(
    load: Any, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WINDOW", -1.0)
    host.plan = [host.breaking(9)] * 5
    with pytest.raises(DownloadError, match="it came too slowly"):
        load(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- what is refused ---


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (answer(403), "answered 403"),
        (answer(302, headers={"Location": "https://10.0.0.1/"}), "not lead to the public internet"),
        (answer(200, html="<html>Log in</html>"), "not a video file"),
        (answer(200), "not a video file"),
        (answer(200, content=b"#EXTM3U\nhttps://evil/x.ts"), "not a video file"),
        (answer(200, content=MP4[:-300]), "only the beginning of a video"),
        (answer(200, content=MP4[: int.from_bytes(MP4[:4], "big")]), "only the beginning"),
        (answer(200, content=MOOV_FIRST[:-50]), "only the beginning"),
        (answer(200, content=MOOV_FIRST.partition(b"mdat")[0][:-4]), "only the beginning"),
        (answer(200, content=MP4[:8] + bytes(99) + MP4[8:]), "only the beginning"),
        (answer(200, content=MATROSKA[:-100]), "only the beginning"),
        (answer(200, content=MATROSKA[:6]), "only the beginning"),
        (answer(200, content=b"\x1aE\xdf\xa3\x80" + bytes(99)), "only the beginning"),
        (answer(200, content=b"\x1aE\xdf\xa3\x80\x18S\x80g\x81\0"), "can't be read as a video"),
        (answer(200, content=movie(video=False)), "has no video track"),
    ],
)
def test_what_is_no_video_is_refused_at_once_and_leaves_nothing_behind(
    load: Any, host: Host, tmp_path: Path, what: Any, message: str
) -> None:
    host.plan = [what]
    with pytest.raises(DownloadError, match=message) as told:
        load(tmp_path)
    assert not told.value.retry
    assert (len(host.asked), list(tmp_path.iterdir())) == (1, [])


def test_without_av_the_magic_bytes_have_to_do(
    load: Any, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_av(name: str, *args: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_av)
    assert load(tmp_path).read_bytes() == MP4
    host.content = MP4[:-300]
    with pytest.raises(DownloadError, match="only the beginning"):
        load(tmp_path)


@pytest.mark.parametrize("said", [True, False])
def test_a_file_that_is_too_long_is_not_taken(
    load: Any, host: Host, tmp_path: Path, said: bool
) -> None:
    if not said:
        host.plan = [lambda _: httpx.Response(200, stream=httpx.ByteStream(MP4))]
    with pytest.raises(DownloadError, match=r"longer than 1,000 bytes\. .*max_bytes="):
        load(tmp_path, max_bytes=1000)
    assert list(tmp_path.iterdir()) == []
    assert load(tmp_path, max_bytes=len(MP4)).exists()


def test_a_bound_of_no_bytes_is_no_bound(load: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="max_bytes"):
        load(tmp_path, max_bytes=0)


def test_a_folder_that_is_missing_is_told(load: Any, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="can't be written: No such file"):
        load(tmp_path / "none" / "a.mp4")


def test_a_full_disk_is_told_and_nothing_is_left_on_it(
    load: Any, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("langchain_apilaplas.part.os.fsync", full)
    with pytest.raises(DownloadError, match="can't be written: No space left on device") as told:
        load(tmp_path)
    assert not told.value.retry
    assert (len(host.asked), list(tmp_path.iterdir())) == (1, [])


@pytest.mark.usefixtures("host")
def test_a_closed_client_is_told(tmp_path: Path) -> None:
    http = httpx.Client()
    http.close()
    with pytest.raises(DownloadError, match="The HTTP client is closed"):
        ApilaplasClient(api_key=KEY, http_client=http).download(LINK, tmp_path)


def test_a_hook_of_the_callers_may_raise_for_the_status(host: Host, tmp_path: Path) -> None:
    hooks = {"response": [httpx.Response.raise_for_status]}
    host.plan = [answer(403)]
    http = httpx.Client(transport=httpx.MockTransport(host), event_hooks=hooks)
    with pytest.raises(DownloadError, match="answered 403"):
        ApilaplasClient(api_key=KEY, http_client=http).download(LINK, tmp_path)


# --- telling ---


def test_progress_tells_what_came_of_how_much(load: Any, host: Host, tmp_path: Path) -> None:
    told: list[Any] = []
    host.plan = [host.breaking(500)]
    load(tmp_path, on_progress=told.append)
    assert told[0] == {"type": "video_download", "received": 500, "total": len(MP4)}
    assert told[-1]["received"] == len(MP4)
    host.plan = [lambda _: httpx.Response(200, stream=httpx.ByteStream(MP4))]
    load(tmp_path, on_progress=told.append)
    assert told[-1]["total"] is None


def test_a_listener_that_raises_spoils_nothing(
    load: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load(tmp_path, on_progress=lambda _: 1 / 0).exists()
    assert "A progress listener raised" in caplog.text


async def test_a_coroutine_function_listens_too(world: World, host: Host, tmp_path: Path) -> None:
    told = []

    async def listen(progress: Any) -> None:
        told.append(progress["received"])

    ahttp = httpx.AsyncClient(transport=httpx.MockTransport(host))
    client = AsyncApilaplasClient(api_key=KEY, http_client=ahttp)
    await client.download(LINK, tmp_path, on_progress=listen)
    assert told == [len(MP4)]


def test_no_signed_part_of_a_link_is_ever_logged_or_told(
    load: Any, host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host.plan = [host.breaking(9), answer(403)]
    with pytest.raises(DownloadError) as told:
        load(tmp_path)
    load(tmp_path)
    assert "HTTP Request: GET https://93.184.216.34/a.mp4 " in caplog.text
    assert "the-secret" not in caplog.text + str(told.value) + repr(told.value)


def test_httpx_logs_what_others_ask_for_as_ever(
    load: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(tmp_path)
    caplog.set_level(logging.INFO)
    httpx.Client(transport=httpx.MockTransport(answer(200))).get("https://theirs/?a=b")
    assert "https://theirs/?a=b" in caplog.text


# --- links that expire ---


@pytest.fixture(autouse=True)
def _rendered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_apilaplas.sandbox.jobs.render", lambda *_: MP4)


def test_a_link_that_expired_meanwhile_is_refreshed_first(world: World, tmp_path: Path) -> None:
    done = world.client.generate(model="veo2", prompt="Waves")
    world.time += 86_400
    asked = len(world.sandbox.received)
    world.client.download(done, tmp_path)
    assert [call.kind for call in world.sandbox.received[asked:]] == ["fetch", "download"]
    assert world.client.jobs("completed")[0].file == str(tmp_path / f"{done.id}.mp4")


def test_a_link_that_the_host_refuses_is_refreshed_once(world: World, tmp_path: Path) -> None:
    done = world.client.generate(model="veo2", prompt="Waves")
    world.sandbox.order(http_error(403, on="download"))
    assert world.client.download(done, tmp_path).exists()
    world.sandbox.order(http_error(410, on="download", times=2))
    with pytest.raises(DownloadError, match=f"answered 410. Generation id: {done.id}"):
        world.client.download(done, tmp_path)


async def test_it_is_refreshed_for_asyncio_too(world: World, tmp_path: Path) -> None:
    done = await world.async_client.generate(model="veo2", prompt="Waves")
    world.time += 86_400
    assert (await world.async_client.download(done, tmp_path)).exists()


def test_a_bare_link_that_expired_is_told(world: World, tmp_path: Path) -> None:
    world.sandbox.order(expired_link())
    video = world.client.generate(model="veo2", prompt="Waves").video
    assert video
    for bare in (video, video.url):
        with pytest.raises(DownloadError) as told:
            world.client.download(bare, tmp_path)
        assert str(told.value) == (
            "The video's host answered 403. The link expired at 2027-01-15 08:01 UTC. The "
            "generation was charged when it was submitted. Get a fresh link, by the generation's "
            "id."
        )


def test_a_generation_that_is_gone_can_not_be_refreshed(world: World, tmp_path: Path) -> None:
    done = world.client.generate(model="veo2", prompt="Waves")
    world.time += 86_400
    world.sandbox._jobs.clear()
    with pytest.raises(NotFoundError):
        world.client.download(done, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- over real HTTP ---


@pytest.fixture
def served() -> Iterator[Sandbox]:
    sandbox = Sandbox(seconds=0)
    with Server(sandbox):
        yield sandbox


@pytest.fixture
def connect(served: Sandbox) -> dict[str, Any]:
    return {"api_key": KEY, "base_url": served.url, "poll_interval": 0}


def test_a_connection_reset_in_the_middle_is_resumed(
    served: Sandbox, connect: dict[str, Any], tmp_path: Path
) -> None:
    with ApilaplasClient(**connect) as client:
        done = client.generate(model="veo2", prompt="Waves")
        whole = client.download(done, tmp_path / "whole.mp4").read_bytes()
        served.order(
            truncated(0.6, on="download", resets=True),
            dropped(on="download"),
            truncated(0.5, on="download", resets=True),
        )
        assert client.download(done, tmp_path / "again.mp4").read_bytes() == whole
    ranges = [call.headers.get("range", "") for call in served.received if call.kind == "download"]
    assert ranges[:2] == ["", ""]
    assert 0 < int(ranges[2][6:-1]) <= int(ranges[4][6:-1]) < len(whole)


async def test_it_is_resumed_for_asyncio_too(
    served: Sandbox, connect: dict[str, Any], tmp_path: Path
) -> None:
    async with AsyncApilaplasClient(**connect) as client:
        done = await client.generate(model="veo2", prompt="Waves")
        whole = (await client.download(done, tmp_path / "whole.mp4")).read_bytes()
        served.order(truncated(0.6, on="download", resets=True))
        again = await client.download(done, tmp_path / "again.mp4")
        assert again.read_bytes() == whole
    assert served.received[-1].headers["range"].startswith("bytes=")


async def test_a_download_that_is_cancelled_leaves_nothing_behind(
    served: Sandbox, connect: dict[str, Any], tmp_path: Path
) -> None:
    async with AsyncApilaplasClient(**connect) as client:
        done = await client.generate(model="veo2", prompt="Waves")
        begun, forever = asyncio.Event(), asyncio.Event()

        async def listen(_: Any) -> None:
            begun.set()
            await forever.wait()

        task = asyncio.create_task(client.download(done, tmp_path, on_progress=listen))
        await begun.wait()
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(tmp_path.iterdir()) == []
        assert (await client.download(done, tmp_path)).exists()


def test_an_interrupt_leaves_nothing_behind(
    served: Sandbox, connect: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ApilaplasClient(**connect) as client:
        done = client.generate(model="veo2", prompt="Waves")

        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(module.Part, "end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.download(done, tmp_path)
    assert list(tmp_path.iterdir()) == []
