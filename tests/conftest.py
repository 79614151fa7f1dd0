"""Shared by all tests: a sandbox on a clock that only moves when somebody waits."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings
from vcr import VCR
from vcr.cassette import Cassette

from langchain_apilaplas import ApilaplasClient, AsyncApilaplasClient, MemoryLedger, catalog
from langchain_apilaplas.effects import Now, Sleep
from langchain_apilaplas.sandbox import Sandbox, Server
from langchain_apilaplas.settings import KEY_VARIABLES
from tests import recording

pytest_plugins = ["langchain_apilaplas.pytest_plugin"]

# The same examples in every run: what CI refuses can be repeated.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).parent.parent
ROCKET = ROOT / "examples" / "rocket.jpg"
KEY = "sk-very-secret-key-0123456789"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's own machine has set must not reach a test."""
    for name in (
        *KEY_VARIABLES,
        "APILAPLAS_BASE_URL",
        "APILAPLAS_POLL_INTERVAL",
        "APILAPLAS_POLL_COST",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("APILAPLAS_LEDGER", "off")


@pytest.fixture
def no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `images` is not installed."""
    for name in ("PIL", "PIL.Image", "PIL.ImageOps", "av"):
        monkeypatch.setitem(sys.modules, name, None)


class World:
    """A sandbox whose generations take 65 s of a clock that waiting moves, in no time at all."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.slept: list[float] = []
        self.sandbox = Sandbox(seconds=65, clock=lambda: self.time)
        transport = httpx.MockTransport(self.answer)
        http, ahttp = (kind(transport=transport) for kind in (httpx.Client, httpx.AsyncClient))
        self.ledger = MemoryLedger(clock=self.now)
        self.client = ApilaplasClient(api_key=KEY, http_client=http, ledger=self.ledger)
        self.async_client = AsyncApilaplasClient(api_key=KEY, http_client=ahttp, ledger=self.ledger)

    def stranger(self) -> ApilaplasClient:
        """A client of the same gateway that keeps another ledger."""
        http = httpx.Client(transport=httpx.MockTransport(self.answer))
        return ApilaplasClient(api_key=KEY, http_client=http)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The sandbox's answer, which may have been held: that takes time too."""
        request.extensions["hold"] = True
        response = self.sandbox.transport().handle_request(request)
        self.time += response.extensions.get("delay", 0)
        return response

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    async def asleep(effect: Sleep, _: Any) -> None:
        world.sleep(effect.seconds)
        await asyncio.sleep(0)  # others go on meanwhile

    async def anow(_: Now, __: Any) -> float:
        return world.time

    monkeypatch.setattr(Sleep, "run", lambda effect, _: world.sleep(effect.seconds))
    monkeypatch.setattr(Sleep, "arun", asleep)
    monkeypatch.setattr(Now, "run", lambda *_: world.time)
    monkeypatch.setattr(Now, "arun", anow)
    return world


# --- the sandbox, called without a client of ours ---


class Clock:
    time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Sandbox:
    return Sandbox(seconds=60, clock=clock)


@pytest.fixture
def http(sandbox: Sandbox) -> httpx.Client:
    bearer = {"Authorization": "Bearer any"}
    transport = sandbox.transport()
    return httpx.Client(transport=transport, base_url="https://api.apilaplas.com", headers=bearer)


@pytest.fixture
def own_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(catalog, "_MODELS", dict(catalog._MODELS))


# --- cassettes (see recording.py) ---


def pytest_recording_configure(config: pytest.Config, vcr: VCR) -> None:
    vcr.register_serializer("yaml", recording.Commented)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    return {
        "filter_headers": [("authorization", "PLACEHOLDER"), "idempotency-key", "user-agent"],
        "match_on": ["method", "uri", "body"],
        "allow_playback_repeats": False,
        "decode_compressed_response": True,
        "before_record_request": recording.scrub_request,
        "before_record_response": recording.scrub_response,
    }


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    return str(ROOT / "cassettes" / request.node.path.stem)


@pytest.fixture
def gateway(record_mode: str, vcr: Cassette) -> Iterator[dict[str, Any]]:
    """A client's arguments: for the cassette, and when recording for what is recorded against.

    At the end every recorded interaction must have been played.
    """
    if record_mode == "none":
        yield {"api_key": KEY, "poll_interval": 0}
        assert vcr.all_played
    elif recording.REAL_KEY:
        yield {"api_key": recording.REAL_KEY}
    else:
        sandbox = Sandbox(seconds=0.5)
        with Server(sandbox):
            yield {"api_key": KEY, "base_url": sandbox.url, "poll_interval": 0.2}
