"""The calls a client offers, as flows: arguments checked, model looked up, pace chosen."""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from langchain_apilaplas import flows
from langchain_apilaplas.catalog import VideoModel, get_model
from langchain_apilaplas.effects import Flow, Listener
from langchain_apilaplas.errors import InvalidRequestError, SettingsError
from langchain_apilaplas.flows import Waiting
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.settings import Settings, seconds
from langchain_apilaplas.wire import Wire


class Calls:
    """Each method checks its arguments at once, and sends nothing: a driver does, with its flow."""

    def __init__(self, settings: Settings) -> None:
        self._wire = Wire(settings)
        self._poll_interval = settings.poll_interval

    def submit(
        self, model: str | VideoModel, key: str | None, values: Mapping[str, object]
    ) -> Flow[Generation]:
        """See `ApilaplasClient.submit`."""
        request = VideoRequest.check(get_model(model), values)
        return flows.submit(request, _key(key), self._wire, self._pace(request.model))

    def get(self, generation_id: str, model: str | VideoModel) -> Flow[Generation]:
        """See `ApilaplasClient.get`."""
        row = get_model(model)
        return flows.get(_id(generation_id), row, self._wire, self._pace(row))

    def wait(
        self,
        generation_id: str,
        model: str | VideoModel,
        timeout: float,
        listener: Listener | None,
    ) -> Flow[Generation]:
        """See `ApilaplasClient.wait`."""
        row = get_model(model)
        return self._waiting(row, timeout, listener).wait(_id(generation_id), row)

    def generate(
        self,
        model: str | VideoModel,
        key: str | None,
        timeout: float,
        listener: Listener | None,
        values: Mapping[str, object],
    ) -> Flow[Generation]:
        """See `ApilaplasClient.generate`."""
        request = VideoRequest.check(get_model(model), values)
        return self._waiting(request.model, timeout, listener).generate(request, _key(key))

    def download(self, video: Generation | Video | str, to: str | Path) -> Flow[Path]:
        """See `ApilaplasClient.download`."""
        return flows.download(video, Path(to), self._wire)

    def _waiting(self, model: VideoModel, timeout: float, listener: Listener | None) -> Waiting:
        return Waiting(self._wire, self._pace(model), seconds("timeout", timeout), listener)

    def _pace(self, model: VideoModel) -> Pace:
        return Pace(model.seconds, self._poll_interval)


def _id(given: object) -> str:
    """A generation's id: any text that can be sent."""
    if isinstance(given, str) and given.strip() and given.isprintable():
        return given
    raise InvalidRequestError("generation_id: must be the id as the server gave it.")


def _key(given: str | None) -> str:
    """The caller's name for a request, fit for a header, or a fresh one."""
    if given is None:
        return uuid.uuid4().hex
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", given):
        raise SettingsError("key must be 1 to 255 printable ASCII characters, without spaces.")
    return given
