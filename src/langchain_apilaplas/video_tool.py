"""What both tools are made of: a client, a bound for the wait, and how results and errors read."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, ToolException
from pydantic import ConfigDict, Field, InstanceOf, PrivateAttr, SecretStr, model_validator

from langchain_apilaplas import answer
from langchain_apilaplas.account import Account
from langchain_apilaplas.async_client import AsyncApilaplasClient
from langchain_apilaplas.catalog import DEFAULT_MODEL, VideoModel, get_model
from langchain_apilaplas.client import DEFAULT_TIMEOUT, ApilaplasClient
from langchain_apilaplas.effects import Listener, logger
from langchain_apilaplas.errors import (
    ApilaplasError,
    Charged,
    SettingsError,
    StillRenderingError,
    UnknownOutcomeError,
)
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.ledger import Ledger
from langchain_apilaplas.limiter import RateLimiter
from langchain_apilaplas.object_store import chosen
from langchain_apilaplas.offer import Offer
from langchain_apilaplas.request import clean_of_secrets
from langchain_apilaplas.runtime import BareCall, async_listener, listener, origin
from langchain_apilaplas.schema import Argument, args_schema

_UNKNOWN = "unknown_arguments"
Frames = Mapping[str, ImageInput]
"""The last frames of videos, by generation id."""
Result = tuple[str | ToolMessage, dict[str, Any] | None]


@dataclass(frozen=True)
class Plan:
    """A call of a client, what the artifact says was asked for, and how the answer is told.

    `start` gives a generation from one client, an awaitable of it from the other; or something else
    that `tell` knows to put into words. `tell` is given the seconds that it took, too. `missing`
    are the ids of earlier videos whose last frames have to be fetched before it can start.
    """

    start: Callable[[Any, Listener], Any]
    record: Mapping[str, Any]
    tell: Callable[[Any, float], answer.Answer]
    missing: Sequence[str] = ()


class VideoTool(BaseTool):
    """What both tools share: a client, a bound for the wait, and how results and errors read."""

    model_config = ConfigDict(defer_build=True)  # which makes the import quicker

    name: str = ""
    description: str = ""
    model: str | InstanceOf[VideoModel] = DEFAULT_MODEL
    models: tuple[str | InstanceOf[VideoModel], ...] | None = None
    api_key: SecretStr | None = None
    base_url: str | None = None
    client: InstanceOf[ApilaplasClient] | None = Field(default=None, repr=False, exclude=True)
    async_client: InstanceOf[AsyncApilaplasClient] | None = Field(
        default=None, repr=False, exclude=True
    )
    ledger: InstanceOf[Ledger] | Path | str | None = Field(default=None, repr=False, exclude=True)
    storage: Any = Field(default=None, repr=False, exclude=True)
    rate_limiter: Any = Field(default=None, repr=False, exclude=True)
    max_wait: float = Field(default=DEFAULT_TIMEOUT, ge=0)
    response_format: Literal["content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    _mishap: ClassVar[type[ApilaplasError]] = UnknownOutcomeError
    _account: Account = PrivateAttr()
    _offer: Offer = PrivateAttr()
    _names: Sequence[str] = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        unknown = {name: value for name, value in given.items() if name not in cls.model_fields}
        known = {name: value for name, value in given.items() if name not in unknown}
        model, models = known.get("model", DEFAULT_MODEL), known.get("models")
        if models is not None and model != DEFAULT_MODEL:
            raise SettingsError("Give model= for one model or models= for several; not both.")
        if not _is_model(model):
            raise SettingsError("model must be a model's id or row; for several, give models=.")
        is_list = isinstance(models, list | tuple)
        if models is not None and not (is_list and all(map(_is_model, models))):
            raise SettingsError("models must be a list of models' ids or rows.")
        return {**known, **cls._take(known, unknown)}

    @classmethod
    def _take(cls, known: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
        """Fields made of arguments that are no fields themselves."""
        if unknown:
            raise SettingsError(f"{cls.__name__} takes no argument {', '.join(unknown)}.")
        return {}

    @model_validator(mode="after")
    def _connect(self) -> "VideoTool":
        # LangChain makes a tool anew from another's fields: what is derived is derived again.
        self.storage = chosen(self.storage)
        self.rate_limiter = self.rate_limiter and RateLimiter.of(self.rate_limiter)
        self._account = Account.of(
            client=self.client,
            async_client=self.async_client,
            api_key=self.api_key,
            base_url=self.base_url,
            ledger=self.ledger,
            storage=self.storage,
            rate_limiter=self.rate_limiter,
        )
        self.api_key = self._account.settings.api_key
        self.base_url = self._account.settings.base_url
        try:
            rows = list(map(get_model, [self.model] if self.models is None else self.models))
            if self._account.settings.universal:
                rows = [row.universal() for row in rows]
            self._offer = Offer.of(rows, getattr(self, "fixed", {}))
        except SettingsError as error:
            raise SettingsError(f"{type(self).__name__}: {error.problem}") from None
        arguments = self._arguments()
        self._names = [argument.name for argument in arguments]
        self.args_schema = args_schema(f"{self.name}_args", arguments)
        return self

    def _arguments(self) -> Sequence[Argument]:
        """What the agent may set."""
        raise NotImplementedError

    def _plan(self, args: dict[str, Any], runtime: Any, frames: Frames) -> Plan:
        """What to do about the arguments; raises an error of ours where they are wrong."""
        raise NotImplementedError

    def _asked(self, args: dict[str, Any]) -> dict[str, Any]:
        """What the artifact says of arguments that came to nothing."""
        return record_of(None, clean_of_secrets(args))

    def _to_args_and_kwargs(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """As LangChain does it, which drops the names that the schema does not know."""
        text, args = super()._to_args_and_kwargs(tool_input, tool_call_id)
        if isinstance(tool_input, dict):
            given = [name for name, value in tool_input.items() if value not in (None, "")]
            known = (*self._names, "runtime")
            args[_UNKNOWN] = [str(name) for name in given if name not in known]
        if tool_call_id and args.get("runtime") is None:
            args["runtime"] = BareCall(tool_call_id)
        return text, args

    def _run(self, /, *text: str, runtime: Any = None, **args: Any) -> Result:
        args, started = self._args(text, args), time.monotonic()
        try:
            plan = self._plan(args, runtime, {})
            if plan.missing:
                plan = self._plan(args, runtime, self._fetched(plan, runtime))
        except Exception as error:
            return self._no_video(_before_sending(error), self._asked(args), runtime)
        try:
            with self._account.blocking() as client:
                found = plan.start(client, listener(runtime))
            return plan.tell(found, time.monotonic() - started)
        except Exception as error:
            return self._no_video(self._after_sending(error), plan.record, runtime)

    async def _arun(self, /, *text: str, runtime: Any = None, **args: Any) -> Result:
        args, started = self._args(text, args), time.monotonic()
        try:
            # In a thread, as it may decode pictures of many megabytes.
            plan = await asyncio.to_thread(self._plan, args, runtime, {})
            if plan.missing:
                frames = await self._afetched(plan, runtime)
                plan = await asyncio.to_thread(self._plan, args, runtime, frames)
        except Exception as error:
            return self._no_video(_before_sending(error), self._asked(args), runtime)
        try:
            async with self._account.awaited() as client:
                found = await plan.start(client, async_listener(runtime))
            return plan.tell(found, time.monotonic() - started)
        except Exception as error:
            return self._no_video(self._after_sending(error), plan.record, runtime)

    def _fetched(self, plan: Plan, runtime: Any) -> Frames:
        """The last frames of earlier videos of this conversation."""
        where = origin(runtime)
        with self._account.blocking() as client:
            return {name: client.last_frame(name, origin=where) for name in set(plan.missing)}

    async def _afetched(self, plan: Plan, runtime: Any) -> Frames:
        where = origin(runtime)
        async with self._account.awaited() as client:
            return {name: await client.last_frame(name, origin=where) for name in set(plan.missing)}

    def _args(self, text: tuple[str, ...], args: dict[str, Any]) -> dict[str, Any]:
        """What was given, by name; of what there is no argument for, only that it was given."""
        # LangChain passes a plain string input on by position, for the first argument.
        names = self._names[: len(text)] or ["input"]
        given = {**dict(zip(names, text, strict=False)), **args}
        unknown = given.pop(_UNKNOWN, ())
        left = {name: value for name, value in given.items() if value not in (None, "")}
        return {**left, **dict.fromkeys(unknown, True)}

    def _no_video(self, error: ApilaplasError, record: Mapping[str, Any], runtime: Any) -> Result:
        """Still rendering is a result. Anything else is an error message: in a graph with an
        artifact, else as `handle_tool_error` has it.
        """
        content, artifact = answer.no_video(error, record)
        content = content.replace(type(self).model_fields["name"].default, self.name)
        if isinstance(error, StillRenderingError):
            return content, artifact
        call = getattr(runtime, "tool_call_id", None)
        if call and not isinstance(runtime, BareCall):
            message = ToolMessage(
                content, artifact=artifact, tool_call_id=call, name=self.name, status="error"
            )
            return message, None
        raise ToolException(content) from error

    def _after_sending(self, error: Exception) -> ApilaplasError:
        """Nothing else may leave a tool: it would end the run, or be taken for wrong arguments."""
        if isinstance(error, ApilaplasError):
            return error
        logger.error("An unexpected error in a video tool", exc_info=error)
        problem = f"Something unexpected went wrong ({type(error).__name__})."
        return self._mishap(problem, charged=Charged.UNKNOWN)


def _before_sending(error: Exception) -> ApilaplasError:
    if isinstance(error, ApilaplasError):
        return error
    logger.error("An unexpected error in a video tool", exc_info=error)
    return ApilaplasError(
        f"Something unexpected went wrong before anything was sent ({type(error).__name__}).",
        next_step="Try other arguments, or tell the user.",
    )


def _is_model(given: object) -> bool:
    return isinstance(given, str | VideoModel)


def record_of(
    model: str | None, request: Mapping[str, Any], fixes: Sequence[str] = ()
) -> dict[str, Any]:
    """What the artifact says was asked for, and what was set right in it."""
    return {"model": model, "request": dict(request), "fixes": list(fixes)}
