"""What becomes of a create: a refusal, or a generation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.sandbox import bodies, checks, vendors
from langchain_apilaplas.sandbox.faults import Outcome
from langchain_apilaplas.sandbox.jobs import Job
from langchain_apilaplas.sandbox.routes import Route

_NO_IMAGE = (".html", ".pdf", ".txt", ".mp4", ".zip", ".json")

Find = Callable[[VideoModel, str], Job]
"""Gives the generation of an id, of those on the model's path. Raises `Refused`."""


class Refused(Exception):  # noqa: N818 - an answer, not an error of the program
    """The gateway answers with an HTTP error: its status, and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def job_of(asked: Route, body: Any, size: int, find: Find) -> Job:
    """The generation that a create makes, on its way to a good end.

    Raises:
        Refused: Its body is not taken.
    """
    model = _chosen(asked, body)
    strict = vendors.dialect(model).strict
    if complaints := checks.complaints(model, body, size, strict=strict):
        status = 413 if complaints[-1].startswith("Request entity") else 400
        raise Refused(status, "Body validation error: " + "; ".join(complaints))
    ends: dict[str, Job | None] = {"before": find(model, asked.ids[0]) if asked.ids else None}
    for end, (place, generation_id) in _earlier(model, body).items():
        try:
            ends[end] = find(model, generation_id)
        except Refused as refused:
            raise Refused(400, f"Body validation error: '{place}': {refused}") from None
    return Job(
        id=vendors.dialect(model).new_id(model),
        model=model,
        body=body,
        before=ends["before"],
        after=ends.get("after"),
    )


def outcome_of(job: Job, ordered: Outcome | None) -> Outcome:
    """How a generation ends: as ordered, or badly where its pictures can't be had."""
    if error := _unreachable(job.model, job.body):
        return Outcome(failed=True, error=error)
    if ordered and ordered.failed and ordered.error is ...:
        return replace(ordered, error=vendors.failure(job.model))
    return ordered or Outcome()


def _chosen(asked: Route, body: Any) -> VideoModel:
    """The row that the body names, else the one that goes by its path alone."""
    if not isinstance(body, dict):
        raise Refused(400, "Body validation error: Expected object")
    named = [row for row in asked.models if row.sends_model]
    fitting = [row for row in named if row.id == body.get("model")]
    fitting += [row for row in asked.models if not row.sends_model]
    if fitting:
        return fitting[0]
    expected = " | ".join(repr(row.id) for row in named)
    words = f"'model': Expected {expected}, received {str(body.get('model'))[:80]!r}"
    raise Refused(400, f"Body validation error: {words}")


def _earlier(model: VideoModel, body: bodies.Body) -> dict[str, tuple[str, str]]:
    """The generations that the body starts from and leads to, each with its place there."""
    extend, last = model.param("extend"), model.param("last_image")
    if extend is None or not extend.wire:
        return {}
    ends = {"before": extend}
    if extend.inside and last and last.inside:
        ends["after"] = replace(extend, inside=last.inside)
    said = {end: (bodies.path(param), bodies.value(param, body)) for end, param in ends.items()}
    return {end: (place, str(value)) for end, (place, value) in said.items() if value is not None}


def _unreachable(model: VideoModel, body: bodies.Body) -> Any:
    """The error of a generation whose pictures can't be had, or None.

    The sandbox fetches nothing: hosts under `.invalid` (RFC 6761) count as unreachable, and
    addresses that end like a document as not an image.
    """
    error = vendors.dialect(model).error
    for param, url in bodies.pictures(model, body):
        parts, place = urlsplit(url), bodies.path(param)
        if (parts.hostname or "").endswith(".invalid"):
            return error(place, "image_download_error", "Could not download the image")
        if parts.scheme == "https" and parts.path.lower().endswith(_NO_IMAGE):
            return error("", "bad_request_error", f"{place} does not lead to an image")
    return None
