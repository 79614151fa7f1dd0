"""The stand-in for the Apilaplas API: requests in, responses out, on a clock that is given."""

import logging
import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.sandbox import cdn, chat, vendors
from langchain_apilaplas.sandbox.allowance import Allowance
from langchain_apilaplas.sandbox.answers import answer, read, refusal, trouble
from langchain_apilaplas.sandbox.creates import Refused, job_of, outcome_of
from langchain_apilaplas.sandbox.delivery import delivered
from langchain_apilaplas.sandbox.faults import Dropped, Fault, Kind, Outcome, Unreached
from langchain_apilaplas.sandbox.jobs import Job
from langchain_apilaplas.sandbox.routes import Route, route
from langchain_apilaplas.sandbox.vendors import Seen, Stage

logger = logging.getLogger("langchain_apilaplas")

_HELD: dict[str, Stage] = {"dreaming": "generating", "completed": "completed"}
"""The states that a held fetch may wait for, as Luma calls them."""

T = TypeVar("T")


@dataclass(frozen=True)
class Received:
    """A call that reached the sandbox, refused or not.

    Attributes:
        kind: "create", "fetch", "download" or "chat"; None for a path there is not.
        method: The HTTP method.
        url: As it was called.
        headers: Lower-case names; the key's value is left out.
        body: The JSON, or None.
    """

    kind: Kind | None
    method: str
    url: str
    headers: dict[str, str]
    body: Any


