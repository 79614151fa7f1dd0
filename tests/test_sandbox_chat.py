"""The sandbox's chat model, through its endpoint and through `langchain-openai`."""

import json
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI

from langchain_apilaplas import ApilaplasVideoToolkit
from langchain_apilaplas.sandbox import Sandbox, endless

TOOLS = [convert_to_openai_tool(t) for t in ApilaplasVideoToolkit(api_key="x").get_tools()]
PHOTO = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def say(*messages: Any, tools: Any = TOOLS, **more: Any) -> httpx.Response:
    http = httpx.Client(transport=Sandbox().transport(), headers={"Authorization": "Bearer x"})
    body = {"model": "any", "messages": list(messages), "tools": tools, **more}
    return http.post("https://a/v1/chat/completions", json=body)


def user(text: str, *blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}, *blocks]}


def reply(*messages: Any, tools: Any = TOOLS) -> dict[str, Any]:
    message: dict[str, Any] = say(*messages, tools=tools).json()["choices"][0]["message"]
    return message


def args(*messages: Any, tools: Any = TOOLS) -> Any:
    [call] = reply(*messages, tools=tools)["tool_calls"]
    assert call["function"]["name"] == "generate_video"
    return json.loads(call["function"]["arguments"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Make a video of it", {}),
        ("Make a 5 second clip", {"duration": 5}),
        ("A 10-second video, 9:16", {"duration": 10, "aspect_ratio": "9:16"}),
        ("Animate it for 7s", {"duration": 7}),
        ("A vertical film with seed 42", {"aspect_ratio": "9:16", "seed": 42}),
        ("A square video", {"aspect_ratio": "1:1"}),
        ("A video of a clock at 10:30", {}),
        ("A video with ratio 2:1", {"aspect_ratio": "2:1"}),
        ("The dog jumps 3s into the video, 10 seconds long", {"duration": 10}),
    ],
)
def test_the_tool_is_called_with_what_the_message_says(text: str, found: dict[str, Any]) -> None:
    expected = {"prompt": text, "image": "attached:last", **found}
    assert args(user(text, PHOTO)) == expected


def test_a_url_in_the_text_is_the_image() -> None:
    assert args(user("Animate https://example.com/cat.jpg, please"))["image"] == (
        "https://example.com/cat.jpg"
    )


def test_what_the_schema_does_not_offer_is_not_passed() -> None:
    [tool] = [convert_to_openai_tool(ApilaplasVideoToolkit(api_key="x", duration=5).get_tools()[0])]
    assert "duration" not in args(user("A 10 second video", PHOTO), tools=[tool])


def test_a_reference_is_used_only_where_the_schema_explains_it() -> None:
    schema = {"properties": {"prompt": {"type": "string"}, "image": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "generate_video", "parameters": schema}}
    assert args(user("A video", PHOTO), tools=[tool]) == {"prompt": "A video"}


def test_an_enum_of_words_and_a_longest_prompt_are_read_from_the_schema() -> None:
    properties = {
        "prompt": {"type": "string", "maxLength": 7},
        "style": {"type": "string", "enum": ["noir", "anime"]},
    }
    function = {"name": "generate_video", "parameters": {"properties": properties}}
    tool = {"type": "function", "function": function}
    assert args(user("A video in anime style"), tools=[tool]) == {
        "prompt": "A video", "style": "anime",
    }  # fmt: skip


@pytest.mark.parametrize("limits", [{"enum": [5, 10]}, {"minimum": 5, "maximum": 10}])
def test_of_several_numbers_the_one_that_the_schema_allows_is_meant(limits: Any) -> None:
    properties = {"prompt": {"type": "string"}, "duration": {"type": "integer", **limits}}
    needed = {"properties": properties, "required": ["duration"]}
    function = {"name": "generate_video", "parameters": needed}
    tool = {"type": "function", "function": function}
    for text, meant in (("A jump 3s into a 10s video", 10), ("A 7s clip", 7), ("A video", 5)):
        assert args(user(text), tools=[tool]) == {"prompt": text, "duration": meant}


def test_a_tool_without_parameters_or_descriptions_is_no_trouble() -> None:
    bare = {"type": "function", "function": {"name": "now", "parameters": None}}
    schema = {"prompt": {"type": "string", "description": None}, "image": {"description": None}}
    function = {"name": "generate_video", "parameters": {"properties": schema}}
    tools = [bare, {"type": "function", "function": function}]
    assert args(user("A video", PHOTO), tools=tools) == {"prompt": "A video"}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([user("Make a video")], "I need image for that: attach a picture or give its URL."),
        ([user("Hello there")], "Show me a picture"),
        ([{"role": "user", "content": "hi"}], "Show me a picture"),
        ([{"role": "system", "content": "Be nice"}], "What would you like to see"),
    ],
)
def test_without_enough_to_go_on_it_asks(messages: Any, words: str) -> None:
    assert words in reply(*messages)["content"]


def test_without_a_tool_it_says_so() -> None:
    assert reply(user("A video", PHOTO), tools=[])["content"] == "I have no tool that makes videos."


