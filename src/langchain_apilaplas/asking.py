"""What a client's user asks for, as a request that was checked."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from langchain_apilaplas.catalog import DEFAULT_MODEL, VideoModel, get_model
from langchain_apilaplas.effects import Call, Flow, T
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.nested import ToImage
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.values import framed

Model = str | VideoModel
Models = Model | Sequence[Model]


@dataclass(frozen=True)
class Asking:
    """How a client makes requests.

    Attributes:
        universal: Whether every model is called on the universal path.
        is_private: Whether what is asked in words stays out of every record.
        frame: Gets the last frame of a generation's video.
    """

    universal: bool
    is_private: bool
    frame: Callable[[str], Flow[ImageInput]]

    def asked(
        self,
        request: VideoRequest | None,
        model: Model | None,
        values: Mapping[str, object],
        then: Callable[[VideoRequest], Flow[T]],
    ) -> Flow[T]:
        """Check all before anything is sent; and again with the frames of earlier videos, where
        some are named. At once, but for pictures, which may take a moment to read and fit.
        """
        frames: dict[str, ImageInput] = {}
        missing: list[str] = []

        def to_image(value: object) -> ImageInput:
            generation_id = framed(value)
            if generation_id is None:
                return ImageInput.of(value)
            missing.append(generation_id)
            return frames.get(generation_id) or ImageInput.promise(str(value))

        def check() -> VideoRequest:
            return self._request(request, model, values, to_image)

        # The loop's own threads, which are few: a thousand pictures at once would fill the memory.
        reading = Call(check, lambda: asyncio.to_thread(check))
        at_once = None if self._has_pictures(model, values) else check()
        if at_once and not missing:
            return then(at_once)

        def flow() -> Flow[T]:
            checked = at_once or (yield reading)
            for generation_id in dict.fromkeys(missing):
                frames[generation_id] = yield from self.frame(generation_id)
            return (yield from then((yield reading) if missing else checked))

        return flow()

    def _has_pictures(self, model: Model | None, values: Mapping[str, object]) -> bool:
        """Whether there is anything to be read or fitted: not of what is only named."""
        params = self.row(model or DEFAULT_MODEL).params if values else ()
        return any(
            not _is_named(item)
            for param in params
            if param.kind in ("image", "images")
            for item in _items(values.get(param.name))
        )

    def _request(
        self,
        request: VideoRequest | None,
        model: Model | None,
        values: Mapping[str, object],
        to_image: ToImage,
    ) -> VideoRequest:
        if request is None:
            row = self.row(model or DEFAULT_MODEL)
            request = VideoRequest.check(row, values, to_image=to_image)
        elif model is not None or values:
            raise SettingsError("Give a request, or a model and its values; not both.")
        row = self.row(request.model)
        if row != request.model:
            request = VideoRequest.check(row, request.values)
        return dataclasses.replace(request, is_private=self.is_private)

    def row(self, model: Model) -> VideoModel:
        """The row to call a model by."""
        row = get_model(model)
        return row.universal() if self.universal else row


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _is_named(value: object) -> bool:
    """Whether it is a URL, a frame or nothing."""
    return value is None or (isinstance(value, str) and value[:6].lower() in ("https:", "video:"))
