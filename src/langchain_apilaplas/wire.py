"""Between bytes and meaning: builds `httpx.Request`, reads `httpx.Response`. Does no I/O."""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from langchain_apilaplas import quoting
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.errors import (
    ApilaplasError,
    AuthenticationError,
    Charged,
    CreditsError,
    DownloadError,
    GatewayError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    UnknownOutcomeError,
)
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.settings import Settings

_REFUSALS: dict[int, tuple[type[ApilaplasError], str]] = {
    400: (InvalidRequestError, "The gateway refused the request"),
    401: (AuthenticationError, "The gateway does not accept the API key"),
    402: (CreditsError, "The gateway refused for want of credits"),
    403: (CreditsError, "The gateway refused: no access, credits or limits left"),
    404: (NotFoundError, "The gateway found nothing there"),
    413: (InvalidRequestError, "The request is too long for the gateway"),
    422: (InvalidRequestError, "The gateway refused the request"),
    429: (RateLimitError, "The gateway gets too many requests"),
}
"""Answers that say for certain: not accepted. To a submit, any other one leaves it open."""

_NOT_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures before the first byte of a request left."""


@dataclass(frozen=True)
class Exchange:
    """A request, what its answer means, and what it means that sending it raised something.

    `read` and `failure` know all the errors there are; a flow only passes them on.
    """

    request: httpx.Request
    read: Callable[[httpx.Response], Generation]
    failure: Callable[[Exception], ApilaplasError]


class Wire:
    """One gateway's dialect, with one key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._host = urlsplit(settings.base_url).netloc

    def submit(self, request: VideoRequest, key: str) -> Exchange:
        """The one request that costs money. `key` is the same for every try of one request."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return Exchange(
            self._request("POST", request.model.endpoint, headers, content=request.body),
            read=lambda response: self._read_submitted(response, request.model),
            failure=self._submit_failure,
        )

    def look(
        self, model: VideoModel, generation_id: str, *, within: float | None = None
    ) -> Exchange:
        """Asks how far a generation is, answer due within some seconds; free."""
        timeout = min(within or math.inf, self._settings.timeout)
        params = {"generation_id": generation_id}
        return Exchange(
            self._request("GET", model.endpoint, {}, timeout=timeout, params=params),
            read=lambda response: self._read_look(response, model, generation_id),
            failure=lambda error: self._look_failure(error, generation_id),
        )

    def download(self, url: str) -> httpx.Request:
        """Asks for a video file. The key stays here: the file lies on another host.

        Raises:
            DownloadError: The link is neither https nor on the gateway's own host.
        """
        if not url.startswith(("https://", self._settings.base_url + "/")):
            raise DownloadError("The video's link is not an https URL.", next_step="")
        try:
            return httpx.Request("GET", url, extensions=_timeout(self._settings.timeout))
        except (httpx.InvalidURL, ValueError) as error:
            raise DownloadError("The video's link is not a URL.", next_step="") from error

    def _read_submitted(self, response: httpx.Response, model: VideoModel) -> Generation:
        """The answer to a create.

        Raises:
            UnknownOutcomeError: The answer does not tell whether it was accepted.
            ApilaplasError: It was certainly not accepted; one class per reason.
        """
        if response.is_success:
            try:
                return self._generation(response, model, None)
            except ValueError as error:
                problem = f"The gateway's answer to the submit can't be read: {error}."
                raise UnknownOutcomeError(problem, status_code=response.status_code) from error
        if response.status_code in _REFUSALS:
            raise self._refusal(response, model)
        problem = f"The gateway answered the submit with {self._quote(response, model)}."
        if response.is_redirect:
            problem += f" That is a redirect: base_url ({self._host}) is probably wrong."
        raise UnknownOutcomeError(problem, status_code=response.status_code)

    def _read_look(
        self, response: httpx.Response, model: VideoModel, generation_id: str
    ) -> Generation:
        """The answer to a fetch.

        Raises:
            ApilaplasError: One class per reason, the id on it; `retry` tells whether to ask again.
        """
        if response.is_success:
            try:
                return self._generation(response, model, generation_id)
            except ValueError as error:
                problem = f"The gateway's answer can't be read: {error}."
        elif response.status_code in _REFUSALS:
            refusal = self._refusal(response, model)
            refusal.generation_id = generation_id
            if isinstance(refusal, NotFoundError):
                refusal.next_step = f"Check the id; it must be one that {model.id} was given."
            elif not isinstance(refusal, InvalidRequestError):
                refusal.charged = Charged.UNKNOWN
                refusal.next_step += " " + later(generation_id)
            raise refusal
        else:
            problem = f"The gateway answered with {self._quote(response, model)}."
        raise GatewayError(
            problem,
            next_step=later(generation_id),
            charged=Charged.UNKNOWN,
            generation_id=generation_id,
            status_code=response.status_code,
            retry_after=quoting.retry_after(response.headers, response.content),
        )

    def _submit_failure(self, error: Exception) -> ApilaplasError:
        """What it means that sending a create raised `error`."""
        if isinstance(error, _NOT_CONNECTED):
            problem = f"{self._host} was not reached: {self._name(error)}."
            return GatewayError(problem, next_step="Tell the user, and call again later.")
        return UnknownOutcomeError(
            f"The submit was sent, but its answer never came: {self._name(error)}."
        )

    def _look_failure(self, error: Exception, generation_id: str) -> ApilaplasError:
        """What it means that sending a fetch raised `error`."""
        return GatewayError(
            f"{self._host} gave no answer: {self._name(error)}.",
            next_step=later(generation_id),
            charged=Charged.UNKNOWN,
            generation_id=generation_id,
        )

    def _request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        timeout: float | None = None,
        **parts: Any,
    ) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {self._settings.api_key.get_secret_value()}",
            "Accept": "application/json",
            "User-Agent": "langchain-apilaplas",
            **headers,
        }
        return httpx.Request(
            method,
            self._settings.base_url + path,
            headers=headers,
            extensions=_timeout(timeout or self._settings.timeout),
            **parts,
        )

    def _generation(
        self, response: httpx.Response, model: VideoModel, generation_id: str | None
    ) -> Generation:
        answer = json.loads(response.content)
        generation = Generation.parse(answer, model=model.id, generation_id=generation_id)
        if generation.error is None:
            return generation
        return dataclasses.replace(generation, error=self._clean(generation.error, model))

    def _refusal(self, response: httpx.Response, model: VideoModel) -> ApilaplasError:
        kind, meaning = _REFUSALS[response.status_code]
        problem = f"{meaning} ({self._quote(response, model)})."
        status = response.status_code
        if kind is InvalidRequestError:
            return InvalidRequestError(problem, status_code=status)
        if kind is RateLimitError:
            seconds = quoting.retry_after(response.headers, response.content)
            wait = "a minute" if seconds is None else f"{seconds:.0f} seconds"
            then = f"Wait {wait} before you call again."
            return RateLimitError(problem, next_step=then, status_code=status, retry_after=seconds)
        if kind is NotFoundError:
            then = f"Check the model ({model.id}) and base_url ({self._host})."
            return NotFoundError(problem, next_step=then, status_code=status)
        return kind(problem, status_code=status)

    def _quote(self, response: httpx.Response, model: VideoModel) -> str:
        """The status and the words that came with it, whether JSON or a proxy's page."""
        words = self._clean(quoting.words(response.content), model)
        return f"{response.status_code}: {words}" if words else str(response.status_code)

    def _clean(self, text: str, model: VideoModel | None = None) -> str:
        names = model.wire_names if model else {}
        return quoting.clean(text, self._settings.api_key.get_secret_value(), names)

    def _name(self, error: Exception) -> str:
        return ": ".join(filter(None, [type(error).__name__, self._clean(str(error))]))


def _timeout(seconds: float) -> dict[str, Any]:
    return {"timeout": httpx.Timeout(seconds).as_dict()}


def later(generation_id: str) -> str:
    """What to do about a generation that is paid for and could not be seen."""
    return (
        "The generation is not lost, so do not generate it again: fetch it later with get_video, "
        f"generation_id {generation_id}."
    )
