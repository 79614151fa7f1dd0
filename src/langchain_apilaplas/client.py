"""The blocking client: settings, connections, and one line per call."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from langchain_apilaplas.asking import Model, Models
from langchain_apilaplas.connected import Connected
from langchain_apilaplas.effects import Flow, Listener, T, drive
from langchain_apilaplas.generation import Generation, Video
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.ledger import Job, Origin, Usage
from langchain_apilaplas.part import MAX_BYTES
from langchain_apilaplas.pools import close
from langchain_apilaplas.request import VideoRequest

DEFAULT_TIMEOUT = 600.0


class ApilaplasClient(Connected[httpx.Client]):
    """The Apilaplas video API, blocking.

    Use it in a `with` block, also several times at once, or call `close()`: the connections close
    with the last exit, and open again when needed. Threads may share it.

    Args:
        api_key: Else `APILAPLAS_API_KEY`, else `LAPLASAPI_KEY`.
        base_url: Else `APILAPLAS_BASE_URL`, else https://api.apilaplas.com.
        http_client: Your own `httpx.Client`, with proxies, headers, transport. You close it.
        timeout: Seconds a request may take to connect, to be sent, or to be answered.
        poll_interval: Seconds between two looks. Default: as suits what it took before.
        poll_cost: Seconds of delay worth one look. Else `APILAPLAS_POLL_COST`, else 0.03.
        universal: Call every model on the gateway's newer path, `/v2/video/generations`, not its
            vendor's. For one model only: `model=get_model(...).universal()`.
        ledger: Where each paid job is recorded before its request leaves: a file's path, a `Ledger`
            of yours, "default" for the file that tools keep, or "off" for in memory only. Else
            `APILAPLAS_LEDGER`, else in memory. It does not tell API keys apart: one per account.
        budget: What may be spent; see `Budget`.
        on_unknown: What to do about a submit whose outcome nobody knows, by a crash or because its
            answer never came: "report" it, or "resubmit" it, once per job, which may pay twice.
        storage: Where finished videos are kept: a folder's path, a store's URL such as
            "s3://bucket/folder", a store of obstore's, or a `Storage`. `generate` and `wait` then
            give `stored`, a link to it; or `not_stored`, why there is none yet. Default: nowhere.
        rate_limiter: How fast it may ask: a `RateLimiter`, which several clients may share, or a
            `BaseRateLimiter` of LangChain's. Default: as fast as the server takes it.
        private_prompts: Keep what is asked in words (`prompt` and the like), and what the server
            says of a failure, out of the ledger, of files beside stored videos, and of errors.

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
        origin: Origin | None = None,
        **values: Any,
    ) -> Generation:
        """Start a generation. This is the call that costs money.

        It is sent again only when it was certainly not accepted.

        Args:
            request: One that was checked before, by `VideoRequest.check`, instead of `model` and
                `values`.
            model: A model id, or a row of the catalog. Default: runway/gen4_turbo.
            key: Your name for this one request, also sent as `Idempotency-Key`. With a key that the
                ledger knows nothing is submitted: you get the generation that there is. Default: a
                fresh one.
            origin: The thread it belongs to, for a budget and for `jobs`.
            values: What the model takes, by the names in its row: `prompt`, `image` (see
                `ImageInput.of`; also `video:<generation id>:last`, where an earlier video ends),
                `duration` (seconds), `extend` (the id of a generation to be continued) and so on.

        Returns:
            The generation, usually `queued`.

        Raises:
            InvalidRequestError: Before sending or by the server, or the key names another request;
                nothing was charged.
            UnknownOutcomeError: It left, now or earlier, and nobody knows whether it was accepted.
            BudgetError: The budget does not allow it; nothing was sent.
            LedgerError: The ledger can't be written; nothing was sent.
            ApilaplasError: Other refusals; see `langchain_apilaplas.errors`.
        """
        return self._drive(self._calls.submit(request, model, key, origin, values))

    def get(self, generation_id: str, *, model: Model | None = None) -> Generation:
        """How far a generation is now, with a fresh link when it is finished. Free.

        Args:
            generation_id: As `submit` gave it, in this process or another.
            model: The model it was submitted with. The ledger's word comes first; where it knows
                nothing either: runway/gen4_turbo.

        Raises:
            NotFoundError: The server has no such generation.
            ApilaplasError: There was no usable answer; see `langchain_apilaplas.errors`.
        """
        return self._drive(self._calls.get(generation_id, model))

    def get_many(
        self, generation_ids: Sequence[str], *, model: Model | None = None
    ) -> list[Generation]:
        """How far several generations of one model are, in the order of their ids. Free.

        Luma's are asked for with one request; the others one by one. Without `model`, it is the one
        that the ledger knows the first id by.

        Raises:
            NotFoundError: The server does not know all of them; says which it leaves out.
            ApilaplasError: As of `get`.
        """
        return self._drive(self._calls.get_many(generation_ids, model))

    def wait(
        self,
        generation_id: str,
        *,
        model: Models | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
    ) -> Generation:
        """Wait for the end of a generation, `timeout` seconds at most.

        Args:
            generation_id: As `submit` gave it, in this process or another.
            model: As of `get`; or several, of which the first whose path knows the id is taken.
            timeout: Seconds; `math.inf` for no bound. The last look is at its very end.
            on_progress: Called here with a `Progress` dict at each look. What it raises is logged.

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
        origin: Origin | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        on_progress: Listener | None = None,
        **values: Any,
    ) -> Generation:
        """`submit`, then `wait`: the completed generation. Arguments and errors as theirs.

        Made again with the same key, after a crash or by another process, it goes on with the
        generation that there is.
        """
        return self._drive(
            self._calls.generate(
                request, model, key, origin, timeout=timeout, listener=on_progress, values=values
            )
        )

    def resume_all(
        self, *, timeout: float = DEFAULT_TIMEOUT, on_progress: Listener | None = None
    ) -> list[Job]:
        """Wait for every open job of the ledger, after a restart; `timeout` seconds in all.

        Keeps the videos, too, that were to be kept in this client's storage and could not be.

        Returns:
            Those jobs as they stand then, and those whose outcome is unknown. One that failed ends
            nothing; its `state` is `error`.

        Raises:
            ApilaplasError: The ledger can't be read, or the key is refused.
        """
        return self._drive(self._calls.resume_all(timeout, on_progress))

    def jobs(self, *states: str, thread: str | None = None) -> list[Job]:
        """The ledger's jobs in some states (see `State`; by default all that are open or unknown),
        of all threads or one, the oldest first. Raises LedgerError where it can't be read.
        """
        return self._drive(self._calls.jobs(states, thread))

    def resolve(self, key: str, *, generation_id: str | None = None, submitted: bool = True) -> Job:
        """Settle a job that is unknown or was never found again, after a look at the account.

        Args:
            key: The job's key, as `jobs` gives it.
            generation_id: What came of it.
            submitted: False if nothing did, and the same request may be submitted anew.

        Raises:
            NotFoundError: The ledger has no such job.
            SettingsError: It has ended, or is just being submitted; or it takes one of the two.
        """
        return self._drive(self._calls.resolve(key, generation_id, submitted))

    def expected_usage(self, model: Model | None = None) -> Usage:
        """What a generation will cost, as far as known: what the last one of that model cost by the
        ledger, else what the API's pages say; in the words of `Generation.usage`.
        """
        return self._drive(self._calls.expected_usage(model))

    def download(
        self,
        video: Generation | Video | str,
        to: str | Path = ".",
        *,
        max_bytes: int = MAX_BYTES,
        on_progress: Listener | None = None,
    ) -> Path:
        """Save a video as a file. The API key is not sent along.

        It goes on where a dropped connection broke off. A generation's expired link is renewed.

        Args:
            video: A completed generation, a video, or its URL.
            to: A file path; or a folder, where the file is named after the generation or URL.
            max_bytes: A longer file is refused. Default: 2 GiB.
            on_progress: Called with a `DownloadProgress` for each piece. What it raises is logged.

        Returns:
            The file's path. Until the file is whole, nothing stands there.

        Raises:
            DownloadError: The connection broke again and again, the file is too long or not a
                video, the disk is full; or the link has expired, and is a bare one.
            ApilaplasError: As of `get`, where a fresh link was needed.
        """
        return self._drive(self._calls.download(video, to, max_bytes, on_progress))

    def last_frame(
        self,
        video: Generation | str,
        *,
        model: Model | None = None,
        origin: Origin | None = None,
    ) -> ImageInput:
        """The picture that a finished video ends with, for the next one to start from. Free.

        Needs the `images` extra. Fetched is only what lies in the public internet, or on the
        gateway's own host.

        Args:
            video: The generation, or its id.
            model: As of `get`.
            origin: When given, the video must be of its thread, by the ledger.

        Raises:
            InvalidRequestError: There is no such video, it is not finished, or the extra lacks.
            GatewayError: The video can't be fetched.
            ApilaplasError: As of `get`.
        """
        return self._drive(self._calls.last_frame(video, model, origin))

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
