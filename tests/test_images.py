"""Where an image may come from, for code; and what it is made into."""

import base64
import copy
import io
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from langchain_apilaplas import ApilaplasClient, ApilaplasGenerateVideo, ImageInput
from langchain_apilaplas.errors import ApilaplasError
from tests.conftest import KEY, ROCKET
from tests.drawn import encoded, frames, opened, turned

URL = "https://example.com/cat.jpg"
DATA = ROCKET.read_bytes()
B64 = base64.b64encode(DATA).decode()
URI = f"data:image/jpeg;base64,{B64}"

GOOGLE = "https://generativelanguage.googleapis.com/"

BLOCKS: dict[str, Any] = {
    "langchain, base64": {"type": "image", "base64": B64, "mime_type": "image/jpeg"},
    "langchain, url": {"type": "image", "url": URL},
    "langchain, url of data": {"type": "image", "url": URI},
    "langchain v0": {"type": "image", "source_type": "base64", "data": B64,
                     "mime_type": "image/jpeg"},
    "langchain v0, url": {"type": "image", "source_type": "url", "url": URL},
    "langchain, file": {"type": "file", "base64": B64, "mime_type": "image/jpeg"},
    "langchain, file, url": {"type": "file", "url": URL, "mime_type": "image/jpeg"},
    "langchain, file of unknown type": {"type": "file", "base64": B64},
    "langchain, non-standard": {"type": "non_standard",
                                "value": {"type": "input_image", "image_url": URI}},
    "openai": {"type": "image_url", "image_url": {"url": URI}},
    "openai, url": {"type": "image_url", "image_url": {"url": URL}},
    "openai, bare": {"type": "image_url", "image_url": URI},
    "openai, responses": {"type": "input_image", "image_url": URI, "detail": "auto"},
    "openai, file": {"type": "file", "file": {"filename": "a.jpg", "file_data": URI}},
    "openai, responses, file": {"type": "input_file", "filename": "a.jpg", "file_data": URI},
    "openai, responses, file, url": {"type": "input_file", "file_url": URL,
                                     "mime_type": "image/jpeg"},
    "anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg",
                                              "data": B64}},
    "anthropic, url": {"type": "image", "source": {"type": "url", "url": URL}},
    "google": {"type": "media", "mime_type": "image/jpeg", "data": B64},
    "google, bytes": {"type": "media", "mime_type": "image/jpeg", "data": DATA},
    "google, url": {"type": "media", "mime_type": "image/jpeg", "file_uri": URL},
    "google, inline": {"inline_data": {"mime_type": "image/jpeg", "data": B64}},
    "google, inline, camel": {"inlineData": {"mimeType": "image/jpeg", "data": B64}},
    "google, inline, url": {"fileData": {"mimeType": "image/jpeg", "fileUri": URL}},
    "bedrock": {"image": {"format": "jpeg", "source": {"bytes": DATA}}},
}  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [DATA, bytearray(DATA), memoryview(DATA), URI, str(ROCKET), ROCKET],
    ids=["bytes", "bytearray", "memoryview", "data URI", "path", "pathlib.Path"],
)
def test_what_holds_the_picture_itself_becomes_a_data_uri(given: Any) -> None:
    image = ImageInput.of(given)
    assert (image.media_type, image.width, image.height) == ("image/jpeg", 640, 427)
    assert (image.url, image.size, image.fixes) == (URI, len(DATA), ())


@pytest.mark.parametrize("form", BLOCKS)
def test_a_content_block_is_taken_in_each_form_that_there_is(form: str) -> None:
    assert ImageInput.of(BLOCKS[form]).url == (URL if form.endswith(", url") else URI)


@pytest.mark.parametrize(
    "block",
    [{"type": "text", "text": "hi"}, {"type": "file", "base64": "JVBERi0=", "mime_type": "x/pdf"},
     {"type": "file", "base64": "JVBERi0="}, {"type": "audio"}, {}, {"type": "media", "data": 7},
     {"type": "file", "base64": "JVBERi0=", "mime_type": "application/octet-stream"},
     {"type": "file", "base64": "!!", "mime_type": "application/pdf"},
     {"type": "file", "file": {"file_id": "f", "filename": "a.pdf"}},
     {"type": "file", "source_type": "id", "id": "f", "mime_type": "application/pdf"},
     {"inline_data": {"mime_type": "audio/wav", "data": "AAAA"}},
     {"type": "image", "id": "lc_1"}],
)  # fmt: skip
def test_a_block_without_a_picture_is_told(block: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="holds no image"):
        ImageInput.of(block)


