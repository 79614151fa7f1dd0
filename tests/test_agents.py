"""The tools in the hands of an agent: LangChain's `create_agent` and LangGraph's `ToolNode`."""

import asyncio
import base64
import io
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from PIL import Image
from pydantic import BaseModel, Field

from langchain_apilaplas import ApilaplasClient, ApilaplasVideoToolkit, AsyncApilaplasClient
from langchain_apilaplas.sandbox import (
    Sandbox,
    dropped,
    endless,
    failed_generation,
    garbage,
    http_error,
    no_video,
    slow,
)
from tests.conftest import KEY, ROCKET, World

URL = "https://example.com/cat.jpg"


class Scripted(BaseChatModel):
    """Says what the script says, and keeps what it was told."""

    script: list[AIMessage]
    told: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "Scripted":
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.told.append(list(messages))
        says = self.script[len(self.told) - 1].model_copy()
        return ChatResult(generations=[ChatGeneration(message=says)])


def calls(*args: dict[str, Any], name: str = "generate_video") -> AIMessage:
    return AIMessage(
        "",
        tool_calls=[{"name": name, "args": a, "id": f"call_{n}"} for n, a in enumerate(args)],
    )


def photo(data: str | None = None) -> dict[str, Any]:
    encoded = data or base64.b64encode(ROCKET.read_bytes()).decode()
    return {"type": "image", "base64": encoded, "mime_type": "image/jpeg"}


def wide() -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 100)).save(buffer, "PNG")
    return photo(base64.b64encode(buffer.getvalue()).decode())


def ask(text: str = "Animate this", *blocks: Any) -> dict[str, Any]:
    return {"messages": [HumanMessage([{"type": "text", "text": text}, *blocks])]}


def tools(world: World, **options: Any) -> Any:
    return ApilaplasVideoToolkit(
        client=world.client, async_client=world.async_client, **options
    ).get_tools()


Run = Callable[..., list[ToolMessage]]


@pytest.fixture(params=["sync", "async", "node", "async node"])
def run(request: pytest.FixtureRequest, world: World) -> Run:
    """The tool messages of one round, in an agent or a plain ToolNode, blocking or not."""

    def run(*args: dict[str, Any], state: Any = None, **options: Any) -> list[ToolMessage]:
        said = calls(*args)
        state = state or ask("Animate this", photo())
        if "node" in request.param:
            graph = StateGraph(MessagesState)
            graph.add_node("tools", ToolNode(tools(world, **options)))
            graph.set_entry_point("tools")
            runnable: Any = graph.compile()
            state = {"messages": [*state["messages"], said]}
        else:
            model = Scripted(script=[said, AIMessage("Done")])
            runnable = create_agent(model, tools(world, **options))
        if "async" in request.param:
            result = asyncio.run(runnable.ainvoke(state))
        else:
            result = runnable.invoke(state)
        return [message for message in result["messages"] if isinstance(message, ToolMessage)]

    return run


def test_an_agent_makes_a_video_from_the_attached_photo(run: Run, world: World) -> None:
    [message] = run({"prompt": "Lift off", "image": "attached:last", "duration": 5})
    assert message.text.startswith("https://api.apilaplas.com/wolf/")
    assert message.artifact["request"]["image"] == "attached:1"
    [body] = world.sandbox.accepted
    assert base64.b64decode(body["image_url"].partition(",")[2]) == ROCKET.read_bytes()
    assert body["duration"] == 5


def test_two_calls_at_once_make_two_videos(run: Run, world: World) -> None:
    first, second = run({"image": URL, "prompt": "a"}, {"image": URL, "prompt": "b"})
    assert first.artifact["generation_id"] != second.artifact["generation_id"]
    assert len(world.sandbox.accepted) == 2


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, "InvalidRequestError", "The gateway refused the request ("),
        (401, "AuthenticationError", "The developer must set a valid APILAPLAS_API_KEY"),
        (403, "CreditsError", "needs credits or a higher plan; calling again will not help"),
        (404, "NotFoundError", "Check the model (runway/gen4_turbo) and base_url"),
        (500, "UnknownOutcomeError", "Do not call generate_video again"),
        (502, "UnknownOutcomeError", "Do not call generate_video again"),
        (503, "UnknownOutcomeError", "Do not call generate_video again"),
        (504, "UnknownOutcomeError", "Do not call generate_video again"),
    ],
)
def test_a_refused_submit_is_a_message(
    run: Run, world: World, status: int, kind: str, words: str, html: bool
) -> None:
    world.sandbox.order(http_error(status, html=html))
    [message] = run({"image": URL, "prompt": "a"})
    assert message.status == "error"
    assert words in message.text
    assert f"{status}: " in message.text
    assert message.artifact["error"] == {"type": kind, "message": message.text}
    assert message.artifact["charged"] == ("no" if status < 500 else "unknown")
    assert len(world.sandbox.received) == 1


