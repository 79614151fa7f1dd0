"""The connections of a client: opened when needed, closed with the last `with` around it."""

import asyncio
import functools
import logging
import ssl
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx

from langchain_apilaplas.errors import SettingsError

logger = logging.getLogger("langchain_apilaplas")

H = TypeVar("H", bound=httpx.Client | httpx.AsyncClient)


class Pools(Generic[H]):
    """A client's connections, by home: the event loop they belong to, None for blocking ones.

    Each `with` and each call under way is a user of its home's pool. The last to leave closes it,
    so nobody's connections are closed under them. A pool opened by a call outside of any `with` is
    kept: until it is taken, a `with` around it ends, or its event loop is closed.
    """

    def __init__(self, given: H | None, open_: Callable[[], H]) -> None:
        self.given = given
        self._open = open_
        self._pools: dict[object, H] = {}
        self._users: dict[object, int] = {}
        self._kept: set[object] = set()
        self._lock = threading.Lock()

    def enter(self, home: object, *, keep: bool = False) -> H:
        """One more user: the caller's own client, or this home's pool, opened when there is none.

        Raises:
            SettingsError: The caller's own client is closed, or no pool can be opened here.
        """
        if self.given is not None:
            return self.given
        with self._lock:
            self._forget_closed_loops()
            if home not in self._pools:
                self._pools[home] = self._opened()
            if not keep:
                self._kept.discard(home)
            elif not self._users.get(home):
                self._kept.add(home)
            self._users[home] = self._users.get(home, 0) + 1
            return self._pools[home]

    def leave(self, home: object) -> H | None:
        """One user less; with the last one, the pool to close."""
        if self.given is not None:
            return None
        with self._lock:
            self._users[home] -= 1
            if self._users[home]:
                return None
            del self._users[home]
            return None if home in self._kept else self._pools.pop(home, None)

    def take(self, home: object) -> H | None:
        """The pool of this home, no longer ours, or None."""
        with self._lock:
            self._kept.discard(home)
            return self._pools.pop(home, None)

    def _forget_closed_loops(self) -> None:
        for home in list(self._kept):
            if isinstance(home, asyncio.AbstractEventLoop) and home.is_closed():
                self._kept.discard(home)
                self._pools.pop(home, None)

    def _opened(self) -> H:
        try:
            return self._open()
        except (OSError, ValueError, ImportError) as error:
            raise SettingsError(
                f"No connections can be opened: {type(error).__name__}: {error}.",
                next_step="Check HTTPS_PROXY, SSL_CERT_FILE and the like in the environment.",
            ) from error


def close(http: httpx.Client | None) -> None:
    """Close a pool, if any. A result that was paid for is not lost because that goes wrong."""
    try:
        if http is not None:
            http.close()
    except Exception:
        logger.warning("The connections did not close well", exc_info=True)


async def aclose(http: httpx.AsyncClient | None) -> None:
    """Close a pool, if any."""
    try:
        if http is not None:
            await http.aclose()
    except Exception:
        logger.warning("The connections did not close well", exc_info=True)


@functools.cache
def tls() -> ssl.SSLContext:
    """How a pool checks certificates."""
    # Reading the certificates takes tens of milliseconds: once, not once a pool.
    return httpx.create_ssl_context()