@pytest.mark.parametrize(
    "block",
    [{"type": "image", "file_id": "f"}, {"type": "input_image", "file_id": "f"},
     {"type": "image", "source": {"type": "file", "file_id": "f"}},
     {"type": "file", "file_id": "f", "mime_type": "image/png"},
     {"type": "image", "source_type": "id", "id": "f", "mime_type": "image/png"},
     {"type": "file", "source_type": "id", "id": "f", "mime_type": "image/png"},
     {"type": "file", "file": {"file_id": "f"}}, {"type": "input_file", "file_id": "f"},
     {"type": "file", "file": {"file_id": "f", "filename": "a.JPG"}},
     {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://a/b"}}}},
     {"type": "media", "mime_type": "image/png", "file_uri": "gs://a/b.png"},
     {"type": "media", "mime_type": "image/png", "file_uri": f"{GOOGLE}v1beta/files/a"},
     {"type": "image", "url": f"{GOOGLE}v1beta/files/a"},
     {"file_data": {"mime_type": "image/png", "file_uri": f"{GOOGLE}v1beta/files/a"}},
     {"fileData": {"mimeType": "image/png", "fileUri": f"{GOOGLE}v1beta/files/a"}}],
)  # fmt: skip
def test_a_picture_in_a_providers_store_is_told(block: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="lies in a provider's file store"):
        ImageInput.of(block)


def test_an_image_of_pillows_is_taken_with_its_name_if_it_has_one() -> None:
    image = ImageInput.of(Image.open(ROCKET))
    assert (image.source, image.media_type, image.width) == ("rocket.jpg", "image/jpeg", 640)
    drawn = ImageInput.of(Image.new("RGBA", (30, 20), (255, 0, 0, 128)))
    assert (drawn.source, drawn.media_type, drawn.height) == ("a picture", "image/png", 20)


def test_an_image_of_pillows_is_turned_upright() -> None:
    image = ImageInput.of(opened(turned(6)))
    assert (image.width, image.height) == (200, 300)


def test_a_photo_with_previews_is_one_picture() -> None:
    """As phones and cameras write them (CIPA DC-007)."""
    buffer = io.BytesIO()
    several = [Image.new("RGB", (40, 30), color) for color in ("red", "green")]
    several[0].save(buffer, "MPO", save_all=True, append_images=several[1:])
    for given in (buffer.getvalue(), opened(buffer.getvalue())):
        image = ImageInput.of(given)
        shown = opened(base64.b64decode(image.encoded)).getpixel((5, 5))
        assert (image.media_type, image.width) == ("image/jpeg", 40)
        assert shown[0] > 240  # type: ignore[index]


def test_an_animated_image_of_pillows_is_refused() -> None:
    with pytest.raises(ValueError, match="is animated"):
        ImageInput.of(opened(frames("GIF")))


def test_what_it_is_counts_and_not_what_it_is_called(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(DATA)
    assert ImageInput.of(photo).media_type == "image/jpeg"
    assert ImageInput.of("data:image/png;base64," + B64).media_type == "image/jpeg"


def test_a_path_names_the_image_after_the_file() -> None:
    image = ImageInput.of(ROCKET)
    assert image.source == "rocket.jpg"
    assert image.ratio == pytest.approx(640 / 427)
    assert ImageInput.of(image) is image


def test_an_https_url_travels_as_it_is_and_is_named_without_its_query() -> None:
    image = ImageInput.of("https://example.com/a.jpg?token=secret")
    assert image.url == "https://example.com/a.jpg?token=secret"
    assert (image.source, image.ratio, image.size) == ("https://example.com/a.jpg", None, 0)
    assert ImageInput.of("https://example.com/a#access_token=b").source == "https://example.com/a"
    assert "secret" not in repr(image)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/a.jpg", "file:///etc/passwd", "https://", "https:///a", "smb://a/b",
     "https://user:pw@example.com/a.jpg", "https://[::1/a.jpg", "https://example.com/a b",
     "https://example.com/\r\nHost: x", "ftp://example.com/a", "javascript:alert(1)",
     " https://example.com/a"],
)  # fmt: skip
def test_no_other_address_is_a_url_nor_ever_a_path(url: str) -> None:
    with pytest.raises(ValueError, match="is not an https URL"):
        ImageInput.of(url)


