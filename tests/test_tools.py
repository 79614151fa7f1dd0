import asyncio
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from langchain_core.messages import ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import TypeAdapter

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    ApilaplasGetVideo,
    ApilaplasVideoToolkit,
    AsyncApilaplasClient,
)
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.sandbox import Sandbox, Server, dropped, http_error
from tests.conftest import KEY, ROCKET, World

URL = "https://example.com/cat.jpg?size=large"
ARGS = {"prompt": "The cat yawns", "image": URL}


@pytest.fixture(params=["sync", "async"])
def invoke(request: pytest.FixtureRequest) -> Any:
    """`tool.invoke` in both worlds, as one function."""
    if request.param == "sync":
        return lambda tool, given: tool.invoke(given)
    return lambda tool, given: asyncio.run(tool.ainvoke(given))


@pytest.fixture
def tool(world: World) -> ApilaplasGenerateVideo:
    return ApilaplasGenerateVideo(client=world.client, async_client=world.async_client)


def call(args: dict[str, Any], name: str = "generate_video") -> dict[str, Any]:
    return {"type": "tool_call", "id": "call_1", "name": name, "args": args}


# --- results ---


def test_a_dict_gives_text_that_starts_with_the_url(tool: Any, invoke: Any, world: World) -> None:
    text = invoke(tool, ARGS)
    url, _, rest = text.partition("\n")
    assert url.startswith("https://api.apilaplas.com/wolf/")
    assert rest.startswith("This is the finished video, generation ")
    assert rest.endswith("It works until 2027-01-16 08:01 UTC.")


def test_a_tool_call_gives_a_message_with_a_plain_artifact(
    tool: Any, invoke: Any, world: World
) -> None:
    message = invoke(tool, call({**ARGS, "duration": 5}))
    assert isinstance(message, ToolMessage)
    assert message.status == "success"
    artifact = json.loads(json.dumps(message.artifact))
    url = message.text.partition("\n")[0]
    video = artifact.pop("video")
    assert (video["type"], video["url"], video["mime_type"]) == ("video", url, "video/mp4")
    assert artifact.pop("generation_id") in url
    assert artifact.pop("seconds_waited") >= 0
    assert artifact.pop("expires_at").startswith("2027-01-16T08:01:")
    assert artifact.pop("cdn_url") == url
    assert artifact == {
        "stored": False,
        "not_stored": None,
        "status": "completed",
        "model": "runway/gen4_turbo",
        "request": {"prompt": "The cat yawns", "image": URL.partition("?")[0], "duration": 5},
        "usage": {},
        "fixes": [],
    }


def test_past_its_bound_the_answer_is_still_rendering(world: World, invoke: Any) -> None:
    generate, get = ApilaplasVideoToolkit(
        client=world.client, async_client=world.async_client, max_wait=20
    ).get_tools()
    message = invoke(generate, call(ARGS))
    generation_id = message.artifact["generation_id"]
    assert message.status == "success"
    assert message.artifact["status"] == "generating"
    assert message.text.startswith(f"{generation_id} is still rendering after 20 s")
    assert "Do not call generate_video for it again" in message.text
    again = invoke(get, call({"generation_id": generation_id}, "get_video"))
    assert "still rendering" in again.text
    world.time += 60
    text = invoke(get, {"generation_id": generation_id})
    assert text.startswith("https://api.apilaplas.com/wolf/" + generation_id)
    assert len(world.sandbox.accepted) == 1


def test_a_plain_string_is_the_first_argument(world: World, invoke: Any) -> None:
    both = {"client": world.client, "async_client": world.async_client}
    invoke(ApilaplasGenerateVideo(image=ROCKET, **both), "Lift off")
    assert world.sandbox.accepted[0]["prompt"] == "Lift off"
    assert "404" in invoke(ApilaplasGetVideo(**both), "no-such-id")


# --- the schema ---


def schema(tool: Any) -> Any:
    return convert_to_openai_tool(tool)["function"]["parameters"]


