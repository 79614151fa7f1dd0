"""The LangChain tools: they translate between an agent and a client, and decide nothing."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, ToolException
from pydantic import Field, InstanceOf, PrivateAttr, SecretStr, model_validator

from langchain_apilaplas import answer
from langchain_apilaplas.account import Account
from langchain_apilaplas.catalog import DEFAULT_MODEL, Param, VideoModel, get_model
from langchain_apilaplas.client import DEFAULT_TIMEOUT, ApilaplasClient, AsyncApilaplasClient
from langchain_apilaplas.effects import Listener, logger
from langchain_apilaplas.errors import (
    ApilaplasError,
    GatewayError,
    InvalidRequestError,
    SettingsError,
    StillRenderingError,
    UnknownOutcomeError,
)
from langchain_apilaplas.request import check_value, summarize
from langchain_apilaplas.runtime import (
    async_listener,
    image_name,
    listener,
    named_image,
    submit_key,
)
from langchain_apilaplas.schema import Explainer, args_schema

Result = tuple[str | ToolMessage, dict[str, Any] | None]


class _VideoTool(BaseTool):
    """What both tools share: a client, a bound for the wait, and how results and errors read."""

    name: str = ""
    description: str = ""
    model: str | InstanceOf[VideoModel] = DEFAULT_MODEL
    api_key: SecretStr | None = None
    base_url: str | None = None
    client: InstanceOf[ApilaplasClient] | None = Field(default=None, repr=False, exclude=True)
    async_client: InstanceOf[AsyncApilaplasClient] | None = Field(
        default=None, repr=False, exclude=True
    )
    max_wait: float = Field(default=DEFAULT_TIMEOUT, ge=0)
    response_format: Literal["content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    handle_validation_error: Any = Field(default=None, repr=False)
    _mishap: ClassVar[type[ApilaplasError]] = UnknownOutcomeError
    _account: Account = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        unknown = {name: value for name, value in given.items() if name not in cls.model_fields}
        known = {name: value for name, value in given.items() if name not in unknown}
        return {**known, **cls._take(known, unknown)}

    @classmethod
    def _take(cls, known: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
        """Fields made of arguments that are no fields themselves."""
        if unknown:
            raise SettingsError(f"{cls.__name__} takes no argument {', '.join(unknown)}.")
        return {}

    @model_validator(mode="after")
    def _connect(self) -> "_VideoTool":
        self._account = Account.of(self.client, self.async_client, self.api_key, self.base_url)
        self.api_key = self._account.settings.api_key
        self.base_url = self._account.settings.base_url
        # LangChain makes a tool anew from another's fields: what was derived is derived again.
        if self.handle_validation_error is None or isinstance(
            self.handle_validation_error, Explainer
        ):
            self.handle_validation_error = Explainer(tuple(self._params()))
        self.args_schema = args_schema(f"{self.name}_args", self._params())
        return self

    def _params(self) -> Sequence[Param]:
        """What the agent may set."""
        raise NotImplementedError

    def _call(self, client: Any, args: dict[str, Any], runtime: Any, tell: Listener) -> Any:
        """Start the client's call: a generation from one client, an awaitable from the other."""
        raise NotImplementedError

    def _request(self, args: dict[str, Any]) -> dict[str, Any]:
        """What was asked for, as the artifact records it."""
        return args

    def _run(self, *text: str, runtime: Any = None, **args: Any) -> Result:
        args = self._args(text, args)
        started = time.monotonic()
        try:
            with self._account.blocking() as client:
                generation = self._call(client, args, runtime, listener(runtime))
            return answer.video(generation, self._record(args), time.monotonic() - started)
        except Exception as error:
            return self._no_video(error, args, runtime)

    async def _arun(self, *text: str, runtime: Any = None, **args: Any) -> Result:
        args = self._args(text, args)
        started = time.monotonic()
        try:
            async with self._account.awaited() as client:
                generation = await self._call(client, args, runtime, async_listener(runtime))
            return answer.video(generation, self._record(args), time.monotonic() - started)
        except Exception as error:
            return self._no_video(error, args, runtime)

    def _args(self, text: tuple[str, ...], args: dict[str, Any]) -> dict[str, Any]:
        # LangChain passes a plain string input on by position, for the first parameter.
        named = zip((param.name for param in self._params()), text, strict=False)
        return {name: v for name, v in {**dict(named), **args}.items() if v not in (None, "")}

    def _no_video(self, error: Exception, args: dict[str, Any], runtime: Any) -> Result:
        """Still rendering is a result. Anything else is an error message, which can carry an
        artifact only where the id of the tool call is known.
        """
        content, artifact = answer.no_video(self._expected(error), self._record(args))
        content = content.replace(type(self).model_fields["name"].default, self.name)
        if isinstance(error, StillRenderingError):
            return content, artifact
        if call := getattr(runtime, "tool_call_id", None):
            message = ToolMessage(
                content, artifact=artifact, tool_call_id=call, name=self.name, status="error"
            )
            return message, None
        raise ToolException(content) from error

    def _expected(self, error: Exception) -> ApilaplasError:
        """Nothing else may leave a tool: it would end the run, or be taken for wrong arguments."""
        if isinstance(error, ApilaplasError):
            return error
        logger.error("An unexpected error in a video tool", exc_info=error)
        return self._mishap(f"Something unexpected went wrong ({type(error).__name__}).")

    def _record(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"model": get_model(self.model).id, "request": self._request(args)}


