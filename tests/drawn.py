"""Picture files made for tests."""

import io
import struct
import zlib

from PIL import Image

from tests.conftest import ROCKET


def encoded(
    kind: str, size: tuple[int, int] = (300, 200), mode: str = "RGB", **options: object
) -> bytes:
    """A picture of one color, except for a red corner at the top left."""
    image = Image.new("RGB", size, "navy")
    image.paste("red", (0, 0, max(1, size[0] // 3), max(1, size[1] // 3)))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def heavy(size: int) -> bytes:
    """The rocket with so many bytes more, as comments within the file."""
    data, comment = ROCKET.read_bytes(), b"\xff\xfe\xff\xff" + bytes(65_533)
    return data[:2] + comment * (size // len(comment) + 1) + data[2:]


def turned(orientation: int, kind: str = "JPEG") -> bytes:
    """A picture that EXIF says is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(kind, exif=exif.tobytes())


def frames(kind: str, count: int = 3) -> bytes:
    """An animation, or a file of several pictures."""
    several = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")[:count]]
    buffer = io.BytesIO()
    several[0].save(buffer, kind, save_all=True, append_images=several[1:])
    return buffer.getvalue()


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file that says it has so many pixels, whatever it holds."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