def test_what_is_missing_and_no_picture_is_asked_for_in_words() -> None:
    properties = {"prompt": {"type": "string"}, "title": {"type": "string"}}
    function = {"name": "f", "parameters": {"properties": properties, "required": ["title"]}}
    tool = {"type": "function", "function": function}
    assert reply(user("A video"), tools=[tool])["content"] == "I need title for that: tell me."


# --- other models' schemas ---


def offered(**more: Any) -> list[Any]:
    return [
        convert_to_openai_tool(t) for t in ApilaplasVideoToolkit(api_key="x", **more).get_tools()
    ]


VEO = offered(model="veo2")
LUMA = offered(model="luma-ai/v2")
KLING = offered(model="kling-video/v1/pro/image-to-video")
CAMERA = offered(model="kling-video/v1/standard/text-to-video")
MANY = offered(models=["runway/gen4_turbo", "veo2", "veo2/image-to-video", "video-01",
                       "video-01-live2d", "luma-ai/v2"])  # fmt: skip


@pytest.mark.parametrize(
    ("tools", "text", "found"),
    [
        (VEO, "A 6 second video, vertical", {"duration": 6, "aspect_ratio": "9:16"}),
        (LUMA, "A looping video", {"loop": True, "aspect_ratio": "16:9"}),
        (LUMA, "A video, no loop, 1:1", {"loop": False, "aspect_ratio": "1:1"}),
        (LUMA, "An 8 second video", {"duration": "8s", "aspect_ratio": "16:9"}),
        (LUMA, "Extend the road in this video", {"aspect_ratio": "16:9"}),
        (CAMERA, "A video, camera forward_up", {"camera_control": "forward_up"}),
        (CAMERA, "A video, cfg scale 0.5", {"cfg_scale": 0.5}),
        (MANY, "A video with veo2", {"model": "veo2"}),
        (MANY, "A video with veo2/image-to-video.", {"model": "veo2/image-to-video"}),
        (MANY, "A video-01-live2d clip", {"model": "video-01-live2d"}),
        (MANY, "A video from 5 automobiles", {}),
    ],
)
def test_a_schema_of_any_model_is_filled_from_the_text(
    tools: Any, text: str, found: dict[str, Any]
) -> None:
    assert args(user(text), tools=tools) == {"prompt": text, **found}


def test_only_the_frames_are_filled_with_pictures() -> None:
    assert args(user("Animate it, static mask url", PHOTO), tools=KLING) == {
        "prompt": "Animate it, static mask url", "image": "attached:last",
    }  # fmt: skip


def test_two_pictures_in_a_message_are_the_first_and_the_last_frame() -> None:
    asked = user("From one to the other, a video", PHOTO, PHOTO)
    frames = {"image": "attached:2", "last_image": "attached:last"}
    assert args(user("hi", PHOTO), asked, tools=KLING) == {
        "prompt": "From one to the other, a video", **frames,
    }  # fmt: skip
    assert args(asked)["image"] == "attached:last", "gen4_turbo has no last image"
    apart = args(user("hi", PHOTO), user("A video", PHOTO), tools=KLING)
    assert apart == {"prompt": "A video", "image": "attached:last"}


def test_two_urls_are_the_first_and_the_last_frame() -> None:
    said = args(user("A video from https://a/1.jpg to https://a/2.jpg."), tools=KLING)
    assert (said["image"], said["last_image"]) == ("https://a/1.jpg", "https://a/2.jpg")


def made(generation_id: str) -> dict[str, Any]:
    content = f"https://a/b.mp4?x\nThis is the finished video, generation {generation_id}. Give"
    return {"role": "tool", "content": content, "tool_call_id": "c"}


@pytest.mark.parametrize("words", ["Extend it", "Please continue", "Make the video continue"])
def test_the_last_generation_is_extended(words: str) -> None:
    before = [user("A video", PHOTO), made("old-1"), user("Another"), made("u-2:kling/v1.6/pro")]
    assert args(*before, user(words), tools=LUMA) == {
        "prompt": words, "aspect_ratio": "16:9", "extend": "u-2:kling/v1.6/pro",
    }  # fmt: skip


def test_nothing_is_extended_that_was_never_made() -> None:
    failed = {"role": "tool", "content": "The generation failed: no.", "tool_call_id": "c"}
    before = [user("A video"), failed]
    assert "extend" not in args(*before, user("Extend the clip"), tools=LUMA)
    assert "Show me a picture" in reply(*before, user("Extend it"), tools=LUMA)["content"]


def result(content: Any) -> list[Any]:
    return [user("A video", PHOTO), {"role": "tool", "content": content, "tool_call_id": "c"}]


def test_it_answers_from_the_tools_result() -> None:
    assert reply(*result("https://a/b.mp4?x\nDone"))["content"] == (
        "Here is your video: https://a/b.mp4?x"
    )
    blocks = [{"type": "text", "text": "duration: 7 is not allowed"}]
    assert "The tool said: duration: 7 is not allowed" in reply(*result(blocks))["content"]


