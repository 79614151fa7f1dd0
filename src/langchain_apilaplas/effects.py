"""What a flow needs from outside, and the two drivers: the only place that knows sync from async.

A flow is a generator that yields effects and returns a result (DESIGN: "written once").
`drive` and `adrive` carry the effects out and send the replies back in.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar

import httpx

logger = logging.getLogger("langchain_apilaplas")
logger.addHandler(logging.NullHandler())  # silent unless the application asks

T = TypeVar("T")


class Effect(Protocol):
    """Something to be done outside, in either world."""

    def run(self, http: httpx.Client) -> Any: ...

    async def arun(self, http: httpx.AsyncClient) -> Any: ...


Flow: TypeAlias = Generator[Effect, Any, T]


def drive(flow: Flow[T], http: httpx.Client) -> T:
    """Carry out a flow, blocking."""
    try:
        effect = next(flow)
        while True:
            try:
                reply = effect.run(http)
            except Exception as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


async def adrive(flow: Flow[T], http: httpx.AsyncClient) -> T:
    """Carry out a flow on the running event loop. Cancelling it ends the flow: at once, but for a
    submit that is under way (see `Send.left`).
    """
    try:
        effect = next(flow)
        while True:
            try:
                reply = await effect.arun(http)
            except Exception as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


class Progress(TypedDict):
    """How far a generation is: told right after its submit, at each look, and at its end.

    type: "video_progress".
    status: "queued", "generating", "completed" or "error".
    elapsed: Seconds since it was submitted; where that is not known, since it is waited for.
    expected: The seconds that half of those of this model and duration take, as learned from those
        before; at first, the catalog's figure.
    fraction: How far it is, from 0 to 1: the server's own number, where it tells one. Else
        `elapsed`, divided by the seconds that generations take on average which are unfinished
        after as many. Never falls, and is 1 when it is completed, never before.
    tool_call_id: The agent's tool call that waits for it; None where there is none.
    """

    type: str
    generation_id: str
    model: str
    status: str
    elapsed: float
    expected: float
    fraction: float
    tool_call_id: str | None


Listener: TypeAlias = Callable[[Any], Awaitable[None] | None]
"""Takes a dict: `Progress`, or a download's `DownloadProgress`."""


@dataclass(frozen=True)
class Sleep:
    """Wait some seconds."""

    seconds: float

    def run(self, http: httpx.Client) -> None:
        time.sleep(self.seconds)

    async def arun(self, http: httpx.AsyncClient) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class Record:
    """A step of the ledger's; for an event loop, in a thread of the ledger's. Once begun it is
    carried out, even when its caller is cancelled.
    """

    step: Callable[[], Any]
    thread: Executor

    def run(self, http: httpx.Client) -> Any:
        return self.step()

    async def arun(self, http: httpx.AsyncClient) -> Any:
        return await asyncio.shield(asyncio.wrap_future(self.thread.submit(self.step)))


@dataclass(frozen=True)
class Call:
    """Something that takes its time; for an event loop its own way to be awaited, else a thread."""

    blocking: Callable[[], Any]
    awaited: Callable[[], Awaitable[Any]] | None = None

    def run(self, http: httpx.Client) -> Any:
        return self.blocking()

    async def arun(self, http: httpx.AsyncClient) -> Any:
        return await (self.awaited() if self.awaited else asyncio.to_thread(self.blocking))


@dataclass(frozen=True)
class Now:
    """Seconds on a clock that never jumps."""

    def run(self, http: httpx.Client) -> float:
        return time.monotonic()

    async def arun(self, http: httpx.AsyncClient) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Report:
    """Tell a listener. What it raises is logged and goes no further: a job is worth more."""

    progress: Any
    listener: Listener

    def run(self, http: httpx.Client) -> None:
        try:
            outcome = self.listener(self.progress)
            if inspect.iscoroutine(outcome):
                outcome.close()
                raise TypeError("only AsyncApilaplasClient takes a coroutine function")
        except Exception:
            logger.warning("A progress listener raised", exc_info=True)

    async def arun(self, http: httpx.AsyncClient) -> None:
        try:
            outcome = self.listener(self.progress)
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:
            logger.warning("A progress listener raised", exc_info=True)
