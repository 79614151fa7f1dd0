"""Keys, bytes, signed links and private prompts, searched for in everything that gets out."""

import asyncio
import base64
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    ApilaplasVideoToolkit,
    State,
    VideoRequest,
    get_model,
)
from langchain_apilaplas.errors import ApilaplasError
from langchain_apilaplas.sandbox import Sandbox, Server, failed_generation, http_error, redirect
from tests.conftest import KEY, ROCKET, ROOT
from tests.movies import MP4

WORDS = "A confidential heron lands on the chancellor's desk"
PICTURE = base64.b64encode(ROCKET.read_bytes()).decode()


class Handler(BaseCallbackHandler):
    """All that LangChain tells a callback handler, which a tracer is too."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)
        return lambda *args, **values: self.heard.append(f"{name} {args!r} {values!r}")


class Captured:
    """What got out: `told` to whoever asked for the video, `leaked` to everybody else."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.leaked: list[str] = []


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr("langchain_apilaplas.sandbox.jobs.render", lambda *_: MP4)
    sandbox = Sandbox(seconds=0.0)
    with Server(sandbox):
        yield sandbox


@pytest.fixture
def captured(sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Captured:
    """A morning's work: videos, refusals, a failure, a download, a storage; sync and async."""
    captured, handler = Captured(), Handler()
    caplog.set_level(logging.DEBUG)
    settings = {"api_key": KEY, "base_url": sandbox.url, "poll_interval": 0.05}
    client = ApilaplasClient(
        **settings, ledger=tmp_path / "l.db", storage=tmp_path / "kept", private_prompts=True
    )
    generate, get = ApilaplasVideoToolkit(client=client, image=ROCKET).get_tools()
    config: Any = {"callbacks": [handler]}

    def call(tool: Any, args: dict[str, Any]) -> Any:
        asked = {"type": "tool_call", "id": "1", "name": tool.name, "args": args}
        messages = [tool.invoke(asked, config), asyncio.run(tool.ainvoke(asked, config))]
        captured.told += [f"{message.content} {message.artifact}" for message in messages]
        return messages[0]

    made = call(generate, {"prompt": WORDS})
    call(get, {"generation_id": made.artifact["generation_id"]})
    generate.invoke(WORDS, config)
    call(generate, {"prompt": WORDS, "duration": 7})
    for trouble in (401, 400, 502):
        sandbox.order(*[http_error(trouble, message=f"Refused: {WORDS} Bearer {KEY}")] * 2)
        call(generate, {"prompt": WORDS})
    sandbox.order(*[failed_generation(f"Flagged: {WORDS}")] * 2)
    call(generate, {"prompt": WORDS})
    sandbox.order(failed_generation(f"Flagged: {WORDS}"))
    with client:
        for values in ({"prompt": WORDS}, {"prompt": WORDS * 99}):
            try:
                client.generate(image=ROCKET.read_bytes(), **values)
            except ApilaplasError as error:
                captured.leaked += [repr(error), "".join(traceback.format_exception(error))]
        done = client.generate(image=ROCKET, prompt=WORDS)
        client.download(done, tmp_path / "v.mp4")
        sandbox.order(redirect(f"{done.video.url}&Signature=SIGNED", on="download"))  # type: ignore[union-attr]
        client.last_frame(done)
        jobs = client.jobs(*State)
        captured.leaked += [repr(done), repr(client), repr(generate), repr(get), str(client.ledger)]
    captured.leaked += handler.heard
    records = [record for record in caplog.records if not record.name.startswith("uvicorn")]
    captured.leaked += [f"{record.getMessage()} {record.__dict__}" for record in records]
    captured.leaked += [f"{job.request} {job.error} {job.history}" for job in jobs]
    captured.leaked += [file.read_text() for file in (tmp_path / "kept").glob("*.json")]
    return captured


def test_nothing_secret_gets_out(captured: Captured, tmp_path: Path) -> None:
    everything = [*captured.told, *captured.leaked]
    for file in [*tmp_path.glob("l.db*")]:
        everything += [file.read_bytes().decode("latin-1")] if file.is_file() else []
    assert len(everything) > 100
    for secret in (KEY, "Authorization", PICTURE[:60], PICTURE[3000:3060], "base64,/9j"):
        assert not [text[:2000] for text in everything if secret in text], secret


def test_a_private_prompt_stands_in_no_record(captured: Captured, tmp_path: Path) -> None:
    everything = [*captured.told, *captured.leaked]
    for file in [*tmp_path.glob("l.db*")]:
        everything += [file.read_bytes().decode("latin-1")] if file.is_file() else []
    found = [text for text in everything if "heron" in text or "chancellor" in text]
    assert not found, found[0][:2000]
    assert any("(private)" in text for text in captured.told)


def test_a_links_signature_stands_only_where_the_link_is_the_answer(captured: Captured) -> None:
    heard = [text for text in captured.leaked if not text.startswith("on_tool_end")]
    assert not [text[:2000] for text in heard if "_jwt=" in text or "SIGNED" in text]


def test_a_prompt_that_is_not_private_is_recorded(sandbox: Sandbox, tmp_path: Path) -> None:
    client = ApilaplasClient(
        api_key=KEY, base_url=sandbox.url, ledger=tmp_path / "l.db", poll_interval=0.05
    )
    tool = ApilaplasGenerateVideo(client=client, image=ROCKET)
    handler = Handler()
    tool.invoke(WORDS, {"callbacks": [handler]})
    assert any("heron" in heard for heard in handler.heard)


def test_a_request_shows_neither_words_nor_bytes() -> None:
    request = VideoRequest.check(get_model("gen3a_turbo"), {"image": ROCKET, "prompt": WORDS})
    assert "heron" not in repr(request)
    assert PICTURE[:60] not in repr(request)


def test_no_cassette_holds_a_key_or_a_signed_link() -> None:
    cassettes = [path.read_text() for path in (ROOT / "cassettes").rglob("*.yaml")]
    assert cassettes
    for text in cassettes:
        assert "Bearer" not in text
        assert KEY not in text
        assert text.count("_jwt=") == text.count("SCRUBBED")
