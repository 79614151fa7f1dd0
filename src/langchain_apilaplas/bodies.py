"""The JSON that travels, put together around pictures that are encoded already. Pure.

A picture may have many megabytes, so it is not copied into a body, but a part of one.
"""

import copy
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.images import ImageInput

_Show = Callable[[ImageInput], str]

_MARK = uuid.uuid4().hex
"""Stands for a picture while the JSON is written. Nobody outside of this process can know it."""


def wire(
    model: VideoModel, values: Mapping[str, Any], show: _Show = lambda image: image.url
) -> dict[str, Any]:
    """The body as JSON would have it; `show` says what stands for an image."""
    body: dict[str, Any] = copy.deepcopy(dict(model.constants))
    body |= {"model": model.id} if model.sends_model else {}
    for param in model.params:
        if param.name not in values or not param.wire:
            continue
        place = body
        for name in param.inside:
            place = place.setdefault(name, {})
        place.update(param.beside)
        place[param.wire] = _shown(values[param.name], show)
    return body


def _shown(value: Any, show: _Show) -> Any:
    if isinstance(value, list):
        return [_shown(item, show) for item in value]
    return show(value) if isinstance(value, ImageInput) else value


def pieces(model: VideoModel, values: Mapping[str, Any]) -> list[bytes]:
    """The body that is sent, in parts."""
    return list(_pieces(model, values))


def fingerprint(endpoint: str, model: VideoModel, values: Mapping[str, Any]) -> str:
    """A hash of what is asked for: the same however the JSON is written, and whatever the version
    of the library that converted a picture.
    """
    found = hashlib.sha256()
    for piece in _pieces(model, values, endpoint):
        found.update(piece)
    return found.hexdigest()


def _pieces(
    model: VideoModel, values: Mapping[str, Any], endpoint: str | None = None
) -> Iterator[bytes]:
    """The JSON in parts, of which each picture is one: base64 needs no escapes. With an endpoint,
    what a fingerprint is taken of.
    """
    pictures: list[ImageInput] = []

    def show(image: ImageInput) -> str:
        if not image.encoded or (endpoint and image.given):
            return image.link or image.given or image.source
        pictures.append(image)
        return f"{_MARK}{len(pictures) - 1}-"

    text = json.dumps(wire(model, values, show))
    if endpoint:
        text = json.dumps([endpoint, json.loads(text)], sort_keys=True)
    first, *others = text.split(_MARK)
    yield first.encode("ascii")
    for part in others:
        n, _, rest = part.partition("-")
        yield pictures[int(n)].prefix
        yield pictures[int(n)].encoded
        yield rest.encode("ascii")
