"""A run of the fault proof: the user calls, things go wrong, and each claim is compared."""

import asyncio
import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_apilaplas import ApilaplasError, Generation, Job
from langchain_apilaplas.errors import (
    AuthenticationError,
    Charged,
    GenerationFailedError,
    MissingVideoError,
    StillRenderingError,
    UnknownOutcomeError,
)
from langchain_apilaplas.generation import Status
from langchain_apilaplas.ledger import UNSETTLED, State
from tests.proofs.fault_plan import ENDS, Plan
from tests.proofs.fault_world import Create, Hang, World

_LONG = 3000.0
_HAS_ID = (State.SUBMITTED, State.COMPLETED, State.ERROR)
_BAD_ENDS: dict[str | None, type[ApilaplasError]] = {
    "fails": GenerationFailedError,
    "no video": MissingVideoError,
    "endless": StillRenderingError,
}


@dataclass
class Report:
    """What came of a run.

    Attributes:
        seed: Plays it again.
        is_async: Whether the client was the one for asyncio.
        troubles: What went wrong.
        first: How the first call ended: "video", "resumable", or the class of an error.
        paid_twice: Whether two creates of the key were accepted.
        resubmits: Whether the user had asked for that.
        lost: Whether a generation whose id was told could not be had in the end.
        violations: What must not be.
    """

    seed: int
    is_async: bool
    troubles: set[str] = field(default_factory=set)
    first: str = ""
    paid_twice: bool = False
    resubmits: bool = False
    lost: bool = False
    violations: list[str] = field(default_factory=list)


