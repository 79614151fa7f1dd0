import base64
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from langchain_apilaplas.runtime import named_image, submit_key
from tests.conftest import ROCKET

B64 = base64.b64encode(ROCKET.read_bytes()).decode()
DATA_URI = f"data:image/jpeg;base64,{B64}"
URL = "https://example.com/cat.jpg"

BLOCKS = {
    "v1 base64": {"type": "image", "base64": B64, "mime_type": "image/jpeg"},
    "v1 url": {"type": "image", "url": URL},
    "openai data uri": {"type": "image_url", "image_url": {"url": DATA_URI}},
    "openai url": {"type": "image_url", "image_url": {"url": URL}},
    "openai bare string": {"type": "image_url", "image_url": DATA_URI},
    "openai responses": {"type": "input_image", "image_url": DATA_URI},
    "v0": {"type": "image", "source_type": "base64", "data": B64, "mime_type": "image/jpeg"},
    "anthropic": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/jpeg", "data": B64},
    },
    "file": {"type": "file", "base64": B64, "mime_type": "image/jpeg"},
}


def runtime(*messages: AnyMessage, **more: Any) -> Any:
    return SimpleNamespace(state={"messages": list(messages)}, **more)


def said(*blocks: Any) -> HumanMessage:
    return HumanMessage([{"type": "text", "text": "look"}, *blocks])


@pytest.mark.parametrize("form", BLOCKS)
def test_a_picture_is_found_in_every_form_chat_messages_have(form: str) -> None:
    image = named_image("attached:last", runtime(said(BLOCKS[form])))
    assert image.source == "attached:1"
    assert image.url == (URL if "url" in form and "data" not in form else DATA_URI)


def test_pictures_are_counted_over_the_users_messages_in_order() -> None:
    other = {"type": "image", "url": "https://example.com/other.jpg"}
    document = {"type": "file", "base64": "JVBERi0=", "mime_type": "application/pdf"}
    messages = [said(BLOCKS["v1 url"], document), AIMessage("nice"), said(other)]
    names = [named_image(f"attached:{n}", runtime(*messages)).url for n in (1, 2, "last")]
    assert names == [URL, other["url"], other["url"]]


def test_bare_tool_calls_as_a_state_hold_no_picture() -> None:
    """As LangGraph 1.0 gives them to a ToolNode that was sent them."""
    call = {"type": "tool_call", "id": "1", "name": "generate_video", "args": {}}
    with pytest.raises(ValueError, match="no picture is attached"):
        named_image("attached:1", SimpleNamespace(state=[call]))


@pytest.mark.parametrize("state", ["list", "object"])
def test_the_state_may_be_a_list_or_an_object(state: str) -> None:
    messages = [said(BLOCKS["v1 url"])]
    holder = messages if state == "list" else SimpleNamespace(messages=messages)
    assert named_image("attached:1", SimpleNamespace(state=holder)).url == URL


@pytest.mark.parametrize(
    "name",
    ["attached:0", "attached:2", "attached:x", "attached:", "attached:-1", "attached:²",
     "attached:99999999999999999999", "attached:0000000012"],
)  # fmt: skip
def test_a_picture_that_is_not_there_names_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="1 attached, so 'attached:1' to 'attached:1'"):
        named_image(name, runtime(said(BLOCKS["v1 url"])))


@pytest.mark.parametrize("graph", [None, SimpleNamespace(), runtime(HumanMessage("hi"))])
def test_without_any_picture_the_user_is_to_be_asked(graph: Any) -> None:
    with pytest.raises(ValueError, match="no picture is attached to this conversation; ask"):
        named_image("attached:last", graph)


def test_messages_may_be_dicts_or_tuples() -> None:
    content = [BLOCKS["v1 url"]]
    for message in ({"role": "user", "content": content}, ("user", content)):
        assert named_image("attached:1", runtime(message)).url == URL  # type: ignore[arg-type]


def test_a_malformed_block_hides_only_its_own_message(caplog: pytest.LogCaptureFixture) -> None:
    broken = said({"type": "image", "source_type": "base64", "mime_type": "image/png"})
    image = named_image("attached:1", runtime(broken, said(BLOCKS["v1 url"])))
    assert image.url == URL


def test_an_agent_can_pass_neither_base64_nor_a_file() -> None:
    with pytest.raises(ValueError, match="base64 can't be passed here"):
        named_image(DATA_URI, None)
    for name in ("/etc/passwd", "file:///etc/passwd", "rocket.jpg", "http://10.0.0.1/a.jpg"):
        with pytest.raises(ValueError, match="not an https URL, nor 'attached:last'"):
            named_image(name, None)


def test_an_attachment_in_a_providers_store_is_told() -> None:
    with pytest.raises(ValueError, match="attached:1 lies in a provider's file store"):
        named_image("attached:1", runtime(said({"type": "image", "file_id": "file-1"})))


def graph(thread: str | None = "t-1", message: str = "m-1", call: str = "c-1") -> Any:
    calls = [{"name": "generate_video", "args": {}, "id": call}]
    configurable = {} if thread is None else {"thread_id": thread}
    return runtime(
        HumanMessage("go"),
        AIMessage("", id=message, tool_calls=calls),
        config={"configurable": configurable},
        tool_call_id=call,
    )


def test_the_same_call_has_the_same_key_and_any_other_another() -> None:
    args = {"prompt": "Go", "image": "attached:1"}
    key = submit_key(graph(), args)
    assert key == submit_key(graph(), dict(reversed(args.items())))
    assert key is not None
    assert len(key) == 64
    others = [
        submit_key(graph(thread="t-2"), args),
        submit_key(graph(message="m-2"), args),
        submit_key(graph(call="c-2"), args),
        submit_key(graph(), {**args, "prompt": "Stop"}),
    ]
    assert len({key, *others}) == 5


def test_without_a_thread_there_is_no_key() -> None:
    assert submit_key(graph(thread=None), {}) is None
    assert submit_key(None, {}) is None
    assert submit_key(SimpleNamespace(config={"configurable": None}, tool_call_id="c"), {}) is None
