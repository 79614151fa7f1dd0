"""An image, however it comes, made into what travels: an https URL or a data URI.

An image given as bytes is recognized by its content, not by its name, and measured, before
anything is sent. It is encoded once. No URL is ever fetched here: the gateway does that.
"""

import binascii
import hashlib
import io
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from langchain_apilaplas.blocks import picture_in, unwrapped
from langchain_apilaplas.quoting import quoted

if TYPE_CHECKING:
    from langchain_apilaplas import converting

_FORMS = (
    "give an https URL, a data URI, bytes, a file's path, an image of Pillow's or a content block"
)


@dataclass(frozen=True)
class ImageInput:
    """An image that may be sent. Made by `of`.

    Attributes:
        source: How the caller named it, for messages and artifacts.
        link: Its https URL; "" where the image itself travels.
        encoded: The image itself, as base64. Not in `repr`: it may be megabytes.
        media_type: "image/jpeg", "image/png" or "image/webp"; None for a URL.
        width: Pixels; None for a URL.
        height: Pixels; None for a URL.
        fixes: What was done to it, in words that follow "it was".
        given: A hash of what it was made from, where it does not travel as it came.
        promised: Whether it stands for a frame of a video that has still to be fetched.
    """

    source: str
    link: str = field(default="", repr=False)
    encoded: bytes = field(default=b"", repr=False)
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    fixes: tuple[str, ...] = ()
    given: str = field(default="", repr=False)
    promised: bool = False
    _fitted: dict[object, "ImageInput"] = field(default_factory=dict, repr=False, compare=False)

    @property
    def url(self) -> str:
        """What travels: an https URL, or a data URI, made anew each time."""
        return self.link or (self.prefix + self.encoded).decode("ascii")

    @property
    def prefix(self) -> bytes:
        """What stands before `encoded` in the data URI."""
        return b"data:%s;base64," % (self.media_type or "").encode("ascii")

    @property
    def ratio(self) -> float | None:
        """Width divided by height; None for a URL."""
        return self.width / self.height if self.width and self.height else None

    @property
    def size(self) -> int:
        """Bytes of the image itself; 0 for a URL."""
        return len(self.encoded) * 3 // 4 - self.encoded[-2:].count(b"=")

    @property
    def identity(self) -> str:
        """What stays the same however a picture is converted: the hash of what was given."""
        return self.given or _hash(binascii.a2b_base64(self.encoded))

    @classmethod
    def of(cls, value: object) -> "ImageInput":
        """From code: an https URL, a data URI, bytes, a path, a `PIL.Image.Image`, or a content
        block of a chat message in LangChain's form or a provider's.

        A string that is neither URL nor data URI is a file's path, so never pass on what an agent
        wrote: the tools don't, and `from_url` reads nothing.

        Raises:
            ValueError: It is none of these, or holds no image; the message says which.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            return cls.from_bytes(bytes(value), source=f"a picture of {len(value):,} bytes")
        if _is_pillows(value):
            return cls._of_pillows(value)
        if isinstance(value, Mapping):
            return cls._of_block(value)
        if isinstance(value, os.PathLike | str):
            return cls._named(value)
        raise ValueError(f"a {type(value).__name__} is no image; {_FORMS}")

    @classmethod
    def _of_pillows(cls, image: Any) -> "ImageInput":
        from langchain_apilaplas import converting  # noqa: PLC0415 - seldom needed

        source = Path(str(getattr(image, "filename", ""))).name or "a picture"
        return cls.from_bytes(converting.written(image, source), source=source)

    @classmethod
    def _named(cls, value: "os.PathLike[str] | str") -> "ImageInput":
        if isinstance(value, str) and value[:5].lower() == "data:":
            return cls._of_data_uri(value, source="data URI")
        if isinstance(value, str) and _ADDRESS.match(value):
            return cls.from_url(value)
        from langchain_apilaplas import files  # noqa: PLC0415 - seldom needed

        return cls.from_bytes(files.read_given(value), source=Path(value).name)

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
        return cls(re.split(r"[?#]", url, maxsplit=1)[0], link=url)

    @classmethod
    def from_base64(cls, text: str | bytes, *, source: str) -> "ImageInput":
        """Base64 as messages and data URIs carry it; it travels as it came, but for line breaks,
        the letters of URLs and a missing end, which are set right.

        Raises:
            ValueError: It is not base64, or the bytes are not an image.
        """
        try:
            encoded = text.encode("ascii") if isinstance(text, str) else text
            data = binascii.a2b_base64(encoded, strict_mode=True)
        except ValueError:
            data, encoded = unwrapped(text, source), b""
        return cls._checked(data, source, encoded)

    @classmethod
    def from_bytes(cls, data: bytes, *, source: str) -> "ImageInput":
        """A picture file's content: JPEG, PNG or WebP; or, with Pillow, what can be made a JPEG.

        Raises:
            ValueError: It is none of these, or damaged, cut off, animated, turned or too big.
        """
        return cls._checked(data, source)

    @classmethod
    def from_block(cls, found: Mapping[str, Any], *, source: str) -> "ImageInput":
        """A picture as `blocks.picture_in` gives it.

        Raises:
            ValueError: It points to a provider's file store, or holds no usable image.
        """
        if isinstance(encoded := found.get("base64"), str):
            return cls.from_base64(encoded, source=source)
        if isinstance(data := found.get("data"), bytes):
            return cls.from_bytes(data, source=source)
        if isinstance(url := found.get("url"), str):
            if url[:5].lower() == "data:":
                return cls._of_data_uri(url, source=source)
            return replace(cls.from_url(url), source=source)
        raise ValueError(
            f"{source} lies in a provider's file store, where only that provider can read it; "
            "attach the picture itself, or give its https URL"
        )

    @classmethod
    def of_frame(cls, data: bytes, *, source: str) -> "ImageInput":
        """A frame of a video. What it is called says which: decoders may differ in a bit.

        Raises:
            ValueError: As of `from_bytes`.
        """
        return replace(cls.from_bytes(data, source=source), given=_hash(source.encode()))

    @classmethod
    def promise(cls, source: str) -> "ImageInput":
        """What stands for a frame of a video until it is fetched."""
        return cls(source, promised=True)

    def fitted(
        self, kinds: tuple[str, ...], most: int | None, least_side: int, need: str
    ) -> "ImageInput":
        """The same picture, made into one of the media types, with at most so many bytes.

        Raises:
            ValueError: That can't be done here; `need` says, after its name, what is wrong.
        """
        from langchain_apilaplas import converting  # noqa: PLC0415 - seldom needed

        key = (kinds, most, least_side)
        if key not in self._fitted:
            data = binascii.a2b_base64(self.encoded)
            wanted = converting.Wanted(kinds, most, least_side, f"{self.source} {need}")
            made = converting.fitted(data, self.media_type or "", self.source, wanted)
            image = ImageInput.from_bytes(made.data, source=self.source)
            fixes = (*self.fixes, *made.done)
            self._fitted[key] = replace(image, fixes=fixes, given=self.identity)
        return self._fitted[key]

    @classmethod
    def _of_block(cls, block: Mapping[str, Any]) -> "ImageInput":
        found = picture_in(block)
        if found is None:
            raise ValueError(f"the block of type {quoted(block.get('type'))} holds no image")
        return cls.from_block(found, source="the block's picture")

    @classmethod
    def _of_data_uri(cls, uri: str, *, source: str) -> "ImageInput":
        comma = uri.find(",", 0, 1000)
        if comma < 0 or not uri[:comma].lower().endswith(";base64"):
            raise ValueError("the data URI is not of the form data:image/…;base64,…")
        try:
            encoded = _ascii(uri, comma + 1)
        except UnicodeError:
            raise ValueError(f"{source} is not valid base64") from None
        return cls.from_base64(encoded, source=source)

    @classmethod
    def _checked(cls, data: bytes, source: str, encoded: bytes = b"") -> "ImageInput":
        """Of a file's bytes, and what they are in base64 where that is known."""
        from langchain_apilaplas import formats  # noqa: PLC0415 - seldom needed

        if not data:
            raise ValueError(f"{source} is empty")
        if len(data) > formats.MOST_BYTES:
            raise ValueError(f"{source} has {len(data):,} bytes; give a smaller picture")
        kind, given = formats.foreign(data), ""
        done: tuple[str, ...] = ()
        header = None if kind else formats.read(data, source)
        if header is None or header.orientation != 1:
            made, given = _usable(data, source), _hash(data)
            data, done, encoded = made.data, made.done, b""
            header = formats.read(data, source)
        if not encoded or header.end < len(data):
            encoded = binascii.b2a_base64(memoryview(data)[: header.end], newline=False)
        return cls(
            source, "", encoded, header.media_type, header.width, header.height, done, given
        )  # fmt: skip


_ADDRESS = re.compile(r"\s*[a-zA-Z][\w+.-]+:")
"""A string that starts like this is meant as an address, so no file is looked for."""


def _usable(data: bytes, source: str) -> "converting.Converted":
    from langchain_apilaplas import converting  # noqa: PLC0415 - seldom needed

    return converting.usable(data, source)


def _is_pillows(value: object) -> bool:
    """Whether it is an image of Pillow's. Where nobody has imported Pillow, nothing is."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def _ascii(text: str, start: int) -> bytes:
    """The text from there on as bytes, without a copy of it as text."""
    buffer = io.BytesIO()
    for at in range(start, len(text), _STEP):
        buffer.write(text[at : at + _STEP].encode("ascii"))
    return buffer.getvalue()


_STEP = 1 << 20


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
