"""Ctrl-C ends a blocking wait at once, whatever it waits for, and the job can be taken up again."""

import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from langchain_apilaplas import ApilaplasClient, SqliteLedger, State, Status
from langchain_apilaplas.sandbox import Sandbox, Server, slow
from tests.conftest import ROOT

WITHIN = 0.2
ARGS: dict[str, Any] = {"model": "veo2", "prompt": "Waves", "key": "k"}

CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs have none
from langchain_apilaplas import ApilaplasClient, RateLimiter
options = eval(sys.argv[1])
client = ApilaplasClient(ledger=sys.argv[2], **options)
print("ready", flush=True)
try:
    client.generate(model="veo2", prompt="Waves", key="k")
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    os._exit(130)
"""

IDLE = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    os._exit(130)
"""


class Child:
    """A process of its own, interrupted while it waits."""

    def __init__(self, program: str, *arguments: str) -> None:
        path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def interrupt(self) -> float:
        """Seconds until its wait has ended."""
        assert self.process.stdout
        time.sleep(0.3)
        sent = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        told = self.process.stdout.readline()
        self.process.stdout.close()
        assert self.process.wait(10) == 130
        return float(told) - sent


@pytest.fixture(scope="module")
def load() -> float:
    """What a process that only sleeps takes on this machine, as busy as it is."""
    return statistics.median(Child(IDLE).interrupt() for _ in range(3))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    sandbox = Sandbox(seconds=60)
    with Server(sandbox):
        monkeypatch.setenv("APILAPLAS_API_KEY", "sandbox")
        monkeypatch.setenv("APILAPLAS_BASE_URL", sandbox.url)
        yield sandbox


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        ("{}", 1),
        ("{'poll_interval': 0.01}", 2),
        ("{'poll_interval': 0.01, 'rate_limiter': RateLimiter(0.001)}", 1),
    ],
    ids=["asleep", "in a look that the server holds", "in the limiter's queue"],
)
def test_ctrl_c_ends_a_wait_at_once_and_the_job_stays(
    served: Sandbox, load: float, tmp_path: Path, options: str, calls: int
) -> None:
    if calls == 2:
        served.order(slow(30))
    child = Child(CHILD, options, str(tmp_path / "jobs.db"))
    until(lambda: len(served.received) == calls)
    took = child.interrupt()
    assert took < WITHIN + load
    served.seconds = 0
    ledger = SqliteLedger(tmp_path / "jobs.db")
    with ApilaplasClient(ledger=ledger, poll_interval=0.05) as client:
        assert [job.state for job in client.jobs()] == [State.SUBMITTED]
        assert client.generate(**ARGS).status is Status.COMPLETED
    ledger.close()
    assert len(served.accepted) == 1


def test_ctrl_c_ends_the_wait_for_a_busy_ledger_at_once(
    served: Sandbox, load: float, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    ledger = SqliteLedger(path)
    ledger.jobs("x", State)  # makes the file
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        took = Child(CHILD, "{}", str(path)).interrupt()
    assert took < WITHIN + load
    assert served.received == []


def test_a_ledger_that_is_busy_for_a_second_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    ledger = SqliteLedger(path)
    ledger.jobs("x", State)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        timer = threading.Timer(0.5, lambda: writer.execute("COMMIT"))
        timer.start()
        assert ledger.jobs("x", State) == []
        assert time.monotonic() - started > 0.4
        timer.join()
    ledger.close()
