"""The pytest fixture `apilaplas_sandbox`: test an agent offline, over real HTTP.

Registered when the package is installed; it needs the `sandbox` extra when it is used. pytest
loads this module in every session, wanted or not, so it imports next to nothing.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from langchain_apilaplas.sandbox import Sandbox


@pytest.fixture
def apilaplas_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator["Sandbox"]:
    """A fresh sandbox whose generations take no time, served on loopback.

    The environment points to it, so tools and clients made in the test call it by themselves.
    `url` is its base URL, `received` every call it got, `accepted` what would have been paid for;
    `order()` lets something go wrong, `seconds` sets how long a generation takes,
    `requests_per_second` how many it takes before it answers 429.
    """
    from langchain_apilaplas.sandbox import Sandbox, Server  # noqa: PLC0415

    sandbox = Sandbox(seconds=0.0)
    with Server(sandbox):
        monkeypatch.setenv("APILAPLAS_API_KEY", "sandbox")
        monkeypatch.setenv("APILAPLAS_BASE_URL", sandbox.url)
        monkeypatch.setenv("APILAPLAS_POLL_INTERVAL", "0.05")
        monkeypatch.setenv("APILAPLAS_LEDGER", "off")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, ",".join(filter(None, [os.environ.get(name), "127.0.0.1"])))
        yield sandbox
