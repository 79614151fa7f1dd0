"""Keeps the signed part of a video's link out of the logs of httpx and of what it stands on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ours: ContextVar[bool] = ContextVar("apilaplas_private_link", default=False)


@contextmanager
def unlogged() -> Iterator[None]:
    """What httpx logs in here names links without their query. Other records stay as they are."""
    logging.getLogger("httpx").addFilter(_without_queries)  # the same one is not added twice
    for name in ("httpcore.http11", "httpcore.http2"):
        logging.getLogger(name).addFilter(_not_the_headers)
    _ours.set(True)
    try:
        yield
    finally:
        _ours.set(False)


def _not_the_headers(record: logging.LogRecord) -> bool:
    return not (_ours.get() and "response_headers" in record.getMessage())


def _without_queries(record: logging.LogRecord) -> bool:
    if _ours.get() and isinstance(record.args, tuple):
        record.args = tuple(
            arg if isinstance(arg, int) else str(arg).partition("?")[0] for arg in record.args
        )
    return True
