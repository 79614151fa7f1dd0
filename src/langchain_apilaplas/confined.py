"""Fetching a file that a link names, and nothing of one's own network: step by step, as a flow.

A name is resolved once, each address it has must lie in the public internet, and the connection
goes to the very address that was checked. So it is at each redirect. Only the gateway's own host,
which the developer named, may lie anywhere.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import httpx

from langchain_apilaplas.addresses import is_public, public_host
from langchain_apilaplas.effects import Flow
from langchain_apilaplas.errors import DownloadError
from langchain_apilaplas.wire import Wire

_HOPS = 5
_ADDRESSES = 4
_LONGEST = 500_000_000
"""Bytes."""
_SLOWEST = 600.0
"""Seconds."""


def fetch(url: str, file: IO[bytes], api: Wire) -> Flow[None]:
    """Write what a link leads to into a file.

    Raises:
        DownloadError: It leads into one's own network, is no https URL, or did not come whole.
    """
    ours = api.is_own(url)
    for _ in range(_HOPS):
        try:
            answer = yield from _answer(url, file, api, ours=ours)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DownloadError(f"The download broke off: {type(error).__name__}.") from error
        if answer.status_code == 200:
            return
        location = answer.headers.get("Location")
        if not answer.is_redirect or not location:
            raise DownloadError(
                f"The video's host answered {answer.status_code}.", status_code=answer.status_code
            )
        url = str(httpx.URL(url).join(location))
        ours = ours and api.is_own(url)
    raise DownloadError("The video's link leads from one address to another without end.")


def _answer(url: str, file: IO[bytes], api: Wire, *, ours: bool) -> Flow[httpx.Response]:
    if ours:
        answer: httpx.Response = yield Collect(api.fetch(url), file)
        return answer
    try:
        host = public_host(url)
    except ValueError as error:
        raise DownloadError(f"The video's link: {error}.", next_step="") from None
    found: Resolved = yield Resolve(api.fetch(url).url)
    if not all(is_public(ipaddress.ip_address(a.partition("%")[0])) for a in found.addresses):
        raise DownloadError(f"{host} does not lead to the public internet.", next_step="")
    if found.by_proxy:
        answer = yield Collect(api.fetch(url), file)
        return answer
    if not found.addresses:
        raise OSError(f"{host} has no address")
    *others, last = found.addresses[:_ADDRESSES]
    for address in others:
        try:
            answer = yield Collect(api.fetch(url, address), file)
            return answer
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    answer = yield Collect(api.fetch(url, last), file)
    return answer


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
            found = socket.getaddrinfo(self.url.host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        return Resolved(_addresses(found), by_proxy)

    async def arun(self, http: httpx.AsyncClient) -> Resolved:
        by_proxy = _by_proxy(http, self.url)
        try:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self.url.host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        return Resolved(_addresses(found), by_proxy)

    @property
    def _port(self) -> int:
        return self.url.port or 443


def _addresses(found: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _by_proxy(http: httpx.Client | httpx.AsyncClient, url: httpx.URL) -> bool:
    # httpx tells it nowhere else. What is mounted is a proxy, of the environment or the developer.
    return http._transport_for_url(url) is not http._transport


@dataclass(frozen=True)
class Collect:
    """Send a request, and write the body of a good answer to a file. No redirect is followed."""

    request: httpx.Request
    file: IO[bytes]

    def run(self, http: httpx.Client) -> httpx.Response:
        started = time.monotonic()
        answer = http.send(self.request, stream=True, auth=None, follow_redirects=False)
        try:
            if _is_plain(answer):
                for chunk in answer.iter_bytes():
                    self._add(chunk, started)
        finally:
            answer.close()
        return answer

    async def arun(self, http: httpx.AsyncClient) -> httpx.Response:
        started = time.monotonic()
        answer = await http.send(self.request, stream=True, auth=None, follow_redirects=False)
        try:
            if _is_plain(answer):
                async for chunk in answer.aiter_bytes():
                    await asyncio.to_thread(self._add, chunk, started)
        finally:
            await answer.aclose()
        return answer

    def _add(self, chunk: bytes, started: float) -> None:
        self.file.write(chunk)
        if self.file.tell() > _LONGEST or time.monotonic() - started > _SLOWEST:
            raise httpx.DecodingError("The file is too long, or comes too slowly")


def _is_plain(answer: httpx.Response) -> bool:
    """Whether the answer holds the file itself. A kilobyte can be unpacked to a gigabyte."""
    packed = answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    if packed:
        raise httpx.DecodingError("The file comes packed")
    return answer.status_code == 200
