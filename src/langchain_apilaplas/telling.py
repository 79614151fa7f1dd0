"""How a listener is told of a wait: neither one that is slow nor one that raises does it harm."""

import asyncio
import inspect
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import httpx

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.effects import Listener, Progress, Report, logger
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.latency import SURE, Latency

_MOMENT = 0.05
"""Seconds that a wait stops for a listener that has something to await."""
_FAREWELL = 1.0
"""The same at the end, for the last event to be heard."""
_LONGEST = 60.0
"""Seconds after the end in which a listener may still be at it."""
_talks: set["asyncio.Task[None]"] = set()


class Audience:
    """A listener on an event loop. While it is still at one event, the wait goes on, and only the
    newest of those that follow is kept for it.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._talk: asyncio.Task[None] | None = None
        self._newest: Any = None
        self._has_heard_all = False

    async def hear(self, event: Any, *, is_last: bool) -> None:
        """Be told of an event. The last one is heard in any case, be it after the wait."""
        self._has_heard_all = is_last
        if self._talk is None or self._talk.done():
            self._newest = None
            outcome = self._begin(event)
            if outcome is None:
                return
            self._talk = asyncio.ensure_future(self._go_on(outcome))
            _talks.add(self._talk)
            self._talk.add_done_callback(_talks.discard)
        else:
            self._newest = event
            if not is_last:
                return
        await asyncio.wait([self._talk], timeout=_FAREWELL if is_last else _MOMENT)
        if is_last and not self._talk.done():
            asyncio.get_running_loop().call_later(_LONGEST, self._talk.cancel)

    def leave(self) -> None:
        """The wait was cancelled, or ended with trouble."""
        if self._talk and not self._has_heard_all:
            self._talk.cancel()

    def _begin(self, event: Any) -> Awaitable[None] | None:
        try:
            outcome = self.listener(event)
        except (Exception, asyncio.CancelledError):  # of a task of its own
            logger.warning("A progress listener raised", exc_info=True)
            return None
        return outcome if inspect.isawaitable(outcome) else None

    async def _go_on(self, outcome: Awaitable[None] | None) -> None:
        while outcome is not None:
            try:
                await outcome
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                    raise
                logger.warning("A progress listener raised", exc_info=True)
            event, self._newest = self._newest, None
            outcome = None if event is None else self._begin(event)


@dataclass
class Tell(Report):
    """A report that a slow coroutine function does not hold up."""

    audience: Audience
    is_last: bool

    async def arun(self, http: httpx.AsyncClient) -> None:
        await self.audience.hear(self.progress, is_last=self.is_last)


@dataclass
class Story:
    """What a wait has to tell.

    Attributes:
        model: The one that makes the video.
        latency: How long such generations take.
        tool_call_id: The agent's tool call.
        audience: Who is told.
        fraction: What was told last.
    """

    model: VideoModel
    latency: Latency
    tool_call_id: str | None
    audience: Audience | None
    fraction: float = field(default=0.0, init=False)

    def told(self, generation: Generation, elapsed: float, *, is_last: bool) -> list[Tell]:
        """The effects that tell how far a generation is."""
        if self.audience is None:
            return []
        progress = Progress(
            type="video_progress",
            generation_id=generation.id,
            model=self.model.id,
            status=generation.status.value,
            elapsed=round(elapsed, 1),
            expected=round(self.latency.median, 1),
            fraction=self._fraction(generation, elapsed),
            tool_call_id=self.tool_call_id,
        )
        return [Tell(progress, self.audience.listener, self.audience, is_last)]

    def _fraction(self, generation: Generation, elapsed: float) -> float:
        if generation.status is Status.COMPLETED:
            return 1.0
        now = self.latency.fraction(elapsed) if generation.progress is None else generation.progress
        self.fraction = max(self.fraction, min(SURE, round(now, 3)))
        return self.fraction
