"""From meaning to bytes: builds the `httpx.Request` for each call. Does no I/O."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import httpx

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.errors import ApilaplasError, DownloadError
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.limiter import RateLimiter
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.responses import Reader
from langchain_apilaplas.sending import Answer, Pieces
from langchain_apilaplas.settings import Settings

T = TypeVar("T")
Left: TypeAlias = Callable[[Answer | None], None]


_LARGE = 1_000_000
"""Bytes from which on a body is sent in pieces. A hook of the caller's must read() it first."""
_NOTHING = httpx.ByteStream(b"")


@dataclass
class Exchange(Generic[T]):
    """A request, what its answer means, and what it means that sending it raised something.

    `read` and `failure` know all the errors there are; a flow only passes them on. `limiter` says
    when it may be sent. `left` is told when the caller goes away in between: the answer if it came
    all the same, else None.
    """

    request: httpx.Request
    read: Callable[[Answer], T]
    failure: Callable[[Exception], ApilaplasError]
    limiter: RateLimiter
    left: Left | None = None


class Wire:
    """One gateway's dialect, with one key, and how fast it may be asked."""

    def __init__(self, settings: Settings, limiter: RateLimiter | None = None) -> None:
        self.gateway = settings.base_url
        self.limiter = limiter or RateLimiter()
        self._settings = settings
        self._reader = Reader(settings)
        self._headers = httpx.Headers(
            {
                "Host": httpx.URL(settings.base_url).netloc.decode("ascii"),
                "Authorization": f"Bearer {settings.api_key.get_secret_value()}",
                "Accept": "application/json",
                "User-Agent": "langchain-apilaplas",
            }
        )

    def submit(self, request: VideoRequest, key: str) -> Exchange[Generation]:
        """The one request that costs money. `key` is the same for every try of one request."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        pieces = request.pieces
        length = sum(map(len, pieces))
        headers["Content-Length"] = str(length)
        short = length < _LARGE
        return Exchange(
            self._request(
                "POST",
                self._url(request.endpoint),
                headers,
                stream=httpx.ByteStream(b"".join(pieces)) if short else Pieces(pieces),
            ),
            read=lambda response: self._reader.read_submitted(response, request),
            failure=self._reader.submit_failure,
            limiter=self.limiter,
        )

    def looks(self, model: VideoModel, generation_id: str) -> "partial[Exchange[Generation]]":
        """`look`, for who looks often: most of what one costs is to parse the address."""
        return partial(self.look, model, generation_id, where=self._where(model, generation_id))

    def look(
        self,
        model: VideoModel,
        generation_id: str,
        *,
        where: httpx.URL | None = None,
        within: float | None = None,
        hold_until: str | None = None,
    ) -> Exchange[Generation]:
        """Asks how far a generation is, answer due within some seconds; free.

        With `hold_until` the server answers when the generation is that far, or after the seconds
        that the model's row says.
        """
        where = where or self._where(model, generation_id)
        longest, patience = within or math.inf, self._settings.timeout
        if hold_until:
            where = where.copy_merge_params({"state": hold_until})
            patience += model.how_to_fetch.hold
        return Exchange(
            self._request("GET", where, read=min(longest, patience)),
            read=lambda response: self._reader.read_look(response, model, generation_id),
            failure=lambda error: self._reader.look_failure(error, generation_id),
            limiter=self.limiter,
        )

    def look_at_many(
        self, model: VideoModel, generation_ids: Sequence[str]
    ) -> Exchange[list[Generation]]:
        """Asks how far several generations are, with one request; free."""
        fetch = model.how_to_fetch
        names = [fetch.many_name.format(n=n) for n in range(len(generation_ids))]
        params = list(zip(names, generation_ids, strict=True))
        first = generation_ids[0]
        return Exchange(
            self._request("GET", self._url(fetch.many_path or "", params)),
            read=lambda response: self._reader.read_many(response, model, generation_ids),
            failure=lambda error: self._reader.look_failure(error, first),
            limiter=self.limiter,
        )

    def download(self, url: str, address: str | None = None) -> httpx.Request:
        """Asks for a video file, of the host's address that is given, if one is. The key stays
        here: the file lies on another host.

        Raises:
            DownloadError: The link is neither https nor on the gateway's own host.
        """
        if url[:8].lower() != "https://" and not self.is_own(url):
            raise DownloadError("The video's link is not an https URL.", next_step="")
        try:
            named = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise DownloadError("The video's link is not a URL.", next_step="") from error
        # Packed, a file could not be gone on with where it broke off.
        headers = {"Accept-Encoding": "identity", "User-Agent": "langchain-apilaplas"}
        headers["Host"] = named.netloc.decode("ascii")
        extensions = _timeout(self._settings.timeout)
        if address:
            # The next name with this address must be proved by a certificate of its own.
            headers["Connection"] = "close"
            extensions["sni_hostname"] = named.raw_host.decode("ascii")
            named = named.copy_with(host=address)
        return httpx.Request("GET", named, headers=headers, extensions=extensions)

    def is_own(self, url: str) -> bool:
        """Whether a link leads to the gateway's own host."""
        try:
            given, own = httpx.URL(url), httpx.URL(self._settings.base_url)
        except (httpx.InvalidURL, ValueError):
            return False
        return _host(given) == _host(own) and not given.userinfo

    def _where(self, model: VideoModel, generation_id: str) -> httpx.URL:
        fetch = model.how_to_fetch
        path = fetch.path.replace("{id}", quote(generation_id, safe=""))
        return self._url(path, {fetch.id_name: generation_id} if fetch.id_name else {})

    def _url(
        self, path: str, params: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    ) -> httpx.URL:
        query = "?" + urlencode(params) if params else ""
        return httpx.URL(self._settings.base_url + path + query)

    def _request(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str] | None = None,
        *,
        stream: httpx.ByteStream | Pieces = _NOTHING,
        read: float | None = None,
    ) -> httpx.Request:
        given = [*self._headers.raw, *httpx.Headers(headers).raw] if headers else self._headers
        timeout = _timeout(self._settings.timeout, read)
        request = httpx.Request(method, url, headers=given, stream=stream, extensions=timeout)
        if isinstance(stream, httpx.ByteStream):
            request.read()
        return request


def _host(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host.lower(), url.port


def _timeout(seconds: float, read: float | None = None) -> dict[str, Any]:
    """Seconds to connect and to send, and those until an answer has come."""
    others = seconds if read is None else min(seconds, read)
    return {"timeout": httpx.Timeout(others, read=read or seconds).as_dict()}