def test_too_many_requests_that_do_not_end_are_a_message(run: Run, world: World) -> None:
    world.sandbox.order(http_error(429, times=200, retry_after=5))
    [message] = run({"image": URL, "prompt": "a"})
    assert message.text == (
        "The gateway gets too many requests (429: Too Many Requests). Nothing was charged. "
        "Wait 5 seconds before you call again."
    )
    assert world.slept == [5.0] * 120, "as long as the tool may wait"


@pytest.mark.parametrize(
    ("trouble", "words", "status"),
    [
        (failed_generation("Out of luck"), "The generation failed: Out of luck.", "error"),
        (failed_generation({"name": "M", "message": "Flagged"}), "failed: Flagged (M).", "error"),
        (
            failed_generation({"detail": [{"loc": ["image_url"], "msg": "No face", "type": "f"}]}),
            "The generation failed: image: No face (f).",
            "error",
        ),
        (no_video(), "is completed, but the answer holds no video", "completed"),
        (http_error(401, on="fetch", times=4), "fetch it later with get_video", None),
        (garbage(on="create"), "The gateway's answer to the submit can't be read", None),
        (dropped(accepted=True), "The submit was sent, but its answer never came", None),
        (slow(60, on="create"), "was sent, but its answer never came: ReadTimeout", None),
    ],
)
def test_what_goes_wrong_is_a_message_that_an_agent_can_act_on(
    run: Run, world: World, trouble: Any, words: str, status: str | None
) -> None:
    world.sandbox.order(trouble)
    [message] = run({"image": URL, "prompt": "a"})
    assert message.status == "error"
    assert words in message.text
    assert message.artifact["status"] == status
    assert message.artifact["charged"] in ("yes", "unknown")
    assert len(world.sandbox.accepted) == 1, "paid at most once"


@pytest.mark.parametrize(
    "trouble",
    [
        http_error(502, on="fetch", html=True),
        http_error(429, on="fetch", retry_after=7),
        garbage(on="fetch"),
        dropped(on="fetch"),
        slow(60, on="fetch"),
        http_error(429, on="create", retry_after=3),
    ],
)
def test_what_passes_by_itself_the_agent_never_sees(run: Run, world: World, trouble: Any) -> None:
    world.sandbox.order(trouble, trouble)
    [message] = run({"image": URL, "prompt": "a"})
    assert message.text.startswith("https://")
    assert len(world.sandbox.accepted) == 1


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("https://nowhere.invalid/a.jpg", "image: Could not download the image"),
        ("https://example.com/paper.pdf", "image does not lead to an image"),
    ],
)
def test_an_image_that_can_not_be_had_is_a_message(
    run: Run, world: World, image: str, words: str
) -> None:
    [message] = run({"image": image, "prompt": "a"})
    assert words in message.text
    assert message.artifact["charged"] == "yes"


@pytest.mark.parametrize(
    ("state", "image", "words"),
    [
        (ask(), "attached:last", "no picture is attached to this conversation; ask the user"),
        (ask("x", photo()), "attached:3", "'attached:3' does not exist: 1 attached, so"),
        (ask("x", photo("JVBERi0=")), "attached:1", "attached:1 is not an image that can be sent"),
        (ask("x", photo("%%%")), "attached:1", "attached:1 is not valid base64"),
        (ask("x", wide()), "attached:1", "aspect_ratio: needed with this image, whose width"),
        (ask(), "cat.jpg", "'cat.jpg' is not an https URL, nor 'attached:last'"),
    ],
)
def test_an_image_that_can_not_be_sent_is_a_message_and_free(
    run: Run, world: World, state: Any, image: str, words: str
) -> None:
    [message] = run({"image": image, "prompt": "a"}, state=state)
    assert words in message.text
    assert "Nothing was charged." in message.text
    assert world.sandbox.received == []


def test_a_generation_that_never_ends_is_still_rendering(run: Run, world: World) -> None:
    world.sandbox.order(endless())
    [message] = run({"image": URL, "prompt": "a"})
    assert message.status == "success"
    assert "is still rendering after 600 s of waiting" in message.text
    assert message.artifact["status"] == "generating"


def test_wrong_arguments_go_back_to_the_model_and_the_run_goes_on(world: World) -> None:
    script = [calls({"prompt": "a"}), calls({"prompt": "a", "image": URL}), AIMessage("Done")]
    model = Scripted(script=script)
    result = create_agent(model, tools(world)).invoke(ask())
    assert model.told[1][-1].text.startswith("image: missing. First frame: an https URL")
    assert result["messages"][-1].text == "Done"
    assert len(world.sandbox.accepted) == 1