def test_the_agent_sees_what_the_model_takes_and_nothing_injected(tool: Any) -> None:
    assert list(schema(tool)["properties"]) == [
        "prompt", "image", "duration", "aspect_ratio", "seed",
    ]  # fmt: skip
    assert schema(tool)["required"] == ["image"]


def test_what_the_developer_fixes_leaves_the_schema_and_travels(world: World, invoke: Any) -> None:
    tool = ApilaplasGenerateVideo(
        client=world.client, async_client=world.async_client, duration=5, image=ROCKET
    )
    assert list(schema(tool)["properties"]) == ["prompt", "aspect_ratio", "seed"]
    message = invoke(tool, call({"prompt": "Go"}))
    assert message.artifact["request"] == {"prompt": "Go", "duration": 5, "image": "rocket.jpg"}
    assert world.sandbox.accepted[0]["duration"] == 5
    refused = invoke(tool, call({"prompt": "Go", "duration": 10}))
    assert refused.text.startswith("duration: no such parameter here; there are: prompt,")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"duration": 7}, "duration: 7 is not allowed; allowed: one of 5, 10"),
        ({"durration": 5}, "durration: no such parameter here"),
        ({"image": "nope"}, "image: 'nope' is not an https URL"),
        ({"model": "sora"}, "no model 'sora'"),
        ({"fixed": {"duration": 7}}, "duration: 7 is not allowed"),
    ],
)
def test_a_wrong_constructor_argument_is_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ApilaplasGenerateVideo(api_key=KEY, **given)
    with pytest.raises(SettingsError, match=message):
        ApilaplasVideoToolkit(api_key=KEY, **given)


def test_get_video_takes_no_other_arguments() -> None:
    with pytest.raises(SettingsError, match="ApilaplasGetVideo takes no argument max_wiat"):
        ApilaplasGetVideo(api_key=KEY, max_wiat=3)


def test_a_tool_without_a_key_is_told_at_once() -> None:
    with pytest.raises(SettingsError, match="No API key"):
        ApilaplasGenerateVideo()


def test_nobody_pays_from_another_account_than_the_one_they_named(world: World) -> None:
    for other in ({"api_key": "other-key"}, {"base_url": "https://other.example"}):
        with pytest.raises(SettingsError, match="several keys or addresses"):
            ApilaplasGenerateVideo(client=world.client, **other)
    same = ApilaplasGenerateVideo(client=world.client, api_key=KEY)
    assert same.base_url == world.client.settings.base_url


def test_a_tool_made_anew_from_anothers_fields_derives_everything_again() -> None:
    """As LangChain does for `configurable_fields`."""
    tool = ApilaplasGenerateVideo(api_key=KEY, duration=5)
    again = ApilaplasGenerateVideo(
        **{**tool.__dict__, "base_url": "https://other.example", "fixed": {"seed": 1}}
    )
    assert again._account.settings.base_url == "https://other.example"
    refused = again.invoke({"image": URL, "seed": 2, "duration": 7})
    assert "duration: 7 is not allowed" in refused
    assert "seed: no such parameter here" in refused


def test_a_toolkits_options_reach_the_tools_they_are_about(world: World) -> None:
    generate, get = ApilaplasVideoToolkit(
        client=world.client, name="mk", tags=["x"], max_wait=7, duration=5
    ).get_tools()
    assert (generate.name, get.name) == ("mk", "get_video")
    assert (generate.tags, get.tags, get.max_wait) == (["x"], ["x"], 7)


