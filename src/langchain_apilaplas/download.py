"""The effect that asks for a file and lets its part grow."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from langchain_apilaplas.effects import Listener, Report
from langchain_apilaplas.errors import DownloadError
from langchain_apilaplas.part import Part, final, refusal
from langchain_apilaplas.private_links import unlogged


@dataclass(frozen=True)
class Receive:
    """Ask for a file once, for what is still missing of it, and add what comes to its part; or give
    the link that the host sends one on to.
    """

    request: httpx.Request
    part: Part
    listener: Listener | None = None

    def run(self, http: httpx.Client) -> str | None:
        with _explained(http), unlogged():
            answer = http.send(
                self.part.wanted(self.request), stream=True, auth=None, follow_redirects=False
            )
            try:
                if answer.has_redirect_location:
                    return answer.headers["Location"]
                _check_peer(answer)
                self.part.begin(answer)
                for chunk in answer.iter_bytes():
                    self.part.add(chunk)
                    if self.listener:
                        Report(self.part.progress, self.listener).run(http)
                self.part.end()
            finally:
                answer.close()
        return None

    async def arun(self, http: httpx.AsyncClient) -> str | None:
        with _explained(http), unlogged():
            async with asyncio.timeout(self.part.seconds_left):
                return await self._arun(http)

    async def _arun(self, http: httpx.AsyncClient) -> str | None:
        answer = await http.send(
            self.part.wanted(self.request), stream=True, auth=None, follow_redirects=False
        )
        try:
            if answer.has_redirect_location:
                return answer.headers["Location"]
            _check_peer(answer)
            await asyncio.to_thread(self.part.begin, answer)
            async for chunk in answer.aiter_bytes():
                await asyncio.to_thread(self.part.add, chunk)
                if self.listener:
                    await Report(self.part.progress, self.listener).arun(http)
            self.part.end()
        finally:
            await answer.aclose()
        return None


def _check_peer(answer: httpx.Response) -> None:
    """Over HTTP/2 a connection to the same address may be another name's, and prove only that."""
    wanted = answer.request.extensions.get("sni_hostname")
    stream = answer.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    if wanted and tls and tls.server_hostname != wanted:
        raise final("The connection to the video's host is another host's.")


@contextmanager
def _explained(http: httpx.Client | httpx.AsyncClient) -> Iterator[None]:
    if http.is_closed:
        raise final("The HTTP client is closed.", next_step="Give one that is open.")
    try:
        yield
    except httpx.HTTPStatusError as error:  # a hook of the caller's raised for the status
        raise refusal(error.response) from None  # its text has the whole link
    except httpx.InvalidURL as error:
        raise final("The video's link is not a URL.") from error
    except httpx.HTTPError as error:
        raise DownloadError(f"The download broke off: {type(error).__name__}.") from error
    except TimeoutError:
        raise final("The download takes too long.") from None
    except ValueError as error:  # httpx looks where a redirect leads
        raise final("The video's link leads to what is no URL.") from error
