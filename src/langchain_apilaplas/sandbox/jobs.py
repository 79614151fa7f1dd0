"""A generation in the sandbox: how far it is, and its video."""

import math
import threading
from dataclasses import dataclass, field

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.sandbox.bodies import Body
from langchain_apilaplas.sandbox.faults import Outcome
from langchain_apilaplas.sandbox.render import Scene, caption_of, render, scene_of, size_of
from langchain_apilaplas.sandbox.vendors import Stage

_QUEUED = 1 / 6
"""The part of its time that a generation waits for its turn."""

_ROUNDING = 1e-6
"""Sums of times since 1970 are off by less than that."""


@dataclass
class Job:
    """A generation in the sandbox.

    Attributes:
        id: Its id.
        model: The row it was called by.
        body: Of its create.
        created: When it was created, in seconds since 1970.
        outcome: How it ends.
        before: The generation whose end it goes on from.
        after: The generation to whose start it leads.
        video: Its MP4, once somebody asked for it.
    """

    id: str
    model: VideoModel
    body: Body
    created: float = 0.0
    outcome: Outcome = field(default_factory=Outcome)
    before: "Job | None" = None
    after: "Job | None" = None
    video: bytes | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.id.partition(":")[0]

    def size(self) -> tuple[int, int]:
        """The pixels of its video."""
        return size_of(self.model, self.body)

    def reaches(self, stage: Stage, seconds: float) -> float:
        """When it gets to a stage or beyond, where a generation takes that many seconds."""
        if stage == "generating":
            return self.created + seconds * _QUEUED
        return self.created + (seconds if self.outcome.ends else math.inf)

    def stage(self, now: float, seconds: float) -> Stage:
        """How far it is, where a generation takes that many seconds."""
        if now + _ROUNDING < self.reaches("generating", seconds):
            return "queued"
        if now + _ROUNDING < self.reaches("completed", seconds):
            return "generating"
        return "error" if self.outcome.failed else "completed"

    def rendered(self) -> bytes:
        """The MP4; made when it is first asked for."""
        with self.lock:
            if self.video is None:
                self.video = render(self.scene(), caption_of(self.model, self.body))
            return self.video

    def scene(self) -> Scene:
        """What is filmed."""
        return scene_of(
            self.model,
            self.body,
            before=self.before.scene().frame(1) if self.before else None,
            after=self.after.scene().frame(0) if self.after else None,
        )
