"""A ledger as one client uses it: for its gateway, by its rules. Flows, like all that waits."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from langchain_apilaplas.catalog import UNIVERSAL_ENDPOINT, VideoModel, get_model
from langchain_apilaplas.effects import Flow, Record, T, logger
from langchain_apilaplas.errors import LedgerError, SettingsError
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.latency import Latency
from langchain_apilaplas.ledger import Budget, Claim, Job, Ledger, Origin, State, Usage
from langchain_apilaplas.request import PRIVATE, VideoRequest
from langchain_apilaplas.storage import Storage, file_name

Step = Callable[[], None]


@dataclass(frozen=True)
class Books:
    """A ledger and how it is kept.

    Attributes:
        ledger: Where the jobs stand.
        gateway: The base URL: another one's jobs are not ours.
        on_unknown: What to do about a submit whose outcome is unknown: report it, or submit again.
        budget: What may be spent.
        storage: Where finished videos are kept.
        private_prompts: Whether what is asked in words, and what the server says of it, stays out.
    """

    ledger: Ledger
    gateway: str
    on_unknown: Literal["report", "resubmit"] = "report"
    budget: Budget | None = None
    storage: Storage | None = None
    private_prompts: bool = False

    def claim(
        self, request: VideoRequest, key: str, origin: Origin, attempt: object
    ) -> Flow[Claim]:
        """Ask to submit a request; raises as `Ledger.claim` does."""
        job = Job(
            key=key,
            gateway=self.gateway,
            model=request.model.id,
            endpoint=request.endpoint,
            request=request.summary,
            fingerprint=request.fingerprint,
            origin=origin,
            storage=self.storage.address if self.storage else None,
        )
        resubmit = self.on_unknown == "resubmit"

        def prices(model: str) -> Usage:
            return request.model.expected_usage if model == request.model.id else _price(model)

        return self.do(
            lambda: self.ledger.claim(
                job, attempt, resubmit=resubmit, budget=self.budget, prices=prices
            )
        )

    def note(self, generation: Generation) -> Flow[None]:
        """Record what the server said of a generation."""
        return self.do(self.noting(generation))

    def finish(
        self, generation: Generation, model: VideoModel, duration: object, seconds: float
    ) -> Flow[None]:
        """Record an end that was watched closely, and learn from it how long such ones take."""
        place = self.gateway, model.id
        self.ledger.experience.add(place, _spelled(duration, model), seconds)
        return self.do(self.noting(generation, seconds=seconds))

    def latency(self, model: VideoModel, duration: object) -> Flow[Latency]:
        """How long generations of a model and duration take. The ledger is asked until it tells."""
        experience, place = self.ledger.experience, (self.gateway, model.id)

        def begin() -> None:
            if place not in experience:
                found = self.ledger.latencies(*place)
                experience.begin(place, [(_spelled(kind, model), took) for kind, took in found])

        if place not in experience:
            yield from self.do(_carefully(f"How long {model.id} takes", begin))
        return experience.latency(place, _spelled(duration, model), model.seconds)

    def noting(
        self,
        generation: Generation,
        key: str | None = None,
        attempt: object = None,
        seconds: float | None = None,
    ) -> Step:
        """The step that does; with a key, of the submit of that key."""
        generation = self.public(generation)
        return _carefully(
            f"What became of generation {generation.id}",
            lambda: self.ledger.note(self.gateway, generation, key, attempt, seconds),
        )

    def public(self, generation: Generation) -> Generation:
        """What of a generation may stand in a record: a server may quote what was asked."""
        if self.private_prompts and generation.error:
            return dataclasses.replace(generation, error=PRIVATE)
        return generation

    def giving_up(self, key: str, state: State, why: str, attempt: object) -> Step:
        """The step that records that an attempt was abandoned, or has an unknown outcome."""
        return _carefully(
            f"That job {key} is {state.value}",
            lambda: self.ledger.give_up(self.gateway, key, state, why, attempt),
        )

    def soon(self, step: Step) -> None:
        """Take a step without waiting for it, for a caller that is going away."""
        if self.ledger.thread is None:
            step()
        else:
            with suppress(RuntimeError):  # the interpreter is going away too
                self.ledger.thread.submit(step)

    def find(self, generation_id: str) -> Flow[Job | None]:
        """The job of a generation. Without one it can still be fetched, so errors stop nothing."""
        found: list[Job | None] = []
        step = _carefully(
            f"Which job generation {generation_id} is of",
            lambda: found.append(self.ledger.find(self.gateway, generation_id)),
        )
        yield from self.do(step)
        return found[0] if found else None

    def get(self, key: str) -> Flow[Job | None]:
        """The job of a key."""
        return self.do(lambda: self.ledger.get(self.gateway, key))

    def jobs(self, states: Collection[State], thread: str | None = None) -> Flow[list[Job]]:
        """The jobs in some states."""
        return self.do(lambda: self.ledger.jobs(self.gateway, states, thread))

    def resolve(self, key: str, generation_id: str | None) -> Flow[Job]:
        """Record what a person says of a job: its generation's id, or None for none."""
        return self.do(lambda: self.ledger.resolve(self.gateway, key, generation_id))

    def keep(self, generation_id: str, **where: str | None) -> Flow[None]:
        """Record where a video lies, or is to: `file`, `storage` and `stored` of its jobs."""
        return self.do(
            _carefully(
                f"Where the video of generation {generation_id} lies",
                lambda: self.ledger.keep(self.gateway, generation_id, **where),
            )
        )

    def unstored(self) -> Flow[list[Job]]:
        """The completed jobs whose video our storage is to keep, and does not."""
        if self.storage is None:
            return []
        address = self.storage.address
        return (yield from self.do(lambda: self.ledger.unstored(self.gateway, address)))

    def is_stored(self, job: Job | None) -> bool:
        """Whether our storage keeps a job's video."""
        if job is None or self.storage is None or job.generation_id is None:
            return False
        return job.stored == self.storage.address_of(f"{file_name(job.generation_id)}.mp4")

    def expected_usage(self, model: VideoModel) -> Flow[Usage]:
        """What a generation of a model is expected to cost."""
        last = yield from self.do(lambda: self.ledger.expected_usage(self.gateway, model.id))
        return last or model.expected_usage

    def is_settled(self, job: Job) -> bool:
        """Whether the server need not be asked about it."""
        return job.is_settled(self.ledger.clock()) or self.is_stored(job)

    def do(self, step: Callable[[], T]) -> Flow[T]:
        """Take a step, without holding up an event loop."""
        thread = self.ledger.thread
        if thread is None:
            return step()
        result: T = yield Record(step, thread)
        return result


def made_by(job: Job, given: Sequence[VideoModel]) -> VideoModel | None:
    """The row that a job was submitted with, if it is one of those given, or in the catalog."""
    try:
        known = [get_model(job.model)]
    except SettingsError:
        known = []
    rows = [row for row in (*given, *known) if row.id == job.model]
    if job.endpoint == UNIVERSAL_ENDPOINT:
        return rows[0].universal() if rows else None
    return min(rows, key=lambda row: row.endpoint == UNIVERSAL_ENDPOINT, default=None)


def _spelled(duration: object, model: VideoModel) -> str:
    """A duration as it is remembered; one that was left out is the default."""
    param = model.param("duration")
    left_out = param.default if param else None
    return str(left_out if duration is None else duration)


def _carefully(what: str, step: Step) -> Step:
    """A step whose failure is logged: the money is spent by then, or none is at stake."""

    def taken() -> None:
        try:
            step()
        except LedgerError as error:
            logger.error("%s is not in the ledger. %s", what, error.problem)
        except Exception:
            logger.exception("%s is not in the ledger", what)

    return taken


def _price(model: str) -> Usage:
    try:
        return get_model(model).expected_usage
    except SettingsError:
        return {}
