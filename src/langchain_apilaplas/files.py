"""Files that are read: any for code, and for agents those under the folders a developer names.

For an agent, a file's name begins with its folder's: `photos/cats/tom.jpg`. Where links and `..`
lead is settled first; then the way is walked from the folder down, so that nothing that is swapped
meanwhile leads out of it.
"""

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from unicodedata import normalize

from langchain_apilaplas.formats import MOST_BYTES, is_base64_of_picture
from langchain_apilaplas.quoting import hide, quoted, shorten

_FEW = 10
_SCANNED = 1000
_LONGEST = 1000
"""Of a path that is told whole."""
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = _FLAGS | getattr(os, "O_NOFOLLOW", 0)
_WALKS = os.open in os.supports_dir_fd
_PICTURES = re.compile(r"[^.].*\.(jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf])", re.IGNORECASE)
"""What is shown of a folder. What may be read is up to the content alone."""


def read_given(given: str | os.PathLike[str]) -> bytes:
    """The content of a file that code names. Reading a device or a pipe might never end, so they
    are refused.

    Raises:
        ValueError: It can't be read, or is no file; of a text that it may not be meant as one.
    """
    try:
        return _content(os.open(given, _FLAGS), str(given))
    except PermissionError as error:
        reason: str | None = error.strerror
    except (OSError, ValueError) as error:
        reason = None if isinstance(given, str) else getattr(error, "strerror", "it is no file")
    # Raised out here, or the error would hold the one of the system, and that all that was given.
    text = str(given)
    if is_base64_of_picture(text):
        raise ValueError(
            "this is base64, and not said to be; give the bytes, or a data URI: "
            "data:image/png;base64,…"
        )
    if reason is None:
        raise ValueError(f"{quoted(text)} is not an https URL, nor a file here")
    told = text if len(text) <= _LONGEST else shorten(hide(text))
    raise ValueError(f"{told} can't be read: {reason}")


@dataclass(frozen=True)
class Folders:
    """The folders whose pictures an agent may name. Made by `of`."""

    by_name: dict[str, Path]

    @classmethod
    def of(cls, paths: Iterable[str | Path]) -> "Folders":
        """Settle where the folders are.

        Raises:
            ValueError: One is no folder, or two have the same name.
        """
        found: dict[str, Path] = {}
        for path in paths:
            real = Path(path).expanduser().resolve()
            if path == "" or not real.is_dir():  # "" is what an empty setting gives
                raise ValueError(f"{quoted(str(path))} is no folder")
            if not real.name or real.name in found:
                raise ValueError(f"{quoted(str(path))} needs a name that no other folder has")
            if not _SAYABLE.fullmatch(real.name) or not _is_shown_as_it_is(real.name):
                raise ValueError(f"{quoted(str(path))} needs a name that an agent can say")
            found[real.name] = real
        return cls(found)

    def __str__(self) -> str:
        return " or ".join(f"{name}/" for name in self.by_name)

    def read(self, name: str) -> bytes:
        """The content of a file that an agent named.

        Raises:
            ValueError: It lies elsewhere, is not there, or is no file. Which of these is not said
                of what lies outside.
        """
        clean = "" if _UNSAFE.search(name) else posixpath.normpath(name)
        top, _, rest = clean.partition("/")
        forms = ("NFC", "NFD")  # letters with accents as one character, or as macOS writes them
        folder = next((f for n, f in self.by_name.items() if _composed(n) == _composed(top)), None)
        for form in dict.fromkeys([rest, *(normalize(form, rest) for form in forms)]):  # type: ignore[arg-type]
            if folder and rest and (content := _read(folder, form, name)) is not None:
                return content
        raise ValueError(self._missing(name))

    def examples(self) -> list[str]:
        """The names of a few pictures that are there."""
        return sorted(islice(self._names(), _FEW))

    def _names(self) -> Iterator[str]:
        for top, folder in self.by_name.items():
            try:
                with os.scandir(folder) as entries:
                    names = sorted(entry.name for entry in islice(entries, _SCANNED))
            except OSError:
                continue
            yield from (f"{top}/{name}" for name in names if _is_offered(name))

    def _missing(self, name: str) -> str:
        told = f"{quoted(name)} is no file of {self}"
        there = self.examples()
        return f"{told}; there are {', '.join(map(repr, there))}" if there else told


_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|^[/~]" + ("" if _WALKS else "|:"))
"""No path of a system's own (shares, homes, Windows' drives and devices), and nothing unsayable."""

_SAYABLE = re.compile(r"[^\s`'\"<>~:\\]([^:\\]*[^\s`'\"<>:\\])?")
"""A folder's name that stays whole where what is around an agent's words is cut off, no URL's."""


def _is_offered(name: str) -> bool:
    pictured = _PICTURES.fullmatch(name) and not _UNSAFE.search(name)
    return bool(pictured) and _is_shown_as_it_is(name)


def _is_shown_as_it_is(name: str) -> bool:
    """Whether an agent that repeats what it was shown says the name."""
    return repr(name)[1:-1] == name


def _composed(name: str) -> str:
    return normalize("NFC", name)


def _read(folder: Path, rest: str, name: str) -> bytes | None:
    """The content of a file in the folder; None where there is none."""
    try:
        real = (folder / rest).resolve(strict=True)
        return _content(_walked(folder, real.relative_to(folder).parts), name)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle
        return None


def _walked(folder: Path, parts: Sequence[str]) -> int:
    """An open file, reached from the folder down without following any link."""
    if not _WALKS:  # Windows
        return os.open(folder.joinpath(*parts), _FLAGS)
    at = os.open(folder, _NO_LINK)
    for part in parts:
        try:
            below = os.open(part, _NO_LINK, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


def _content(descriptor: int, name: str) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)  # `open` would leave that of a folder open
        raise ValueError(f"{quoted(name)} is no file")
    with open(descriptor, "rb") as file:
        return file.read(min(found.st_size, MOST_BYTES) + 1)  # so much is set aside at once
