"""The stand-in for the Apilaplas API: requests in, responses out, on a clock that is given."""

import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

from langchain_apilaplas.catalog import list_models
from langchain_apilaplas.sandbox import cdn, chat, checks
from langchain_apilaplas.sandbox.faults import Dropped, Fault, Kind, Outcome
from langchain_apilaplas.sandbox.render import render

logger = logging.getLogger("langchain_apilaplas")

_CHAT_PATH = "/v1/chat/completions"

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


@dataclass
class Job:
    """A generation in the sandbox."""

    id: str
    body: dict[str, Any]
    created: float
    outcome: Outcome
    video: bytes | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rendered(self) -> bytes:
        """The MP4; made when it is first asked for."""
        with self.lock:
            if self.video is None:
                self.video = render(checks.picture(self.body), self.body)
            return self.video


class Sandbox:
    """A gateway that costs nothing and needs no key.

    Args:
        seconds: How long a generation takes: a sixth of it queued, the rest generating.
        api_key: The only key it takes; by default it takes any.
        link_seconds: How long a video's link works.
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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.seconds = seconds
        self.api_key = api_key
        self.link_seconds = link_seconds
        self.clock = clock
        self.received: list[Received] = []
        self.accepted: list[dict[str, Any]] = []
        self.url = ""
        self._faults: list[Fault] = []
        self._outcomes: list[Outcome] = []
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._models = {model.id: model for model in list_models()}

    def order(self, *troubles: Fault | Outcome) -> None:
        """Let these happen, in this order, to the next calls and generations they fit."""
        for trouble in troubles:
            if isinstance(trouble, Fault):
                self._faults += [trouble] * trouble.times
            else:
                self._outcomes.append(trouble)

    def transport(self) -> httpx.MockTransport:
        """For `httpx.Client(transport=...)` or `httpx.AsyncClient`: the sandbox in-process."""

        def answer(request: httpx.Request) -> httpx.Response:
            response = self.handle(request)
            patience = request.extensions.get("timeout", {}).get("read")
            if patience is not None and response.extensions.get("delay", 0) > patience:
                raise httpx.ReadTimeout("The sandbox was told to be slow", request=request)
            return response

        return httpx.MockTransport(answer)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request.

        Raises:
            Dropped: A fault was ordered that closes the connection without an answer.
        """
        kind = self._kind(request)
        self._record(kind, request)
        fault = self._next(self._faults, lambda fault: fault.on == kind)
        if fault is None:
            return self._answer(kind, request)
        if fault.delay:
            response = self._answer(kind, request)
            response.extensions["delay"] = fault.delay
            return response
        if fault.accepted:
            self._answer(kind, request)
        if fault.status is None:
            raise Dropped("Server disconnected without sending a response.", request=request)
        return self._trouble(fault, fault.status, request)

    def _next(self, ordered: list[T], fits: Callable[[T], bool]) -> T | None:
        """Take the next of what was ordered that fits; calls may come in several threads."""
        with self._lock:
            found = next(filter(fits, ordered), None)
            if found is not None:
                ordered.remove(found)
            return found

    def _trouble(self, fault: Fault, status: int, request: httpx.Request) -> httpx.Response:
        headers = {}
        if fault.retry_after is not None:
            headers["Retry-After"] = f"{fault.retry_after:.3f}".rstrip("0").rstrip(".")
        if fault.body is not None:
            return httpx.Response(status, content=fault.body, headers=headers)
        if fault.html:
            title = f"{status} {fault.message}"
            page = f"<html><head><title>{title}</title></head><body>nginx</body></html>"
            return httpx.Response(status, html=page, headers=headers)
        refusal = self._refusal(request, status, fault.message)
        refusal.headers.update(headers)
        return refusal

    def _kind(self, request: httpx.Request) -> Kind | None:
        path, method = request.url.path, request.method
        if any(path == model.endpoint for model in self._models.values()):
            return {"POST": "create", "GET": "fetch"}.get(method)  # type: ignore[return-value]
        if path == _CHAT_PATH and method == "POST":
            return "chat"
        return "download" if cdn.name(request.url) and method in ("GET", "HEAD") else None

    def _record(self, kind: Kind | None, request: httpx.Request) -> None:
        headers = {k: v for k, v in request.headers.items() if k != "authorization"}
        body = _json(request.content)
        self.received.append(Received(kind, request.method, str(request.url), headers, body))

    def _answer(self, kind: Kind | None, request: httpx.Request) -> httpx.Response:
        try:
            return self._carry_out(kind, request)
        except Exception as error:
            logger.warning("The sandbox could not answer", exc_info=True)
            return self._refusal(request, 500, f"Internal server error: {type(error).__name__}")

    def _carry_out(self, kind: Kind | None, request: httpx.Request) -> httpx.Response:
        if kind == "download":
            return self._download(request)
        key = re.fullmatch(r"(?i:Bearer) +(\S.*)", request.headers.get("authorization", ""))
        if not key or (self.api_key and key[1] != self.api_key):
            return self._refusal(request, 401, "Unauthorized: the API key is missing or wrong")
        if kind == "create":
            return self._create(request)
        if kind == "fetch":
            return self._fetch(request)
        if kind == "chat":
            return chat.answer(_json(request.content))
        return self._refusal(request, 404, f"Cannot {request.method} {request.url.path}")

    def _create(self, request: httpx.Request) -> httpx.Response:
        body = _json(request.content)
        if not isinstance(body, dict):
            return self._refusal(request, 400, "Body validation error: Expected object")
        model = self._models.get(str(body.get("model")))
        if model is None or model.endpoint != request.url.path:
            expected = " | ".join(repr(name) for name in self._models)
            words = f"'model': Expected {expected}, received {str(body.get('model'))[:80]!r}"
            return self._refusal(request, 400, f"Body validation error: {words}")
        if complaints := checks.complaints(model, body, len(request.content)):
            status = 413 if complaints[-1].startswith("Request entity") else 400
            return self._refusal(request, status, "Body validation error: " + "; ".join(complaints))
        outcome = self._next(self._outcomes, lambda _: True) or Outcome()
        if error := checks.unreachable(body):
            outcome = Outcome(failed=True, error=error)
        job = Job(str(uuid.uuid4()), body, self.clock(), outcome)
        self._jobs[job.id] = job
        self.accepted.append(body)
        return httpx.Response(201, json={"id": job.id, "status": "queued"})

    def _fetch(self, request: httpx.Request) -> httpx.Response:
        generation_id = request.url.params.get("generation_id")
        if not generation_id:
            words = "Query validation error: 'generation_id': Required"
            return self._refusal(request, 400, words)
        job = self._jobs.get(generation_id)
        if job is None:
            return self._refusal(request, 404, "Generation not found")
        status = self._status(job)
        answer: dict[str, Any] = {"id": job.id, "status": status}
        if status == "completed" and job.outcome.has_video:
            answer["video"] = [self._link(job, request.url)]
        if status == "error":
            answer["error"] = job.outcome.error
        return httpx.Response(200, json=answer)

    def _status(self, job: Job) -> str:
        age = self.clock() - job.created
        if age < self.seconds / 6:
            return "queued"
        if age < self.seconds or not job.outcome.ends:
            return "generating"
        return "error" if job.outcome.failed else "completed"

    def _link(self, job: Job, base: httpx.URL) -> str:
        lasts = self.link_seconds if job.outcome.link_seconds is None else job.outcome.link_seconds
        return cdn.link(base, job.id, int(self.clock() + lasts))

    def _download(self, request: httpx.Request) -> httpx.Response:
        job = self._jobs.get(str(cdn.name(request.url)))
        expires = cdn.expiry(request.url)
        if job is None or expires is None:
            return self._refusal(request, 403, "The link is not valid")
        if expires <= self.clock():
            return self._refusal(request, 403, "The link has expired")
        return cdn.file(job.rendered(), request.headers.get("range", ""))

    def _refusal(self, request: httpx.Request, status: int, message: str) -> httpx.Response:
        body = {
            "message": message,
            "path": request.url.path,
            "requestId": str(uuid.uuid4()),
            "statusCode": status,
            "timestamp": datetime.fromtimestamp(self.clock(), UTC).isoformat(),
        }
        return httpx.Response(status, json=body)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
