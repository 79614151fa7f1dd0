"""The workers of the crash proof: each goes over all its keys, by one client or by two that know
nothing of each other, and lives until it is done or killed.
"""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from langchain_apilaplas import ApilaplasClient, AsyncApilaplasClient, Generation
from langchain_apilaplas.errors import UnknownOutcomeError
from langchain_apilaplas.generation import Status
from langchain_apilaplas.ledger.sqlite import SqliteLedger

ROOT = Path(__file__).parent.parent.parent
TLS = httpx.create_ssl_context()
AT_ONCE = 6
"""So many keys a client is at."""
HUNG = 100.0
"""Seconds after which a worker that may live on is hanging."""

Task = dict[str, Any]
Tell = Callable[..., object]


def work(task: Task, tell: Tell) -> None:
    if task["mode"] == "async":
        return asyncio.run(with_async(task, task["ledger"], tell))
    if task["mode"] == "threads":
        return with_threads(task, task["ledger"], tell)
    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(with_threads, task, SqliteLedger(task["ledger"]), tell)
        asyncio.run(with_async(task, task["ledger"], tell))
        return other.result()


async def with_async(task: Task, ledger: Any, tell: Tell) -> None:
    async def on_the_way(request: httpx.Request) -> None:
        await asyncio.sleep(_distance(request))

    async def make(key: str) -> None:
        async with permits:
            try:
                made = _finished(await client.generate(**_request(key)))
            except UnknownOutcomeError:
                made = None
        tell(client.ledger.owner, key, made)

    permits, hooks = asyncio.Semaphore(AT_ONCE), {"request": [on_the_way]}
    async with httpx.AsyncClient(verify=TLS, trust_env=False, event_hooks=hooks) as http:
        client = AsyncApilaplasClient(http_client=http, **_arguments(task, ledger))
        await client.jobs()
        tell(client.ledger.owner, None, None)
        await asyncio.gather(*map(make, task["keys"]))
        client.ledger.close()  # type: ignore[attr-defined]


def with_threads(task: Task, ledger: Any, tell: Tell) -> None:
    def on_the_way(request: httpx.Request) -> None:
        time.sleep(_distance(request))

    def make(key: str) -> None:
        try:
            made = _finished(client.generate(**_request(key)))
        except UnknownOutcomeError:
            made = None
        tell(client.ledger.owner, key, made)

    hooks = {"request": [on_the_way]}
    with httpx.Client(verify=TLS, trust_env=False, event_hooks=hooks) as http:
        client = ApilaplasClient(http_client=http, **_arguments(task, ledger))
        client.jobs()
        tell(client.ledger.owner, None, None)
        for key, made in task.get("resolve", {}).items():
            client.resolve(key, generation_id=made, submitted=made is not None)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(make, task["keys"]))
        client.ledger.close()  # type: ignore[attr-defined]


def _arguments(task: Task, ledger: Any) -> dict[str, Any]:
    return {"api_key": "any", "base_url": task["url"], "ledger": ledger, "poll_interval": 0.1}


def _request(key: str) -> dict[str, Any]:
    return {"model": "veo2", "prompt": key, "key": key, "timeout": HUNG}


def _distance(request: httpx.Request) -> float:
    """Seconds from the intent to the server, so that kills fall there too."""
    return 0.01 if request.method == "POST" else 0.0


def _finished(generation: Generation) -> str:
    assert generation.status is Status.COMPLETED
    assert generation.video
    return generation.id


# --- its zygote: a process that has imported everything, and forks a worker for each order ---


def zygote() -> None:
    for line in sys.stdin:
        print(json.dumps(life(json.loads(line))), flush=True)  # noqa: T201


def life(task: Task) -> dict[str, Any]:
    """A worker's: what it told, and how it ended; 0, or minus the signal."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            work(task, lambda *words: os.write(writing, json.dumps(words).encode() + b"\n"))
            os._exit(0)
        except BaseException:  # noqa: BLE001
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    os.close(writing)
    told = _heard(reading, pid, task)
    os.close(reading)
    return {"told": told, "status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}


def _heard(pipe: int, pid: int, task: Task) -> list[Any]:
    """All it tells. When its time is up, it is killed; the time begins with its birth, or with its
    first words, when it has opened the ledger.
    """
    words, seconds = b"", task["seconds"]
    until = time.monotonic() + (seconds if seconds is not None and task["at_birth"] else HUNG)
    while True:
        if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + HUNG
        elif more := os.read(pipe, 65536):
            if not words and seconds is not None:
                until = min(until, time.monotonic() + seconds)
            words += more
        else:
            return [json.loads(line) for line in words.split(b"\n")[:-1]]


class Zygote:
    def __init__(self, home: str) -> None:
        env = {name: value for name, value in os.environ.items() if "LAPLAS" not in name}
        env |= {"HOME": home, "XDG_STATE_HOME": home, "APILAPLAS_LEDGER": "off"}
        command = [sys.executable, "-m", "tests.proofs.crash_worker"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, task: Task) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


if __name__ == "__main__":
    zygote()