def test_retry_middleware_pays_once(world: World) -> None:
    world.sandbox.order(http_error(500))
    middleware = [ToolRetryMiddleware(max_retries=2, initial_delay=0.0)]
    model = Scripted(script=[calls({"prompt": "a", "image": URL}), AIMessage("Done")])
    create_agent(model, tools(world), middleware=middleware).invoke(ask())
    assert len([call for call in world.sandbox.received if call.kind == "create"]) == 1


def test_a_call_that_is_run_again_is_paid_once(world: World) -> None:
    model = Scripted(script=[calls({"prompt": "a", "image": URL}), AIMessage("x"), AIMessage("x")])
    agent = create_agent(
        model, tools(world), checkpointer=InMemorySaver(), interrupt_before=["tools"]
    )
    agent.invoke(ask(), thread := {"configurable": {"thread_id": "t-1"}})
    before_the_call = agent.get_state(thread).config
    answers = [agent.invoke(None, before_the_call)["messages"][-2] for _ in range(2)]
    assert answers[0].text == answers[1].text
    assert answers[0].text.startswith("https://")
    assert [call.kind for call in world.sandbox.received].count("create") == 1


# --- progress ---

EVENT = {"type", "generation_id", "model", "status", "elapsed", "expected", "fraction"}
EVENT |= {"tool_call_id"}


def check_progress(events: list[dict[str, Any]]) -> None:
    assert events[0]["status"] == "queued"
    assert events[-1]["status"] == "completed"
    assert all(set(event) == EVENT for event in events)
    assert {event["tool_call_id"] for event in events} == {"call_0"}
    assert {event["type"] for event in events} == {"video_progress"}
    assert all(60 < event["expected"] < 70 for event in events)
    assert "generating" in {event["status"] for event in events}
    fractions = [event["fraction"] for event in events]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert 0.5 < fractions[-2] < 1
    assert len(events) > 10
    json.dumps(events)


def agent_of(world: World) -> Any:
    model = Scripted(script=[calls({"prompt": "a", "image": URL}), AIMessage("Done")])
    return create_agent(model, tools(world))


async def test_progress_reaches_the_custom_stream(world: World) -> None:
    check_progress(list(agent_of(world).stream(ask(), stream_mode="custom")))
    check_progress([e async for e in agent_of(world).astream(ask(), stream_mode="custom")])


async def test_progress_reaches_the_tools_stream(world: World) -> None:
    def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [c["delta"] for c in chunks if c["event"] == "tool-output-delta"]

    check_progress(deltas(list(agent_of(world).stream(ask(), stream_mode="tools"))))
    chunks = [c async for c in agent_of(world).astream(ask(), stream_mode="tools")]
    check_progress(deltas(chunks))


async def test_progress_reaches_astream_events(world: World) -> None:
    events = [
        event["data"]
        async for event in agent_of(world).astream_events(ask(), version="v2")
        if event["event"] == "on_custom_event" and event["name"] == "video_progress"
    ]
    check_progress(events)


async def test_progress_reaches_callback_handlers_without_a_graph(world: World) -> None:
    told: list[Any] = []

    class Handler(BaseCallbackHandler):
        def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            told.append((name, data["status"], data["tool_call_id"]))

    class AsyncHandler(AsyncCallbackHandler):
        async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            told.append((name, data["status"], data["tool_call_id"]))

    tool = tools(world)[0]
    tool.invoke({"image": URL}, {"callbacks": [Handler()]})
    await tool.ainvoke({"image": URL}, {"callbacks": [AsyncHandler()]})
    assert told[0] == ("video_progress", "queued", None)
    assert [status for _, status, _ in told].count("completed") == 2


async def test_progress_reaches_callback_handlers_of_an_agent(world: World) -> None:
    told: list[Any] = []

    class Handler(BaseCallbackHandler):
        def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            told.append(data)

    class AsyncHandler(AsyncCallbackHandler):
        async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            told.append(data)

    agent_of(world).invoke(ask(), {"callbacks": [Handler()]})
    check_progress(told)
    told.clear()
    await agent_of(world).ainvoke(ask(), {"callbacks": [AsyncHandler()]})
    check_progress(told)


async def test_progress_of_get_video_reaches_the_streams_too(world: World) -> None:
    submitted = world.client.submit(image=URL)
    world.time += 30
    said = calls({"generation_id": submitted.id}, name="get_video")
    agent = create_agent(Scripted(script=[said, AIMessage("Done")]), tools(world))
    events = list(agent.stream(ask(), stream_mode="custom"))
    assert (events[0]["elapsed"], events[-1]["fraction"]) == (30.0, 1.0)
    assert {event["tool_call_id"] for event in events} == {"call_0"}
    assert {event["generation_id"] for event in events} == {submitted.id}


