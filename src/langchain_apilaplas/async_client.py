"""The client for asyncio: the same calls, awaited."""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from langchain_apilaplas.asking import Model, Models
from langchain_apilaplas.client import DEFAULT_TIMEOUT
from langchain_apilaplas.connected import Connected
from langchain_apilaplas.effects import Flow, Listener, T, adrive
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.ledger import Job, Origin, Usage
from langchain_apilaplas.part import MAX_BYTES
from langchain_apilaplas.pools import aclose
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.settings import seconds

if TYPE_CHECKING:
    from langchain_apilaplas.many import Outcome, Wanted


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
        origin: Origin | None = None,
        **values: Any,
    ) -> Generation:
        """See `ApilaplasClient.submit`."""
        return await self._drive(self._calls.submit(request, model, key, origin, values))

    async def get(self, generation_id: str, *, model: Model | None = None) -> Generation:
        """See `ApilaplasClient.get`."""
        return await self._drive(self._calls.get(generation_id, model))

    async def get_many(
        self, generation_ids: Sequence[str], *, model: Model | None = None
    ) -> list[Generation]:
        """See `ApilaplasClient.get_many`."""
        return await self._drive(self._calls.get_many(generation_ids, model))

    async def wait(
        self,
        generation_id: str,
        *,
        model: Models | None = None,
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
        origin: Origin | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
        **values: Any,
    ) -> Generation:
        """See `ApilaplasClient.generate`."""
        return await self._drive(
            self._calls.generate(
                request, model, key, origin, timeout=timeout, listener=on_progress, values=values
            )
        )

    def generate_many(
        self,
        requests: "Iterable[Wanted] | AsyncIterable[Wanted]",
        *,
        concurrency: int = 100,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
    ) -> "AsyncGenerator[Outcome, None]":
        """Generate many videos, `concurrency` at a time; gives outcomes in the order of completion.

        One that fails ends nothing: its outcome has the error. `aclose()` cancels what is under
        way, and `contextlib.aclosing` calls it when a block is left; a `break` alone does not. What
        was submitted goes on, and the ledger knows it.

        Args:
            requests: Dicts with the arguments of `generate`, among them `model` and `key`; or
                `VideoRequest`s. They are taken one by one, when there is room.
            concurrency: How many are under way at a time. So many outcomes may wait for you, too,
                before nothing new is begun.
            key: Requests without a key of their own get "<key>-0", "<key>-1" and so on. Run again
                with the same key and requests in the same order, it goes on with the jobs that the
                ledger has, and pays for none twice. Default: fresh ones.
            timeout: Seconds for each, from when its turn comes.
            on_progress: As of `generate`.

        Raises:
            SettingsError: An argument is of no use.
        """
        longest = seconds("timeout", timeout)
        generate = functools.partial(self.generate, timeout=longest, on_progress=on_progress)
        from langchain_apilaplas.many import Many  # noqa: PLC0415 - seldom needed

        return Many(generate, requests, concurrency, key).outcomes()

    async def resume_all(
        self, *, timeout: float = DEFAULT_TIMEOUT, on_progress: Listener | None = None
    ) -> list[Job]:
        """See `ApilaplasClient.resume_all`."""
        return await self._drive(self._calls.resume_all(timeout, on_progress))

    async def jobs(self, *states: str, thread: str | None = None) -> list[Job]:
        """See `ApilaplasClient.jobs`."""
        return await self._drive(self._calls.jobs(states, thread))

    async def resolve(
        self, key: str, *, generation_id: str | None = None, submitted: bool = True
    ) -> Job:
        """See `ApilaplasClient.resolve`."""
        return await self._drive(self._calls.resolve(key, generation_id, submitted))

    async def expected_usage(self, model: Model | None = None) -> Usage:
        """See `ApilaplasClient.expected_usage`."""
        return await self._drive(self._calls.expected_usage(model))

    async def download(
        self,
        video: Generation | Video | str,
        to: str | Path = ".",
        *,
        max_bytes: int = MAX_BYTES,
        on_progress: Listener | None = None,
    ) -> Path:
        """See `ApilaplasClient.download`."""
        return await self._drive(self._calls.download(video, to, max_bytes, on_progress))

    async def last_frame(
        self,
        video: Generation | str,
        *,
        model: Model | None = None,
        origin: Origin | None = None,
    ) -> ImageInput:
        """See `ApilaplasClient.last_frame`."""
        return await self._drive(self._calls.last_frame(video, model, origin))

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
