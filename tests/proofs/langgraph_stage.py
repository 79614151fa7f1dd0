"""What the LangGraph proof is played on: a gateway that can be held back, and processes to kill."""

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from langchain_apilaplas.sandbox import Sandbox
from tests.proofs.langgraph_child import database, kind_of, prompts

ROOT = Path(__file__).parents[2]
ARRIVES, ANSWERED, POLLING = "create arrives", "create answered", "polling"
LATE, ONE_DONE, RANDOM = "0.5 s after the start", "one of them done", "random"

At = dict[str, tuple[str, str | None]]
"""By prompt: the job's state in the ledger, and the generation's id."""


class Stage(Sandbox):
    """Generations end when that is wanted, and the answer to a create can be held back."""

    def __init__(self, held: Sequence[str] = ()) -> None:
        super().__init__()
        self.held = {prompt: threading.Event() for prompt in held}
        self.is_over = False
        self.began: dict[str, float] = {}
        self.creates: Counter[str] = Counter()
        self.looks: Counter[str] = Counter()
        self.ids: dict[str, str] = {}
        self._turn = threading.Lock()

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self._turn:
            is_create = request.method == "POST"
            prompt = self._prompt(request)
            (self.creates if is_create else self.looks)[prompt] += 1
            self.began.setdefault(prompt, time.monotonic())
            self.seconds = 0 if self.is_over or prompt.endswith(f"{ONE_DONE} 0") else 3600
            answer = super().handle(request)
            if is_create:
                self.ids[answer.json()["id"]] = prompt
        if is_create and prompt in self.held:
            self.held[prompt].wait(60)
        return answer

    def _prompt(self, request: httpx.Request) -> str:
        if request.method == "POST":
            return str(json.loads(request.content)["prompt"])
        return self.ids[request.url.params["generation_id"]]


class Play:
    """One kill: the three processes, and the folder with what outlives them."""

    def __init__(self, stage: Stage, folder: Path, runs: Sequence[str]) -> None:
        self.stage, self.folder, self.runs = stage, folder, runs

    def begin(self) -> None:
        self._process = self._start()

    def wait_until(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not reached():
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.kill()
                raise RuntimeError(f"It never came that far: {self._process.communicate()}")
            time.sleep(0.003)

    def kill(self) -> At:
        """Kill what was begun; says what the ledger knows then."""
        self._process.kill()
        told = self._process.communicate()
        if self._process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"It ended before it was killed: {told}")
        for gate in self.stage.held.values():
            gate.set()
        self.stage.is_over = True
        return self.ledger()

    def resume(self) -> dict[str, Any]:
        """Take all the runs on in a new process; what the tools said, by run."""
        process = self._start()
        try:
            said, trouble = process.communicate(timeout=120)
        finally:
            process.kill()
        if process.returncode:
            raise RuntimeError(trouble)
        return {line["run"]: line for line in map(json.loads, said.splitlines())}

    def ledger(self) -> At:
        file = self.folder / "ledger.db"
        if not file.exists():
            return {}
        with closing(sqlite3.connect(file)) as rows:
            jobs = rows.execute("SELECT request, state, generation_id FROM jobs").fetchall()
        return {json.loads(request)["prompt"]: (state, made) for request, state, made in jobs}

    def is_there(self, run: str) -> bool:
        """Whether a run has come to the moment at which it is to be killed."""
        moment, first, last = run.partition("@")[2], prompts(run)[0], prompts(run)[-1]
        if moment in (ARRIVES, ANSWERED):
            return bool(self.stage.creates[first])
        is_early = time.monotonic() < self.stage.began.get(first, math.inf) + 0.5
        if (moment == LATE and is_early) or (moment == ONE_DONE and not self._has_done(run, first)):
            return False
        return self.stage.looks[last] > 1

    def _has_done(self, run: str, prompt: str) -> bool:
        """Whether a call is over; and stored as that, where the graph stores each by itself."""
        is_over = self.ledger().get(prompt, ("", None))[0] == "completed"
        if not is_over or not kind_of(run).is_agent:
            return is_over
        with closing(sqlite3.connect(database(self.folder, run))) as rows:
            words = "instr(value, CAST('This is the finished video' AS BLOB))"
            [stored] = rows.execute(f"SELECT count(*) FROM writes WHERE {words}").fetchone()
        return bool(stored)

    def _start(self) -> subprocess.Popen[str]:
        ours = {
            "APILAPLAS_API_KEY": "sandbox",
            "APILAPLAS_BASE_URL": self.stage.url,
            "APILAPLAS_POLL_INTERVAL": "0.05",
            "APILAPLAS_LEDGER": str(self.folder / "ledger.db"),
            "NO_PROXY": "127.0.0.1",
        }
        own = {k: v for k, v in os.environ.items() if not k.startswith(("APILAPLAS", "COV"))}
        command = [sys.executable, "-W", "error", "-m", "tests.proofs.langgraph_child"]
        return subprocess.Popen(
            [*command, str(self.folder), *self.runs], cwd=ROOT, env={**own, **ours}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
