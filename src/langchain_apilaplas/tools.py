"""The LangChain tools: they translate between an agent and a client, and decide nothing."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, InstanceOf, PrivateAttr, model_validator

from langchain_apilaplas import answer
from langchain_apilaplas.catalog import Param
from langchain_apilaplas.errors import GatewayError, InvalidRequestError, SettingsError
from langchain_apilaplas.ledger import Budget, State, Usage
from langchain_apilaplas.pictures import Pictures, image_name
from langchain_apilaplas.request import (
    PRIVATE,
    check_values,
    clean_of_secrets,
    private_names,
)
from langchain_apilaplas.runtime import origin, submit_key
from langchain_apilaplas.schema import Argument, argument, arguments
from langchain_apilaplas.video_tool import Frames, Plan, VideoTool, record_of


class ApilaplasGenerateVideo(VideoTool):
    """Makes a video from a prompt, an image or both, and answers with its URL.

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
    conversation; `video:<generation id>:last`, where an earlier video of it ends; and what `images`
    and `image_folders` allow.

    Args:
        model: A model id, or a row of the catalog. Default: runway/gen4_turbo.
        models: Several of them, instead of `model`. The agent may choose one; when it does not,
            the first that takes its arguments is taken.
        api_key: Else `APILAPLAS_API_KEY`, else `LAPLASAPI_KEY`.
        base_url: Else `APILAPLAS_BASE_URL`.
        client: An `ApilaplasClient` of yours, for its settings and connections.
        async_client: An `AsyncApilaplasClient` of yours, for `ainvoke`. When only one of the two is
            given, the other is made from its settings, unless it has an `http_client` of its own.
        max_wait: Seconds after which the tool answers "still rendering" with the generation id.
        ledger: Where each paid job is recorded, as of `ApilaplasClient`. Else the one given to the
            clients, else `APILAPLAS_LEDGER`, else "default", a file where this system keeps what
            programs remember of a user.
        budget: A bound on spending that this tool keeps to; see `Budget`. Else the clients' own.
        on_unknown: "report" or "resubmit" a submit whose outcome nobody knows; see
            `ApilaplasClient`. Else the clients' own.
        storage: Where finished videos are kept: a folder's path, a store's URL such as
            "s3://bucket/folder", a store of obstore's, or a `Storage`. The agent is then given the
            link to that. Else the clients' own, else nowhere.
        rate_limiter: How fast it may ask the API, as of `ApilaplasClient`. Else the clients' own.
        private_prompts: Keep what is asked in words out of every record, as of `ApilaplasClient`,
            and out of the artifact and of what LangChain's callbacks and traces see of this tool.
            (What the agent itself says is its own.) Else the clients' own.
        images: Name → picture, as `ImageInput.of` takes it: what the agent may name besides. They
            are read once. (A list is the value of a model's own parameter `images`, which
            `fixed={"images": [...]}` sets too.)
        image_folders: Folders whose picture files the agent may name, each file by its folder's
            name and its path in there: "photos/cat.png". Settled once, whatever directory the
            program changes to.
        fixed: Any parameter of the model, given by its own name: `duration=5`. Then the agent
            neither sees nor sets it. An image is given as `ImageInput.of` takes it. Of several
            models, those that have the parameter are sent it, and must take it.

    Raises:
        SettingsError: There is no key, or an argument is unknown or not allowed.
        pydantic.ValidationError: An argument has the wrong type.
    """

    name: str = "generate_video"
    description: str = (
        "Make a short video from a text prompt, a picture, or both, as the arguments say. It "
        "costs money and takes a minute or more: call it once for each video wanted, and never "
        "again because one is slow. Answers with the video's URL."
    )
    fixed: dict[str, Any] = Field(default_factory=dict)
    images: dict[str, Any] | None = None
    image_folders: list[str | Path] | None = None
    budget: InstanceOf[Budget] | None = None
    on_unknown: Literal["report", "resubmit"] | None = None
    private_prompts: bool | None = None

    _pictures: Pictures = PrivateAttr()

    @classmethod
    def _take(cls, known: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
        own = known.get("images")
        if isinstance(own, list | tuple):  # a model's parameter, and no names
            unknown, own = {**unknown, "images": own}, None
        if own is not None and not isinstance(own, Mapping):  # pydantic would quote it
            raise SettingsError("images must be a dict of names and their pictures.")
        fixed = known.get("fixed") or {}
        if not isinstance(fixed, dict) or fixed.keys() & unknown.keys():
            raise SettingsError("fixed must be a dict, of what is not given by its own name too.")
        given = {name: v for name, v in {**fixed, **unknown}.items() if v is not None}
        return {"fixed": given, "images": own}

    @model_validator(mode="after")
    def _keep_what_was_read(self) -> "ApilaplasGenerateVideo":
        """Files are read once, folders stay where they were, and no bytes stand in the repr."""
        self.fixed = dict(self._offer.fixed)
        self.images = dict(self._pictures.registered) or None
        folders = self._pictures.folders
        self.image_folders = list(folders.by_name.values()) if folders else None
        return self

    def _arguments(self) -> Sequence[Argument]:
        self._pictures = Pictures.of(self.images or {}, self.image_folders or [])
        return [
            dataclasses.replace(one, description=f"{one.description} {self._pictures.told}".strip())
            if one.name in self._image_names
            else one
            for one in arguments(self._offer)
        ]

    @property
    def _image_names(self) -> set[str]:
        rows = self._offer.models
        return {p.name for row in rows for p in row.params if p.kind in ("image", "images")}

    def _plan(self, args: dict[str, Any], runtime: Any, frames: Frames) -> Plan:
        missing: list[str] = []
        request = self._offer.request(args, self._pictures.naming(runtime, frames, missing))
        request = dataclasses.replace(request, is_private=self._is_private())
        key, where = submit_key(runtime, args), origin(runtime)
        record = record_of(request.model.id, request.summary, request.fixes)
        return Plan(
            lambda client, tell: client.ruled(**self._rules()).generate(
                request, key=key, origin=where, timeout=self.max_wait, on_progress=tell
            ),
            record,
            lambda found, seconds: answer.video(found, {**record, "model": found.model}, seconds),
            missing,
        )

    def _rules(self) -> dict[str, Any]:
        """What is set for this tool, of what a client has too."""
        rules = {name: getattr(self, name) for name in ("budget", "on_unknown", "private_prompts")}
        return {name: rule for name, rule in rules.items() if rule is not None}

    def _is_private(self) -> bool:
        theirs: bool = self._account.rated().rules["private_prompts"]
        return theirs if self.private_prompts is None else self.private_prompts

    def _filter_injected_args(self, tool_input: dict[str, Any]) -> dict[str, Any]:
        """What LangChain shows to callbacks and traces."""
        shown = super()._filter_injected_args(tool_input)
        return self._without_private(shown) if self._is_private() else shown

    def _without_private(self, args: dict[str, Any]) -> dict[str, Any]:
        hidden = {name for row in self._offer.models for name in private_names(row)}
        return {name: PRIVATE if name in hidden else value for name, value in args.items()}

    def run(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As LangChain does it, which would show a plain text to callbacks as it is."""
        return super().run(self._named(tool_input), *args, **kwargs)

    async def arun(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """See `run`."""
        return await super().arun(self._named(tool_input), *args, **kwargs)

    def _named(self, tool_input: str | dict[str, Any]) -> str | dict[str, Any]:
        is_text = isinstance(tool_input, str) and self._is_private()
        return {self._names[0]: tool_input} if is_text else tool_input

    def expected_usage(self, args: Mapping[str, Any], runtime: Any = None) -> Usage:
        """What a call with these arguments will cost, as far as known; for whoever approves it.

        See `ApilaplasClient.expected_usage`. Empty where nothing is known. Of several models it is
        the one that would be asked.

        Args:
            args: The tool call's arguments.
            runtime: Where the conversation's pictures are, if the arguments name one: the tool's
                runtime, or `{"state": state}` with the agent's state.

        Raises:
            InvalidRequestError: No model offered takes the arguments.
            LedgerError: The ledger can't be read.
        """
        request = self._offer.request(args, self._pictures.naming(runtime, {}, []))
        return self._account.rated().expected_usage(request.model)

    def _asked(self, args: dict[str, Any]) -> dict[str, Any]:
        models, images = self._offer.models, self._image_names
        shown = {
            name: image_name(value) if name in images else clean_of_secrets(value)
            for name, value in args.items()
            if name in self._names and name != "model"
        }
        shown = self._without_private(shown) if self._is_private() else shown
        named = args.get("model") if "model" in self._names else models[0].id
        return record_of(named if isinstance(named, str) else None, shown)


class ApilaplasGetVideo(VideoTool):
    """Fetches a video that `generate_video` left rendering, or a fresh link to a finished one.

    Without an id it lists what is open or unknown in the conversation. Free. It waits up to
    `max_wait` seconds for the end. Its arguments are those of `ApilaplasGenerateVideo`, but for the
    fixed ones, `budget` and `on_unknown`; `model` is the one the video was made with, `models` are
    those it may have been made with, where the ledger does not know.
    """

    name: str = "get_video"
    description: str = (
        "Fetch a video that generate_video said is still rendering, or get a fresh link to a "
        "finished one. Without an id: list this conversation's videos that are not finished. Free. "
        "Answers with the video's URL."
    )

    _mishap = GatewayError

    def _arguments(self) -> Sequence[Argument]:
        return [argument(_GENERATION_ID)]

    def _plan(self, args: dict[str, Any], runtime: Any, frames: Frames) -> Plan:
        values, fixes, problems = check_values([_GENERATION_ID], args)
        thread = origin(runtime).thread
        if not values and thread is None:
            problems.append("generation_id: missing; this call belongs to no conversation.")
        if problems:
            raise InvalidRequestError(*problems)
        models = self._offer.models
        record = record_of(models[0].id if len(models) == 1 else None, values, fixes)
        if not values:
            return Plan(
                lambda client, _: client.jobs(*State, thread=thread),
                record,
                lambda jobs, _: answer.listing(jobs),
            )
        return Plan(
            lambda client, tell: client.wait(
                values["generation_id"], model=models, timeout=self.max_wait, on_progress=tell
            ),
            record,
            lambda found, seconds: answer.video(found, {**record, "model": found.model}, seconds),
        )


_GENERATION_ID = Param(
    "generation_id",
    "generation_id",
    "id",
    "The id, as generate_video gave it. Left out: lists this conversation's unfinished videos.",
)
