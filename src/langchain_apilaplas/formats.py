"""What kind of picture a file's bytes are, read from its header without decoding it. Pure.

Only the content counts, never a name. A picture that could not be shown whole, or that would take
gigabytes to decode, is refused here.
"""

import binascii
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST_PIXELS = 89_000_000
"""What Pillow, too, takes for a bomb when it is more."""

MOST_BYTES = 64_000_000
"""Of a picture's file."""

_NAMES = "JPEG, PNG or WebP"


@dataclass(frozen=True)
class Header:
    """What a picture's file tells of itself.

    Attributes:
        media_type: "image/jpeg", "image/png" or "image/webp".
        width: Pixels, as stored.
        height: Pixels, as stored.
        orientation: As EXIF counts: 1 is upright, 2 to 8 are mirrored or turned.
        end: Bytes of the picture itself; what follows is something else.
    """

    media_type: str
    width: int
    height: int
    orientation: int
    end: int


def read(data: bytes, source: str) -> Header:
    """The header of a JPEG, PNG or WebP file.

    Raises:
        ValueError: It is another kind of file, damaged, cut off, animated, or too big.
    """
    reader = next((r for sign, r in _READERS if re.match(sign, data, re.DOTALL)), None)
    if reader is None:
        raise ValueError(f"{source} is not an image that can be sent ({_NAMES})")
    media_type, read_ = reader
    try:
        found = read_(data)
    except (struct.error, IndexError):
        raise ValueError(f"{source} is a damaged {media_type} file, or cut off") from None
    if found.width < 1 or found.height < 1:
        raise ValueError(f"{source} is a damaged {media_type} file")
    check_size(found.width, found.height, source)
    if found.animated:
        raise ValueError(f"{source} is animated; give a still picture")
    return Header(media_type, found.width, found.height, _orientation(found.exif), found.end)


def check_size(width: int, height: int, source: str) -> None:
    """Refuse what would take gigabytes to decode.

    Raises:
        ValueError: It has too many pixels.
    """
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"{source} has {width}\u00d7{height} pixels, more than {MOST_PIXELS // 1_000_000} "
            "million; make it smaller"
        )


def foreign(data: bytes) -> str | None:
    """The name of a format that Pillow can read and models can't; None for any other file."""
    found = next((name for sign, name in _FOREIGN if re.match(sign, data, re.DOTALL)), None)
    # An AVIF file's first brand may be the one of all such pictures; those after it are its own.
    brands = data[16 : min(64, int.from_bytes(data[:4]))]
    return "AVIF" if found == "HEIF" and re.match(rb"(....)*?avi[fs]", brands, re.DOTALL) else found


def is_picture(head: bytes) -> bool:
    """Whether a file that starts like this is a picture, of whatever format."""
    return any(re.match(sign, head, re.DOTALL) for sign, _ in (*_READERS, *_FOREIGN))


def is_base64_of_picture(text: str) -> bool:
    """Whether a text that starts like this is a picture's file in base64."""
    try:
        return is_picture(binascii.a2b_base64(text[:64]))
    except ValueError:
        return False


@dataclass(frozen=True)
class _Found:
    width: int
    height: int
    end: int
    exif: bytes = b""
    animated: bool = False


def _png(data: bytes) -> _Found:
    """Its chunks with their checksums, to the last: PNG, third edition, section 5."""
    kind, width, height = struct.unpack_from(">4sII", data, 12)
    exif, names, at, view = b"", set[bytes](), 8, memoryview(data)
    while kind == b"IHDR" and b"IEND" not in names:
        length, name = struct.unpack_from(">I4s", data, at)
        [checksum] = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(view[at + 4 : at + 8 + length]) != checksum:
            return _Found(0, 0, 0)
        exif = data[at + 8 : at + 8 + length] if name == b"eXIf" else exif
        names.add(name)
        at += 12 + length
    return (
        _Found(width, height, at, exif, b"acTL" in names) if b"IDAT" in names else _Found(0, 0, 0)
    )


def _jpeg(data: bytes) -> _Found:
    """Its segments, to the end of the image: ITU T.81, B.1.1 and B.2."""
    width = height = 0
    exif = b""
    for marker, start, end in _segments(data):
        if marker == 0xD9:
            return _Found(width, height, end, exif)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and not width:
            height, width = struct.unpack_from(">HH", data, start + 3)
        if marker == 0xE1 and not exif and data[start + 2 : start + 8] == b"Exif\0\0":
            exif = data[start + 8 : end]
    return _Found(0, 0, 0)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment, past the coded data of each scan."""
    at = 2
    while True:
        while data[at + 1] == 0xFF:  # fill bytes before a marker
            at += 1
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xD8:
            return
        if marker == 0xD9:
            yield marker, at + 2, at + 2
            return
        start = at + 2
        at = start + max(2, struct.unpack_from(">H", data, start)[0])
        yield marker, start, at
        if marker == 0xDA:
            next_marker = _MARKER.search(data, at)
            if next_marker is None:
                raise IndexError
            at = next_marker.start()


_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""Within coded data: what is neither a stuffed byte, nor a restart, nor filling."""


def _webp(data: bytes) -> _Found:
    """Its chunks: RFC 9649, sections 2.4 to 2.7."""
    end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    if end > len(data) or end < 20:
        raise IndexError
    width, height = _webp_size(data)
    exif, animated, at = b"", data[12:16] == b"VP8X" and bool(data[20] & 0x02), 12
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"EXIF":
            exif = data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0")
        at += 8 + length + length % 2
    if at - length % 2 > end:
        raise IndexError
    return _Found(width, height, end, exif, animated)


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return 1 + low_w + (high_w << 16), 1 + low_h + (high_h << 16)
    if kind == b"VP8L":
        bits = int(struct.unpack_from("<I", data, 21)[0])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _orientation(exif: bytes) -> int:
    """Tag 0x0112 of the first directory (EXIF 2.32, 4.6); 1 where nothing usable is said."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        [start] = struct.unpack_from(f"{order}I", exif, 4)
        [count] = struct.unpack_from(f"{order}H", exif, start)
        for n in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * n)
            if tag == 0x0112:
                return value if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


_READERS: tuple[tuple[bytes, tuple[str, Callable[[bytes], _Found]]], ...] = (
    (rb"\x89PNG\r\n\x1a\n", ("image/png", _png)),
    (rb"\xff\xd8\xff", ("image/jpeg", _jpeg)),
    (rb"RIFF....WEBP", ("image/webp", _webp)),
)

_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (rb"GIF8[79]a", "GIF"),
    (rb"BM.{4}\0\0\0\0", "BMP"),
    (rb"II\*\0|MM\0\*", "TIFF"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "HEIF"),
)
"""Those alone are ever given to Pillow: some of its other readers start programs."""
