"""A ledger in memory."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from langchain_apilaplas.latency import Observed
from langchain_apilaplas.ledger.base import Ledger
from langchain_apilaplas.ledger.budget import Usage
from langchain_apilaplas.ledger.job import Job, State
from langchain_apilaplas.ledger.table import Clock, Name, Rows, utc


class MemoryLedger(Ledger):
    """A ledger that ends with its process.

    Args:
        limit: So many jobs are remembered; beyond that, the oldest of those that ended go, and
            their keys with them.
        clock: Gives the time (aware).
    """

    def __init__(self, limit: int = 10_000, clock: Clock = utc) -> None:
        self._rows = _MemoryRows(limit)
        self._lock = threading.Lock()
        super().__init__(clock)

    @property
    def owner(self) -> str:
        """Always the same: nobody else sees it."""
        return "memory"

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[Rows]:
        with self._lock:
            yield self._rows

    def _before_fork(self) -> None:
        self._lock.acquire()

    def _after_fork(self, *, in_child: bool) -> None:
        self._lock.release()
        if in_child:
            self._forget()

    def _lives(self, owner: str) -> bool:
        raise AssertionError("unreachable: there is one owner")


class _MemoryRows:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: dict[Name, Job] = {}
        self._names: dict[Name, dict[Name, None]] = {}

    def get(self, name: Name) -> Job | None:
        return self._jobs.get(name)

    def find(self, gateway: str, generation_id: str) -> list[Job]:
        names = self._names.get((gateway, generation_id), ())
        return [self._jobs[name] for name in names]

    def put(self, job: Job) -> None:
        name = (job.gateway, job.key)
        self._jobs[name] = job
        if job.generation_id:
            self._names.setdefault((job.gateway, job.generation_id), {})[name] = None
        if len(self._jobs) > self._limit:
            oldest = (other for other in self._jobs.values() if other.state.is_over)
            if gone := next(oldest, None):
                self._drop(gone)

    def select(
        self, gateway: str, states: Collection[State], thread: str | None = None
    ) -> list[Job]:
        return [
            job
            for job in self._jobs.values()
            if job.gateway == gateway
            and job.state in states
            and thread in (None, job.origin.thread)
        ]

    def unstored(self, gateway: str, storage: str) -> list[Job]:
        done = self.select(gateway, [State.COMPLETED])
        return [job for job in done if job.storage == storage and job.stored is None]

    def spent(self, gateway: str, *, thread: str | None, owner: str) -> list[tuple[str, Usage]]:
        return [
            (job.model, job.usage)
            for job in self.select(gateway, set(State) - {State.ABANDONED}, thread)
        ]

    def last_usage(self, gateway: str, model: str) -> Usage:
        jobs = reversed(self._jobs.values())
        usages = (j.usage for j in jobs if (j.gateway, j.model) == (gateway, model) and j.usage)
        return next(usages, {})

    def latencies(self, gateway: str, model: str, most: int) -> list[Observed]:
        ours = (j for j in self._jobs.values() if (j.gateway, j.model) == (gateway, model))
        watched = [job for job in ours if job.seconds is not None]
        watched = sorted(watched, key=lambda job: job.updated_at)[-most:]
        return [(job.request.get("duration"), job.seconds) for job in watched if job.seconds]

    def prune(self, before: datetime) -> int:
        old = [job for job in self._jobs.values() if job.state.is_over and job.updated_at < before]
        for job in old:
            self._drop(job)
        return len(old)

    def _drop(self, job: Job) -> None:
        del self._jobs[job.gateway, job.key]
        self._names.get((job.gateway, job.generation_id or ""), {}).pop(
            (job.gateway, job.key), None
        )
