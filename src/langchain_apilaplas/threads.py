"""Threads for what may hang: the end of the process waits for none of them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def begun(work: Callable[[], T]) -> Future[T]:
    """Begin it in a thread of its own. Threads of a pool would be waited for."""
    future: Future[T] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=copy_context().run, args=(do,), daemon=True).start()
    return future
