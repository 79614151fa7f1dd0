"""The LangChain tools: they translate between an agent and the client, and decide nothing."""

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, BaseToolkit, InjectedToolArg, ToolException
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    SecretStr,
    ValidationError,
    create_model,
    model_validator,
)

from langchain_apilaplas import answer
from langchain_apilaplas.catalog import DEFAULT_MODEL, Param, VideoModel, get_model
from langchain_apilaplas.client import DEFAULT_TIMEOUT, ApilaplasClient, AsyncApilaplasClient
from langchain_apilaplas.effects import Listener
from langchain_apilaplas.errors import (
    ApilaplasError,
    InvalidRequestError,
    SettingsError,
    StillRenderingError,
)
from langchain_apilaplas.request import check_value, explain, summarize
from langchain_apilaplas.runtime import async_listener, listener, named_image, submit_key

Result = tuple[str | ToolMessage, dict[str, Any] | None]

# LangGraph injects its ToolRuntime into a field of this name; a model can't forge one, and it
# never reaches the schema the model sees, a trace or a dump.
_Runtime = Annotated[
    Any,
    InjectedToolArg,
    BeforeValidator(lambda value: value if hasattr(value, "tool_call_id") else None),
    PlainSerializer(lambda _: None),
]


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
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    handle_validation_error: Any = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _connect(self) -> "_VideoTool":
        given = self.client or self.async_client
        settings: dict[str, Any] = {"api_key": self.api_key, "base_url": self.base_url}
        if given is not None:
            settings = vars(given.settings)
        self.client = self.client or ApilaplasClient(**settings)
        self.async_client = self.async_client or AsyncApilaplasClient(**vars(self.client.settings))
        self.api_key = self.client.settings.api_key
        self.base_url = self.client.settings.base_url
        self.handle_validation_error = _explainer(self._params())
        self.args_schema = create_model(
            f"{self.name}_args",
            __config__=ConfigDict(extra="forbid"),
            **{param.name: _field(param) for param in self._params()},
            runtime=(_Runtime, None),
        )
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
            with self.client as client:  # type: ignore[union-attr]
                generation = self._call(client, args, runtime, listener(runtime))
        except ApilaplasError as error:
            return self._no_video(error, self._record(args), runtime)
        return answer.video(generation, self._record(args), time.monotonic() - started)

    async def _arun(self, *text: str, runtime: Any = None, **args: Any) -> Result:
        args = self._args(text, args)
        started = time.monotonic()
        try:
            async with self.async_client as client:  # type: ignore[union-attr]
                generation = await self._call(client, args, runtime, async_listener(runtime))
        except ApilaplasError as error:
            return self._no_video(error, self._record(args), runtime)
        return answer.video(generation, self._record(args), time.monotonic() - started)

    def _args(self, text: tuple[str, ...], args: dict[str, Any]) -> dict[str, Any]:
        # LangChain passes a plain string input on by position, for the first parameter.
        named = zip((param.name for param in self._params()), text, strict=False)
        return {name: v for name, v in {**dict(named), **args}.items() if v not in (None, "")}

    def _no_video(self, error: ApilaplasError, record: dict[str, Any], runtime: Any) -> Result:
        """Still rendering is a result. Anything else is an error message, which can carry an
        artifact only where the id of the tool call is known.
        """
        content, artifact = answer.no_video(error, record)
        if isinstance(error, StillRenderingError):
            return content, artifact
        if call := getattr(runtime, "tool_call_id", None):
            message = ToolMessage(
                content, artifact=artifact, tool_call_id=call, name=self.name, status="error"
            )
            return message, None
        raise ToolException(content) from error

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
        async_client: An `AsyncApilaplasClient` of yours. Each is made from the other's settings
            when only one is given.
        max_wait: Seconds after which the tool answers "still rendering" with the generation id.
        fixed: Any parameter of the model, given by its own name: `duration=5`. Then the agent
            neither sees nor sets it. `image` may be a `pathlib.Path` or bytes here.

    Raises:
        SettingsError: There is no key, or an argument is unknown or not allowed.
    """

    name: str = "generate_video"
    description: str = (
        "Make a short video from a picture and a text prompt. It costs money and takes a minute "
        "or more: call it once for each video wanted, and never again because one is slow. "
        "Answers with the video's URL."
    )
    fixed: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _take_fixed(cls, given: dict[str, Any]) -> dict[str, Any]:
        row = get_model(given.get("model") or DEFAULT_MODEL)
        fixed = {name: value for name, value in given.items() if name not in cls.model_fields}
        try:
            fixed = {name: check_value(row, name, value) for name, value in fixed.items()}
        except ValueError as error:
            raise SettingsError(f"ApilaplasGenerateVideo: {error}") from None
        rest = {name: value for name, value in given.items() if name not in fixed}
        return {**rest, "fixed": {**given.get("fixed", {}), **fixed}}

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
        param = get_model(self.model).param(name)
        if not param or param.kind != "image":
            return value
        try:
            return named_image(value, runtime)
        except ValueError as error:
            raise InvalidRequestError(f"{name}: {error}.") from None

    def _request(self, args: dict[str, Any]) -> dict[str, Any]:
        return summarize({**args, **self.fixed})


class ApilaplasGetVideo(_VideoTool):
    """Fetches a video that `generate_video` left rendering, or a fresh link to a finished one.

    Free. It waits up to `max_wait` seconds for the end. Arguments and errors are those of
    `ApilaplasGenerateVideo`; `model` is the one the video was made with.
    """

    name: str = "get_video"
    description: str = (
        "Fetch a video that generate_video said is still rendering, or get a fresh link to a "
        "finished one. Free. Answers with the video's URL."
    )

    def _params(self) -> Sequence[Param]:
        return [
            Param(
                name="generation_id",
                wire="generation_id",
                kind="text",
                required=True,
                max_length=200,
                description="The id, as generate_video gave it.",
            )
        ]

    def _call(self, client: Any, args: dict[str, Any], runtime: Any, tell: Listener) -> Any:
        if "generation_id" not in args:
            raise InvalidRequestError("generation_id: missing.")
        return client.wait(
            args["generation_id"], model=self.model, timeout=self.max_wait, on_progress=tell
        )


class ApilaplasVideoToolkit(BaseToolkit):
    """Both tools over one client: `ApilaplasVideoToolkit().get_tools()`.

    Takes what `ApilaplasGenerateVideo` takes.
    """

    model_config = ConfigDict(extra="allow")

    def get_tools(self) -> list[BaseTool]:
        """`generate_video` and `get_video`."""
        generate = ApilaplasGenerateVideo(**(self.model_extra or {}))
        shared = ("model", "client", "async_client", "max_wait")
        return [generate, ApilaplasGetVideo(**{name: getattr(generate, name) for name in shared})]


def _field(param: Param) -> Any:
    default = ... if param.required else None
    return (param.annotation, Field(default, description=param.description))


def _explainer(params: Sequence[Param]) -> Callable[[ValidationError], str]:
    """Says what is wrong with arguments that don't fit the schema; names each, quotes no more."""

    def explained(error: ValidationError) -> str:
        problems = [
            explain(params, str(item["loc"][0]), item["type"], item.get("input"))
            for item in error.errors(include_url=False, include_context=False)
        ]
        return str(InvalidRequestError(*dict.fromkeys(problems)))

    return explained
