"""The connections of a client: opened when needed, closed with the last `with` around it."""

import functools
import ssl
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx

from langchain_apilaplas.errors import SettingsError

H = TypeVar("H", bound=httpx.Client | httpx.AsyncClient)


class Pools(Generic[H]):
    """A client's connections, by home: the event loop they belong to, None for blocking ones."""

    def __init__(self, given: H | None, open_: Callable[[], H]) -> None:
        self._given = given
        self._open = open_
        self._pools: dict[object, H] = {}
        self._users: dict[object, int] = {}
        self._lock = threading.Lock()

    def use(self, home: object) -> H:
        """The caller's own client, or the pool of this home, opened when there is none."""
        if self._given is not None:
            if self._given.is_closed:
                raise SettingsError("The http_client given to this client is closed.")
            return self._given
        with self._lock:
            if home not in self._pools:
                self._pools[home] = self._open()
            return self._pools[home]

    def enter(self, home: object) -> None:
        """One more `with` around this home's pool."""
        with self._lock:
            self._users[home] = self._users.get(home, 0) + 1

    def leave(self, home: object) -> H | None:
        """One `with` less; with the last one, the pool to close."""
        with self._lock:
            self._users[home] -= 1
            if self._users[home]:
                return None
            del self._users[home]
            return self._pools.pop(home, None)

    def take(self, home: object) -> H | None:
        """The pool of this home, no longer ours, or None."""
        with self._lock:
            return self._pools.pop(home, None)


@functools.cache
def tls() -> ssl.SSLContext:
    """How a pool checks certificates."""
    # Reading the certificates takes tens of milliseconds: once, not once a pool.
    return httpx.create_ssl_context()
