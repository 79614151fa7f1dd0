"""The long conversation with the API: from submit, or from an id, to the server's last word."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_apilaplas.books import Books, made_by
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.effects import Flow, Listener, Sleep
from langchain_apilaplas.endings import finished, not_found
from langchain_apilaplas.errors import ApilaplasError, AuthenticationError, GenerationFailedError
from langchain_apilaplas.flows import ask, no_turn, now
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.latency import Latency
from langchain_apilaplas.ledger import Job, Origin
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.submitting import Submitting
from langchain_apilaplas.telling import Audience, Story
from langchain_apilaplas.watching import LAST_LOOK, Watch
from langchain_apilaplas.wire import Wire


@dataclass(frozen=True)
class Asked:
    """What is known of the request that a generation comes from.

    Attributes:
        since: When it was submitted, on the flow's clock; None where nobody knows.
        duration: The length that it asks for, if it names one.
        tool_call: The agent's tool call that waits for it.
    """

    since: float | None = None
    duration: object = None
    tool_call: str | None = None


_NOTHING = Asked()


@dataclass(frozen=True)
class Waiting:
    """How to wait: at what pace, at most `timeout` seconds, telling `books` of each change and
    `listener` of each look.
    """

    api: Wire
    pace: Pace
    timeout: float
    books: Books
    listener: Listener | None = None

    def generate(self, request: VideoRequest, key: str, origin: Origin) -> Flow[Generation]:
        """Submit, then wait for the end; the time that submitting takes counts."""
        started = yield from now()
        submitting = Submitting(self.api, self.pace, self.books)
        deadline = started + self.timeout
        submitted = yield from submitting.submit(request, key, origin, deadline)
        generation, job = submitted.generation, submitted.job
        if job and submitted.is_settled:
            yield from self._tell_of(job, generation, request.model, origin)
            return finished(generation)
        since = (yield from self._since(job)) if job else (yield from now())
        model = made_by(job, [request.model]) if job else None
        try:
            done = yield from self.wait(
                generation.id,
                model or request.model,
                started=started,
                last=None if job else generation,
                ours=True,
                asked=Asked(since, request.values.get("duration"), origin.tool_call),
            )
        except GenerationFailedError as error:
            error.hide(request.hide)
            raise
        # Some answers tell the cost at submit only, which is when it is spent.
        return done if done.usage else dataclasses.replace(done, usage=generation.usage)

    def wait_for(
        self, generation_id: str, models: Sequence[VideoModel], job: Job | None
    ) -> Flow[Generation]:
        """Wait for a generation of the model given, or of one of several; `job` is what the ledger
        knows of it.
        """
        if len(models) > 1:
            return (yield from self.wait_for_any(generation_id, models))
        since = (yield from self._since(job)) if job else None
        asked = Asked(since, job.request.get("duration")) if job else _NOTHING
        return (yield from self.wait(generation_id, models[0], asked=asked))

    def wait_for_any(self, generation_id: str, models: Sequence[VideoModel]) -> Flow[Generation]:
        """Wait for a generation that one of several models made."""
        started = yield from now()
        model, last = yield from self._find(generation_id, models, started + self.timeout)
        done = yield from self.wait(generation_id, model, started=started, last=last)
        alike = [row for row in models if row.how_to_fetch.path == model.how_to_fetch.path]
        return done if len(alike) == 1 else dataclasses.replace(done, model=None)

    def wait(
        self,
        generation_id: str,
        model: VideoModel,
        *,
        started: float | None = None,
        last: Generation | None = None,
        ours: bool = False,
        asked: Asked = _NOTHING,
    ) -> Flow[Generation]:
        """Look until the server's last word or the deadline. A failed look ends nothing.

        After our own submit there is nothing to see yet, so the first look can wait. A server that
        holds requests does the waiting itself. A key or an id that is refused ends the wait: at
        once, or after our own submit when it stays so.
        """
        time = yield from now()
        latency = yield from self.books.latency(model, asked.duration)
        audience = Audience(self.listener) if self.listener else None
        watch = Watch(
            self.api,
            self.books,
            dataclasses.replace(self.pace, latency=latency),
            Story(model, latency, asked.tool_call, audience),
            generation_id,
            duration=asked.duration,
            started=time if started is None else started,
            timeout=self.timeout,
            began=time if asked.since is None else asked.since,
            unseen=asked.since,
            last=last,
            ours=ours,
        )
        try:
            return finished((yield from watch.until_the_end()))
        finally:
            if audience:
                audience.leave()

    def _since(self, job: Job) -> Flow[float]:
        """When a job was submitted, on the flow's clock."""
        age = (self.books.ledger.clock() - job.submitted_at).total_seconds()
        return (yield from now()) - max(0.0, age)

    def _tell_of(
        self, job: Job, generation: Generation, model: VideoModel, origin: Origin
    ) -> Flow[None]:
        """What had ended before ends for a new listener, too."""
        audience = Audience(self.listener) if self.listener else None
        story = Story(model, Latency(model.seconds), origin.tool_call, audience)
        took = (job.updated_at - job.submitted_at).total_seconds()
        yield from story.told(generation, took, is_last=True)

    def _find(
        self, generation_id: str, models: Sequence[VideoModel], deadline: float
    ) -> Flow[tuple[VideoModel, Generation]]:
        """The first of several models on whose path the gateway knows the generation."""
        firsts = {model.how_to_fetch.path: model for model in reversed(models)}
        ways = [model for model in models if firsts[model.how_to_fetch.path] is model]
        rounds = 0
        while True:
            errors: list[ApilaplasError] = []
            for model in ways:
                sent = yield from self.api.limiter.turn(deadline=deadline + LAST_LOOK)
                if sent is None:
                    errors.append(no_turn())
                    continue
                left = deadline - sent
                look = self.api.look(model, generation_id, within=max(LAST_LOOK, left))
                try:
                    found = yield from ask(look, sent)
                    yield from self.books.note(found)
                    return model, found
                except AuthenticationError:
                    raise
                except ApilaplasError as error:
                    errors.append(error)
            time, rounds = (yield from now()), rounds + 1
            passing = [error for error in errors if error.retry]
            if not passing or time >= deadline:
                raise not_found(generation_id, errors)
            delay = max(self.pace.backoff(rounds, error.retry_after) for error in passing)
            yield Sleep(min(delay, deadline - time))
