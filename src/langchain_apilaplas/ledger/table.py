"""What a ledger is kept in: rows, within a transaction."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from langchain_apilaplas.latency import Observed
from langchain_apilaplas.ledger.budget import Usage
from langchain_apilaplas.ledger.job import Job, State

Name = tuple[str, str]
"""What names a job: the gateway, and the key."""

Clock = Callable[[], datetime]


Change = Callable[["Rows"], None]
"""What is to be written. Doing it twice does no harm."""


def utc() -> datetime:
    """Now."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Claim:
    """The answer to "may I submit this?".

    Attributes:
        job: The job as it stands in the ledger now.
        verdict: "ours": submit it, nobody else will. "busy": somebody who lives is just submitting
            it. "known": it was submitted before, or nobody knows; the job tells.
    """

    job: Job
    verdict: Literal["ours", "busy", "known"]


class Rows(Protocol):
    """The rows of a ledger within one transaction."""

    def get(self, name: Name) -> Job | None: ...

    def find(self, gateway: str, generation_id: str) -> list[Job]: ...

    def put(self, job: Job) -> None: ...

    def select(
        self, gateway: str, states: Collection[State], thread: str | None = None
    ) -> list[Job]: ...

    def unstored(self, gateway: str, storage: str) -> list[Job]: ...

    def spent(self, gateway: str, *, thread: str | None, owner: str) -> list[tuple[str, Usage]]: ...

    def last_usage(self, gateway: str, model: str) -> Usage: ...

    def latencies(self, gateway: str, model: str, most: int) -> list[Observed]: ...

    def prune(self, before: datetime) -> int: ...