def test_it_fetches_what_is_still_rendering() -> None:
    content = "g-1 is still rendering. Fetch it later with get_video, generation_id g-1."
    [call] = reply(*result(content))["tool_calls"]
    assert call["function"]["name"] == "get_video"
    assert json.loads(call["function"]["arguments"]) == {"generation_id": "g-1"}
    assert "The tool said: g-1 is still" in reply(*result(content), tools=TOOLS[:1])["content"]
    earlier = [*result("https://a/b.mp4"), {"role": "assistant", "content": "Here"}] * 21
    assert reply(*earlier, *result(content))["tool_calls"]
    patient = [user("A video", PHOTO), *[result(content)[1]] * 20]
    assert "The tool said: g-1 is still" in reply(*patient)["content"]


def test_no_tool_is_called_where_none_may_be() -> None:
    answer = say(user("A video", PHOTO), tool_choice="none").json()
    assert answer["choices"][0]["message"]["content"] == "I have no tool that makes videos."


def test_a_stream_ends_as_openais_does() -> None:
    asked = user("A video", PHOTO)
    answer = say(asked, stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"] == "text/event-stream"
    *events, done = answer.text.strip().split("\n\n")
    assert done == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    *pieces, finish, usage = chunks
    assert pieces[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    calls = [piece["choices"][0]["delta"]["tool_calls"][0] for piece in pieces[1:]]
    assert calls[0]["function"] == {"name": "generate_video", "arguments": ""}
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == args(asked)
    assert finish["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > usage["usage"]["completion_tokens"]
    words = say(user("hi"), stream=True).text
    assert '"finish_reason": "stop"' in words
    assert "usage" not in words


@pytest.mark.parametrize(
    "body",
    [{}, {"messages": []}, {"messages": "x"}, [], None, {"messages": ["hi"]}, {"messages": [None]},
     {"messages": [user("A video", PHOTO)], "tools": "x"},
     {"messages": [user("A video", PHOTO)], "tools": [{"type": "function"}]}],
)  # fmt: skip
def test_a_malformed_request_is_refused(body: Any) -> None:
    http = httpx.Client(transport=Sandbox().transport(), headers={"Authorization": "Bearer x"})
    answer = http.post("https://a/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert "messages" in answer.json()["error"]["message"]


def chat_model(sandbox: Sandbox) -> ChatOpenAI:
    return ChatOpenAI(model="any", base_url=f"{sandbox.url}/v1", api_key="sandbox")  # type: ignore[arg-type]


async def test_a_whole_agent_runs_on_it_streaming_too(apilaplas_sandbox: Sandbox) -> None:
    agent = create_agent(chat_model(apilaplas_sandbox), ApilaplasVideoToolkit().get_tools())
    asked = {"messages": [user("Make a 5 second video", {
        "type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"},
    })]}  # fmt: skip
    words = [
        chunk.text
        async for chunk, _ in agent.astream(asked, stream_mode="messages")
        if chunk.type == "AIMessageChunk"
    ]
    assert len([word for word in words if word]) > 3, "it came in pieces"
    assert "".join(words).startswith(f"Here is your video: {apilaplas_sandbox.url}/wolf/")
    assert apilaplas_sandbox.accepted[0]["duration"] == 5


def test_an_agent_comes_back_for_a_slow_video(apilaplas_sandbox: Sandbox) -> None:
    apilaplas_sandbox.seconds = 0.3
    tools = ApilaplasVideoToolkit(max_wait=0.1).get_tools()
    agent = create_agent(chat_model(apilaplas_sandbox), tools)
    messages = agent.invoke({"messages": [user("Animate https://example.com/cat.jpg")]})["messages"]
    assert messages[-1].text.startswith("Here is your video: ")
    assert len(apilaplas_sandbox.accepted) == 1


def test_an_agent_gives_up_on_an_endless_video_without_paying_again(
    apilaplas_sandbox: Sandbox,
) -> None:
    apilaplas_sandbox.order(endless())
    tools = ApilaplasVideoToolkit(max_wait=0).get_tools()
    agent = create_agent(chat_model(apilaplas_sandbox), tools)
    asked = {"messages": [user("Animate https://example.com/cat.jpg")]}
    messages = agent.invoke(asked, {"recursion_limit": 60})["messages"]
    assert "There is no video yet. The tool said: " in messages[-1].text
    assert len(apilaplas_sandbox.accepted) == 1


def test_an_agent_makes_a_video_of_words_alone_and_extends_it(apilaplas_sandbox: Sandbox) -> None:
    tools = ApilaplasVideoToolkit(model="luma-ai/v2").get_tools()
    agent = create_agent(chat_model(apilaplas_sandbox), tools)
    said = agent.invoke({"messages": [user("A looping video of a fox")]})["messages"]
    assert said[-1].text.startswith("Here is your video: ")
    said = agent.invoke({"messages": [*said, user("Extend it")]})["messages"]
    assert said[-1].text.startswith("Here is your video: ")
    first, second = apilaplas_sandbox.accepted
    assert first == {"prompt": "A looping video of a fox", "aspect_ratio": "16:9", "loop": True}
    assert second["keyframes"]["frame0"]["type"] == "generation"
