"""Workers killed at random pay nothing twice and lose nothing: `python -m tests.proofs.crash`.

A sandbox, served over HTTP, counts the creates of each key. Workers make videos with one ledger
file, are killed with SIGKILL and started again, until every key has its video or is reported as
unknown. What they say is compared with what the sandbox saw and with what the file holds.
"""

import argparse
import json
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

from langchain_apilaplas.sandbox import Sandbox, Server, slow
from tests.proofs.crash_worker import Zygote

BATCH = 24
"""So many keys are begun together."""
LONGEST = 0.8
"""Seconds a worker lives at most before it is killed."""


@dataclass
class Result:
    """What came of it. All sets are of keys."""

    workers: int
    kills: int = 0
    keys: list[str] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)
    adopted: set[str] = field(default_factory=set)
    """Submitted by a worker that was killed before it had the video; another one got it."""
    arrived: set[str] = field(default_factory=set)
    """Unknown, and the sandbox has it."""
    never: set[str] = field(default_factory=set)
    """Unknown, and the sandbox never got it."""
    lost: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    inexact: set[str] = field(default_factory=set)
    """Told to be unknown and are not, or the other way round."""
    unsettled: set[str] = field(default_factory=set)
    """Without a video, or with more than one create, after a person settled the unknown."""

    @property
    def holds(self) -> bool:
        return not (self.lost or self.twice or self.inexact or self.unsettled)

    def line(self) -> str:
        unknown = f"{len(self.arrived | self.never)} ({len(self.arrived)}/{len(self.never)})"
        numbers = [self.kills, *map(len, (self.keys, self.finished, self.adopted))]
        ends = [len(s) for s in (self.lost, self.twice, self.inexact, self.unsettled)]
        return LINE.format({1: "one", 2: "two"}[self.workers], *numbers, unknown, *ends)


LINE = "{:<8} {:>6} {:>6} {:>9} {:>8} {:>24} {:>5} {:>11} {:>8} {:>10}"
HEAD = LINE.format(
    *("workers", "kills", "keys", "finished", "adopted", "unknown (arrived/never)"),
    *("lost", "paid twice", "inexact", "unsettled"),
)


class Proof:
    def __init__(self, workers: int, kills: int, seed: int, folder: str, sandbox: Sandbox) -> None:
        self.result = Result(workers)
        self.sandbox, self.ledger = sandbox, f"{folder}/ledger.db"
        self._wanted, self._folder, self._seed = kills, folder, seed
        self._told: dict[str, set[str | None]] = defaultdict(set)
        self._finishers: dict[str, set[str]] = defaultdict(set)
        self._killed: set[str] = set()

    def run(self, server: Server) -> Result:
        with ExitStack() as stack:
            zygotes = [
                (stack.enter_context(Zygote(self._folder)), random.Random(f"{self._seed} {n}"))
                for n in range(self.result.workers)
            ]
            crew = stack.enter_context(ThreadPoolExecutor(len(zygotes)))

            def all_over(keys: list[str]) -> None:
                list(crew.map(lambda pair: self._to_the_end(*pair, keys), zygotes))

            while self.result.kills < self._wanted:
                begun = len(self.result.keys)
                batch = [f"key-{n}" for n in range(begun, begun + BATCH)]
                self.result.keys += batch
                all_over(batch)
            _come_to_rest(server)
            all_over(self.result.keys)
            self._compare()
            self._settle(zygotes[0][0])
        return self.result

    def _to_the_end(self, zygote: Zygote, chance: random.Random, keys: list[str]) -> None:
        """Start workers until one lives to the end of all its work. Some have little to do, and so
        end by themselves while another is at it.
        """
        status, todo = None, keys
        while status != 0 or todo is not keys:
            spared = self.result.kills >= self._wanted
            todo = chance.sample(keys, 3) if not spared and chance.random() < 0.3 else keys
            at_birth = chance.random() < 0.15
            seconds = chance.uniform(0.0, 0.05 if at_birth else LONGEST)
            status = self._live(
                zygote,
                keys=todo,
                mode=chance.choice(["async", "threads", "both"]),
                at_birth=at_birth,
                seconds=None if spared else seconds,
            )

    def _live(self, zygote: Zygote, **task: Any) -> int:
        told = zygote.run({"url": self.sandbox.url, "ledger": self.ledger, **task})
        status: int = told["status"]
        if status not in (0, -signal.SIGKILL) or (status and task["seconds"] is None):
            raise RuntimeError(f"A worker ended with {status}: {task}")
        for owner, key, made in told["told"]:
            if status:
                self._killed.add(owner)
            if key:
                self._told[key].add(made)
                self._finishers[key].add(owner)
        self.result.kills += bool(status)
        return status

    def _made(self) -> dict[str, list[str]]:
        """The generations that the sandbox made of each key."""
        made = defaultdict(list)
        for job in list(self.sandbox._jobs.values()):
            made[str(job.body["prompt"])].append(job.id)
        return made

    def _creates(self) -> Counter[str]:
        calls = [call for call in self.sandbox.received if call.kind == "create"]
        return Counter(call.headers["idempotency-key"] for call in calls)

    def _rows(self) -> dict[str, tuple[Any, ...]]:
        with closing(sqlite3.connect(self.ledger)) as database:
            wanted = "key, state, generation_id, owner, history"
            return {row[0]: row[1:] for row in database.execute(f"SELECT {wanted} FROM jobs")}

    def _compare(self) -> None:
        result, rows, made, creates = self.result, self._rows(), self._made(), self._creates()
        result.twice = {key for key, count in creates.items() if count > 1}
        for key in result.keys:
            told = self._told[key]
            state, generation_id, owner, history = rows.get(key, (None, None, None, "[]"))
            if told == {None}:
                (result.arrived if creates[key] else result.never).add(key)
                words = [word for word, _ in json.loads(history)]
                exact = words == ["intent", "unknown"] and generation_id is None
                if not exact or state != "unknown" or owner not in self._killed:
                    result.inexact.add(key)
            elif state == "completed" and told == {generation_id} and told <= set(made[key]):
                result.finished.add(key)
                if owner in self._killed and owner not in self._finishers[key]:
                    result.adopted.add(key)
            else:
                (result.lost if creates[key] else result.inexact).add(key)

    def _settle(self, zygote: Zygote) -> None:
        """As a person would, after a look at the account; then all is done once more."""
        result, made = self.result, self._made()
        unknown = result.arrived | result.never
        resolve = {key: made[key][0] if made[key] else None for key in sorted(unknown)}
        self._told.clear()
        task = {"keys": result.keys, "mode": "threads", "resolve": resolve}
        self._live(zygote, **task, at_birth=False, seconds=None)
        made, creates = self._made(), self._creates()
        result.unsettled = {
            key
            for key in result.keys
            if creates[key] != 1 or len(made[key]) != 1 or self._told[key] != set(made[key])
        }


def _come_to_rest(server: Server) -> None:
    """Until all that a killed worker still sent has reached the sandbox."""
    state = server._uvicorn.server_state
    while state.connections or state.tasks:
        time.sleep(0.01)


def prove(workers: int, *, kills: int, seed: int) -> Result:
    sandbox = Sandbox(seconds=0.3)
    sandbox.order(slow(0.05, on="create", times=100_000))
    with tempfile.TemporaryDirectory() as folder, Server(sandbox) as server:
        return Proof(workers, kills, seed, folder, sandbox).run(server)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.crash")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    results = [prove(workers, kills=given.kills, seed=given.seed) for workers in (1, 2)]
    print("\n".join([HEAD, *(result.line() for result in results)]))  # noqa: T201
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
