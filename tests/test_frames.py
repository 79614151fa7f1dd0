"""The last frame of an earlier video: found, fetched, decoded, and used by the next one."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import httpx
import pytest
from langchain_core.messages import HumanMessage
from PIL import Image, ImageChops, ImageStat

from langchain_apilaplas import (
    ApilaplasGenerateVideo,
    FolderStorage,
    Generation,
    ImageInput,
    get_model,
)
from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.errors import GatewayError, InvalidRequestError
from langchain_apilaplas.frames import decoded
from langchain_apilaplas.ledger import Origin
from langchain_apilaplas.sandbox import http_error
from tests.conftest import ROCKET, World

KLING = "kling-video/v1.6/pro/image-to-video"
URL = "https://example.com/cat.jpg"


@pytest.fixture(scope="session")
def film() -> bytes:
    """A video that turns from black to white."""
    return filmed(24, "libx264", "mp4")


def filmed(frames: int, codec: str, kind: str) -> bytes:
    """A video of black frames, of which the last one is white."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(frames):
            still = Image.new("RGB", (64, 48), "white" if n == frames - 1 else "black")
            container.mux(stream.encode(av.VideoFrame.from_image(still)))
        container.mux(stream.encode())
    return file.getvalue()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, film: bytes) -> None:
    """The sandbox renders nothing."""
    monkeypatch.setattr("langchain_apilaplas.sandbox.jobs.render", lambda *_: film)


def made(world: World, **more: Any) -> Generation:
    given = {"image": ROCKET, "prompt": "The camera rises", "duration": 5, **more}
    return world.client.generate(**given)


def frames_of(data: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def unlike(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart, on the mean, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def picture(image: ImageInput) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image.encoded)))


def in_thread(thread: str | None, call: str = "c-1") -> Any:
    return SimpleNamespace(
        state={"messages": [HumanMessage("go")]},
        config={"configurable": {"thread_id": thread} if thread else {}},
        tool_call_id=call,
    )


def test_it_is_really_the_last_frame_of_the_video(world: World, tmp_path: Path) -> None:
    first = made(world)
    frames = frames_of(world.client.download(first, tmp_path).read_bytes())
    image = world.client.last_frame(first)
    assert image.media_type == "image/png"
    assert (image.width, image.height) == frames[-1].size
    assert unlike(picture(image), frames[-1]) == 0
    assert unlike(picture(image), frames[0]) > 5


def test_the_next_video_begins_where_the_first_one_ends(world: World, tmp_path: Path) -> None:
    first = made(world)
    second = made(world, image=f"video:{first.id}:last", prompt="It stands still")
    begin = frames_of(world.client.download(second, tmp_path).read_bytes())[0]
    assert (
        unlike(begin.resize((320, 180)), picture(world.client.last_frame(first)).resize((320, 180)))
        < 12
    )
    assert world.ledger.find(world.client.settings.base_url, second.id).request["image"] == (
        f"video:{first.id}:last"
    )  # fmt: skip


@pytest.mark.usefixtures("quick")
async def test_the_same_with_asyncio(world: World) -> None:
    first = await world.async_client.generate(image=ROCKET, duration=5)
    again = await world.async_client.generate(image=f"video:{first.id}:last", duration=5)
    assert again.id != first.id
    image = await world.async_client.last_frame(first.id)
    assert image.url == world.client.last_frame(first.id).url


@pytest.mark.usefixtures("quick")
def test_a_request_made_again_finds_its_job_whatever_decoded_the_frame(world: World) -> None:
    first = made(world)
    name = f"video:{first.id}:last"
    second = made(world, image=name, key="scene-2")
    assert made(world, image=name, key="scene-2").id == second.id
    assert world.client.last_frame(first).given


def test_an_id_may_hold_colons_and_slashes(world: World) -> None:
    with pytest.raises(InvalidRequestError, match="'video:a:b/c:last' does not exist"):
        world.client.last_frame("a:b/c", origin=Origin("t"))


# --- as an agent names it ---


@pytest.fixture
def tool(world: World) -> ApilaplasGenerateVideo:
    return ApilaplasGenerateVideo(client=world.client, async_client=world.async_client, duration=5)


def told(result: Any) -> str:
    return str(result[0].content if hasattr(result[0], "content") else result[0])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("thread", ["t-1", None])
def test_an_agent_chains_scenes(
    tool: ApilaplasGenerateVideo, world: World, thread: str | None
) -> None:
    _, artifact = tool._run(image=URL, runtime=in_thread(thread))
    assert artifact is not None
    name = f"video:{artifact['generation_id']}:last"
    content, second = tool._run(image=f" `{name}` ", runtime=in_thread(thread, "c-2"))
    assert str(content).startswith("https://")
    assert second is not None
    assert second["request"] == {"image": name, "duration": 5}
    assert world.sandbox.accepted[1]["image_url"].startswith("data:image/png;base64,")


