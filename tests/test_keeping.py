"""Videos that are kept: by clients and tools, in folders and stores, and what goes wrong there."""

import asyncio
import errno
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import av
import httpx
import pytest
from obstore.store import MemoryStore

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    ApilaplasGetVideo,
    ApilaplasVideoToolkit,
    AsyncApilaplasClient,
    FolderStorage,
    Generation,
    Job,
    ObjectStorage,
    SqliteLedger,
    State,
    Status,
)
from langchain_apilaplas.errors import GenerationFailedError, SettingsError, StillRenderingError
from langchain_apilaplas.sandbox import Sandbox, Server, failed_generation, http_error, truncated
from langchain_apilaplas.storage import file_name
from tests.conftest import KEY, World
from tests.movies import MP4
from tests.s3 import S3

ARGS: Any = {"model": "veo2", "prompt": "Waves break"}


@pytest.fixture(autouse=True)
def _rendered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_apilaplas.sandbox.jobs.render", lambda *_: MP4)


class User:
    """A client in either world, as plain functions, with a ledger in a file."""

    def __init__(self, world: World, kind: str, folder: Path, **options: Any) -> None:
        self._world, self._kind, self._folder = world, kind, folder
        transport = httpx.MockTransport(world.answer)
        asynchronous = kind == "async"
        http: Any = (httpx.AsyncClient if asynchronous else httpx.Client)(transport=transport)
        ledger = SqliteLedger(folder / "ledger.db", clock=world.now)
        settings = {"api_key": KEY, "http_client": http, "ledger": ledger, **options}
        self.client: Any = (AsyncApilaplasClient if asynchronous else ApilaplasClient)(**settings)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)
        if self._kind == "sync":
            return method  # type: ignore[no-any-return]

        async def call(*args: Any, **values: Any) -> Any:
            return await method(*args, **values)

        return lambda *args, **values: asyncio.run(call(*args, **values))

    def again(self, storage: Any) -> "User":
        """After a restart."""
        return User(self._world, self._kind, self._folder, storage=storage)

    def only(self) -> Job:
        [job] = self.jobs(*State)
        return job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "videos"


@pytest.fixture(params=["sync", "async"])
def user(request: pytest.FixtureRequest, world: World, tmp_path: Path, folder: Path) -> User:
    return User(world, request.param, tmp_path, storage=folder)


@pytest.fixture
def s3() -> Iterator[S3]:
    with S3() as server:
        yield server


def downloads(world: World) -> int:
    return [call.kind for call in world.sandbox.received].count("download")


def path_of(link: str | None) -> Path:
    return Path(url2pathname(urlsplit(str(link)).path))


# --- a folder ---


def test_a_finished_video_is_kept_with_what_is_known_of_it(
    user: User, world: World, folder: Path
) -> None:
    done = user.generate(**ARGS, duration=5)
    assert done.stored == done.url == (folder / f"{done.id}.mp4").as_uri()
    assert done.not_stored is None
    with av.open(str(path_of(done.stored))) as container:
        assert container.streams.video
    about = json.loads((folder / f"{done.id}.json").read_text())
    assert about.pop("stored_at") >= about.pop("completed_at") > about.pop("submitted_at")
    assert about.pop("bytes") == path_of(done.stored).stat().st_size
    assert about == {
        "generation_id": done.id,
        "gateway": "https://api.apilaplas.com",
        "model": "veo2",
        "prompt": "Waves break",
        "parameters": {"duration": 5},
        "usage": dict(done.usage),
        "file": f"{done.id}.mp4",
        "source": done.video.url.partition("?")[0],
    }
    assert len(list(folder.iterdir())) == 2
    assert user.only().stored == done.stored


def test_what_is_kept_is_not_fetched_again(user: User, world: World, folder: Path) -> None:
    done = user.generate(key="k", **ARGS)
    for again in (user.generate(key="k", **ARGS), user.wait(done.id)):
        assert again.stored == done.stored
    assert downloads(world) == 1
    asked = len(world.sandbox.received)
    world.time += 10**7
    world.sandbox._jobs.clear()  # even the gateway has forgotten it
    later = user.again(folder)
    for again in (later.generate(key="k", **ARGS), later.wait(done.id)):
        assert (again.id, again.stored, again.status) == (done.id, done.stored, Status.COMPLETED)
    assert len(world.sandbox.received) == asked


