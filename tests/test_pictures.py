"""The pictures an agent may name: of the conversation, registered, in a folder."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from PIL import Image

from langchain_apilaplas import ApilaplasGenerateVideo, ApilaplasVideoToolkit, ImageInput
from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.pictures import Pictures
from tests.conftest import KEY, ROCKET, World
from tests.drawn import encoded
from tests.test_images import BLOCKS, URI, URL


def runtime(*messages: AnyMessage, **more: Any) -> Any:
    return SimpleNamespace(state={"messages": list(messages)}, **more)


def said(*blocks: Any) -> HumanMessage:
    return HumanMessage([{"type": "text", "text": "look"}, *blocks])


def named(name: object, graph: Any = None, pictures: Pictures | None = None) -> ImageInput:
    return (pictures or Pictures()).named(name, graph)


@pytest.mark.parametrize("form", [form for form in BLOCKS if "bedrock" not in form])
def test_a_picture_is_found_in_every_form_chat_messages_have(form: str) -> None:
    image = named("attached:last", runtime(said(BLOCKS[form])))
    assert image.source == "attached:1"
    assert image.url == (URL if form.endswith(", url") else URI)


def test_pictures_are_counted_over_the_users_messages_in_order() -> None:
    other = {"type": "image", "url": "https://example.com/other.jpg"}
    document = {"type": "file", "base64": "JVBERi0=", "mime_type": "application/pdf"}
    messages = [said(BLOCKS["langchain, url"], document), AIMessage("nice"), said(other)]
    names = [named(f"attached:{n}", runtime(*messages)).url for n in (1, 2, "last")]
    assert names == [URL, other["url"], other["url"]]


def test_bare_tool_calls_as_a_state_hold_no_picture() -> None:
    """As LangGraph 1.0 gives them to a ToolNode that was sent them."""
    call = {"type": "tool_call", "id": "1", "name": "generate_video", "args": {}}
    with pytest.raises(ValueError, match="no picture is attached"):
        named("attached:1", SimpleNamespace(state=[call]))


@pytest.mark.parametrize("state", ["list", "object"])
def test_the_state_may_be_a_list_or_an_object(state: str) -> None:
    messages = [said(BLOCKS["langchain, url"])]
    holder = messages if state == "list" else SimpleNamespace(messages=messages)
    assert named("attached:1", SimpleNamespace(state=holder)).url == URL


@pytest.mark.parametrize(
    "name",
    ["attached:0", "attached:2", "attached:x", "attached:", "attached:-1", "attached:²",
     "attached:99999999999999999999", "attached:0000000012"],
)  # fmt: skip
def test_a_picture_that_is_not_there_names_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="1 attached, so 'attached:1' to 'attached:1'"):
        named(name, runtime(said(BLOCKS["langchain, url"])))


@pytest.mark.parametrize("graph", [None, SimpleNamespace(), runtime(HumanMessage("hi"))])
def test_without_any_picture_the_user_is_to_be_asked(graph: Any) -> None:
    with pytest.raises(ValueError, match="no picture is attached to this conversation; ask"):
        named("attached:last", graph)


def test_messages_may_be_dicts_or_tuples() -> None:
    content = [BLOCKS["langchain, url"]]
    for message in ({"role": "user", "content": content}, ("user", content)):
        assert named("attached:1", runtime(message)).url == URL  # type: ignore[arg-type]


def test_a_message_of_no_known_form_is_told_and_not_quoted(world: World) -> None:
    message = {"content": [{"type": "image", "base64": "QUJD" * 1000}]}
    for thread in (None, "t-1"):
        graph = runtime(message, config={"configurable": {"thread_id": thread}}, tool_call_id="c")  # type: ignore[arg-type]
        result, artifact = tool(world)._run(image="attached:1", runtime=graph)
        assert artifact is None
        text = str(result.content)  # type: ignore[union-attr]
        assert text.startswith("The state's messages can't be read (ValueError)")
        assert "Nothing was charged" in text
        assert "QUJD" not in text


def test_a_malformed_block_hides_only_its_own_message(caplog: pytest.LogCaptureFixture) -> None:
    broken = said({"type": "image", "source_type": "base64", "mime_type": "image/png"})
    image = named("attached:1", runtime(broken, said(BLOCKS["langchain, url"])))
    assert image.url == URL


def test_an_agent_can_pass_neither_base64_nor_a_file() -> None:
    with pytest.raises(ValueError, match="base64 can't be passed here"):
        named(URI, None)
    for name in ("/etc/passwd", "file:///etc/passwd", "rocket.jpg", "http://10.0.0.1/a.jpg"):
        with pytest.raises(ValueError, match="not an https URL, nor 'attached:last'"):
            named(name, None)


def test_an_attachment_in_a_providers_store_is_told() -> None:
    with pytest.raises(ValueError, match="attached:1 lies in a provider's file store"):
        named("attached:1", runtime(said({"type": "image", "file_id": "file-1"})))


# --- what a developer registers ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("cat.png", "dog.jpg", ".hidden.png", "notes.txt"):
        (folder / name).write_bytes(encoded("PNG"))
    return folder


def tool(world: World, **more: Any) -> ApilaplasGenerateVideo:
    return ApilaplasGenerateVideo(client=world.client, async_client=world.async_client, **more)


def described(tool: ApilaplasGenerateVideo, name: str = "image") -> str:
    return str(tool.args[name]["description"])


@pytest.mark.parametrize("given", [ROCKET, str(ROCKET), ROCKET.read_bytes(), URI, URL,
                                   Image.open(ROCKET), BLOCKS["openai"], ImageInput.of(ROCKET)],
                         ids=lambda given: type(given).__name__)  # fmt: skip
def test_a_registered_picture_is_named_by_the_agent(given: Any, world: World) -> None:
    for name in ("logo", "LOGO", " 'logo' "):
        answer = tool(world, images={"logo": given}).invoke({"image": name})
        assert answer.startswith("https://")
    assert world.sandbox.accepted[0]["image_url"] == ImageInput.of(given).url


def test_the_agent_is_told_which_names_there_are(world: World, folder: Path) -> None:
    both = tool(world, images={"logo": ROCKET, "hero": URL}, image_folders=[folder])
    assert described(both).endswith(
        "Never base64. Also by name: 'logo', 'hero', a file of photos/ such as "
        "'photos/cat.png' or 'photos/dog.jpg'."
    )
    assert "images" not in both.args
    assert "Also" not in described(tool(world))
    text = both.invoke({"image": "photos/none.png"})
    assert "is no file of photos/; there are 'photos/cat.png', 'photos/dog.jpg'." in text
    assert "Also by name: 'logo'." in tool(world, images={"logo": URL}).invoke({"image": "x"})


def test_a_record_says_what_was_named(world: World, folder: Path) -> None:
    made = tool(world, images={"logo": ROCKET}, image_folders=[folder])
    for name in ("logo", "photos/cat.png"):
        _, artifact = made._run(image=name)
        assert artifact is not None
        assert artifact["request"]["image"] == {"logo": "rocket.jpg"}.get(name, name)


def test_registered_pictures_are_read_once_and_stay_out_of_the_repr(
    world: World, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(ROCKET.read_bytes())
    made = tool(world, images={"logo": photo})
    photo.unlink()
    assert made.invoke({"image": "logo"}).startswith("https://")
    assert made.model_copy().invoke({"image": "logo"}).startswith("https://")
    assert len(repr(made)) < 2000
    assert "base64" not in repr(made)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"images": {"a b": ROCKET}}, "images: 'a b' is no name; use letters"),
        ({"images": {"video:1": ROCKET}}, "is no name"),
        ({"images": {"": ROCKET}}, "is no name"),
        ({"images": URI}, "images must be a dict of names and their pictures"),
        ({"images": {"logo": b"x"}}, r"images\['logo'\]: 1 bytes is not an image"),
        ({"images": {"logo": "none.png"}}, "nor a file here"),
        ({"image_folders": ["/none"]}, "image_folders: '/none' is no folder"),
        ({"image_folders": ["/"]}, "needs a name that no other folder has"),
        ({"image_folders": [ROCKET]}, "is no folder"),
        ({"image_folders": [ROCKET.parent, ROCKET.parent]}, "needs a name that no other"),
    ],
)
def test_what_can_not_be_registered_is_told_at_once(more: Any, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        ApilaplasGenerateVideo(api_key=KEY, **more)


def test_a_models_own_images_are_a_list_and_no_names(world: World) -> None:
    row = VideoModel("m", "v", "/m", (Param("images", "image_urls", "images", "Pictures."),))
    fixed = tool(world, model=row, images=[ROCKET, URL])
    assert [image.source for image in fixed.fixed["images"]] == ["rocket.jpg", URL]
    assert fixed.images is None
    open_ = tool(world, model=row, images={"logo": ROCKET})
    assert described(open_, "images") == "Pictures. Also by name: 'logo'."


def test_a_toolkit_takes_them_too(world: World, folder: Path) -> None:
    kit = ApilaplasVideoToolkit(
        client=world.client, images={"logo": ROCKET}, image_folders=[folder]
    )
    generate, get = kit.get_tools()
    assert "logo" in generate.args["image"]["description"]
    assert "image" not in get.args


def test_what_was_done_to_a_picture_is_told_to_the_agent(world: World, folder: Path) -> None:
    (folder / "scan.tiff").write_bytes(encoded("TIFF"))
    answer = tool(world, image_folders=[folder]).invoke({"image": "photos/scan.tiff"})
    assert answer.endswith("image: photos/scan.tiff was converted from TIFF to JPEG.")


def test_a_fixed_picture_is_fitted_to_each_model_and_that_is_told(world: World) -> None:
    webp = encoded("WEBP", (600, 400))
    fixed = tool(world, models=["video-01", "runway/gen4_turbo"], image=webp)
    assert fixed.invoke({"prompt": "Go"}).endswith("was converted from WEBP to JPEG.")
    fixed.invoke({"seed": 7})
    kinds = [
        next(v for k, v in body.items() if "image" in k)[:15] for body in world.sandbox.accepted
    ]
    assert kinds == ["data:image/jpeg", "data:image/webp"]
