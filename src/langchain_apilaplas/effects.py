"""What a flow needs from outside, and the two drivers: the only place that knows sync from async.

A flow is a generator that yields effects and returns a result (DESIGN: "written once").
`drive` and `adrive` carry the effects out and send the replies back in.
"""

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar

import httpx

from langchain_apilaplas.threads import begun

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
    generation_id: The server's id.
    model: The model's id.
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


class Bell:
    """Wakes one sleeper before its time, a thread or a task. It may be rung from anywhere, also by
    the garbage collector in the midst of a ring.
    """

    def __init__(self) -> None:
        self._silence = threading.Lock()  # held until it rings
        self._silence.acquire()
        self._wake: Callable[[], object] | None = None

    def ring(self) -> bool:
        """Wake the sleeper; the next one, if nobody sleeps. False: its event loop is closed."""
        if not self._silence.locked():  # in a crowd it is rung at each answer
            return True
        with suppress(RuntimeError):  # somebody else just did
            self._silence.release()
        try:
            if wake := self._wake:
                wake()
        except RuntimeError:
            return False
        return True

    def wait(self, seconds: float) -> None:
        """Block until it rings, or so long."""
        self._silence.acquire(timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX)))

    async def await_(self, seconds: float) -> None:
        """The same, for an event loop."""
        loop, home = asyncio.get_running_loop(), threading.get_ident()
        woken = loop.create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        def wake_from_anywhere() -> None:
            if threading.get_ident() == home:
                wake()
            else:
                loop.call_soon_threadsafe(wake)

        self._wake = wake_from_anywhere
        timer = loop.call_later(seconds, wake)
        try:
            if not self._silence.acquire(blocking=False):
                await woken
        finally:
            timer.cancel()
            self._wake = None
            self._silence.acquire(blocking=False)


@dataclass
class Sleep:
    """Wait some seconds; or until a bell rings."""

    seconds: float
    bell: Bell | None = None

    def run(self, http: httpx.Client) -> None:
        if self.bell:
            self.bell.wait(self.seconds)
        else:
            time.sleep(self.seconds)

    async def arun(self, http: httpx.AsyncClient) -> None:
        await (self.bell.await_(self.seconds) if self.bell else asyncio.sleep(self.seconds))


@dataclass
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


@dataclass
class Call:
    """Something that takes its time; for an event loop its own way to be awaited, else a thread.

    With `seconds`, for what may hang: then it is left to itself, and there is a TimeoutError.
    """

    blocking: Callable[[], Any]
    awaited: Callable[[], Awaitable[Any]] | None = None
    seconds: float | None = None

    def run(self, http: httpx.Client) -> Any:
        return (
            self.blocking() if self.seconds is None else begun(self.blocking).result(self.seconds)
        )

    async def arun(self, http: httpx.AsyncClient) -> Any:
        work = self.awaited() if self.awaited else asyncio.wrap_future(begun(self.blocking))
        return await asyncio.wait_for(work, self.seconds)


@dataclass
class Now:
    """Seconds on a clock that never jumps."""

    def run(self, http: httpx.Client) -> float:
        return time.monotonic()

    async def arun(self, http: httpx.AsyncClient) -> float:
        return time.monotonic()


@dataclass
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