def play(seeds: Iterable[int], *, is_async: bool) -> Iterator[Report]:
    """Play the runs of some seeds, all with the one client or the other."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        for seed in seeds:
            plan = Plan.of(seed)
            world = World(plan, Path(folder), runner if is_async else None)
            run = Run(plan, world)
            with world.in_charge():
                run.play()
            run.report.is_async = is_async
            yield run.report


class Run:
    """One user, one key."""

    def __init__(self, plan: Plan, world: World) -> None:
        self.plan = plan
        self.world = world
        self.key = plan.key
        self.chance = random.Random(-plan.seed)
        self.report = Report(plan.seed, False, resubmits=self._resubmits)

    def play(self) -> None:
        """Call, meet troubles, call again; in the end, when all is well, get what was paid for."""
        earlier = self._earlier() if self.plan.end == "duplicate id" else None
        if self.plan.end:
            self.world.sandbox.order(ENDS[self.plan.end]())
        self.world.begin()
        end = self.ask("submit" if self.plan.submits_first else "generate", self.plan.timeout)
        self.report.first = self._kind(end)
        for act in self.plan.acts:
            self._act(act)
        self.world.calm()
        self._finish()
        if earlier:
            self._get_the_earlier(earlier)
        self.report.troubles = self.world.struck | (
            {self.plan.end and f"end: {self.plan.end}"} - {None}
        )
        self.report.paid_twice = self._accepted > 1

    # --- what the user does ---

    def ask(self, name: str, timeout: float) -> Any:
        """Ask for the video, by the key, and compare all that is said about it."""
        more = {"timeout": timeout} if name == "generate" else {}
        started = self.world.time
        end = self._called(name, key=self.key, **self._wanted(), **more)
        took, patience = self.world.time - started, self.plan.client["timeout"]
        if name == "generate" and took > timeout + 2 * patience + 20:
            self._wrong(f"it took {took:.0f} s of {timeout:.0f}")
        self.key = self.key or self.world.creates[-1].key
        self._judge(name, end)
        job = self._job()
        if (job.state is State.UNKNOWN) is not isinstance(end, UnknownOutcomeError):
            self._wrong(f"the job is {job.state} after {end!r}")
        if isinstance(end, UnknownOutcomeError):
            self._compare(end.key, self.key, "the key on the error")
        if name == "generate" and isinstance(end, Generation):
            self._judge_video(end, job)
        return end

    def _act(self, act: str) -> None:
        told = self._told
        if act == "pass":
            self.world.sleep(self.chance.uniform(0, 200))
        elif act == "jobs":
            self._job()
        elif act == "resume_all":
            end = self._called("resume_all", timeout=self.plan.timeout)
            if not isinstance(end, list | AuthenticationError):
                self._wrong(f"resume_all: {end!r}")
            self._job()
        elif act in ("get", "wait"):
            more = {"timeout": self.plan.timeout} if act == "wait" else {}
            if told:
                self._judge(act, self._called(act, told, **more))
        else:
            if act == "restart":
                self.world.restart(dies=self.chance.random() < 0.7)
            self.ask("generate", self.plan.timeout)

    def _finish(self) -> None:
        """Nothing goes wrong any more."""
        told = self._told
        if self.chance.random() < 0.5:
            self.world.restart(dies=True)
        if self._job().state is State.UNKNOWN:
            end = self.ask("generate", self.plan.timeout)
            if not (isinstance(end, UnknownOutcomeError) or self._resubmits):
                self._wrong(f"what was unknown is now {end!r}")
        if self._job().state is State.UNKNOWN:
            self._resolve()
        end = self.ask("generate", 100 if self.plan.end == "endless" else _LONG)
        if not self._is_due(end):
            self.report.lost = told is not None
            self._wrong(f"the end of all is {end!r}")
        if self._accepted < 1:
            self._wrong("nothing was made")
        is_open = self._job().state in UNSETTLED
        if is_open is not isinstance(end, StillRenderingError):
            self._wrong(f"in the end the job is {self._job().state}")

    def _resolve(self) -> None:
        """A person looks at the account, and says what became of it."""
        made = next((create for create in self._mine if create.accepted), None)
        if made:
            made.told = made.made
            self._called("resolve", self.key, generation_id=made.made)
            return
        for create in self._mine:
            create.refused = True
        self._called("resolve", self.key, submitted=False)

    def _earlier(self) -> str:
        made: Generation = self._called("submit", key="earlier", **self._wanted())
        self.world.sleep(self.plan.before)
        self.world.ahead["wall"] += self.chance.choice((0, -3600))
        return made.id

    def _get_the_earlier(self, generation_id: str) -> None:
        """The other job that has the same id now is none the worse for it."""
        end = self._called("generate", key="earlier", **self._wanted(), timeout=_LONG)
        self._compare(getattr(end, "id", None), generation_id, "the earlier generation's id")
        [job] = [job for job in self._called("jobs", *State) if job.key == "earlier"]
        if job.state is not State.COMPLETED:
            self._wrong(f"the job that had the id first is {job.state}")

    def _called(self, name: str, *args: Any, **more: Any) -> Any:
        try:
            return self.world.call(name, *args, **more)
        except ApilaplasError as error:
            return error
        except (Exception, Hang) as error:  # noqa: BLE001 - that is what is looked for
            self._wrong(f"{name} raised {error!r}")
            return error

    def _wanted(self) -> dict[str, Any]:
        return {"model": self.plan.model, **self.plan.values}

    # --- what is true ---

    @property
    def _resubmits(self) -> bool:
        return bool(self.plan.client["on_unknown"] == "resubmit")

    @property
    def _mine(self) -> list[Create]:
        return [create for create in self.world.creates if create.key == self.key]

    @property
    def _accepted(self) -> int:
        return sum(create.accepted for create in self._mine)

    @property
    def _told(self) -> str | None:
        """The id that the gateway gave."""
        return next((create.told for create in reversed(self._mine) if create.told), None)

    def _is_due(self, end: Any) -> bool:
        """Whether it is the end that the generation was ordered to have."""
        bad = _BAD_ENDS.get(self.plan.end)
        good = isinstance(end, Generation) and end.video is not None
        return isinstance(end, bad) or (good and self._resubmits) if bad else good

    def _kind(self, end: Any) -> str:
        if isinstance(end, Generation) and end.status is Status.COMPLETED:
            return "video"
        if isinstance(end, Generation | StillRenderingError):
            return "resumable"
        return type(end).__name__

    # --- what is said ---

    def _judge(self, name: str, end: Any) -> None:
        """Compare what was paid, and what the answer says of it, with what the wire saw."""
        if self._accepted > (2 if self._resubmits else 1):
            self._wrong(f"{self._accepted} creates were accepted")
        if not self._resubmits and not all(create.refused for create in self._mine[:-1]):
            self._wrong("it was sent again though it may have been accepted")
        if isinstance(end, ApilaplasError):
            if self._told and self._told not in str(end):
                self._wrong(f"{name}: no id in {end!r}")
            if self._told:
                self._compare(end.generation_id, self._told, f"the id on {end!r} of {name}")
            if isinstance(end, GenerationFailedError | MissingVideoError) and not self._is_due(end):
                self._wrong(f"{name}: nobody said {end!r}")
            truth = {Charged.NO: self._accepted == 0, Charged.YES: self._accepted > 0}
            if not truth.get(end.charged, True):
                self._wrong(f"{name}: charged {end.charged} is not true of {end!r}")
        elif isinstance(end, Generation):
            self._compare(end.id, self._told, f"the id of {name}'s generation")

    def _judge_video(self, end: Generation, job: Job) -> None:
        name = f"/wolf/{end.id.partition(':')[0]}.mp4?"
        if end.video is None or name not in end.video.url:
            self._wrong(f"{end!r} is not the video")
        if job.state is not State.COMPLETED:
            self._wrong(f"there is the video, and the job is {job.state}")

    def _job(self) -> Job:
        """The job of the key, which must say what the wire saw."""
        every: list[Job] = self._called("jobs", *State)
        [job] = [job for job in every if job.key == self.key]
        if job.state is State.INTENT:
            self._wrong("an intent was left")
        if job.state is State.ABANDONED and self._accepted:
            self._wrong("a job is abandoned that was accepted")
        if job.state is State.ERROR and self.plan.end != "fails":
            self._wrong("the job failed, and nobody said so")
        if job.state in _HAS_ID or self._told:
            self._compare(job.generation_id, self._told, f"the id of the {job.state} job")
        if self._told and job.state not in _HAS_ID:
            self._wrong(f"the job is {job.state} though its id is known")
        is_open = {job.key for job in self._called("jobs")}
        if (job.state in UNSETTLED) is not (self.key in is_open):
            self._wrong("jobs() and jobs(*State) differ")
        return job

    def _compare(self, said: object, true: object, what: str) -> None:
        if said != true:
            self._wrong(f"{what} is {said!r}, not {true!r}")

    def _wrong(self, what: str) -> None:
        self.report.violations.append(what)