@pytest.mark.usefixtures("quick")
async def test_an_agent_chains_scenes_on_an_event_loop(
    tool: ApilaplasGenerateVideo, world: World
) -> None:
    _, artifact = await tool._arun(image=URL, runtime=in_thread("t-1"))
    name = f"video:{artifact['generation_id']}:last"  # type: ignore[index]
    content, _ = await tool._arun(image=name, runtime=in_thread("t-1", "c-2"))
    assert str(content).startswith("https://")
    assert len(world.sandbox.accepted) == 2


@pytest.mark.usefixtures("quick")
def test_a_video_of_another_conversation_is_refused_and_this_ones_are_named(
    tool: ApilaplasGenerateVideo, world: World
) -> None:
    _, other = tool._run(image=URL, runtime=in_thread("t-1"))
    asked = f"video:{other['generation_id']}:last"  # type: ignore[index]
    none = told(tool._run(image=asked, runtime=in_thread("t-2")))
    assert f"{asked!r} does not exist: no video of this conversation is finished." in none
    _, own = tool._run(image=URL, runtime=in_thread("t-2", "c-2"))
    some = told(tool._run(image=asked, runtime=in_thread("t-2", "c-3")))
    assert f"of this conversation there are 'video:{own['generation_id']}:last'." in some  # type: ignore[index]
    assert "Nothing was charged" in some
    assert len(world.sandbox.accepted) == 2


@pytest.mark.usefixtures("quick")
def test_where_there_is_no_thread_nobody_is_told_of_the_videos_of_others(
    tool: ApilaplasGenerateVideo, world: World
) -> None:
    _, other = tool._run(image=URL, runtime=in_thread(None))
    text = told(tool._run(image="video:nope:last", runtime=in_thread(None)))
    assert "'video:nope:last' is not a video of this conversation" in text
    assert other["generation_id"] not in text  # type: ignore[index]
    _, own = tool._run(
        image=f"video:{other['generation_id']}:last",  # type: ignore[index]
        runtime=in_thread(None, "c-2"),
    )
    assert own["status"] == "completed"  # type: ignore[index]


@pytest.mark.usefixtures("quick")
def test_a_link_that_expired_is_renewed_though_the_video_is_kept_elsewhere(
    world: World, tmp_path: Path
) -> None:
    client = world.client.ruled(storage=FolderStorage(tmp_path))
    first = client.generate(image=URL, prompt="Go")
    assert first.stored
    world.time += 10**6
    assert client.last_frame(first.id).width == 64


@pytest.mark.usefixtures("quick")
async def test_conversations_are_apart_on_an_event_loop_too(
    tool: ApilaplasGenerateVideo, world: World
) -> None:
    _, other = await tool._arun(image=URL, runtime=in_thread("t-1"))
    asked = f"video:{other['generation_id']}:last"  # type: ignore[index]
    none = told(await tool._arun(image=asked, runtime=in_thread("t-2")))
    assert f"{asked!r} does not exist: no video of this conversation is finished." in none


def test_a_video_that_is_not_finished_or_failed_is_told(world: World) -> None:
    queued = world.client.submit(image=URL)
    with pytest.raises(InvalidRequestError, match="not finished; get_video waits for it"):
        world.client.last_frame(queued)


def test_a_model_that_takes_no_pictures_says_so_before_anything_is_fetched(world: World) -> None:
    for model, hint in ((KLING, "choose another model"), ("luma-ai/v2", "extend: goes on from")):
        tool = ApilaplasGenerateVideo(client=world.client, model=model)
        asked = {"image": "video:g-1:last", "prompt": "Go"}
        asked |= {"aspect_ratio": "1:1"} if model == "luma-ai/v2" else {}
        text = told(tool._run(**asked, runtime=in_thread("t-1")))
        assert "video:g-1:last is the picture itself, and this model takes only a URL" in text
        assert hint in text
    assert not world.sandbox.received


def test_what_else_is_wrong_is_told_before_anything_is_fetched(
    tool: ApilaplasGenerateVideo, world: World
) -> None:
    text = told(tool._run(image="video:g-1:last", seed=-1, runtime=in_thread("t-1")))
    assert text.startswith("seed: -1 is not allowed")
    assert not world.sandbox.received


@pytest.mark.parametrize("name", ["video:", "video:last", "video:x", "video:x:first", "video::last",
                                  "video:..:last"])  # fmt: skip
def test_another_way_to_name_a_frame_is_told_the_right_one(
    tool: ApilaplasGenerateVideo, name: str
) -> None:
    text = told(tool._run(image=name, runtime=in_thread("t-1")))
    assert "a video's frame is 'video:<generation id>:last'" in text


@pytest.mark.usefixtures("no_pillow")
def test_without_the_extra_the_developer_is_told(tool: ApilaplasGenerateVideo) -> None:
    text = told(tool._run(image="video:g-1:last", runtime=in_thread("t-1")))
    assert "needs PyAV and Pillow, which are not installed" in text
    assert "langchain-apilaplas[images]" in text


