import base64
import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from langchain_apilaplas.images import ImageInput, measure
from tests.conftest import ROCKET


def encoded(kind: str, size: tuple[int, int] = (300, 200), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "navy").save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (encoded("PNG"), "image/png"),
        (encoded("JPEG"), "image/jpeg"),
        (encoded("JPEG", progressive=True), "image/jpeg"),
        (encoded("WEBP"), "image/webp"),
        (encoded("WEBP", lossless=True), "image/webp"),
        (encoded("WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"), "image/webp"),
    ],
)
def test_every_format_is_recognized_and_measured_as_pillow_does(
    data: bytes, media_type: str
) -> None:
    assert measure(data, "it") == (media_type, *Image.open(io.BytesIO(data)).size)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a" + bytes(20), b"%PDF-1.7", b"<html>", encoded("BMP"), b"RIFF1234WAVE"],
)
def test_anything_else_is_no_image(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an image that can be sent"):
        ImageInput.of(data)


@pytest.mark.parametrize(
    "data",
    [
        encoded("PNG")[:18],
        encoded("JPEG")[:10],
        encoded("WEBP")[:20],
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xff\xff\xff",
        b"\xff\xd8\xff\xe0\x00\x02\x00\x00",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 0, 5),
        b"\x89PNG\r\n\x1a\n" + b"\x11" * 30,
        b"RIFF\0\0\0\0WEBPVP8X",
    ],
)
def test_a_damaged_header_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        ImageInput.of(data)


def test_a_path_becomes_a_data_uri_named_after_the_file() -> None:
    image = ImageInput.of(ROCKET)
    assert (image.source, image.media_type, image.width, image.height) == (
        "rocket.jpg", "image/jpeg", 640, 427,
    )  # fmt: skip
    assert base64.b64decode(image.url.partition(",")[2]) == ROCKET.read_bytes()
    assert image.ratio == pytest.approx(640 / 427)


def test_bytes_data_uris_and_images_are_taken_too() -> None:
    data = ROCKET.read_bytes()
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    image = ImageInput.of(uri)
    assert image.media_type == "image/jpeg", "what it is counts, not what it says it is"
    assert ImageInput.of(data).url == image.url
    assert ImageInput.of(image) is image


def test_an_https_url_travels_as_it_is_and_is_named_without_its_query() -> None:
    image = ImageInput.of("https://example.com/a.jpg?token=secret")
    assert image.url == "https://example.com/a.jpg?token=secret"
    assert (image.source, image.ratio) == ("https://example.com/a.jpg", None)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/a.jpg", "file:///etc/passwd", "/etc/passwd", "rocket.jpg", "https://",
     "https://user:pw@example.com/a.jpg", "https://[::1/a.jpg", "https://example.com/a b",
     "https://example.com/\r\nHost: x", "ftp://example.com/a", "javascript:alert(1)"],
)  # fmt: skip
def test_no_other_string_is_a_url_or_ever_a_path(url: str) -> None:
    with pytest.raises(ValueError, match="is not an https URL"):
        ImageInput.of(url)


def test_broken_data_uris_are_told_and_not_quoted() -> None:
    for uri in ("data:image/png,abc", "data:image/png;base64"):
        with pytest.raises(ValueError, match="form data:image"):
            ImageInput.of(uri)
    with pytest.raises(ValueError, match="not valid base64") as caught:
        ImageInput.of("data:image/png;base64," + "!" * 1000)
    assert len(str(caught.value)) < 100


def test_a_missing_file_and_a_strange_type_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.jpg can't be read: No such file"):
        ImageInput.of(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="a dict is no image"):
        ImageInput.of({})


def test_a_block_in_a_file_store_is_told() -> None:
    with pytest.raises(ValueError, match="file store"):
        ImageInput.from_block({"type": "image", "file_id": "f"}, source="attached:1")


def test_a_block_keeps_the_name_the_agent_gave() -> None:
    block = {"type": "image", "url": "https://example.com/a.jpg"}
    assert ImageInput.from_block(block, source="attached:1").source == "attached:1"


def test_the_repr_has_no_bytes() -> None:
    assert len(repr(ImageInput.of(ROCKET))) < 200
