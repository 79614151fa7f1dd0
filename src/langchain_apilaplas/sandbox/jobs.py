"""A generation in the sandbox: how far it is, and its video."""

import io
import math
import threading
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.sandbox.bodies import Body
from langchain_apilaplas.sandbox.faults import Outcome
from langchain_apilaplas.sandbox.render import Scene, caption_of, render, scene_of, size_of
from langchain_apilaplas.sandbox.vendors import Stage

_QUEUED = 1 / 6
"""The part of its time that a generation waits for its turn."""

_ROUNDING = 1e-6
"""Sums of times since 1970 are off by less than that."""

End = Literal[0, 1]
"""The first frame of a video, or the last."""


@dataclass(eq=False)
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
        ends: Its first and last frame as PNG, once a video that begins or ends with it was made.
    """

    id: str
    model: VideoModel
    body: Body
    created: float = 0.0
    outcome: Outcome = field(default_factory=Outcome)
    before: "Job | None" = field(default=None, repr=False)
    after: "Job | None" = field(default=None, repr=False)
    video: bytes | None = field(default=None, repr=False)
    ends: dict[End, bytes] = field(default_factory=dict, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

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
            before=self.before.end(1) if self.before else None,
            after=self.after.end(0) if self.after else None,
        )

    def end(self, which: End) -> Image.Image:
        """Its first or last frame, kept once it was made.

        Extensions of extensions may be many: what it needs is made one by one, not by recursion.
        """
        wanted: list[tuple[Job, End]] = [(self, which)]
        while wanted:
            job, end = wanted[-1]
            if end in job.ends:
                wanted.pop()
            elif lacking := job._lacking():
                wanted += lacking
            else:
                job.ends[end] = _png(job.scene().frame(end))
        return Image.open(io.BytesIO(self.ends[which]))

    def _lacking(self) -> "list[tuple[Job, End]]":
        """The frames of other videos that its own scene needs and that were not made yet."""
        needed: list[tuple[Job | None, End]] = [(self.before, 1), (self.after, 0)]
        return [(job, end) for job, end in needed if job and end not in job.ends]


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
