"""An event loop whose time goes by at once: when all are waiting, it is the next timer's time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest import mock

from langchain_apilaplas.effects import Now, Record

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):
    """Where a selector would wait for the next timer, the clock jumps to it."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self.time += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time begins with 0."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.time


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time; the clients of ours that it awaits follow. The ledger's work
    is done on the loop: the clock would not wait for a thread.
    """

    async def now(*_: Any) -> float:
        return asyncio.get_running_loop().time()

    async def record(effect: Record, _: Any) -> Any:
        return effect.step()

    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        mock.patch.object(Now, "arun", now),
        mock.patch.object(Record, "arun", record),
    ):
        return runner.run(main)