def test_a_file_that_somebody_took_away_is_fetched_again(
    user: User, world: World, folder: Path
) -> None:
    done = user.generate(key="k", **ARGS)
    path_of(done.stored).unlink()
    assert path_of(user.wait(done.id).stored).exists()
    path_of(done.stored).unlink()
    assert path_of(user.generate(key="k", **ARGS).stored).exists()


def test_a_link_that_expired_before_is_refreshed_first(user: User, world: World) -> None:
    plain = user.again(None)
    done = plain.generate(key="k", **ARGS)
    assert (done.stored, done.url) == (None, done.video.url)
    world.time += 86_400
    assert user.generate(key="k", **ARGS).stored


def test_a_video_submitted_without_a_storage_is_kept_when_it_is_asked_for(user: User) -> None:
    made = user.again(None).submit(**ARGS)
    assert user.wait(made.id).stored


def test_a_generation_that_the_ledger_does_not_know_is_kept_too(
    user: User, world: World, folder: Path
) -> None:
    made = world.stranger().submit(**ARGS)
    done = user.wait(made.id, model="veo2")
    assert done.stored
    about = json.loads((folder / f"{done.id}.json").read_text())
    assert (about["model"], about["prompt"], about["submitted_at"]) == ("veo2", None, None)


def test_two_ids_that_look_alike_are_two_files(user: User, world: World, folder: Path) -> None:
    made = [user.submit(**ARGS) for _ in range(2)]
    for one, name in zip(made, ("u:1", "u-1"), strict=True):
        job = world.sandbox._jobs.pop(one.id)
        job.id = name
        world.sandbox._jobs[name] = world.sandbox._files[job.name] = job
    kept = {user.wait(name, model="veo2").stored for name in ("u:1", "u-1")}
    assert len(kept) == 2
    assert {path.stem for path in folder.iterdir()} == {file_name("u:1"), "u-1"}


def test_what_fails_or_still_renders_is_not_kept(user: User, world: World, folder: Path) -> None:
    world.sandbox.order(failed_generation("Flagged"))
    with pytest.raises(GenerationFailedError):
        user.generate(**ARGS)
    with pytest.raises(StillRenderingError):
        user.generate(timeout=1, **ARGS)
    assert not folder.exists()


# --- what goes wrong there ---


class Moody(FolderStorage):
    """A folder that raises as long as it is told to."""

    trouble: Exception | None = None

    def put(self, name: str, content: Path | bytes, content_type: str) -> None:
        if self.trouble:
            raise self.trouble
        super().put(name, content, content_type)


