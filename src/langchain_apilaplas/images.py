"""An image, however it comes, made into what travels: an https URL or a data URI.

An image given as bytes is recognized by its content, not by its name, and measured, before
anything is sent. No URL is ever fetched here: the gateway does that.
"""

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langchain_apilaplas.quoting import quoted

FORMATS = "JPEG, PNG or WebP"


@dataclass(frozen=True)
class ImageInput:
    """An image that may be sent.

    Attributes:
        url: What travels: an https URL, or a data URI. Not in `repr`: it may be megabytes.
        source: How the caller named it, for messages and artifacts.
        media_type: "image/jpeg", "image/png" or "image/webp"; None for a URL.
        width: Pixels; None for a URL.
        height: Pixels; None for a URL.
    """

    url: str = field(repr=False)
    source: str
    media_type: str | None = None
    width: int | None = None
    height: int | None = None

    @property
    def ratio(self) -> float | None:
        """Width divided by height; None for a URL."""
        return self.width / self.height if self.width and self.height else None

    @property
    def size(self) -> int:
        """Bytes of the image itself; 0 for a URL."""
        encoded = self.url.partition(",")[2] if self.width else ""
        return len(encoded) * 3 // 4 - encoded.count("=", -2)

    @classmethod
    def of(cls, value: object) -> "ImageInput":
        """From code: an https URL, a data URI, bytes, or a `pathlib.Path`.

        A plain string is never taken for a path, so what an agent wrote can't read a file.

        Raises:
            ValueError: It is none of these, or holds no image; the message says which.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Path):
            return cls.from_bytes(_read(value), source=value.name)
        if isinstance(value, bytes | bytearray):
            return cls.from_bytes(bytes(value), source=f"{len(value)} bytes")
        if isinstance(value, str) and value[:5].lower() == "data:":
            return cls.from_base64(_data_uri_payload(value), source="data URI")
        if isinstance(value, str):
            return cls.from_url(value)
        raise ValueError(
            f"a {type(value).__name__} is no image; give an https URL, a data URI, bytes or a "
            "pathlib.Path"
        )

    @classmethod
    def from_url(cls, url: str) -> "ImageInput":
        """An https URL, which the gateway fetches.

        Raises:
            ValueError: It is no https URL.
        """
        try:
            parts = urlsplit(url)
            good = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            good = False
        if not good or re.search(r"[\s\x00-\x1f\x7f]", url):
            raise ValueError(f"{quoted(url)} is not an https URL")
        return cls(url, source=url.partition("?")[0])

    @classmethod
    def from_base64(cls, text: str, *, source: str) -> "ImageInput":
        """Base64 as messages and data URIs carry it; encoded once, it travels as it came.

        Raises:
            ValueError: It is not base64, or the bytes are not an image.
        """
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"{source} is not valid base64") from None
        return cls._measured(data, text, source)

    @classmethod
    def from_bytes(cls, data: bytes, *, source: str) -> "ImageInput":
        """A JPEG, PNG or WebP file's content.

        Raises:
            ValueError: It is none of these, or damaged.
        """
        return cls._measured(data, base64.b64encode(data).decode("ascii"), source)

    @classmethod
    def _measured(cls, data: bytes, encoded: str, source: str) -> "ImageInput":
        media_type, width, height = measure(data, source)
        return cls(f"data:{media_type};base64,{encoded}", source, media_type, width, height)

    @classmethod
    def from_block(cls, block: Mapping[str, Any], *, source: str) -> "ImageInput":
        """A LangChain content block of type image, or a file block that holds an image.

        Raises:
            ValueError: It points to a provider's file store, or holds no usable image.
        """
        if isinstance(encoded := block.get("base64"), str):
            return cls.from_base64(encoded, source=source)
        if isinstance(url := block.get("url"), str):
            image = cls.of(url)
            return cls(image.url, source, image.media_type, image.width, image.height)
        raise ValueError(
            f"{source} lies in a provider's file store, where only that provider can read it; "
            "attach the picture itself, or give its https URL"
        )


def measure(data: bytes, source: str) -> tuple[str, int, int]:
    """Media type, width and height in pixels of a JPEG, PNG or WebP, from its header.

    Raises:
        ValueError: It is another kind of file, or its header is damaged.
    """
    for signature, media_type, size in _READERS:
        if re.match(signature, data, re.DOTALL):
            try:
                width, height = size(data)
            except (struct.error, IndexError):
                width = height = 0
            if width < 1 or height < 1:
                raise ValueError(f"{source} is a damaged {media_type} file")
            return media_type, width, height
    raise ValueError(f"{source} is not an image that can be sent ({FORMATS})")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from error


def _data_uri_payload(uri: str) -> str:
    header, comma, payload = uri.partition(",")
    if not comma or not header.lower().endswith(";base64"):
        raise ValueError("the data URI is not of the form data:image/…;base64,…")
    return payload


def _png_size(data: bytes) -> tuple[int, int]:
    kind, width, height = struct.unpack_from(">4sII", data, 12)
    return (width, height) if kind == b"IHDR" else (0, 0)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments to the frame header: ITU T.81, B.1.1.3 and B.2.2."""
    position = 2
    while True:
        while data[position + 1] == 0xFF:  # fill bytes before a marker
            position += 1
        marker = data[position + 1]
        if data[position] != 0xFF or marker in (0xD9, 0xDA):
            return 0, 0
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])


def _webp_size(data: bytes) -> tuple[int, int]:
    """Of the three kinds of first chunk: RFC 9649, sections 2.5 to 2.7."""
    kind = data[12:16]
    if kind == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return 1 + low_w + (high_w << 16), 1 + low_h + (high_h << 16)
    if kind == b"VP8L":
        bits = int(struct.unpack_from("<I", data, 21)[0])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


_READERS = (
    (rb"\x89PNG\r\n\x1a\n", "image/png", _png_size),
    (rb"\xff\xd8\xff", "image/jpeg", _jpeg_size),
    (rb"RIFF....WEBP", "image/webp", _webp_size),
)