# --- arguments an agent gets wrong ---


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"prompt": "Go"}, "image: missing. First frame: an https URL, or a picture"),
        ({"prompt": "Go", "image": None}, "image: missing."),
        ({"prompt": "Go", "image": ""}, "image: missing."),
        (
            {"image": URL, "duration": 7},
            "duration: 7 is not allowed; allowed: one of 5, 10; nearest: 5.",
        ),
        ({"image": URL, "aspect_ratio": "2:1"}, "aspect_ratio: '2:1' is not allowed; allowed:"),
        ({"image": URL, "seed": -1}, "seed: -1 is not allowed; allowed: a whole number from 0"),
        ({"image": URL, "prompt": "x" * 1001}, "prompt: is 1001 characters long"),
        ({"image": URL, "prompt": "🚀" * 501}, "prompt: is 1002 characters long"),
        ({"image": URL, "prompt": "\ud83d"}, "prompt: holds half of a character"),
        ({"image": "http://a/b.jpg"}, "image: 'http://a/b.jpg' is not an https URL"),
        ({"image": "data:image/png;base64,AAAA"}, "image: base64 can't be passed here"),
        ({"image": "attached:1"}, "image: 'attached:1' does not exist: no picture is attached"),
        (
            {"image": {"url": URL}},
            "image: a dict names no image; give an https URL as text, 'attached:last'",
        ),
        ({"image": URL, "fps": 30}, "fps: no such parameter here; there are: prompt, image,"),
    ],
)
def test_wrong_arguments_come_back_as_a_message(
    tool: Any, invoke: Any, world: World, args: dict[str, Any], message: str
) -> None:
    result = invoke(tool, call(args))
    assert result.status == "error"
    assert result.text.startswith(message)
    assert result.text.endswith("Nothing was charged. Correct this and call again.")
    assert invoke(tool, args) == result.text, "the same text without a tool call"
    assert world.sandbox.received == []


def test_wrong_arguments_are_named_all_at_once_and_not_echoed(tool: Any, invoke: Any) -> None:
    args = {"duration": 7, "seed": "x" * 1_000_000, "prompt": "p" * 1_000_000, "y" * 5000: 1}
    text = invoke(tool, call(args)).text
    assert all(name in text for name in ("duration: 7", "seed: ", "prompt: is 1000000", "image: "))
    assert len(text) < 1500


@pytest.mark.parametrize("generation_id", [" ", "\ud800", "..", "x" * 1001])
def test_an_id_that_can_be_none_is_refused_unsent(
    world: World, invoke: Any, generation_id: str
) -> None:
    get = ApilaplasGetVideo(client=world.client, async_client=world.async_client)
    text = invoke(get, {"generation_id": generation_id})
    assert text.startswith("generation_id: ")
    assert world.sandbox.received == []


def test_get_video_of_a_gateway_that_is_down_does_not_claim_to_have_seen_it(
    world: World, invoke: Any
) -> None:
    world.sandbox.order(dropped(on="fetch", times=999))
    get = ApilaplasGetVideo(client=world.client, async_client=world.async_client, max_wait=30)
    text = invoke(get, {"generation_id": "made-up"})
    assert "still rendering" not in text
    assert "gave no answer" in text
    assert "fetch it later with get_video, generation_id made-up" in text


@pytest.mark.parametrize("args", [{}, {"generation_id": ""}, {"generation_id": None}])
def test_get_video_without_an_id_is_told(world: World, invoke: Any, args: Any) -> None:
    get = ApilaplasGetVideo(client=world.client, async_client=world.async_client)
    assert invoke(get, args).startswith("generation_id: missing; this call belongs to no")


@pytest.mark.parametrize("image", ["data:image/png;base64," + "QUJD" * 999, "QUJD" * 999])
def test_base64_from_an_agent_is_neither_quoted_nor_recorded(
    tool: Any, world: World, image: str
) -> None:
    runtime = SimpleNamespace(tool_call_id="call_1", state={})
    message, _ = tool._run(image=image, runtime=runtime)
    assert "base64 can't be passed here" in message.text
    assert "QUJDQUJDQUJDQUJDQUJD" not in json.dumps(message.artifact["error"])
    assert len(json.dumps(message.artifact)) < 1000


def test_a_name_of_the_developers_own_is_the_one_in_messages(world: World, invoke: Any) -> None:
    both = {"client": world.client, "async_client": world.async_client}
    world.sandbox.order(http_error(500))
    message = invoke(ApilaplasGenerateVideo(name="make_clip", **both), call(ARGS))
    assert message.name == "make_clip"
    assert "Do not call make_clip again" in message.text


