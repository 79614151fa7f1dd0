"""What an answer means, or that there was none: a `Generation` or an error. Does no I/O."""

import dataclasses
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from langchain_apilaplas import quoting, reading
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.errors import (
    ApilaplasError,
    AuthenticationError,
    Charged,
    CreditsError,
    GatewayError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    UnknownOutcomeError,
)
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.sending import Answer
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


class Reader:
    """Reads one gateway's answers; knows the key only to keep it out of messages."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.api_key.get_secret_value()
        self._host = urlsplit(settings.base_url).netloc

    def read_submitted(self, response: Answer, request: VideoRequest) -> Generation:
        """The answer to a create.

        Raises:
            UnknownOutcomeError: The answer does not tell whether it was accepted.
            ApilaplasError: It was certainly not accepted; one class per reason.
        """
        model = request.model
        if response.is_success:
            try:
                return self._parsed(_json(response), model, None)
            except ValueError as error:
                said = self._clean(str(error), model)
                problem = f"The gateway's answer to the submit can't be read: {said}."
                raise UnknownOutcomeError(problem, status_code=response.status_code) from error
        if response.status_code in _REFUSALS:
            refusal = self._refusal(response, model)
            if isinstance(refusal, NotFoundError) and "extend" in request.values:
                refusal.next_step = f"Check extend: it must be the id of a video of {model.id}."
            raise refusal
        problem = f"The gateway answered the submit with {self._quote(response, model)}."
        if response.is_redirect:
            problem += f" That is a redirect: base_url ({self._host}) is probably wrong."
        raise UnknownOutcomeError(problem, status_code=response.status_code)

    def read_look(self, response: Answer, model: VideoModel, generation_id: str) -> Generation:
        """The answer to a fetch.

        Raises:
            ApilaplasError: One class per reason, the id on it; `retry` tells whether to ask again.
        """
        if response.is_success:
            try:
                answer = _json(response)
                if reading.is_nobody(answer):
                    raise _unknown([generation_id], model)
                found = self._parsed(answer, model, generation_id)
                if "Retry-After" not in response.headers:
                    return found
                asked = quoting.retry_after(response.headers, response.content)
                return dataclasses.replace(found, retry_after=asked)
            except ValueError as error:
                problem = f"The gateway's answer can't be read: {self._clean(str(error), model)}."
        elif response.status_code in _REFUSALS:
            refusal = self._refusal(response, model)
            refusal.generation_id = generation_id
            if isinstance(refusal, NotFoundError):
                refusal.next_step = _check_the_id(model)
            elif not isinstance(refusal, InvalidRequestError):
                refusal.charged = Charged.UNKNOWN
                refusal.next_step += " " + later(generation_id)
            raise refusal
        else:
            problem = f"The gateway answered with {self._quote(response, model)}."
        raise self._unusable(problem, generation_id, response)

    def _unusable(self, problem: str, generation_id: str, response: Answer) -> GatewayError:
        return GatewayError(
            problem,
            next_step=later(generation_id),
            charged=Charged.UNKNOWN,
            generation_id=generation_id,
            status_code=response.status_code,
            retry_after=quoting.retry_after(response.headers, response.content),
        )

    def read_many(
        self, response: Answer, model: VideoModel, generation_ids: Sequence[str]
    ) -> list[Generation]:
        """The answer to a fetch of several, in the order that was asked for.

        Raises:
            NotFoundError: The answer leaves some out; says which.
            ApilaplasError: As of a single fetch.
        """
        if not response.is_success:
            self.read_look(response, model, generation_ids[0])
        generation_id = generation_ids[0]
        try:
            items = reading.generations(_json(response))
            known = {name: item for item in items[::-1] for name in reading.identifiers(item)}
            if items and not known:
                raise ValueError("the answer is about no generation")
            if absent := [name for name in generation_ids if name not in known]:
                raise _unknown(absent, model)
            found = []
            for generation_id in generation_ids:
                found.append(self._parsed(known[generation_id], model, generation_id))
            return found
        except ValueError as error:
            problem = f"The gateway's answer can't be read: {self._clean(str(error), model)}."
            raise self._unusable(problem, generation_id, response) from error

    def submit_failure(self, error: Exception) -> ApilaplasError:
        """What it means that sending a create raised `error`."""
        if isinstance(error, _NOT_CONNECTED):
            problem = f"{self._host} was not reached: {self._name(error)}."
            return GatewayError(problem, next_step="Tell the user, and call again later.")
        return UnknownOutcomeError(
            f"The submit was sent, but its answer never came: {self._name(error)}."
        )

    def look_failure(self, error: Exception, generation_id: str) -> ApilaplasError:
        """What it means that sending a fetch raised `error`."""
        return GatewayError(
            f"{self._host} gave no answer: {self._name(error)}.",
            next_step=later(generation_id),
            charged=Charged.UNKNOWN,
            generation_id=generation_id,
        )

    def _parsed(self, answer: object, model: VideoModel, generation_id: str | None) -> Generation:
        generation = Generation.parse(answer, model=model.id, generation_id=generation_id)
        if generation.error is None:
            return generation
        return dataclasses.replace(generation, error=self._clean(generation.error, model))

    def _refusal(self, response: Answer, model: VideoModel) -> ApilaplasError:
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

    def _quote(self, response: Answer, model: VideoModel) -> str:
        """The status and the words that came with it, whether JSON or a proxy's page."""
        words = self._clean(quoting.words(response.content), model)
        return f"{response.status_code}: {words}" if words else str(response.status_code)

    def _clean(self, text: str, model: VideoModel | None = None) -> str:
        names = model.wire_names if model else {}
        return quoting.clean(text, self._secret, names)

    def _name(self, error: Exception) -> str:
        return ": ".join(filter(None, [type(error).__name__, self._clean(str(error))]))


def _unknown(generation_ids: Sequence[str], model: VideoModel) -> NotFoundError:
    return NotFoundError(
        f"The gateway's answer leaves out {', '.join(generation_ids)}.",
        next_step=_check_the_id(model),
        generation_id=generation_ids[0],
    )


def _check_the_id(model: VideoModel) -> str:
    return f"Check the id; it must be one that {model.id} was given."


def _json(response: Answer) -> object:
    """Raises ValueError, whatever is wrong with it."""
    try:
        return json.loads(response.content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def later(generation_id: str) -> str:
    """What to do about a generation that is paid for and could not be seen."""
    return (
        "The generation is not lost, so do not generate it again: fetch it later with get_video, "
        f"generation_id {generation_id}."
    )
