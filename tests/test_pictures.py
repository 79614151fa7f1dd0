"""The pictures an agent may name: of the conversation, registered, in a folder."""

import os
import unicodedata
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from PIL import Image

from langchain_apilaplas import ApilaplasGenerateVideo, ApilaplasVideoToolkit, ImageInput
from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.files import Folders
from langchain_apilaplas.pictures import Pictures, image_name
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


@pytest.mark.parametrize("form", ["v0", "openai", "bedrock", "google", "unreadable"])
def test_what_can_not_be_read_is_counted_all_the_same(form: str, world: World) -> None:
    """Else `attached:1` would be the picture that the user attached second."""
    first = {
        "v0": {"type": "image", "source_type": "id", "id": "file-1"},
        "openai": {"type": "file", "file": {"file_id": "file-1"}},
        "bedrock": {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://a"}}}},
        "google": {"type": "media", "mime_type": "image/png", "file_uri": "gs://a/b.png"},
        "unreadable": {"type": "image", "base64": "!!"},
    }[form]
    state = [HumanMessage([first, BLOCKS["langchain, url"]])]
    graph = SimpleNamespace(state=state, config={}, tool_call_id="c")
    for name in ("attached:1", "attached:2"):
        result, artifact = tool(world)._run(image=name, runtime=graph)
        assert (artifact is None) is (name == "attached:1"), result
    assert len(world.sandbox.accepted) == 1


def test_only_what_the_user_said_can_be_attached() -> None:
    shown = [BLOCKS["langchain, url"]]
    messages = [AIMessage(shown), ToolMessage(shown, tool_call_id="1"), SystemMessage(shown)]
    with pytest.raises(ValueError, match="no picture is attached"):
        named("attached:1", runtime(HumanMessage("hi"), *messages))


@pytest.mark.parametrize(
    ("name", "secret"),
    [("https://bob:hunter2@example.com/a.jpg", "hunter2"), ("attached:" + "QUJD" * 500, "QUJDQUJD"),
     ("https://example.com/a.jpg?sig=hunter2", "hunter2"),
     ("https://127.0.0.1/#sig=hunter2", "hunter2"), ("https://127.0.0.1/?x=hunter2", "hunter2"),
     ("HTTPS://127.0.0.1/a?x=hunter2", "hunter2"),
     ("https://127.0.0.1/#access_token=hunter2", "hunter2"), ("x " * 5000, "x " * 400)],
)  # fmt: skip
def test_a_record_of_what_was_refused_is_short_and_tells_no_secret(
    name: str, secret: str, world: World
) -> None:
    graph = runtime(config={}, tool_call_id="c")
    result, _ = tool(world, base_url=None)._run(image=name, seed=-1, runtime=graph)
    told = str(result.artifact["request"]["image"])  # type: ignore[union-attr]
    assert secret.lower() not in (told + str(result.content)).lower()  # type: ignore[union-attr]
    assert len(told) <= 200


def test_a_record_of_a_url_ends_where_the_path_does() -> None:
    assert image_name("https://example.com/a.jpg#state=secret") == "https://example.com/a.jpg"
    assert image_name(["logo", "https://example.com/a?b", 7]) == [
        "logo",
        "https://example.com/a",
        "int",
    ]


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


def test_folders_stay_where_they_were(
    world: World, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LangChain makes a tool anew from another's fields."""
    evil = tmp_path / "other" / "photos" / "evil.jpg"
    evil.parent.mkdir(parents=True)
    evil.write_bytes(encoded("JPEG"))
    monkeypatch.chdir(tmp_path)
    first = tool(world, image_folders=["photos"])
    monkeypatch.chdir(tmp_path / "other")
    again = ApilaplasGenerateVideo(
        **{name: getattr(first, name) for name in first.model_fields_set}
    )
    assert again.image_folders == [folder]
    for made in (first, again, first.model_copy()):
        assert "photos/cat.png" in described(made)
        assert made.invoke({"image": "photos/cat.png"}).startswith("https://")
        assert "is no file of photos/" in made.invoke({"image": "photos/evil.jpg"})


@pytest.mark.parametrize("name", ["Screenshot 10:22:33.jpg", "x'y.jpg", 'q"uote.jpg', "C:a.png",
                                  "cafe\u0301.png", "caf\u00e9.png", "attached:1.png"])  # fmt: skip
def test_every_file_that_is_shown_can_be_named(name: str, world: World, folder: Path) -> None:
    (folder / name).write_bytes(encoded("PNG"))
    made = tool(world, image_folders=[folder])
    shown = made.invoke({"image": "photos/none.png"})
    assert repr(f"photos/{name}") in shown
    for form in ("NFC", "NFD"):
        said = unicodedata.normalize(form, f"photos/{name}")  # type: ignore[arg-type]
        assert made.invoke({"image": said}).startswith("https://")


@pytest.mark.parametrize("name", ["line\nbreak.png", "back\\slash.png", "\u202egnp.exe.png",
                                  "both'\".png", "bad\udcff.png", "\x1b[31m.png"])  # fmt: skip
def test_a_file_that_can_not_be_said_is_not_shown(name: str, world: World, folder: Path) -> None:
    (folder / name).write_bytes(encoded("PNG"))
    text = tool(world, image_folders=[folder]).invoke({"image": "photos/none.png"})
    assert "there are 'photos/cat.png', 'photos/dog.jpg'." in text


def test_half_a_character_names_no_file(world: World, folder: Path) -> None:
    (folder / "bad\udcff.png").write_bytes(encoded("PNG"))
    text = tool(world, image_folders=[folder]).invoke({"image": "photos/bad\udcff.png"})
    assert "is no file of photos/" in text


@pytest.mark.parametrize("name", ["a:b", "c\\d", "e\nf", " g ", "~h", "'i'", "j\u202e"])
def test_a_folder_whose_name_can_not_be_said_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(SettingsError, match="needs a name that an agent can say"):
        ApilaplasGenerateVideo(api_key=KEY, image_folders=[tmp_path / name])


def test_a_folder_may_be_named_with_accents_and_spaces(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "Urlaub in der Ta\u0308lern 2"
    folder.mkdir()
    (folder / "a b.png").write_bytes(encoded("PNG"))
    made = tool(world, image_folders=[folder])
    for said in ("Urlaub in der Ta\u0308lern 2/a b.png", "Urlaub in der T\u00e4lern 2/a b.png"):
        assert made.invoke({"image": said}).startswith("https://")


def test_no_descriptor_is_left_open(world: World, folder: Path) -> None:
    (folder / "deep" / "down").mkdir(parents=True)
    (folder / "deep" / "down" / "cat.png").write_bytes(encoded("PNG"))
    folders = Folders.of([folder])
    before = len(os.listdir("/proc/self/fd"))
    for name in ("photos/deep/down/cat.png", "photos/deep/down", "photos/deep/none.png") * 5:
        with suppress(ValueError):
            folders.read(name)
    assert len(os.listdir("/proc/self/fd")) == before


def test_of_a_file_beyond_all_bounds_only_so_much_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_apilaplas.files.MOST_BYTES", 1000)
    with (folder / "huge.png").open("wb") as file:
        file.truncate(10**12)
    assert len(Folders.of([folder]).read("photos/huge.png")) == 1001


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"images": {"a b": ROCKET}}, "images: 'a b' is no name; use letters"),
        ({"images": {"video:1": ROCKET}}, "is no name"),
        ({"images": {"": ROCKET}}, "is no name"),
        ({"images": URI}, "images must be a dict of names and their pictures"),
        ({"images": {"logo": b"x"}}, r"images\['logo'\]: a picture of 1 bytes is not an image"),
        ({"images": {"logo": "none.png"}}, "nor a file here"),
        ({"images": {"logo": URL, "Logo": URL}}, "images: 'Logo' is there in other letters, too"),
        ({"image_folders": [""]}, "image_folders: '' is no folder"),
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