@pytest.mark.parametrize("wrong", [-1, None, "soon", float("nan")])
def test_a_wait_that_can_not_be_waited_costs_nothing(
    tool: Any, invoke: Any, world: World, wrong: Any
) -> None:
    text = invoke(tool.model_copy(update={"max_wait": wrong}), ARGS)
    assert text.startswith("timeout must be a number of seconds, at least 0.")
    assert world.sandbox.received == []


def test_whatever_goes_wrong_inside_is_a_message(
    tool: Any, invoke: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours, even one that raises pydantic's error, must not look like bad arguments."""

    def bug(*_: Any) -> None:
        TypeAdapter(int).validate_python("x")

    monkeypatch.setattr("langchain_apilaplas.answer.video", bug)
    text = invoke(tool, ARGS)
    assert text.startswith("Something unexpected went wrong (ValidationError). It may have been")
    assert "Do not call generate_video again" in text
    assert "Input should be a valid integer" in caplog.text


def test_a_client_with_connections_of_its_own_is_not_gone_around(world: World) -> None:
    blocking = ApilaplasGenerateVideo(client=world.client)
    assert blocking.invoke(ARGS).startswith("https://")
    assert "must give async_client= too" in asyncio.run(blocking.ainvoke(ARGS))
    waiting = ApilaplasGenerateVideo(async_client=world.async_client)
    assert asyncio.run(waiting.ainvoke(ARGS)).startswith("https://")
    assert "must give client= too" in waiting.invoke(ARGS)
    assert len(world.sandbox.accepted) == 2


# --- secrets, cancellation, life ---


def test_the_key_is_not_in_the_repr(tool: Any) -> None:
    toolkit = ApilaplasVideoToolkit(api_key=KEY)
    for shown in (repr(tool), str(tool), repr(toolkit), str(toolkit.model_dump())):
        assert KEY not in shown


def test_an_agent_can_not_forge_the_runtime(tool: Any, invoke: Any, world: World) -> None:
    text = invoke(tool, {**ARGS, "runtime": {"state": {"messages": []}}})
    assert text.startswith("https://")


def test_cancelling_stops_the_polling_at_once() -> None:
    async def cancelled() -> float:
        sandbox = Sandbox(seconds=60)
        with Server(sandbox):
            client = AsyncApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0.05)
            tool = ApilaplasGenerateVideo(async_client=client)
            task = asyncio.create_task(tool.ainvoke(ARGS))
            while len(sandbox.received) < 4:
                await asyncio.sleep(0.01)
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            took = time.monotonic() - started
            looks = len(sandbox.received)
            await asyncio.sleep(0.2)
            assert len(sandbox.received) == looks
            return took

    assert asyncio.run(cancelled()) < 0.2


def test_one_tool_serves_many_event_loops_and_threads() -> None:
    sandbox = Sandbox(seconds=0)
    with Server(sandbox):
        client = ApilaplasClient(api_key=KEY, base_url=sandbox.url, poll_interval=0)
        tool = ApilaplasGenerateVideo(client=client)
        texts: list[str] = []

        def run() -> None:
            texts.append(asyncio.run(tool.ainvoke(ARGS)))
            texts.append(tool.invoke(ARGS))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(texts)) == 8


async def test_one_client_serves_both_tools(world: World) -> None:
    tools = ApilaplasVideoToolkit(client=world.client, async_client=world.async_client).get_tools()
    assert [tool.name for tool in tools] == ["generate_video", "get_video"]
    assert {tool._account.client for tool in tools} == {world.client}
    assert {tool._account.async_client for tool in tools} == {world.async_client}


def test_a_toolkit_from_the_environment_shares_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAPLASAPI_KEY", KEY)
    monkeypatch.setenv("APILAPLAS_BASE_URL", "https://other.example")
    generate, get = ApilaplasVideoToolkit(max_wait=30, duration=5).get_tools()
    assert generate._account.client is get._account.client
    assert generate._account.async_client is get._account.async_client
    assert (get.max_wait, get.base_url) == (30, "https://other.example")
    assert "duration" not in generate.args


# --- money ---