@pytest.mark.usefixtures("quick")
def test_a_link_that_fails_costs_nothing_and_may_be_tried_again(world: World) -> None:
    first = made(world)
    world.sandbox.order(http_error(503, on="download", times=5))
    with pytest.raises(GatewayError, match="host answered 503") as caught:
        world.client.last_frame(first)
    assert caught.value.retry
    assert caught.value.charged == "no"
    assert world.client.last_frame(first).width


def test_what_a_call_will_cost_is_told_without_the_frame(
    tool: ApilaplasGenerateVideo, world: World
) -> None:
    assert tool.expected_usage({"image": "video:g-1:last"}) == {}
    assert not world.sandbox.received


@pytest.mark.usefixtures("quick")
def test_a_frame_inside_a_nested_value_is_fetched_too(world: World) -> None:
    first = made(world)
    more = Param("more", "more", "json", "Whatever.", schema={})
    gen4 = get_model("runway/gen4_turbo")
    row = VideoModel("runway/gen4_turbo", "runway", gen4.endpoint, (*gen4.params, more))
    given = {"image": URL, "more": {"pictures": [f"video:{first.id}:last"]}}
    world.client.submit(model=row, **given)
    assert world.sandbox.accepted[1]["more"]["pictures"][0].startswith("data:image/png;base64,")


# --- files that are none ---


@pytest.mark.parametrize(
    "data",
    [b"", b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nfile:///etc/passwd\n", b"<html>",
     b"ffconcat version 1.0\nfile /etc/passwd\n", b"\0\0\0\x18ftypmp42",
     b"\x1aE\xdf\xa3" + b"\0" * 99,
     b"\0\0\0\x18ftyp#EXTM3U\nfile:///etc/passwd"],
)  # fmt: skip
def test_no_playlist_and_no_rubbish_is_ever_opened_as_a_video(data: bytes) -> None:
    with pytest.raises((ValueError, av.error.FFmpegError)):
        decoded(io.BytesIO(data))


def test_a_video_without_pictures_is_told() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame(format="s16", layout="mono", samples=1024)
        silence.planes[0].update(bytes(silence.planes[0].buffer_size))
        silence.rate = 8000
        container.mux([*stream.encode(silence), *stream.encode()])
    with pytest.raises(ValueError, match="it has no pictures"):
        decoded(file)


@pytest.mark.parametrize(
    ("frames", "codec", "kind"),
    [(1, "libx264", "mp4"), (200, "libx264", "mp4"), (7, "libvpx", "webm")],
)
def test_short_and_long_videos_give_their_last_frame(frames: int, codec: str, kind: str) -> None:
    last = Image.open(io.BytesIO(decoded(io.BytesIO(filmed(frames, codec, kind)))))
    assert min(last.getpixel((32, 24))) > 200  # type: ignore[arg-type, type-var]


def test_a_video_that_is_to_be_turned_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_apilaplas.frames._last", lambda *_, **__: Turned())
    image = Image.open(io.BytesIO(decoded(io.BytesIO(filmed(3, "libx264", "mp4")))))
    assert image.size == (48, 64)


class Turned:
    """A frame as PyAV gives it for a phone's video; here no such video can be written."""

    rotation = -90

    def to_image(self) -> Image.Image:
        return Image.new("RGB", (64, 48))


def test_frames_that_grow_meanwhile_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    film = filmed(3, "libx264", "mp4")
    sizes = iter([None, None, ValueError("the video has too many pixels")])

    def check(*_: Any) -> None:
        if (error := next(sizes)) is not None:
            raise error

    monkeypatch.setattr("langchain_apilaplas.frames.check_size", check)
    with pytest.raises(ValueError, match="too many pixels"):
        decoded(io.BytesIO(film))


def test_decoding_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_apilaplas.frames._PATIENCE", -1.0)
    with pytest.raises(ValueError, match="it takes too long"):
        decoded(io.BytesIO(filmed(3, "libx264", "mp4")))


def test_an_import_hook_that_raises_is_a_module_that_lacks(
    tool: ApilaplasGenerateVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise ModuleNotFoundError("not here")

    monkeypatch.setattr("langchain_apilaplas.frames.find_spec", refuse)
    text = told(tool._run(image="video:g-1:last", runtime=in_thread("t-1")))
    assert "needs PyAV and Pillow" in text


@pytest.mark.usefixtures("quick")
def test_the_video_is_asked_for_without_the_key(world: World) -> None:
    asked: list[httpx.Request] = []
    first = made(world)
    answer = world.answer
    world.client._pools.given._transport = httpx.MockTransport(  # type: ignore[union-attr]
        lambda request: (asked.append(request), answer(request))[1]
    )
    world.client.last_frame(first)
    [request] = asked
    assert request.url.path.startswith("/wolf/")
    assert "Authorization" not in request.headers
