"""The pictures an agent may name: URLs, references, and what the developer registered.

Nothing that an agent writes is ever fetched from here, and no file is opened outside the folders.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_apilaplas.blocks import picture_in
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.nested import ToImage
from langchain_apilaplas.quoting import hide, quoted, shorten
from langchain_apilaplas.runtime import is_human, messages
from langchain_apilaplas.values import framed

if TYPE_CHECKING:
    from langchain_apilaplas.files import Folders

_LONGEST = 1000
_RECORDED = 200
_URL = re.compile(r"[a-zA-Z][\w+.-]*:|//|\\\\")
_KINDS = "'attached:last' or 'attached:N'"


@dataclass(frozen=True)
class Pictures:
    """What a developer lets an agent name, besides URLs and the pictures of the conversation."""

    registered: Mapping[str, ImageInput] = field(default_factory=dict)
    folders: "Folders | None" = None

    @classmethod
    def of(cls, images: Mapping[str, Any], folders: Sequence[str | Path]) -> "Pictures":
        """Read the pictures, and settle where the folders are.

        Raises:
            SettingsError: A name can't be said, a picture can't be sent, a folder is none.
        """
        registered: dict[str, ImageInput] = {}
        for name, value in images.items():
            if str(name).lower() in map(str.lower, registered):
                raise SettingsError(f"images: {quoted(name)} is there in other letters, too.")
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][\w-]{0,63}", name):
                raise SettingsError(
                    f"images: {quoted(name)} is no name; use letters, digits, - and _."
                )
            try:
                registered[name] = ImageInput.of(value)
            except ValueError as error:
                raise SettingsError(f"images[{name!r}]: {error}.") from None
        if not folders:
            return cls(registered)
        from langchain_apilaplas.files import Folders  # noqa: PLC0415 - seldom needed

        try:
            return cls(registered, Folders.of(folders))
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            raise SettingsError(f"image_folders: {error}.") from None

    @property
    def told(self) -> str:
        """What else an agent may name, as a sentence; "" for nothing."""
        several = [repr(name) for name in self.registered]
        if self.folders:
            there = self.folders.examples()[:2]
            like = f" such as {' or '.join(map(repr, there))}" if there else ""
            several.append(f"a file of {self.folders}{like}")
        return f"Also by name: {', '.join(several)}." if several else ""

    def naming(self, runtime: Any, frames: Mapping[str, ImageInput], missing: list[str]) -> ToImage:
        """Makes an image of what an agent names. A frame that is not there yet is promised, and the
        id of its video added to `missing`.
        """

        def named(name: object) -> ImageInput:
            generation_id = framed(name.strip(_AROUND)) if isinstance(name, str) else None
            if generation_id is None:
                return self.named(name, runtime)
            if generation_id in frames:
                return frames[generation_id]
            missing.append(generation_id)
            return ImageInput.promise(f"video:{generation_id}:last")

        return named

    def named(self, name: object, runtime: Any) -> ImageInput:
        """The image an agent names, but for a frame of a video.

        Raises:
            ValueError: It is something else, or there is no such picture; the message tells which
                there are.
        """
        if not isinstance(name, str):
            raise ValueError(
                f"a {type(name).__name__} names no image; give an https URL as text, {_KINDS}"
            )
        name = name.strip(_AROUND)
        if name[:9].lower() == "attached:":
            return _attached(name[9:].strip().lower(), runtime)
        if name[:5].lower() == "data:" or re.fullmatch(r"[\w+/=-]{100,}", name[:200]):
            raise ValueError("base64 can't be passed here; name the picture as 'attached:last'")
        if found := {known.lower(): known for known in self.registered}.get(name.lower()):
            return self.registered[found]
        if self.folders and not _URL.match(name):
            return _file(self.folders, name)
        return self._linked(name)

    def _linked(self, name: str) -> ImageInput:
        try:
            image = ImageInput.from_url(name)
            _check_host(name)
        except ValueError as error:
            hint = "a video's frame is 'video:<generation id>:last'"
            nor = hint if name[:6].lower() == "video:" else f"nor {_KINDS}"
            others = f". {self.told}".rstrip(".") if self.told else ""
            raise ValueError(f"{error}, {nor}{others}") from None
        return image


_AROUND = " `'\"<>"


def _file(folders: "Folders", name: str) -> ImageInput:
    if len(name) > _LONGEST:
        raise ValueError(f"{quoted(name)} is no file's name")
    return ImageInput.from_bytes(folders.read(name), source=name)


def image_name(name: object) -> Any:
    """What an agent named, fit for a record: no base64, and of a URL neither password nor query."""
    if isinstance(name, list):
        return [image_name(item) for item in name]
    if not isinstance(name, str):
        return type(name).__name__
    plain = re.split(r"[?#]", name, maxsplit=1)[0] if "://" in name else name
    return shorten(hide(plain), _RECORDED)


def _check_host(url: str) -> None:
    from langchain_apilaplas.addresses import public_host  # noqa: PLC0415 - seldom needed

    public_host(url)


def _attached(number: str, runtime: Any) -> ImageInput:
    found = list(_attachments(runtime))
    name = quoted(f"attached:{number}")
    if not found:
        raise ValueError(
            f"{name} does not exist: no picture is attached to this conversation; "
            "ask the user for one, or for its https URL"
        )
    index = len(found) if number == "last" else _whole(number)
    if not 1 <= index <= len(found):
        raise ValueError(
            f"{name} does not exist: {len(found)} attached, so 'attached:1' to "
            f"'attached:{len(found)}', or 'attached:last'"
        )
    image = ImageInput.from_block(found[index - 1], source=f"attached:{index}")
    if image.link:
        _check_host(image.link)
    return image


def _attachments(runtime: Any) -> Iterator[Mapping[str, Any]]:
    """As the messages hold them: LangChain's own reading would copy each picture."""
    for message in messages(runtime):
        if is_human(message) and isinstance(message.content, list):
            found = map(picture_in, message.content)
            yield from (picture for picture in found if picture is not None)


def _whole(number: str) -> int:
    return int(number) if re.fullmatch(r"[0-9]{1,9}", number) else 0
