"""A job: the ledger's record of one paid request."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from langchain_apilaplas.generation import Generation, Status, Video

_LINKS_LAST = timedelta(hours=24)
"""How long a link works that does not say so itself: 24 to 48 h by the API's schema."""
_MARGIN = timedelta(minutes=1)


class State(StrEnum):
    """How far a job is. `intent`: about to be sent, or being sent. `unknown`: it was sent, and
    nobody knows whether it was accepted. `abandoned`: it was certainly not.
    """

    INTENT = "intent"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    ERROR = "error"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"

    @property
    def is_over(self) -> bool:
        """Whether nothing about it is open any more."""
        return self in (State.COMPLETED, State.ERROR, State.ABANDONED)


UNSETTLED = (State.INTENT, State.SUBMITTED, State.UNKNOWN)
"""The states in which something is still to come, or to be found out."""

_STATES = {Status.COMPLETED: State.COMPLETED, Status.ERROR: State.ERROR}
_WORDS = frozenset(status.value for status in Status)


@dataclass(frozen=True)
class Origin:
    """Where a request comes from.

    Attributes:
        thread: The conversation, LangGraph's `thread_id`; or any name for what belongs together.
        tool_call: The id of the agent's tool call.
    """

    thread: str | None = None
    tool_call: str | None = None


@dataclass(frozen=True)
class Job:
    """A paid request and what became of it.

    Attributes:
        key: The request's name; one job per key and gateway, whoever asks and how often.
        gateway: The base URL it was sent to.
        model: The model's id.
        endpoint: The path it was sent to.
        request: Parameter name → value; pictures by their name, never their bytes.
        fingerprint: A hash of all that was sent: the same key with another one is refused.
        state: See `State`.
        generation_id: The server's id, once it gave one.
        origin: The thread and the tool call it comes from.
        owner: Who sent it: a name that each opened ledger gives itself.
        videos: The finished videos. Their links expire.
        usage: What the server says it cost: `credits_used`, `tokens_used`, `usd_spent`.
        error: Why it failed, was not accepted, or why nobody knows.
        file: Where the video was downloaded to, last.
        storage: The address of the storage that is to keep the video.
        stored: The video's own address there, once it is kept.
        seconds: How long it took from submit to finish; None unless somebody watched closely.
        history: Each state or status it went through, and when (aware, UTC); the oldest first.
    """

    key: str
    gateway: str
    model: str
    endpoint: str
    request: Mapping[str, Any]
    fingerprint: str
    state: State = State.INTENT
    generation_id: str | None = None
    origin: Origin = Origin()
    owner: str = ""
    videos: tuple[Video, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    file: str | None = None
    storage: str | None = None
    stored: str | None = None
    seconds: float | None = None
    history: tuple[tuple[str, datetime], ...] = ()

    @property
    def created_at(self) -> datetime:
        """When the intent was written."""
        return self.history[0][1]

    @property
    def updated_at(self) -> datetime:
        """When it last changed."""
        return self.history[-1][1]

    @property
    def submitted_at(self) -> datetime:
        """When it was submitted, last: when that was about to happen."""
        intents = [at for word, at in self.history if word == State.INTENT]
        return intents[-1] if intents else self.created_at

    @property
    def doubts(self) -> int:
        """How often its outcome became unknown, since it was last certain that there is none."""
        words = [word for word, _ in self.history]
        settled = words[::-1].index(State.ABANDONED) if State.ABANDONED in words else len(words)
        return words[len(words) - settled :].count(State.UNKNOWN)

    @property
    def status(self) -> Status | None:
        """The server's last word; None while there is none."""
        words = [word for word, _ in self.history if word in _WORDS]
        return Status(words[-1]) if words else None

    @property
    def url(self) -> str | None:
        """The first video's link."""
        return self.videos[0].url if self.videos else None

    @property
    def expires_at(self) -> datetime | None:
        """When that link stops working, if it tells."""
        return self.videos[0].expires_at if self.videos else None

    @property
    def generation(self) -> Generation | None:
        """What the server last said of it; None while there is no id."""
        if self.generation_id is None:
            return None
        return Generation(
            id=self.generation_id,
            status=self.status or Status.QUEUED,
            model=self.model,
            videos=self.videos,
            error=self.error,
            usage=self.usage,
        )

    def is_settled(self, at: datetime) -> bool:
        """Whether the server need not be asked: it failed, or its link still works."""
        if self.state is not State.COMPLETED or not self.videos:
            return self.state is State.ERROR
        return at < (self.expires_at or self.updated_at + _LINKS_LAST) - _MARGIN

    def turned(self, state: State, at: datetime, **changes: Any) -> "Job":
        """The same job in another state."""
        history = (*self.history, (state.value, at))
        return dataclasses.replace(self, state=state, history=history, **changes)

    def seen(self, generation: Generation, at: datetime, seconds: float | None = None) -> "Job":
        """The same job after the server told of it. What has ended does not begin again."""
        state = _STATES.get(generation.status, State.SUBMITTED)
        if self.state in _STATES.values() and state is State.SUBMITTED:
            return self
        unchanged = self.state is state and self.status is generation.status
        change = () if unchanged else ((generation.status.value, at),)
        return dataclasses.replace(
            self,
            state=state,
            generation_id=generation.id,
            videos=generation.videos or self.videos,
            usage={**self.usage, **generation.usage},
            error=generation.error,
            seconds=seconds if self.seconds is None else self.seconds,
            history=(*self.history, *change),
        )
