"""The two clients: settings, connections, and one line per flow."""

import asyncio
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self

import httpx
from pydantic import SecretStr

from langchain_apilaplas import flows
from langchain_apilaplas.catalog import DEFAULT_MODEL, VideoModel, get_model
from langchain_apilaplas.effects import Flow, Listener, T, adrive, drive
from langchain_apilaplas.flows import Waiting
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.pools import H, Pools, tls
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.settings import Settings
from langchain_apilaplas.wire import Wire

DEFAULT_TIMEOUT = 600.0


class _Client(Generic[H]):
    """What both clients share: everything but waiting."""

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        http_client: H | None = None,
        timeout: float = 30.0,
        poll_interval: float | None = None,
    ) -> None:
        self.settings = Settings.resolve(
            api_key=api_key, base_url=base_url, timeout=timeout, poll_interval=poll_interval
        )
        self._wire = Wire(self.settings)
        self._pools = Pools[H](http_client, self._open)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.settings.base_url!r})"

    def _open(self) -> H:
        raise NotImplementedError

    def _submit(
        self, model: str | VideoModel, key: str | None, values: dict[str, Any]
    ) -> Flow[Generation]:
        request = VideoRequest.check(get_model(model), values)
        return flows.submit(request, key or uuid.uuid4().hex, self._wire, self._pace(request.model))

    def _get(self, generation_id: str, model: str | VideoModel) -> Flow[Generation]:
        row = get_model(model)
        return flows.get(generation_id, row, self._wire, self._pace(row))

    def _wait(
        self,
        generation_id: str,
        model: str | VideoModel,
        timeout: float,
        listener: Listener | None,
    ) -> Flow[Generation]:
        row = get_model(model)
        return Waiting(self._wire, self._pace(row), timeout, listener).wait(generation_id, row)

    def _generate(
        self,
        model: str | VideoModel,
        key: str | None,
        timeout: float,
        listener: Listener | None,
        values: dict[str, Any],
    ) -> Flow[Generation]:
        request = VideoRequest.check(get_model(model), values)
        waiting = Waiting(self._wire, self._pace(request.model), timeout, listener)
        return waiting.generate(request, key or uuid.uuid4().hex)

    def _download(self, video: Generation | Video | str, to: str | Path) -> Flow[Path]:
        return flows.download(video, Path(to), self._wire)

    def _pace(self, model: VideoModel) -> Pace:
        return Pace(model.seconds, self.settings.poll_interval)


