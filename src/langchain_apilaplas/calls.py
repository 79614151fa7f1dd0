"""The calls a client offers, as flows: arguments checked, model looked up, pace chosen."""

import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_apilaplas import flows
from langchain_apilaplas.asking import Asking, Model, Models
from langchain_apilaplas.books import Books, made_by
from langchain_apilaplas.catalog import DEFAULT_MODEL, VideoModel, get_model
from langchain_apilaplas.effects import Flow, Listener, T
from langchain_apilaplas.endings import advise_fetching
from langchain_apilaplas.errors import ApilaplasError, InvalidRequestError, SettingsError
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.ledger import UNSETTLED, Job, Origin, State, Usage
from langchain_apilaplas.limiter import RateLimiter
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.part import MAX_BYTES
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.resuming import resume_all
from langchain_apilaplas.settings import Settings, seconds
from langchain_apilaplas.storage import Storage
from langchain_apilaplas.submitting import Submitted, Submitting
from langchain_apilaplas.values import is_id
from langchain_apilaplas.waiting import Waiting
from langchain_apilaplas.wire import Wire

if TYPE_CHECKING:
    from langchain_apilaplas.downloading import Downloading
    from langchain_apilaplas.keeping import Keeping


class Calls:
    """Each method checks its arguments at once, but pictures with its flow, and sends nothing: a
    driver of the flow does.
    """

    def __init__(self, settings: Settings, books: Books, limiter: RateLimiter) -> None:
        self._wire = Wire(settings, limiter)
        self._books = books
        self._pace = Pace(poll_interval=settings.poll_interval, poll_cost=settings.poll_cost)
        self._asking = Asking(
            settings.universal,
            books.private_prompts,
            lambda generation_id: self.last_frame(generation_id, None, None),
        )

    def submit(
        self,
        request: VideoRequest | None,
        model: Model | None,
        key: str | None,
        origin: Origin | None,
        values: Mapping[str, object],
    ) -> Flow[Generation]:
        """See `ApilaplasClient.submit`."""
        named, where = job_key(key), _origin(origin)

        def submit(checked: VideoRequest) -> Flow[Generation]:
            submitting = Submitting(self._wire, self._pace, self._books)
            return _generation_of(submitting.submit(checked, named, where))

        return self._asking.asked(request, model, values, submit)

    def get(self, generation_id: str, model: Model | None) -> Flow[Generation]:
        """See `ApilaplasClient.get`."""
        return self._with_rows(
            _id(generation_id),
            model,
            lambda _, rows: flows.get(generation_id, rows[0], self._wire, self._pace, self._books),
        )

    def get_many(
        self, generation_ids: Sequence[str], model: Model | None
    ) -> Flow[list[Generation]]:
        """See `ApilaplasClient.get_many`."""
        if isinstance(generation_ids, str):
            raise InvalidRequestError("generation_ids: must be a list of ids; for one, use get.")
        ids = [_id(generation_id) for generation_id in generation_ids]
        return self._with_rows(
            ids[0] if ids else "",
            model,
            lambda _, rows: flows.get_many(ids, rows[0], self._wire, self._pace, self._books),
        )

    def wait(
        self,
        generation_id: str,
        models: Models | None,
        timeout: float,
        listener: Listener | None,
        store_until: float = math.inf,
    ) -> Flow[Generation]:
        """See `ApilaplasClient.wait`. After `store_until` nothing is stored any more."""
        longest = seconds("timeout", timeout)

        def wait(job: Job | None, rows: Sequence[VideoModel]) -> Flow[Generation]:
            return self._waiting(longest, listener).wait_for(generation_id, rows, job)

        waiting = self._with_rows(_id(generation_id), models, wait)
        return self._kept(generation_id, waiting, store_until)

    def generate(
        self,
        request: VideoRequest | None,
        model: Model | None,
        key: str | None,
        origin: Origin | None,
        *,
        timeout: float,
        listener: Listener | None,
        values: Mapping[str, object],
    ) -> Flow[Generation]:
        """See `ApilaplasClient.generate`."""
        named, where, longest = job_key(key), _origin(origin), seconds("timeout", timeout)

        def generate(checked: VideoRequest) -> Flow[Generation]:
            waiting = self._waiting(longest, listener)
            return self._keep(waiting.generate(checked, named, where))

        return self._asking.asked(request, model, values, generate)

    def resume_all(self, timeout: float, listener: Listener | None) -> Flow[list[Job]]:
        """See `ApilaplasClient.resume_all`."""
        return resume_all(
            self._books,
            seconds("timeout", timeout),
            lambda job, left, until: self.wait(job, None, left, listener, until),
        )

    def jobs(self, states: Sequence[str], thread: str | None) -> Flow[list[Job]]:
        """See `ApilaplasClient.jobs`."""
        if unknown := set(states) - set(State):
            raise SettingsError(
                f"There is no state {', '.join(sorted(unknown))}; there are: {', '.join(State)}."
            )
        return self._books.jobs([State(state) for state in states] or UNSETTLED, thread)

    def resolve(self, key: str, generation_id: str | None, submitted: bool) -> Flow[Job]:
        """See `ApilaplasClient.resolve`."""
        if submitted != (generation_id is not None):
            raise SettingsError("resolve takes generation_id=..., or submitted=False.")
        return self._books.resolve(key, generation_id and _id(generation_id))

    def expected_usage(self, model: Model | None) -> Flow[Usage]:
        """See `ApilaplasClient.expected_usage`."""
        return self._books.expected_usage(get_model(model or DEFAULT_MODEL))

    def last_frame(
        self, video: Generation | str, model: Model | None, origin: Origin | None
    ) -> Flow[ImageInput]:
        """See `ApilaplasClient.last_frame`."""
        from langchain_apilaplas.frames import last_frame  # noqa: PLC0415 - seldom needed

        generation_id = _id(video.id if isinstance(video, Generation) else video)
        where = None if origin is None else _origin(origin)

        def look(generation_id: str) -> Flow[Generation]:
            return self.get(generation_id, model)

        return last_frame(generation_id, look, self._downloading(), self._books, where)

    def download(
        self,
        video: Generation | Video | str,
        to: str | Path,
        max_bytes: int,
        listener: Listener | None,
    ) -> Flow[Path]:
        """See `ApilaplasClient.download`."""
        if not max_bytes > 0:
            raise SettingsError("max_bytes must be a number from 1 on.")
        return self._downloading(max_bytes, listener).download(video, Path(to))

    def _downloading(
        self, max_bytes: int = MAX_BYTES, listener: Listener | None = None
    ) -> "Downloading":
        from langchain_apilaplas.downloading import Downloading  # noqa: PLC0415 - seldom needed

        return Downloading(
            self._wire,
            self._books,
            self._pace,
            lambda generation: self.get(generation.id, generation.model),
            max_bytes,
            listener,
        )

    def _keep(self, finishing: Flow[Generation], until: float = math.inf) -> Flow[Generation]:
        """Keep in the storage, if there is one, what becomes of it."""
        generation = yield from finishing
        if self._books.storage is None:
            return generation
        return (yield from self._keeping(self._books.storage, until).keep(generation))

    def _kept(
        self, generation_id: str, waiting: Flow[Generation], until: float
    ) -> Flow[Generation]:
        """What the storage keeps already needs no waiting, nor that the gateway still knows it."""
        if self._books.storage:
            kept = yield from self._keeping(self._books.storage).kept(generation_id)
            if kept:
                return kept
        return (yield from self._keep(waiting, until))

    def _keeping(self, storage: Storage, until: float = math.inf) -> "Keeping":
        from langchain_apilaplas.keeping import Keeping  # noqa: PLC0415 - seldom needed

        return Keeping(storage, self._books, self._downloading(), until)

    def _with_rows(
        self,
        generation_id: str,
        models: Models | None,
        then: Callable[[Job | None, Sequence[VideoModel]], Flow[T]],
    ) -> Flow[T]:
        """Look with the row that the ledger names; where it knows nothing, with those given."""
        several = [models] if isinstance(models, str | VideoModel) else models
        given = [get_model(model) for model in ([DEFAULT_MODEL] if several is None else several)]
        if not given:
            raise SettingsError("wait needs a model, unless the ledger knows it.")

        def flow() -> Flow[T]:
            job = yield from self._books.find(generation_id)
            row = made_by(job, given) if job else None
            if job and not row and models is None:
                raise SettingsError(
                    f"Generation {generation_id} was made with {job.model}, which is not in the "
                    "catalog.",
                    next_step="Register it, or give its row as model=.",
                )
            try:
                rows = [row] if row else [self._asking.row(row) for row in given]
                return (yield from then(job, rows))
            except ApilaplasError as error:
                if job:
                    advise_fetching(error, generation_id)
                raise

        return flow()

    def _waiting(self, timeout: float, listener: Listener | None) -> Waiting:
        if listener is not None and not callable(listener):
            raise SettingsError("on_progress must be a function that takes a dict.")
        return Waiting(self._wire, self._pace, timeout, self._books, listener)


def _generation_of(submitting: Flow[Submitted]) -> Flow[Generation]:
    return (yield from submitting).generation


def _id(given: object) -> str:
    """A generation's id: any text that can be sent."""
    if isinstance(given, str) and is_id(given):
        return given
    raise InvalidRequestError("generation_id: must be the id as the server gave it.")


def _origin(given: Origin | None) -> Origin:
    origin = Origin() if given is None else given
    if isinstance(origin, Origin) and all(
        isinstance(name, str | None) for name in (origin.thread, origin.tool_call)
    ):
        return origin
    raise InvalidRequestError("origin: must be an Origin; its thread and tool_call are text.")


def job_key(given: str | None) -> str:
    """The caller's name for a request, fit for a header, or a fresh one.

    Raises:
        SettingsError: No header can carry it.
    """
    if given is None:
        return uuid.uuid4().hex
    if not isinstance(given, str) or not re.fullmatch(r"[\x21-\x7e]{1,255}", given):
        raise SettingsError("key must be 1 to 255 printable ASCII characters, without spaces.")
    return given
