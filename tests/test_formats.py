"""What a picture's file tells of itself."""

import struct

import pytest

from langchain_apilaplas import formats
from tests.drawn import encoded, frames, opened, png, turned

EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (encoded("PNG"), "image/png"),
        (encoded("PNG", mode="P"), "image/png"),
        (encoded("JPEG"), "image/jpeg"),
        (encoded("JPEG", progressive=True), "image/jpeg"),
        (encoded("JPEG", restart_marker_blocks=1), "image/jpeg"),
        (encoded("JPEG", comment=b"\xff\xd9 is no end here"), "image/jpeg"),
        (encoded("JPEG", mode="CMYK"), "image/jpeg"),
        (encoded("WEBP"), "image/webp"),
        (encoded("WEBP", lossless=True), "image/webp"),
        (encoded("WEBP", exif=EXIF), "image/webp"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_format_is_recognized_and_measured_as_pillow_does(
    data: bytes, media_type: str
) -> None:
    header = formats.read(data, "it")
    assert header == formats.Header(media_type, *opened(data).size, 1, len(data))
    assert formats.is_picture(data[:16])


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7", b"<html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF1234WAVE",
     b"%!PS-Adobe-3.0 EPSF-3.0", b"8BPS\0\1", b"\0\0\1\0", b"PK\x03\x04", b"#!/bin/sh"],
)  # fmt: skip
def test_anything_else_is_no_image(data: bytes) -> None:
    assert formats.foreign(data) is None
    assert not formats.is_picture(data)
    with pytest.raises(ValueError, match="not an image that can be sent"):
        formats.read(data, "it")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xff\xff\xff",
        b"\xff\xd8\xff\xe0\x00\x02\x00\x00",
        b"\xff\xd8\xff\xe0\x00\x00\x00\x00",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 0, 5),
        b"\x89PNG\r\n\x1a\n" + b"\x11" * 30,
        png(0, 5),
        b"RIFF\0\0\0\0WEBPVP8X",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
    ],
)
def test_a_damaged_header_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="it is a damaged"):
        formats.read(data, "it")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.99])
def test_a_picture_that_is_cut_off_is_refused(kind: str, part: float) -> None:
    data = encoded(kind)
    with pytest.raises(ValueError, match="damaged"):
        formats.read(data[: max(13, int(len(data) * part))], "it")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_not_a_byte_may_be_missing(kind: str) -> None:
    data = encoded(kind)
    for missing in range(1, 14 if kind != "WEBP" else 2):
        with pytest.raises(ValueError, match="damaged"):
            formats.read(data[:-missing], "it")


def test_a_png_with_another_byte_anywhere_is_refused() -> None:
    data = bytearray(encoded("PNG"))
    for at in range(8, len(data)):
        data[at] ^= 0x20
        with pytest.raises(ValueError, match=r"damaged|not an image|pixels"):
            formats.read(bytes(data), "it")
        data[at] ^= 0x20


def test_a_png_without_pixels_is_refused() -> None:
    whole = png(3, 3)
    start, end = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
    with pytest.raises(ValueError, match="damaged"):
        formats.read(whole[:start] + whole[end:], "it")


def test_a_webp_file_whose_last_part_is_cut_off_is_refused() -> None:
    data = bytearray(encoded("WEBP")[:-20])
    data[4:8] = struct.pack("<I", len(data) - 8)
    with pytest.raises(ValueError, match="damaged"):
        formats.read(bytes(data), "it")


@pytest.mark.parametrize(
    ("brands", "name"),
    [(b"avif\0\0\0\0mif1avif", "AVIF"), (b"mif1\0\0\0\0mif1avif", "AVIF"),
     (b"heic\0\0\0\0mif1heic", "HEIF"), (b"mif1\0\0\0\0mif1heic", "HEIF"),
     (b"mif1\0\0\0\0xxavifxx", "HEIF"), (b"mp42\0\0\0\0isommp42", None)],
)  # fmt: skip
def test_of_pictures_in_boxes_the_brands_are_told_apart(brands: bytes, name: str | None) -> None:
    assert formats.foreign(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"avif") == name


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="it is animated; give a still picture"):
        formats.read(frames(kind), "it")


def test_a_picture_that_would_take_gigabytes_to_decode_is_refused() -> None:
    with pytest.raises(ValueError, match="65535\u00d765535 pixels, more than 89 million"):
        formats.read(png(65_535, 65_535), "it")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_read_from_every_format(kind: str, orientation: int) -> None:
    assert formats.read(turned(orientation, kind), "it").orientation == orientation


@pytest.mark.parametrize(
    "exif",
    [
        b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\xff", b"II*\0\x08\0\0\0\0\0",
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0",
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\x06\0\0",
    ],
)  # fmt: skip
def test_exif_that_says_nothing_usable_turns_nothing(exif: bytes) -> None:
    assert formats.read(png(3, 3, (b"eXIf", exif)), "it").orientation == 1


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "AVIF"])
def test_what_pillow_can_convert_is_named(kind: str) -> None:
    assert formats.foreign(encoded(kind)) == kind