class ApilaplasGenerateVideo(_VideoTool):
    """Makes a video from an image and a prompt, and answers with its URL.

    Setup:
        `pip install langchain-apilaplas`, and set `APILAPLAS_API_KEY`.

    Instantiation:
        ```python
        from langchain_apilaplas import ApilaplasGenerateVideo

        tool = ApilaplasGenerateVideo(max_wait=300, duration=5)
        ```

    Invocation with args:
        ```python
        url = tool.invoke({"prompt": "The rocket lifts off", "image": "https://…/rocket.jpg"})
        ```

    Invocation with a ToolCall:
        ```python
        call = {"name": tool.name, "args": {...}, "id": "1", "type": "tool_call"}
        message = tool.invoke(call)  # message.artifact["video"]["url"]
        ```

    In an agent the image may also be `attached:last` or `attached:N`, a picture of the
    conversation.

    Args:
        model: A model id, or a row of the catalog.
        api_key: Else `APILAPLAS_API_KEY`, else `LAPLASAPI_KEY`.
        base_url: Else `APILAPLAS_BASE_URL`.
        client: An `ApilaplasClient` of yours, for its settings and connections.
        async_client: An `AsyncApilaplasClient` of yours, for `ainvoke`. When only one of the two is
            given, the other is made from its settings, unless it has an `http_client` of its own.
        max_wait: Seconds after which the tool answers "still rendering" with the generation id.
        fixed: Any parameter of the model, given by its own name: `duration=5`. Then the agent
            neither sees nor sets it. `image` may be a `pathlib.Path` or bytes here.

    Raises:
        SettingsError: There is no key, or an argument is unknown or not allowed.
        pydantic.ValidationError: An argument has the wrong type.
    """

    name: str = "generate_video"
    description: str = (
        "Make a short video from a picture and a text prompt. It costs money and takes a minute "
        "or more: call it once for each video wanted, and never again because one is slow. "
        "Answers with the video's URL."
    )
    fixed: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def _take(cls, known: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
        row = get_model(known.get("model") or DEFAULT_MODEL)
        fixed = {**(known.get("fixed") or {}), **unknown}
        try:
            return {"fixed": {name: check_value(row, name, fixed[name]) for name in fixed}}
        except ValueError as error:
            raise SettingsError(f"{cls.__name__}: {error}") from None

    def _params(self) -> Sequence[Param]:
        return [p for p in get_model(self.model).params if p.name not in self.fixed]

    def _call(self, client: Any, args: dict[str, Any], runtime: Any, tell: Listener) -> Any:
        key = submit_key(runtime, args)
        values = {name: self._value(name, value, runtime) for name, value in args.items()}
        return client.generate(
            model=self.model,
            key=key,
            timeout=self.max_wait,
            on_progress=tell,
            **{**values, **self.fixed},
        )

    def _value(self, name: str, value: Any, runtime: Any) -> Any:
        if not _is_image(get_model(self.model), name):
            return value
        try:
            return named_image(value, runtime)
        except ValueError as error:
            raise InvalidRequestError(f"{name}: {error}.") from None

    def _request(self, args: dict[str, Any]) -> dict[str, Any]:
        row = get_model(self.model)
        shown = {
            name: image_name(value) if _is_image(row, name) else value
            for name, value in args.items()
        }
        return summarize({**shown, **self.fixed})


class ApilaplasGetVideo(_VideoTool):
    """Fetches a video that `generate_video` left rendering, or a fresh link to a finished one.

    Free. It waits up to `max_wait` seconds for the end. Its arguments are those of
    `ApilaplasGenerateVideo`, but for the fixed ones; `model` is the one the video was made with.
    """

    name: str = "get_video"
    description: str = (
        "Fetch a video that generate_video said is still rendering, or get a fresh link to a "
        "finished one. Free. Answers with the video's URL."
    )

    _mishap = GatewayError

    def _params(self) -> Sequence[Param]:
        return [
            Param(
                name="generation_id",
                wire="generation_id",
                kind="text",
                required=True,
                description="The id, as generate_video gave it.",
            )
        ]

    def _call(self, client: Any, args: dict[str, Any], runtime: Any, tell: Listener) -> Any:
        if "generation_id" not in args:
            raise InvalidRequestError("generation_id: missing.")
        return client.wait(
            args["generation_id"], model=self.model, timeout=self.max_wait, on_progress=tell
        )


def _is_image(row: VideoModel, name: str) -> bool:
    param = row.param(name)
    return param is not None and param.kind == "image"
