"""The calls a client offers, as flows: arguments checked, model looked up, pace chosen."""

import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from langchain_apilaplas import flows
from langchain_apilaplas.catalog import DEFAULT_MODEL, VideoModel, get_model
from langchain_apilaplas.effects import Flow, Listener
from langchain_apilaplas.errors import InvalidRequestError, SettingsError
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.settings import Settings, seconds
from langchain_apilaplas.values import is_id
from langchain_apilaplas.waiting import Waiting
from langchain_apilaplas.wire import Wire

Model = str | VideoModel
Models = Model | Sequence[Model]


class Calls:
    """Each method checks its arguments at once, and sends nothing: a driver does, with its flow."""

    def __init__(self, settings: Settings) -> None:
        self._wire = Wire(settings)
        self._poll_interval = settings.poll_interval
        self._universal = settings.universal

    def submit(
        self,
        request: VideoRequest | None,
        model: Model | None,
        key: str | None,
        values: Mapping[str, object],
    ) -> Flow[Generation]:
        """See `ApilaplasClient.submit`."""
        checked = self._request(request, model, values)
        return flows.submit(checked, _key(key), self._wire, self._pace(checked.model))

    def get(self, generation_id: str, model: Model) -> Flow[Generation]:
        """See `ApilaplasClient.get`."""
        row = self._row(model)
        return flows.get(_id(generation_id), row, self._wire, self._pace(row))

    def get_many(self, generation_ids: Sequence[str], model: Model) -> Flow[list[Generation]]:
        """See `ApilaplasClient.get_many`."""
        row = self._row(model)
        if isinstance(generation_ids, str):
            raise InvalidRequestError("generation_ids: must be a list of ids; for one, use get.")
        ids = [_id(generation_id) for generation_id in generation_ids]
        return flows.get_many(ids, row, self._wire, self._pace(row))

    def wait(
        self,
        generation_id: str,
        models: Models,
        timeout: float,
        listener: Listener | None,
    ) -> Flow[Generation]:
        """See `ApilaplasClient.wait`."""
        several = [models] if isinstance(models, str | VideoModel) else models
        rows = [self._row(model) for model in several]
        if not rows:
            raise SettingsError("wait needs the model that the generation was submitted with.")
        waiting = self._waiting(rows[0], timeout, listener)
        if len(rows) == 1:
            return waiting.wait(_id(generation_id), rows[0])
        return waiting.wait_for_any(_id(generation_id), rows)

    def generate(
        self,
        request: VideoRequest | None,
        model: Model | None,
        key: str | None,
        *,
        timeout: float,
        listener: Listener | None,
        values: Mapping[str, object],
    ) -> Flow[Generation]:
        """See `ApilaplasClient.generate`."""
        checked = self._request(request, model, values)
        return self._waiting(checked.model, timeout, listener).generate(checked, _key(key))

    def download(self, video: Generation | Video | str, to: str | Path) -> Flow[Path]:
        """See `ApilaplasClient.download`."""
        return flows.download(video, Path(to), self._wire)

    def _request(
        self, request: VideoRequest | None, model: Model | None, values: Mapping[str, object]
    ) -> VideoRequest:
        if request is None:
            return VideoRequest.check(self._row(model or DEFAULT_MODEL), values)
        if model is not None or values:
            raise SettingsError("Give a request, or a model and its values; not both.")
        row = self._row(request.model)
        return request if row == request.model else VideoRequest.check(row, request.values)

    def _row(self, model: Model) -> VideoModel:
        row = get_model(model)
        return row.universal() if self._universal else row

    def _waiting(self, model: VideoModel, timeout: float, listener: Listener | None) -> Waiting:
        return Waiting(self._wire, self._pace(model), seconds("timeout", timeout), listener)

    def _pace(self, model: VideoModel) -> Pace:
        return Pace(model.seconds, self._poll_interval)


def _id(given: object) -> str:
    """A generation's id: any text that can be sent."""
    if isinstance(given, str) and is_id(given):
        return given
    raise InvalidRequestError("generation_id: must be the id as the server gave it.")


def _key(given: str | None) -> str:
    """The caller's name for a request, fit for a header, or a fresh one."""
    if given is None:
        return uuid.uuid4().hex
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", given):
        raise SettingsError("key must be 1 to 255 printable ASCII characters, without spaces.")
    return given
