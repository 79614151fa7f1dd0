"""Keeps the signed part of a video's link out of httpx's own log of requests."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ours: ContextVar[bool] = ContextVar("apilaplas_private_link", default=False)


@contextmanager
def unlogged() -> Iterator[None]:
    """What httpx logs in here names links without their query. Other records stay as they are."""
    logging.getLogger("httpx").addFilter(_without_queries)  # the same one is not added twice
    _ours.set(True)
    try:
        yield
    finally:
        _ours.set(False)


def _without_queries(record: logging.LogRecord) -> bool:
    if _ours.get() and isinstance(record.args, tuple):
        record.args = tuple(
            arg if isinstance(arg, int) else str(arg).partition("?")[0] for arg in record.args
        )
    return True