async def test_a_slow_consumer_of_an_agent_holds_nothing_up(apilaplas_sandbox: Sandbox) -> None:
    apilaplas_sandbox.seconds = 0.4
    told: list[Any] = []

    class Handler(AsyncCallbackHandler):
        async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            await asyncio.sleep(0.3)
            told.append(data["status"])

    client = AsyncApilaplasClient(poll_interval=0.02)
    tool = ApilaplasVideoToolkit(async_client=client).get_tools()[0]
    started = time.monotonic()
    text = await tool.ainvoke({"image": URL}, {"callbacks": [Handler()]})
    assert text.startswith("http")
    assert time.monotonic() - started < 1.7
    assert told[-1] == "completed"
    assert len(apilaplas_sandbox.received) > len(told) + 2
    await client.aclose()


def test_a_consumer_that_raises_harms_nothing(world: World) -> None:
    class Handler(BaseCallbackHandler):
        raise_error = True

        def on_custom_event(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("broken consumer")

    text = tools(world)[0].invoke({"image": URL}, {"callbacks": [Handler()]})
    assert text.startswith("https://")


def test_nothing_secret_reaches_a_trace(world: World) -> None:
    """Whatever LangChain's callbacks are given, which is what LangSmith would store."""
    seen: list[str] = []

    class Handler(BaseCallbackHandler):
        def on_tool_start(self, serialized: Any, text: str, **more: Any) -> None:
            seen.append(f"{serialized} {text} {more}")

        def on_tool_end(self, output: Any, **more: Any) -> None:
            seen.append(f"{output} {more}")

        def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
            seen.append(str(data))

    model = Scripted(script=[calls({"image": "attached:last"}), AIMessage("Done")])
    agent = create_agent(model, tools(world))
    agent.invoke(ask("Animate this", photo()), {"callbacks": [Handler()]})
    assert len(seen) > 3
    text = " ".join(seen)
    assert KEY not in text
    assert photo()["base64"][:100] not in text


# --- over real HTTP ---


async def test_cancelling_an_agent_stops_the_polling(apilaplas_sandbox: Sandbox) -> None:
    apilaplas_sandbox.seconds = 60
    model = Scripted(script=[calls({"prompt": "a", "image": URL})])
    agent = create_agent(model, ApilaplasVideoToolkit().get_tools())
    task = asyncio.create_task(agent.ainvoke(ask()))
    while len(apilaplas_sandbox.received) < 3:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    looks = len(apilaplas_sandbox.received)
    await asyncio.sleep(0.2)
    assert len(apilaplas_sandbox.received) == looks


def test_a_foreign_transport_that_fails_does_not_end_the_run() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise KeyError("a bug in somebody's transport")

    http = httpx.Client(transport=httpx.MockTransport(broken))
    client = ApilaplasClient(api_key=KEY, http_client=http)
    model = Scripted(script=[calls({"image": URL}), AIMessage("Done")])
    agent = create_agent(model, ApilaplasVideoToolkit(client=client).get_tools())
    assert agent.invoke(ask())["messages"][-1].text == "Done"


NAMES = sorted({*dir(BaseModel), "self", "text", "input", "config"})


@pytest.mark.parametrize("name", NAMES)
def test_no_name_that_a_model_invents_ends_the_run(name: str, world: World) -> None:
    """Whatever an argument is called, the run goes on, and its state can be stored."""
    for tool, args in (("generate_video", {"image": URL}), ("get_video", {"generation_id": "x"})):
        model = Scripted(script=[calls({**args, name: "x"}, name=tool), AIMessage("Done")])
        agent = create_agent(model, tools(world), checkpointer=InMemorySaver())
        config = {"configurable": {"thread_id": "1"}}
        state = agent.invoke(ask("Go"), config)
        message = next(m for m in state["messages"] if isinstance(m, ToolMessage))
        assert f"{name}: no such parameter here" in message.text
        json.dumps(message.artifact)
        assert world.sandbox.accepted == []


def test_a_mishap_before_anything_was_sent_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(*_: Any, **__: Any) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr("langchain_apilaplas.offer.Offer.request", burst)
    generate, _ = tools(world)
    call = {"type": "tool_call", "id": "1", "name": "generate_video", "args": {"image": URL}}
    text = generate.invoke(call).text
    assert text.startswith("Something unexpected went wrong before anything was sent")
    assert "Nothing was charged." in text