class ApilaplasClient(_Client[httpx.Client]):
    """The Apilaplas video API, blocking.

    Use it in a `with` block, or call `close()`. The `with` may be entered more than once, also
    by several threads; the connections close with the last exit, and open again when needed.

    Args:
        api_key: Else `APILAPLAS_API_KEY`, else `LAPLASAPI_KEY`.
        base_url: Else `APILAPLAS_BASE_URL`, else https://api.apilaplas.com.
        http_client: Your own `httpx.Client`, with your proxies, headers and transport. You close
            it.
        timeout: Seconds one HTTP request may take.
        poll_interval: Seconds between two looks at a generation. By default they are seldom at
            first and closer around the model's typical time.

    Raises:
        SettingsError: There is no key, or a value has the wrong form.
    """

    def submit(
        self, *, model: str | VideoModel = DEFAULT_MODEL, key: str | None = None, **values: Any
    ) -> Generation:
        """Start a generation. This is the call that costs money.

        It is sent again only when it was certainly not accepted.

        Args:
            model: A model id, or a row of the catalog.
            key: Your name for this one request, sent as `Idempotency-Key`. Default: a fresh one.
            values: What the model takes. For runway/gen4_turbo: `image` (https URL, data URI,
                bytes or `pathlib.Path`), `prompt`, `duration` (seconds), `aspect_ratio`, `seed`.

        Returns:
            The generation, usually `queued`.

        Raises:
            InvalidRequestError: Before sending or by the server; nothing was charged.
            UnknownOutcomeError: It left, and nobody knows whether it was accepted.
            ApilaplasError: Other refusals; see `langchain_apilaplas.errors`.
        """
        return self._drive(self._submit(model, key, values))

    def get(self, generation_id: str, *, model: str | VideoModel = DEFAULT_MODEL) -> Generation:
        """How far a generation is now, with a fresh link when it is finished. Free.

        Raises:
            NotFoundError: The server has no such generation.
            ApilaplasError: There was no usable answer; see `langchain_apilaplas.errors`.
        """
        return self._drive(self._get(generation_id, model))

    def wait(
        self,
        generation_id: str,
        *,
        model: str | VideoModel = DEFAULT_MODEL,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
    ) -> Generation:
        """Wait for the end of a generation, `timeout` seconds at most.

        Args:
            generation_id: As `submit` gave it, in this process or another.
            model: The model it was submitted with.
            timeout: Seconds. The last look is at its very end.
            on_progress: Called with a `Progress` dict at each look. What it raises is logged.

        Returns:
            The completed generation; it has a video.

        Raises:
            StillRenderingError: The time is up; the generation goes on. Wait again, or later.
            GenerationFailedError: The server ended it with an error.
            MissingVideoError: It is completed and holds no video.
            ApilaplasError: See `langchain_apilaplas.errors`.
        """
        return self._drive(self._wait(generation_id, model, timeout, on_progress))

    def generate(
        self,
        *,
        model: str | VideoModel = DEFAULT_MODEL,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
        **values: Any,
    ) -> Generation:
        """`submit`, then `wait`: the completed generation. Arguments and errors as theirs."""
        return self._drive(self._generate(model, key, timeout, on_progress, values))

    def download(self, video: Generation | Video | str, to: str | Path = ".") -> Path:
        """Save a video as a file. The API key is not sent along.

        Args:
            video: A completed generation, a video, or its URL.
            to: A file path; or a folder, where the file is named after the generation or URL.

        Returns:
            The file's path. Until the file is whole, nothing stands there.

        Raises:
            DownloadError: The link has expired, the connection broke, the disk is full, or what
                came is not a video.
        """
        return self._drive(self._download(video, to))

    def close(self) -> None:
        """Close the connections. Not those of your own `http_client`."""
        if http := self._pools.take(None):
            http.close()

    def __enter__(self) -> Self:
        self._pools.enter(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if http := self._pools.leave(None):
            http.close()

    def _open(self) -> httpx.Client:
        return httpx.Client(verify=tls())

    def _drive(self, flow: Flow[T]) -> T:
        return drive(flow, self._pools.use(None))


class AsyncApilaplasClient(_Client[httpx.AsyncClient]):
    """The Apilaplas video API for asyncio: `ApilaplasClient`, awaited.

    Arguments, results and errors are the same; `http_client` is an `httpx.AsyncClient`, and
    `on_progress` may be a coroutine function. Each event loop gets connections of its own.
    """

    async def submit(
        self, *, model: str | VideoModel = DEFAULT_MODEL, key: str | None = None, **values: Any
    ) -> Generation:
        """See `ApilaplasClient.submit`."""
        return await self._drive(self._submit(model, key, values))

    async def get(
        self, generation_id: str, *, model: str | VideoModel = DEFAULT_MODEL
    ) -> Generation:
        """See `ApilaplasClient.get`."""
        return await self._drive(self._get(generation_id, model))

    async def wait(
        self,
        generation_id: str,
        *,
        model: str | VideoModel = DEFAULT_MODEL,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
    ) -> Generation:
        """See `ApilaplasClient.wait`."""
        return await self._drive(self._wait(generation_id, model, timeout, on_progress))

    async def generate(
        self,
        *,
        model: str | VideoModel = DEFAULT_MODEL,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
        **values: Any,
    ) -> Generation:
        """See `ApilaplasClient.generate`."""
        return await self._drive(self._generate(model, key, timeout, on_progress, values))

    async def download(self, video: Generation | Video | str, to: str | Path = ".") -> Path:
        """See `ApilaplasClient.download`."""
        return await self._drive(self._download(video, to))

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        if http := self._pools.take(asyncio.get_running_loop()):
            await http.aclose()

    async def __aenter__(self) -> Self:
        self._pools.enter(asyncio.get_running_loop())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if http := self._pools.leave(asyncio.get_running_loop()):
            await http.aclose()

    def _open(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=tls())

    async def _drive(self, flow: Flow[T]) -> T:
        return await adrive(flow, self._pools.use(asyncio.get_running_loop()))