class Sandbox:
    """A gateway that costs nothing and needs no key.

    Args:
        seconds: How long a generation takes: a sixth of it queued, the rest generating.
        api_key: The only key it takes; by default it takes any.
        link_seconds: How long a video's link works.
        requests_per_second: How many creates and fetches it takes in any second; the others are
            answered 429, with `Retry-After`.
        clock: Gives the time, in seconds since 1970.

    Attributes:
        received: Every call so far, oldest first.
        accepted: The bodies of the creates it accepted: what would have been paid for.
        url: The base URL while a `Server` serves it.
    """

    def __init__(
        self,
        *,
        seconds: float = 8.0,
        api_key: str | None = None,
        link_seconds: float = 86_400.0,
        requests_per_second: float = math.inf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.seconds = seconds
        self.api_key = api_key
        self.link_seconds = link_seconds
        self.requests_per_second = requests_per_second
        self.clock = clock
        self.received: list[Received] = []
        self.accepted: list[dict[str, Any]] = []
        self.url = ""
        self._allowance = Allowance()
        self._faults: list[Fault] = []
        self._outcomes: list[Outcome] = []
        self._jobs: dict[str, Job] = {}
        self._files: dict[str, Job] = {}
        self._lock = threading.Lock()

    def order(self, *troubles: Fault | Outcome) -> None:
        """Let these happen, in this order, to the next calls and generations they fit."""
        for ordered in troubles:
            if isinstance(ordered, Fault):
                self._faults += [ordered] * ordered.times
            else:
                self._outcomes.append(ordered)

    def transport(self) -> httpx.MockTransport:
        """For `httpx.Client(transport=...)` or `httpx.AsyncClient`: the sandbox in-process.

        No time goes by, but what would take longer than a request's read timeout ends in it. For a
        clock of yours, `extensions["delay"]` of a response has the seconds that it took.
        """
        return httpx.MockTransport(lambda request: delivered(self.handle, request))

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request.

        Raises:
            Dropped: A fault was ordered that closes the connection without an answer.
            Unreached: Or one that does not let it come about.
        """
        asked = route(request)
        fault = self._next(self._faults, lambda fault: fault.on == asked.kind)
        if fault and not fault.connects:
            raise Unreached("Connection refused", request=request)
        self._record(asked.kind, request)
        if asked.kind in ("create", "fetch") and (refused := self._refuses(request)):
            return refused
        if fault is None:
            return self._answer(asked, request)
        real = self._answer(asked, request) if fault.accepted else None
        if real is not None and fault.alter:
            response = fault.alter(real)
        elif fault.status is not None:
            response = trouble(fault, fault.status, request, self.clock())
            response.headers.update({"Location": fault.location} if fault.location else {})
        else:
            raise Dropped(request, fault.delay)
        held = response.extensions.get("delay", 0.0)
        response.extensions["delay"] = held + fault.delay
        return response

    def _refuses(self, request: httpx.Request) -> httpx.Response | None:
        now = self.clock()
        seconds = self._allowance.refuses(now, self.requests_per_second)
        if not seconds:
            return None
        refused = refusal(request, 429, "Too Many Requests", now)
        refused.headers["Retry-After"] = str(seconds)
        return refused

    def _next(self, ordered: list[T], fits: Callable[[T], bool]) -> T | None:
        """Take the next of what was ordered that fits; calls may come in several threads."""
        with self._lock:
            found = next(filter(fits, ordered), None)
            if found is not None:
                ordered.remove(found)
            return found

    def _record(self, kind: Kind | None, request: httpx.Request) -> None:
        headers = {k: v for k, v in request.headers.items() if k != "authorization"}
        body = read(request.content)
        self.received.append(Received(kind, request.method, str(request.url), headers, body))

    def _answer(self, asked: Route, request: httpx.Request) -> httpx.Response:
        try:
            return self._carry_out(asked, request)
        except Refused as refused:
            return refusal(request, refused.status, str(refused), self.clock())
        except Exception as error:
            logger.warning("The sandbox could not answer", exc_info=True)
            words = f"Internal server error: {type(error).__name__}"
            return refusal(request, 500, words, self.clock())

    def _carry_out(self, asked: Route, request: httpx.Request) -> httpx.Response:
        if asked.kind == "download":
            return self._download(request)
        key = re.fullmatch(r"(?i:Bearer) +(\S.*)", request.headers.get("authorization", ""))
        if not key or (self.api_key and key[1] != self.api_key):
            raise Refused(401, "Unauthorized: the API key is missing or wrong")
        if asked.kind == "create":
            return self._create(asked, request)
        if asked.kind == "fetch":
            if not asked.ids:
                raise Refused(400, f"Query validation error: '{asked.wants}': Required")
            return self._fetch_many(asked, request) if asked.many else self._fetch(asked, request)
        if asked.kind == "chat":
            return chat.answer(read(request.content))
        raise Refused(404, f"Cannot {request.method} {request.url.path}")

    def _create(self, asked: Route, request: httpx.Request) -> httpx.Response:
        body = read(request.content)
        job = job_of(asked, body, len(request.content), self._find)
        job.created = self.clock()
        job.outcome = outcome_of(job, self._next(self._outcomes, lambda _: True))
        self._jobs[job.id] = self._files[job.name] = job
        self.accepted.append(body)
        told = self._before(job) if job.outcome.old_id else job
        seen = Seen(told.id, job.model, body, "queued", job.created)
        return answer(201, vendors.created(seen))

    def _before(self, job: Job) -> Job:
        """The generation before it on the same path, if any."""
        known = [other for other in self._jobs.values() if self._known(job.model, other.id)]
        return known[-2] if len(known) > 1 else job

    def _fetch(self, asked: Route, request: httpx.Request) -> httpx.Response:
        job = self._find(asked.models[0], asked.ids[0])
        now = self.clock()
        delay = self._held(job, asked, request, now)
        response = answer(200, vendors.fetched(self._seen(job, request.url, now + delay)))
        response.extensions["delay"] = delay
        return response

    def _fetch_many(self, asked: Route, request: httpx.Request) -> httpx.Response:
        """A list of those that there are; a 404 of none, on a path that is for one as well."""
        model, now = asked.models[0], self.clock()
        known = [job for i in asked.ids if (job := self._known(model, i))]
        if not known and model.how_to_fetch.path == request.url.path:
            raise Refused(404, "Generation not found")
        return answer(200, [vendors.fetched(self._seen(job, request.url, now)) for job in known])

    def _held(self, job: Job, asked: Route, request: httpx.Request, now: float) -> float:
        """For how many seconds from now the answer waits for the state that the request names."""
        query = request.url.params
        wanted = query.get("state") or query.get("status")
        if not asked.hold or not wanted:
            return 0.0
        if wanted not in _HELD:
            expected = " | ".join(map(repr, _HELD))
            words = f"'state': Expected {expected}, received {wanted[:80]!r}"
            raise Refused(400, f"Query validation error: {words}")
        if not request.extensions.get("hold"):  # nobody there who would wait
            return 0.0
        return min(asked.hold, max(0.0, job.reaches(_HELD[wanted], self.seconds) - now))

    def _known(self, model: VideoModel, generation_id: str) -> Job | None:
        """The generation of that id, if it is one of those that the model's path tells of."""
        job = self._jobs.get(generation_id)
        return job if job and job.model.how_to_fetch.path == model.how_to_fetch.path else None

    def _find(self, model: VideoModel, generation_id: str) -> Job:
        job = self._known(model, generation_id)
        if job is None:
            raise Refused(404, "Generation not found")
        return job

    def _seen(self, job: Job, base: httpx.URL, now: float) -> Seen:
        """The generation as it is at a moment."""
        stage = job.stage(now, self.seconds)
        has_video = stage == "completed" and job.outcome.has_video
        return Seen(
            id=job.id,
            model=job.model,
            body=job.body,
            stage=stage,
            created=job.created,
            video=self._link(job, base, now) if has_video else None,
            size=job.size,
            bytes=len(job.video) if job.video else None,
            error=job.outcome.error if stage == "error" else None,
        )

    def _link(self, job: Job, base: httpx.URL, now: float) -> str:
        lasts = self.link_seconds if job.outcome.link_seconds is None else job.outcome.link_seconds
        signed = vendors.dialect(job.model).signed
        return cdn.link(base, job.name, int(now + lasts), signed=signed)

    def _download(self, request: httpx.Request) -> httpx.Response:
        job = self._files.get(str(cdn.name(request.url)))
        expires = cdn.expiry(request.url)
        if job is None or expires is None:
            raise Refused(403, "The link is not valid")
        if expires <= self.clock():
            raise Refused(403, "The link has expired")
        return cdn.file(job.rendered(), request.headers)
