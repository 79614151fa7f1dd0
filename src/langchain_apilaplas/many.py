"""Many generations at once: so many under way at a time, each with an outcome of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langchain_apilaplas.calls import job_key
from langchain_apilaplas.effects import logger
from langchain_apilaplas.errors import ApilaplasError, Charged, InvalidRequestError, SettingsError
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.request import VideoRequest

Wanted: TypeAlias = Mapping[str, Any] | VideoRequest
"""What `generate` takes, by name, its `key` and `model` too; or a request that was checked."""

_END: Any = object()


@dataclass(frozen=True)
class Outcome:
    """What became of one request of many.

    Attributes:
        index: Which one it was; the first is 0.
        request: As it was given.
        key: Its name in the ledger.
        generation: The completed generation, or None.
        error: Why there is none, or None.
    """

    index: int
    request: Wanted = field(repr=False)
    key: str
    generation: Generation | None = None
    error: ApilaplasError | None = None


class Many:
    """Workers that take one request after the other, and what comes of them. One is begun, and
    with each request that is taken another one, until there are enough.

    Args:
        generate: As `AsyncApilaplasClient.generate`.
        requests: Taken one by one, when a worker is free.
        concurrency: The most workers.
        key: What the keys begin with of requests that have none.

    Raises:
        SettingsError: An argument is of no use.
    """

    def __init__(
        self,
        generate: Callable[..., Awaitable[Generation]],
        requests: Iterable[Wanted] | AsyncIterable[Wanted],
        concurrency: int,
        key: str | None,
    ) -> None:
        if isinstance(requests, Mapping | str) or not isinstance(
            requests, Iterable | AsyncIterable
        ):
            raise SettingsError("requests must be a list of dicts, or whatever gives one by one.")
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise SettingsError("concurrency must be a whole number from 1 on.")
        self._generate = generate
        self._next = _taking(requests)
        self._concurrency = concurrency
        self._key = None
        if key is not None:
            self._key = job_key(f"{job_key(key)}-123456789")[:-10]
        self._taken = 0
        self._is_left = False
        self._trouble: BaseException | None = None

    async def outcomes(self) -> AsyncGenerator[Outcome, None]:
        """Each as it comes. Left early, it ends what is under way.

        While nobody takes them, `concurrency` outcomes may wait before nothing new is begun.
        """
        self._outcomes = asyncio.Queue[Outcome](self._concurrency)
        self._turn = asyncio.Lock()
        self._workers = [asyncio.create_task(self._work())]
        ending = asyncio.create_task(self._end())
        try:
            while (outcome := await self._outcomes.get()) is not _END:
                yield outcome
            if self._trouble:
                raise self._trouble
        finally:
            self._is_left = True
            for task in (ending, *self._workers):
                task.cancel()
            await asyncio.wait([ending, *self._workers])

    async def _end(self) -> None:
        while busy := [worker for worker in self._workers if not worker.done()]:
            await asyncio.wait(busy)
        for worker in self._workers:
            if worker.cancelled():
                self._trouble = RuntimeError("A generation was cancelled from outside.")
            else:
                self._trouble = worker.exception() or self._trouble
        await self._outcomes.put(_END)

    async def _work(self) -> None:
        while True:
            async with self._turn:
                request = await self._take()
                if self._is_left:  # while the caller's source took the cancellation for its own
                    return
                index, self._taken = self._taken, self._taken + 1
            if request is _END:
                return
            if len(self._workers) < self._concurrency:
                self._workers.append(asyncio.create_task(self._work()))
            await self._outcomes.put(await self._outcome(index, request))

    async def _take(self) -> Any:
        if self._trouble:
            return _END
        try:
            return await self._next()
        except Exception as error:  # the caller's own; told when all is done that was begun
            self._trouble = error
            return _END

    async def _outcome(self, index: int, request: Wanted) -> Outcome:
        key = f"{self._key}-{index}" if self._key else None
        try:
            if not isinstance(request, VideoRequest) and _is_named(request):
                own = request.get("key")
                key = key if own is None else own
            key = job_key(key)
            if isinstance(request, VideoRequest):
                done = await self._generate(request, key=key)
            elif _is_named(request):
                done = await self._generate(**{**request, "key": key})
            else:
                raise InvalidRequestError(f"requests[{index}] must be a dict or a VideoRequest.")
        except ApilaplasError as error:
            return Outcome(index, request, str(key or ""), error=error)
        except Exception as error:
            logger.error("An unexpected error in generate_many", exc_info=error)
            told = ApilaplasError(
                f"Something unexpected went wrong ({type(error).__name__}).",
                next_step="Look at the ledger's jobs before you generate it again.",
                charged=Charged.UNKNOWN,
            )
            told.__cause__ = error
            return Outcome(index, request, str(key or ""), error=told)
        return Outcome(index, request, key, done)


def _taking(
    requests: Iterable[Wanted] | AsyncIterable[Wanted],
) -> Callable[[], Awaitable[Any]]:
    if isinstance(requests, AsyncIterable):
        given = aiter(requests)

        async def next_given() -> Any:
            return await anext(given, _END)

        return next_given
    listed = iter(requests)

    async def next_listed() -> Any:
        return next(listed, _END)

    return next_listed


def _is_named(request: object) -> bool:
    return isinstance(request, Mapping) and all(isinstance(name, str) for name in request)
