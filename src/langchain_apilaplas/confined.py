"""Asking for a file that a link names, and for nothing of one's own network.

A name is resolved once, each address it has must lie in the public internet, and the connection
goes to the very address that was checked. Only the gateway's own host, which the developer named,
may lie anywhere.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from langchain_apilaplas.addresses import is_public, public_host
from langchain_apilaplas.effects import Flow
from langchain_apilaplas.errors import DownloadError
from langchain_apilaplas.part import final
from langchain_apilaplas.wire import Wire

_ADDRESSES = 4


def leads(url: str, api: Wire, *, is_own: bool) -> Flow[Sequence[httpx.Request]]:
    """The requests that get what a link leads to: one for each address to be tried.

    Args:
        url: The link.
        api: Makes the requests.
        is_own: Whether it leads to the gateway's own host, and nobody else led there.

    Raises:
        DownloadError: It leads into one's own network, or to no address; or is no https URL.
    """
    request = api.download(url)
    if is_own:
        return [request]
    try:
        host = public_host(url)
    except ValueError as error:
        raise final(f"The video's link: {error}.") from None
    found: Resolved = yield Resolve(request.url)
    if not all(is_public(ipaddress.ip_address(a.partition("%")[0])) for a in found.addresses):
        raise final(f"{host} does not lead to the public internet.")
    if found.by_proxy:
        return [request]
    if not found.addresses:
        raise DownloadError(f"{host} has no address.")
    return [api.download(url, address) for address in found.addresses[:_ADDRESSES]]


@dataclass(frozen=True)
class Resolved:
    """The addresses of a host.

    Attributes:
        addresses: In the order to be tried; with a proxy there may be none.
        by_proxy: Whether a proxy of the developer's connects, which resolves names itself.
    """

    addresses: Sequence[str]
    by_proxy: bool


@dataclass(frozen=True)
class Resolve:
    """Ask for the addresses of a URL's host."""

    url: httpx.URL

    def run(self, http: httpx.Client) -> Resolved:
        by_proxy = _by_proxy(http, self.url)
        try:
            found = socket.getaddrinfo(*self._asked, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        return Resolved(_addresses(found), by_proxy)

    async def arun(self, http: httpx.AsyncClient) -> Resolved:
        by_proxy = _by_proxy(http, self.url)
        try:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(*self._asked, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        return Resolved(_addresses(found), by_proxy)

    @property
    def _asked(self) -> tuple[str, int]:
        return self.url.raw_host.decode("ascii"), self.url.port or 443


def _addresses(found: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _by_proxy(http: httpx.Client | httpx.AsyncClient, url: httpx.URL) -> bool:
    import httpcore  # noqa: PLC0415 - httpx has imported it by now

    # httpx itself tells it nowhere.
    pool = getattr(http._transport_for_url(url), "_pool", None)
    proxies = (httpcore.HTTPProxy, httpcore.SOCKSProxy)
    return isinstance(pool, (*proxies, httpcore.AsyncHTTPProxy, httpcore.AsyncSOCKSProxy))