@pytest.mark.parametrize("name", ["none.jpg", "", ".", "a\0b", "none/\n.jpg", "x" * 5000])
def test_a_string_that_is_neither_url_nor_file_is_told(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not an https URL, nor a file|can't be read"
    ) as caught:
        ImageInput.of(name)
    assert len(str(caught.value)) < 6000


@pytest.mark.parametrize("length", [0, 100, 1000, 100_000])
def test_base64_by_itself_is_told_and_quoted_nowhere(length: int) -> None:
    text = base64.b64encode(encoded("PNG", (900, 900)) + os.urandom(length)).decode()
    client = ApilaplasClient(api_key=KEY)
    calls: list[Any] = [
        lambda: ImageInput.of(text),
        lambda: ImageInput.of(Path(text)),
        lambda: client.submit(image=text),
        lambda: ApilaplasGenerateVideo(api_key=KEY, image=text),
        lambda: ApilaplasGenerateVideo(api_key=KEY, images={"logo": text}),
    ]
    for call in calls:
        with pytest.raises((ValueError, ApilaplasError), match="give the bytes, or a data") as told:
            call()
        assert text[:30] not in "".join(traceback.format_exception(told.value, chain=True))
        error: BaseException | None = told.value
        while error is not None:
            assert text[:30] not in str(error)
            error = error.__cause__ or error.__context__


def test_a_long_path_that_is_none_is_told_short() -> None:
    with pytest.raises(ValueError, match="can't be read: File name too long") as caught:
        ImageInput.of(Path("QUJD" * 5000))
    assert "QUJD" not in str(caught.value)


def test_broken_data_uris_are_told_and_not_quoted() -> None:
    for uri in ("data:image/png,abc", "data:image/png;base64", "data:;base64" + "x" * 2000):
        with pytest.raises(ValueError, match="form data:image"):
            ImageInput.of(uri)
    for payload in ("!" * 1000, "é", B64[:1], B64[:50] + "=" + B64[50:], B64 + "\0"):
        with pytest.raises(ValueError, match="data URI is not valid base64") as caught:
            ImageInput.of("data:image/png;base64," + payload)
        assert len(str(caught.value)) < 100


@pytest.mark.parametrize("form", ["wrapped", "for URLs", "without its end", "with one more"])
def test_base64_that_is_not_quite_as_it_should_be_is_set_right(form: str) -> None:
    data = next(
        data for n in range(9) if b"=" in base64.b64encode(data := encoded("PNG", (30, n + 9)))
    )
    given = {
        "wrapped": base64.encodebytes(data).decode().replace("\n", "\r\n"),
        "for URLs": base64.urlsafe_b64encode(data).decode(),
        "without its end": base64.b64encode(data).decode().rstrip("="),
        "with one more": base64.b64encode(data).decode() + "=",
    }[form]
    assert given != base64.b64encode(data).decode()
    for image in (
        ImageInput.of({"type": "image", "base64": given, "mime_type": "image/png"}),
        ImageInput.of("data:image/png;base64," + given),
    ):
        assert image.url == ImageInput.of(data).url


def test_a_missing_file_a_folder_and_a_strange_type_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.jpg can't be read: No such file"):
        ImageInput.of(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="can't be read"):
        ImageInput.of(tmp_path)
    with pytest.raises(ValueError, match="a list is no image; give an https URL, a data URI"):
        ImageInput.of([])


def test_a_pipe_is_no_file_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="it is no file"):
        ImageInput.of(tmp_path / "pipe")


def test_an_empty_file_and_one_beyond_all_bounds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="0 bytes is empty"):
        ImageInput.of(b"")
    monkeypatch.setattr("langchain_apilaplas.formats.MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="give a smaller picture"):
        ImageInput.of(DATA)


def test_what_follows_the_picture_stays_here() -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        image = ImageInput.of(encoded(kind) + b"PK\x03\x04 and more")
        assert ImageInput.of(encoded(kind)).url == image.url

    text = base64.b64encode(encoded("PNG") + b"<script>").decode()
    assert ImageInput.of(f"data:image/png;base64,{text}").url == ImageInput.of(encoded("PNG")).url


def test_what_it_was_made_from_is_not_in_its_repr() -> None:
    image = ImageInput.of(encoded("TIFF"))
    assert image.given
    assert image.given not in repr(image)


def test_an_image_can_be_copied_and_its_repr_has_no_bytes() -> None:
    image = ImageInput.of(ROCKET)
    assert copy.deepcopy(image) == image
    assert len(repr(image)) < 300
