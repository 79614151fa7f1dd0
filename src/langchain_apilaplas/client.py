"""The two clients: settings, connections, and one line per call."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from langchain_apilaplas.calls import Model, Models
from langchain_apilaplas.catalog import DEFAULT_MODEL
from langchain_apilaplas.connected import Connected
from langchain_apilaplas.effects import Flow, Listener, T, adrive, drive
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.pools import aclose, close
from langchain_apilaplas.request import VideoRequest

DEFAULT_TIMEOUT = 600.0


class ApilaplasClient(Connected[httpx.Client]):
    """The Apilaplas video API, blocking.

    Use it in a `with` block, or call `close()`. The `with` may be entered more than once, also
    by several threads; the connections close with the last exit, and open again when needed.

    Args:
        api_key: Else `APILAPLAS_API_KEY`, else `LAPLASAPI_KEY`.
        base_url: Else `APILAPLAS_BASE_URL`, else https://api.apilaplas.com.
        http_client: Your own `httpx.Client`, with your proxies, headers and transport. You close
            it.
        timeout: Seconds a request may take to connect, to be sent, or to be answered.
        poll_interval: Seconds between two looks at a generation. By default they are seldom at
            first and closer around the model's typical time.
        universal: Call every model on the gateway's newer path, `/v2/video/generations`, instead
            of its vendor's. For one model only: `model=get_model(...).universal()`.

    Raises:
        SettingsError: There is no key, or a value has the wrong form.
    """

    _kind = httpx.Client

    def submit(
        self,
        request: VideoRequest | None = None,
        /,
        *,
        model: Model | None = None,
        key: str | None = None,
        **values: Any,
    ) -> Generation:
        """Start a generation. This is the call that costs money.

        It is sent again only when it was certainly not accepted.

        Args:
            request: One that was checked before, by `VideoRequest.check`, instead of `model` and
                `values`.
            model: A model id, or a row of the catalog. Default: runway/gen4_turbo.
            key: Your name for this one request, sent as `Idempotency-Key`. Default: a fresh one.
            values: What the model takes, by the names in its row: `prompt`, `image` (https URL,
                data URI, bytes or `pathlib.Path`), `duration` (seconds), `extend` (the id of a
                generation to be continued) and so on.

        Returns:
            The generation, usually `queued`.

        Raises:
            InvalidRequestError: Before sending or by the server; nothing was charged.
            UnknownOutcomeError: It left, and nobody knows whether it was accepted.
            ApilaplasError: Other refusals; see `langchain_apilaplas.errors`.
        """
        return self._drive(self._calls.submit(request, model, key, values))

    def get(self, generation_id: str, *, model: Model = DEFAULT_MODEL) -> Generation:
        """How far a generation is now, with a fresh link when it is finished. Free.

        Raises:
            NotFoundError: The server has no such generation.
            ApilaplasError: There was no usable answer; see `langchain_apilaplas.errors`.
        """
        return self._drive(self._calls.get(generation_id, model))

    def get_many(
        self, generation_ids: Sequence[str], *, model: Model = DEFAULT_MODEL
    ) -> list[Generation]:
        """How far several generations of one model are, in the order of their ids. Free.

        Luma's are asked for with one request; the others one by one.

        Raises:
            NotFoundError: The server does not know all of them; says which it leaves out.
            ApilaplasError: As of `get`.
        """
        return self._drive(self._calls.get_many(generation_ids, model))

    def wait(
        self,
        generation_id: str,
        *,
        model: Models = DEFAULT_MODEL,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
    ) -> Generation:
        """Wait for the end of a generation, `timeout` seconds at most.

        Args:
            generation_id: As `submit` gave it, in this process or another.
            model: The model it was submitted with; or several, of which the first whose path knows
                the id is taken.
            timeout: Seconds; `math.inf` for no bound. The last look is at its very end.
            on_progress: Called with a `Progress` dict at each look. What it raises is logged.

        Returns:
            The completed generation; it has a video.

        Raises:
            StillRenderingError: The time is up; the generation goes on. Wait again, or later.
            GenerationFailedError: The server ended it with an error.
            MissingVideoError: It is completed and holds no video.
            ApilaplasError: See `langchain_apilaplas.errors`.
        """
        return self._drive(self._calls.wait(generation_id, model, timeout, on_progress))

    def generate(
        self,
        request: VideoRequest | None = None,
        /,
        *,
        model: Model | None = None,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
        **values: Any,
    ) -> Generation:
        """`submit`, then `wait`: the completed generation. Arguments and errors as theirs."""
        return self._drive(
            self._calls.generate(
                request, model, key, timeout=timeout, listener=on_progress, values=values
            )
        )

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
        return self._drive(self._calls.download(video, to))

    def close(self) -> None:
        """Close the connections. Not those of your own `http_client`."""
        close(self._pools.take(None))

    def __enter__(self) -> Self:
        self._pools.enter(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        close(self._pools.leave(None))

    def _drive(self, flow: Flow[T]) -> T:
        http = self._pools.enter(None, keep=True)
        try:
            return drive(flow, http)
        finally:
            close(self._pools.leave(None))


class AsyncApilaplasClient(Connected[httpx.AsyncClient]):
    """The Apilaplas video API for asyncio: `ApilaplasClient`, awaited.

    Arguments, results and errors are the same; `http_client` is an `httpx.AsyncClient`, and
    `on_progress` may be a coroutine function. Each event loop gets connections of its own.
    """

    _kind = httpx.AsyncClient

    async def submit(
        self,
        request: VideoRequest | None = None,
        /,
        *,
        model: Model | None = None,
        key: str | None = None,
        **values: Any,
    ) -> Generation:
        """See `ApilaplasClient.submit`."""
        return await self._drive(self._calls.submit(request, model, key, values))

    async def get(self, generation_id: str, *, model: Model = DEFAULT_MODEL) -> Generation:
        """See `ApilaplasClient.get`."""
        return await self._drive(self._calls.get(generation_id, model))

    async def get_many(
        self, generation_ids: Sequence[str], *, model: Model = DEFAULT_MODEL
    ) -> list[Generation]:
        """See `ApilaplasClient.get_many`."""
        return await self._drive(self._calls.get_many(generation_ids, model))

    async def wait(
        self,
        generation_id: str,
        *,
        model: Models = DEFAULT_MODEL,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
    ) -> Generation:
        """See `ApilaplasClient.wait`."""
        return await self._drive(self._calls.wait(generation_id, model, timeout, on_progress))

    async def generate(
        self,
        request: VideoRequest | None = None,
        /,
        *,
        model: Model | None = None,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
        **values: Any,
    ) -> Generation:
        """See `ApilaplasClient.generate`."""
        return await self._drive(
            self._calls.generate(
                request, model, key, timeout=timeout, listener=on_progress, values=values
            )
        )

    async def download(self, video: Generation | Video | str, to: str | Path = ".") -> Path:
        """See `ApilaplasClient.download`."""
        return await self._drive(self._calls.download(video, to))

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await aclose(self._pools.take(asyncio.get_running_loop()))

    async def __aenter__(self) -> Self:
        self._pools.enter(asyncio.get_running_loop())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await aclose(self._pools.leave(asyncio.get_running_loop()))

    async def _drive(self, flow: Flow[T]) -> T:
        loop = asyncio.get_running_loop()
        http = self._pools.enter(loop, keep=True)
        try:
            return await adrive(flow, http)
        finally:
            await aclose(self._pools.leave(loop))