TROUBLES = {
    "full": OSError(errno.ENOSPC, "No space left on device"),
    "odd": KeyError("a bug of theirs"),
    "silent": RuntimeError(),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_a_storage_that_fails_loses_no_video_and_is_tried_again_by_the_next_call(
    user: User, world: World, folder: Path, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    storage = Moody(folder)
    storage.trouble = trouble
    user = user.again(storage)
    done = user.generate(key="k", **ARGS)
    assert (done.status, done.stored, done.url) == (Status.COMPLETED, None, done.video.url)
    assert done.not_stored
    assert list(folder.iterdir()) == []
    assert f"No link into the storage for generation {done.id}: " in caplog.text
    assert (user.only().state, user.only().stored) == (State.COMPLETED, None)
    storage.trouble = None
    assert user.generate(key="k", **ARGS).stored
    assert len(world.sandbox.accepted) == 1


def test_resuming_keeps_what_could_not_be_kept(user: User, world: World, folder: Path) -> None:
    storage = Moody(folder)
    storage.trouble = OSError(errno.ENOSPC, "No space left on device")
    done = [user.again(storage).generate(key=f"k{n}", **ARGS) for n in range(2)]
    made = user.submit(key="open", **ARGS)
    world.time += 100_000
    other = user.again(folder.with_name("other"))
    assert [job.key for job in other.resume_all()] == ["open"]  # what is kept here is its own
    jobs = user.again(folder).resume_all()
    assert {job.generation_id: job.stored for job in jobs} == {
        generation.id: (folder / f"{generation.id}.mp4").as_uri() for generation in done
    }
    assert (folder.with_name("other") / f"{made.id}.mp4").exists()
    assert user.again(folder).resume_all() == []


def test_resuming_stores_nothing_when_its_time_is_up(
    user: User, world: World, folder: Path
) -> None:
    made = user.submit(key="k", **ARGS)
    world.time += 100
    [job] = user.resume_all(timeout=0)
    assert (job.generation_id, job.state, job.stored) == (made.id, State.COMPLETED, None)
    assert user.resume_all(timeout=0) == [job]
    assert downloads(world) == 0
    assert user.resume_all()[0].stored


def test_a_process_that_died_before_it_stored_is_made_up_for(
    user: User, world: World, folder: Path
) -> None:
    made = user.submit(key="k", **ARGS)
    world.time += 100
    user.get(made.id)  # the ledger knows that it is completed, and no more was done
    [job] = user.again(folder).resume_all()
    assert path_of(job.stored).exists()


def test_a_video_that_does_not_arrive_is_told(user: User, world: World, folder: Path) -> None:
    world.sandbox.order(truncated(on="download"))
    done = user.generate(key="k", **ARGS)
    assert "What came" in done.not_stored
    world.sandbox.order(http_error(500, on="download", times=5))
    assert user.wait(done.id).not_stored == "The video's host answered 500."
    assert list(folder.iterdir()) == []
    world.sandbox.order(truncated(on="download", resets=True))
    assert user.wait(done.id).stored


def test_a_folder_that_can_not_be_made_is_told(user: User, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = user.again(tmp_path / "file" / "videos").generate(**ARGS)
    assert done.not_stored.startswith("[Errno 20] Not a directory: ")


def test_storing_has_a_bound(
    user: User, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_apilaplas.keeping.PATIENCE", 1e-9)
    assert user.generate(**ARGS).not_stored in (
        "The storage took more than 0 s.",
        "The download takes too long.",
    )
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("step", ["put", "link", "scratch"])
def test_a_storage_that_hangs_holds_nobody_up(
    user: User, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    end = threading.Event()
    storage = FolderStorage(folder)
    user = user.again(storage)
    with monkeypatch.context() as patch:
        patch.setattr("langchain_apilaplas.keeping.PATIENCE", 1.0)
        patch.setattr(storage, step, lambda *_: end.wait(20))
        done = user.generate(key="k", **ARGS)
    end.set()
    reason = "The storage took more than 1 s."
    told = f"It is kept, but has no link now: {reason}" if step == "link" else reason
    assert (done.url, done.not_stored) == (done.video.url, told)
    assert user.generate(key="k", **ARGS).stored


def test_a_link_that_can_not_be_signed_now_does_not_undo_what_was_kept(
    user: User, world: World, folder: Path
) -> None:
    class Unsigned(FolderStorage):
        trouble = False

        def link(self, name: str) -> str:
            if self.trouble:
                raise RuntimeError("no credentials")
            return super().link(name)

    storage = Unsigned(folder)
    user = user.again(storage)
    done = user.generate(key="k", **ARGS)
    storage.trouble = True
    for again in (user.wait(done.id), user.generate(key="k", **ARGS)):
        told = "It is kept, but has no link now: no credentials"
        assert (again.not_stored, again.url) == (told, again.video.url)
    storage.trouble = False
    assert user.wait(done.id).stored == user.only().stored == done.stored
    assert downloads(world) == 1


# --- S3 ---


def test_s3_keeps_videos_and_gives_signed_links_of_its_own(
    user: User, world: World, s3: S3, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    storage = ObjectStorage(s3.store("bucket", prefix="v"), link_seconds=600)
    user = user.again(storage)
    done = user.generate(key="k", **ARGS)
    assert sorted(s3.names("bucket")) == [f"v/{done.id}.json", f"v/{done.id}.mp4"]
    assert json.loads(s3.read("bucket", f"v/{done.id}.json"))["prompt"] == "Waves break"
    got = httpx.get(done.stored)
    assert got.headers["Content-Type"] == "video/mp4"
    assert got.content == s3.read("bucket", f"v/{done.id}.mp4")
    assert user.only().stored == f"s3://bucket/v/{done.id}.mp4"
    world.time += 10**7
    assert user.wait(done.id).stored.partition("?")[0] == done.stored.partition("?")[0]
    assert downloads(world) == 1
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("langchain_apilaplas")]
    assert f"Generation {done.id} stored as s3://bucket/v/{done.id}.mp4 in 0.0 s" in ours
    assert not any("Signature" in line or "_jwt" in line for line in ours)
    assert "Signature" not in repr(done)


def test_a_store_that_is_down_is_made_up_for_when_it_is_up(
    user: User, world: World, s3: S3
) -> None:
    storage = ObjectStorage(s3.store("bucket"))
    s3.down()
    user = user.again(storage)
    done = user.generate(key="k", **ARGS)
    assert (done.stored, done.url) == (None, done.video.url)
    assert done.not_stored.startswith("Generic S3 error: Error performing PUT http://127.0.0.1")
    assert user.generate(key="k", **ARGS).not_stored
    s3.up()
    [job] = user.resume_all()
    assert job.stored == f"s3://bucket/{done.id}.mp4"
    assert set(s3.names("bucket")) == {f"{done.id}.mp4", f"{done.id}.json"}


def test_what_somebody_took_out_of_the_bucket_is_kept_anew(
    user: User, world: World, s3: S3
) -> None:
    store = s3.store("bucket")
    user = user.again(ObjectStorage(store, link_seconds=60))
    done = user.generate(key="k", **ARGS)
    store.delete(f"{done.id}.mp4")
    assert user.wait(done.id).stored
    assert (downloads(world), f"{done.id}.mp4" in s3.names("bucket")) == (2, True)


def test_several_who_store_the_same_leave_one_whole_video(s3: S3, tmp_path: Path) -> None:
    sandbox = Sandbox(seconds=0)
    store, folder = s3.store("bucket"), tmp_path / "videos"
    with Server(sandbox), ThreadPoolExecutor(4) as pool:
        for storage in (ObjectStorage(store), folder):
            connect = {"api_key": KEY, "base_url": sandbox.url, "poll_interval": 0}
            with ApilaplasClient(**connect) as client:  # type: ignore[arg-type]
                made = client.generate(**ARGS)

            def keep(_: int, made: Generation = made, storage: Any = storage) -> str | None:
                connect = {"api_key": KEY, "base_url": sandbox.url, "storage": storage}
                with ApilaplasClient(**connect) as client:  # a ledger each, as in a process each
                    return client.wait(made.id, model="veo2").stored

            assert len(set(pool.map(keep, range(8)))) == 1
            name = f"{made.id}.mp4"
            content = s3.read("bucket", name) if storage != folder else (folder / name).read_bytes()
            assert content == httpx.get(made.videos[0].url).content
    assert len(list(folder.iterdir())) == len(s3.names("bucket")) == 2


async def test_cancelling_while_it_is_stored_leaves_nothing_behind(tmp_path: Path) -> None:
    begun = asyncio.Event()

    class Slow(FolderStorage):
        async def aput(self, name: str, content: Path | bytes, content_type: str) -> None:
            begun.set()
            await asyncio.sleep(60)

    sandbox = Sandbox(seconds=0)
    with Server(sandbox):
        connect: Any = {"api_key": KEY, "base_url": sandbox.url, "poll_interval": 0}
        async with AsyncApilaplasClient(**connect, storage=Slow(tmp_path)) as client:
            task = asyncio.create_task(client.generate(key="k", **ARGS))
            await begun.wait()
            assert len(list(tmp_path.iterdir())) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert list(tmp_path.iterdir()) == []
            [job] = await client.ruled(storage=FolderStorage(tmp_path)).resume_all()
            assert path_of(job.stored).exists()


# --- tools ---


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Any:
    """Runs a tool as a graph does: content and artifact."""

    def run(tool: Any, args: dict[str, Any]) -> Any:
        config = {"configurable": {"thread_id": "t-1"}}
        runtime = SimpleNamespace(tool_call_id="c-1", config=config, state={"messages": []})
        way = tool._run if request.param == "sync" else tool._arun
        outcome = way(**args, runtime=runtime)
        content, artifact = asyncio.run(outcome) if request.param == "async" else outcome
        json.dumps(artifact)
        return content, artifact

    return run


@pytest.fixture
def clients(world: World) -> dict[str, Any]:
    return {"client": world.client, "async_client": world.async_client}


WAVES = {"prompt": "Waves break"}


def test_the_agent_gets_the_kept_link_and_the_program_both(
    run: Any, clients: Any, folder: Path
) -> None:
    tool = ApilaplasGenerateVideo(model="veo2", storage=folder, **clients)
    content, artifact = run(tool, WAVES)
    kept = (folder / f"{artifact['generation_id']}.mp4").as_uri()
    assert content == (
        f"{kept}\nThis is the finished video, generation {artifact['generation_id']}. "
        "Give the user the whole link, unchanged."
    )
    assert artifact["video"]["url"] == kept
    assert (artifact["stored"], artifact["not_stored"], artifact["expires_at"]) == (
        True,
        None,
        None,
    )
    assert artifact["cdn_url"].startswith("https://")
    assert "_jwt" not in content
    assert clients["client"].wait(artifact["generation_id"]).stored is None  # the tool's own


def test_a_signed_link_tells_when_it_ends_and_get_video_gives_a_fresh_one(
    run: Any, clients: Any, s3: S3
) -> None:
    storage = ObjectStorage(s3.store("bucket"), link_seconds=600)
    generate, get = ApilaplasVideoToolkit(model="veo2", storage=storage, **clients).get_tools()
    content, artifact = run(generate, WAVES)
    assert content.startswith(f"{s3.url}/bucket/{artifact['generation_id']}.mp4?X-Amz-Algorithm=")
    assert " It works until 20" in content
    assert artifact["expires_at"]
    content, artifact = run(get, {"generation_id": artifact["generation_id"]})
    assert httpx.get(content.partition("\n")[0]).status_code == 200
    assert artifact["stored"]


def test_a_store_that_is_down_is_told_in_a_sentence(
    run: Any, clients: Any, folder: Path, world: World
) -> None:
    storage = Moody(folder)
    storage.trouble = OSError(errno.ENOSPC, "No space left on device")
    toolkit = ApilaplasVideoToolkit(model="veo2", storage=storage, **clients)
    generate, get = toolkit.get_tools()
    content, artifact = run(generate, WAVES)
    assert content.startswith(artifact["cdn_url"])
    assert content.endswith(
        " UTC. There is no link into the storage yet ([Errno 28] No space left on device); "
        "get_video tries again."
    )
    assert artifact["video"]["url"] == artifact["cdn_url"]
    assert (artifact["stored"], artifact["not_stored"]) == (
        False,
        "[Errno 28] No space left on device",
    )
    storage.trouble = None
    content, artifact = run(get, {"generation_id": artifact["generation_id"]})
    assert content.startswith("file://")
    _, listed = run(get, {})
    assert [job["stored"] for job in listed["jobs"]] == [artifact["video"]["url"]]


def test_a_clients_storage_is_the_tools_too(world: World, folder: Path) -> None:
    client = ApilaplasClient(api_key=KEY, storage=folder)
    for tool in (ApilaplasGenerateVideo(client=client), ApilaplasGetVideo(client=client)):
        assert tool._account.awaited().rules["storage"] is client.rules["storage"]
        assert str(folder) not in repr(tool)


def test_both_tools_keep_in_one_store() -> None:
    for tool in ApilaplasVideoToolkit(api_key=KEY, storage=MemoryStore()).get_tools():
        rules: Any = [way().rules for way in (tool._account.blocking, tool._account.awaited)]  # type: ignore[attr-defined]
        assert {rule["storage"].address for rule in rules} == {tool.storage.address}  # type: ignore[attr-defined]


def test_what_one_of_two_clients_keeps_the_other_does_too(folder: Path) -> None:
    client = ApilaplasClient(api_key=KEY, storage=folder, private_prompts=True)
    awaited = AsyncApilaplasClient(api_key=KEY)
    tool = ApilaplasGetVideo(client=client, async_client=awaited)
    theirs, ours = (tool._account.awaited().rules, client.rules)
    assert theirs["storage"] is ours["storage"]
    assert theirs["private_prompts"]


def test_a_wrong_storage_is_told_when_the_tool_is_made() -> None:
    with pytest.raises(SettingsError, match="storage must be"):
        ApilaplasGenerateVideo(api_key=KEY, storage=3)