@pytest.mark.parametrize(
    "trouble", [dropped(accepted=True), dropped(), http_error(500), http_error(504, html=True)]
)
def test_an_unknown_outcome_is_said_and_not_repeated(
    tool: Any, invoke: Any, world: World, trouble: Any
) -> None:
    world.sandbox.order(trouble)
    result = invoke(tool, call(ARGS))
    assert result.status == "error"
    assert "It may have been charged. Do not call generate_video again" in result.text
    assert [received.kind for received in world.sandbox.received] == ["create"]


def test_whatever_a_transport_raises_the_tool_answers(invoke: Any) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise ValueError("a bug in somebody's transport")

    http, ahttp = (
        kind(transport=httpx.MockTransport(broken)) for kind in (httpx.Client, httpx.AsyncClient)
    )
    tool = ApilaplasGenerateVideo(
        client=ApilaplasClient(api_key=KEY, http_client=http),
        async_client=AsyncApilaplasClient(api_key=KEY, http_client=ahttp),
    )
    assert "It may have been charged." in invoke(tool, ARGS)


# --- what a developer gets wrong ---


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": ["veo2"]}, "model must be a model's id or row; for several, give models="),
        ({"models": 5}, "models must be a list"),
        ({"models": "veo2"}, "models must be a list"),
        ({"models": [5]}, "models must be a list"),
        ({"fixed": [1]}, "fixed must be a dict"),
        ({"fixed": {"duration": 5}, "duration": 10}, "fixed must be a dict, of what is not given"),
    ],
)
def test_arguments_of_a_wrong_kind_are_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ApilaplasGenerateVideo(api_key=KEY, **given)


@pytest.mark.parametrize(
    "name",
    [" attached:last ", "Attached:Last", "attached: 1", "`attached:1`", "'attached:last'"],
)
def test_a_slip_in_the_name_of_a_picture_is_set_right(tool: Any, name: str) -> None:
    message = {"type": "image", "url": URL}
    runtime = SimpleNamespace(
        tool_call_id="1", state=[{"role": "user", "content": [message]}], config={}
    )
    artifact = tool._run(image=name, runtime=runtime)[1]
    assert artifact["request"]["image"] == "attached:1"


def test_a_fixed_picture_is_read_once_and_its_bytes_stand_in_no_repr(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(ROCKET.read_bytes())
    for image in (photo, photo.read_bytes()):
        tool = ApilaplasGenerateVideo(api_key=KEY, image=image)
        assert len(repr(tool)) < 1000
    again = ApilaplasGenerateVideo(api_key=KEY, image=photo)
    photo.unlink()
    assert ApilaplasGenerateVideo(**again.__dict__).fixed == again.fixed


def test_an_unknown_name_without_a_value_counts_as_left_out(tool: Any, world: World) -> None:
    assert tool.invoke({"image": URL, "fps": None, "style": ""}).startswith("https://")


def test_an_address_in_brackets_is_an_address(tool: Any, world: World) -> None:
    tool.invoke({"image": f" <{URL}> "})
    assert world.sandbox.accepted[0]["image_url"] == URL


def test_records_hold_no_base64_and_no_signed_part_of_a_link(tool: Any) -> None:
    secret = "data:image/png;base64," + "QUJD" * 50
    args = {"image": secret, "prompt": f"see https://a/b?Signature=SECRET and {secret}"}
    runtime = SimpleNamespace(tool_call_id="1", state=[], config={})
    message = tool._run(**args, unknown_arguments=["x"], runtime=runtime)[0]
    assert message.status == "error"
    for text in (message.text, json.dumps(message.artifact)):
        assert "QUJDQUJD" not in text
        assert "SECRET" not in text
    assert list(message.artifact["request"]) == ["image", "prompt"]


def test_a_text_for_a_tool_without_arguments_is_not_paid_for_and_dropped(world: World) -> None:
    tool = ApilaplasGenerateVideo(
        client=world.client, **dict.fromkeys(["prompt"], "Go"), image=URL, duration=5,
        aspect_ratio="1:1", seed=1,
    )  # fmt: skip
    assert tool.invoke("something else").startswith(
        "input: no such parameter here; there are: none"
    )
    assert world.sandbox.accepted == []
