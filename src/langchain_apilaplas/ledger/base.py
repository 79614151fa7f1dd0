"""Every paid job, recorded before its request leaves: who may submit, and what became of it.

The rules stand here once; where the rows lie is the business of a subclass. Each method is one
transaction, safe to be called again, by anyone, at any point.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta

from langchain_apilaplas.errors import (
    BudgetError,
    InvalidRequestError,
    LedgerError,
    NotFoundError,
    SettingsError,
)
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.latency import MOST, Experience, Observed
from langchain_apilaplas.ledger.budget import Budget, Usage
from langchain_apilaplas.ledger.forks import Forkable
from langchain_apilaplas.ledger.job import Job, State
from langchain_apilaplas.ledger.table import Change, Claim, Clock, Name, Rows, utc


class Ledger(Forkable):
    """A record of every paid job; see the module.

    Attributes:
        thread: Where its work is done for an event loop; None when it takes no time.
        clock: Gives the time (aware).
        experience: What this process knows of how long generations take.
    """

    thread: Executor | None = None

    def __init__(self, clock: Clock = utc) -> None:
        super().__init__()
        self.clock = clock
        self.experience = Experience()
        self._in_flight: dict[Name, object] = {}
        self._unwritten: list[Change] = []

    @property
    @abstractmethod
    def owner(self) -> str:
        """The name under which this object submits."""

    @abstractmethod
    def _transaction(self, *, writes: bool = True) -> AbstractContextManager[Rows]:
        """All or nothing, one at a time.

        Raises:
            LedgerError: The rows can't be read or written.
        """

    @abstractmethod
    def _lives(self, owner: str) -> bool:
        """Whether another owner's process is still there."""

    def claim(
        self,
        job: Job,
        attempt: object = None,
        *,
        resubmit: bool = False,
        budget: Budget | None = None,
        prices: Callable[[str], Usage] = lambda _: {},
    ) -> Claim:
        """Write the intent to submit, unless the key has a job already.

        Args:
            job: What would be submitted.
            attempt: Who would submit it: `note` and `give_up` end this one's intent only.
            resubmit: Whether a job of unknown outcome may be submitted once more.
            budget: What may be spent.
            prices: What the catalog says a model costs.

        Raises:
            InvalidRequestError: The key has another request.
            BudgetError: The budget does not allow it.
            LedgerError: The intent can't be written, so nothing may be sent.
        """
        name = (job.gateway, job.key)
        with self._writing() as rows:
            found = rows.get(name)
            if found and found.state is not State.ABANDONED:
                busy = self._is_being_sent(found)
                found = found if busy else self._reaped(rows, found)
                _same_request(found, job)
                if busy:
                    return Claim(found, "busy")
                if found.state is not State.UNKNOWN or not resubmit or found.doubts > 1:
                    return Claim(found, "known")
            try:
                self._check(budget, rows, job, prices)
            except BudgetError:
                if found and found.state is State.UNKNOWN:  # what was sent may have been charged
                    return Claim(found, "known")
                raise
            job = dataclasses.replace(job, history=found.history if found else ())
            job = job.turned(State.INTENT, self.clock(), owner=self.owner)
            rows.put(job)
            self._in_flight[name] = attempt
        return Claim(job, "ours")

    def note(
        self,
        gateway: str,
        generation: Generation,
        key: str | None = None,
        attempt: object = None,
        seconds: float | None = None,
    ) -> None:
        """What the server said of a generation; when it has finished, how long that took, where
        it is known. With its key, whatever the ledger knew before.
        """
        at = self.clock()

        def change(rows: Rows) -> None:
            named = rows.get((gateway, key)) if key else None
            for job in [named] if named else rows.find(gateway, generation.id):
                after = job.seen(generation, at, seconds)
                if after != job:
                    rows.put(after)

        self._end(change, (gateway, key or ""), attempt)

    def give_up(
        self, gateway: str, key: str, state: State, why: str, attempt: object = None
    ) -> None:
        """An attempt came to nothing, or nobody knows to what. Once, and only its own intent."""
        name, at = (gateway, key), self.clock()

        def change(rows: Rows) -> None:
            job = rows.get(name)
            if job and job.state is State.INTENT and job.owner == self.owner:
                # That this one was not accepted says nothing of one before it.
                rows.put(job.turned(State.UNKNOWN if job.doubts else state, at, error=why))

        if name in self._in_flight and self._in_flight[name] is attempt:
            self._end(change, name, attempt)

    def resolve(self, gateway: str, key: str, generation_id: str | None) -> Job:
        """A person says what became of a job that is unknown, or submitted: a generation, or none.

        Raises:
            NotFoundError: There is no such job.
            SettingsError: It has ended, or is being submitted.
        """
        with self._writing() as rows:
            job = rows.get((gateway, key))
            if job is None:
                raise NotFoundError(f"The ledger has no job {key!r} of {gateway}.")
            job = job if self._is_being_sent(job) else self._reaped(rows, job)
            if job.state not in (State.UNKNOWN, State.SUBMITTED):
                raise SettingsError(
                    f"Job {key!r} is not open any more but {job.state.value}"
                    if job.state is not State.INTENT
                    else f"Job {key!r} is just being submitted."
                )
            if generation_id:
                job = job.turned(
                    State.SUBMITTED, self.clock(), generation_id=generation_id, error=None
                )
            else:
                job = job.turned(
                    State.ABANDONED, self.clock(), generation_id=None, error="A person says so."
                )
            rows.put(job)
        return job

    def find(self, gateway: str, generation_id: str) -> Job | None:
        """The job of a generation, if it was submitted with this ledger; of several, the last."""
        with self._transaction(writes=False) as rows:
            return next(reversed(rows.find(gateway, generation_id)), None)

    def get(self, gateway: str, key: str) -> Job | None:
        """The job of a key."""
        with self._transaction(writes=False) as rows:
            return rows.get((gateway, key))

    def jobs(self, gateway: str, states: Collection[State], thread: str | None = None) -> list[Job]:
        """The jobs in some states, the oldest first; of all threads, or of one."""
        with self._writing() as rows:
            for job in rows.select(gateway, [State.INTENT]):
                if not self._is_being_sent(job):
                    self._reaped(rows, job)
            return rows.select(gateway, states, thread)

    def expected_usage(self, gateway: str, model: str) -> Usage:
        """What the last generation of a model cost; empty while that is not known."""
        with self._transaction(writes=False) as rows:
            return rows.last_usage(gateway, model)

    def latencies(self, gateway: str, model: str) -> list[Observed]:
        """What the last generations of a model took whose end was watched; the oldest first."""
        with self._transaction(writes=False) as rows:
            return rows.latencies(gateway, model, MOST)

    def keep(self, gateway: str, generation_id: str, **where: str | None) -> None:
        """Where a generation's video lies, or is to: `file`, `storage` and `stored` of its jobs."""
        with self._writing() as rows:
            for job in rows.find(gateway, generation_id):
                rows.put(dataclasses.replace(job, **where))  # type: ignore[arg-type]

    def unstored(self, gateway: str, storage: str) -> list[Job]:
        """The completed jobs whose video a storage is to keep and does not, the oldest first."""
        with self._transaction(writes=False) as rows:
            return rows.unstored(gateway, storage)

    def prune(self, older_than: timedelta) -> int:
        """Forget the jobs that ended longer ago than that; says how many. Open and unknown ones
        stay.

        A key that is forgotten is a new one: a request made again with it is paid again. So is what
        a thread's budget had spent.
        """
        with self._writing() as rows:
            return rows.prune(self.clock() - older_than)

    def _check(
        self, budget: Budget | None, rows: Rows, job: Job, prices: Callable[[str], Usage]
    ) -> None:
        if budget:
            thread = job.origin.thread if budget.per == "thread" else None
            spent = rows.spent(job.gateway, thread=thread, owner=self.owner)
            budget.check(job.model, spent, lambda m: rows.last_usage(job.gateway, m) or prices(m))

    @contextmanager
    def _writing(self) -> Iterator[Rows]:
        """A transaction that first makes up for what could not be written when it was to be."""
        with self._transaction() as rows:
            late = list(self._unwritten)
            for change in late:
                change(rows)
            yield rows
        for change in late:
            with suppress(ValueError):
                self._unwritten.remove(change)

    def _end(self, change: Change, name: Name, attempt: object) -> None:
        """Write how an attempt ended; if that can't be, with the next that can."""
        try:
            with self._writing() as rows:
                change(rows)
        except LedgerError:
            self._unwritten.append(change)
            raise
        finally:
            if name in self._in_flight and self._in_flight[name] is attempt:
                del self._in_flight[name]

    def _forget(self) -> None:
        """A child of a fork carries on nothing that its parent began."""
        self._in_flight.clear()
        self._unwritten.clear()

    def _is_being_sent(self, job: Job) -> bool:
        if job.state is not State.INTENT:
            return False
        if job.owner == self.owner:
            return (job.gateway, job.key) in self._in_flight
        return self._lives(job.owner)

    def _reaped(self, rows: Rows, job: Job) -> Job:
        """An intent whose owner died has an unknown outcome."""
        if job.state is not State.INTENT:
            return job
        why = "The process that submitted it ended before it had the answer."
        job = job.turned(State.UNKNOWN, self.clock(), error=why)
        rows.put(job)
        return job


def _same_request(found: Job, wanted: Job) -> None:
    # A tool call's key is made of its arguments. What differs is the developer's settings since,
    # and the video was paid for.
    if wanted.origin.tool_call is None and found.fingerprint != wanted.fingerprint:
        other = f"generation {found.generation_id}" if found.generation_id else found.state.value
        error = InvalidRequestError(
            f"key: {found.key!r} names another request, to {found.model} ({other}).",
            next_step="Give a request of its own another key.",
        )
        error.generation_id = found.generation_id
        raise error
