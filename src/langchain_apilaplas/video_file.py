"""Whether a file is a video. The file itself is looked at: a host's word is not enough."""

import os
from pathlib import Path
from typing import IO

from langchain_apilaplas.errors import DownloadError

_MAGIC = {"mov": (4, b"ftyp"), "matroska": (0, b"\x1aE\xdf\xa3")}
"""What an ISO media file (MP4) and a WebM file begin with, and where; by FFmpeg's name for them."""


def check(path: Path) -> None:
    """Look at the magic bytes and, where `av` is installed, for a container with a video track.

    Raises:
        DownloadError: It is no video, or not all of one.
    """
    with path.open("rb") as file:
        found = container(file)
        if found is None:
            raise _no_video("What came is not a video file.")
        is_cut = _is_cut_mp4 if found == "mov" else _is_cut_webm
        if is_cut(file, os.fstat(file.fileno()).st_size):
            raise _no_video("What came is only the beginning of a video.")
    _check_tracks(path, found)


def container(file: IO[bytes]) -> str | None:
    """What kind of file it is, in FFmpeg's words: "mov" for an MP4, "matroska" for a WebM; or None.

    It is to be told to FFmpeg, which would take a playlist too, and open whatever that names.
    """
    file.seek(0)
    head = file.read(12)
    found = [name for name, (at, magic) in _MAGIC.items() if head[at:].startswith(magic)]
    return found[0] if found else None


def _is_cut_mp4(file: IO[bytes], size: int) -> bool:
    """Whether there is no media data, or the last of the boxes says it is longer than the file."""
    at, length, kinds = 0, 8, set()
    while at < size and length >= 8:
        file.seek(at)
        head = file.read(16)
        wide = head[:4] == b"\0\0\0\1"
        length = int.from_bytes(head[8:16] if wide else head[:4], "big")
        kinds.add(head[4:8])
        at += length
    return at > size or b"mdat" not in kinds


def _is_cut_webm(file: IO[bytes], size: int) -> bool:
    """Whether the one segment says it is longer than the file (RFC 8794: EBML)."""
    at = 0
    for _ in ("header", "segment"):
        file.seek(at + 4)
        coded = file.read(8)
        width = 9 - coded[0].bit_length() if coded else 9
        if width > 8:
            return True
        length = int.from_bytes(coded[:width], "big") - (1 << 7 * width)
        at += 4 + width + length
    is_told = length != (1 << 7 * width) - 1
    return is_told and at > size


def _check_tracks(path: Path, kind: str) -> None:
    try:
        import av  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return
    try:
        with av.open(str(path), format=kind) as opened:
            tracks = len(opened.streams.video)
    except (av.FFmpegError, ValueError) as error:
        raise _no_video("What came can't be read as a video.") from error
    if not tracks:
        raise _no_video("What came has no video track.")


def _no_video(problem: str) -> DownloadError:
    return DownloadError(problem, next_step="Look at the link itself, or get a fresh one.")
