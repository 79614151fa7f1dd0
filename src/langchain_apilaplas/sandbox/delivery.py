"""How an answer comes to a caller in-process: whole, late, by drops, or broken off."""

import math
from collections.abc import AsyncIterator, Callable, Iterator

import httpx

from langchain_apilaplas.sandbox.faults import Dropped


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer that ends in an error."""

    def __init__(self, content: bytes, error: httpx.TransportError) -> None:
        self._content = content
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content
        raise self._error


def delivered(
    handle: Callable[[httpx.Request], httpx.Response], request: httpx.Request
) -> httpx.Response:
    """The answer, as far as it comes within the read timeout of its request.

    Raises:
        ReadTimeout: Nothing of it does.
        Dropped: And nothing will.
    """
    patience = request.extensions.get("timeout", {}).get("read")
    patience = math.inf if patience is None else patience
    late = httpx.ReadTimeout("The sandbox was told to be slow", request=request)
    try:
        answer = handle(request)
    except Dropped as dropped:
        if dropped.after > patience:
            raise late from dropped
        raise
    if answer.extensions.get("delay", 0.0) > patience:
        raise late
    return _received(answer, patience)


def _received(answer: httpx.Response, patience: float) -> httpx.Response:
    said, size = answer.extensions, len(answer.content)
    delay, drip = said.get("delay", 0.0), said.get("drip", 0.0)
    said["delay"] = min(patience, delay + drip)
    error: httpx.TransportError = httpx.ReadError("Connection reset by peer")
    if delay + drip > patience:
        error = httpx.ReadTimeout("The sandbox was told to drip")
        size = int(size * (patience - delay) / drip)
    elif "breaks_after" in said:
        size = said["breaks_after"]
    else:
        return answer
    stream = Broken(answer.content[:size], error)
    return httpx.Response(
        answer.status_code, headers=answer.headers, stream=stream, extensions=said
    )
