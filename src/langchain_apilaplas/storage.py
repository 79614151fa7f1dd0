"""Where finished videos are kept: what a storage can do, and the plainest one, a folder."""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
import uuid
import weakref
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

from langchain_apilaplas.threads import begun


class Storage(ABC):
    """A place for files that are never changed. One of your own needs `address`, `put` and `link`.

    What `put` and `link` raise loses no video: the caller gets the link that there was. So does one
    who has waited for them for five minutes.

    Attributes:
        address: Names the place in the ledger, so it must be the same in every process, and hold no
            secret.
    """

    address: str

    @abstractmethod
    def put(self, name: str, content: Path | bytes, content_type: str) -> None:
        """Keep a file: all of it, or nothing. The same name again is the same file.

        Args:
            name: Its name.
            content: The bytes, or a file in the folder that `scratch` gave, which may be moved.
            content_type: Such as "video/mp4".
        """

    @abstractmethod
    def link(self, name: str) -> str:
        """A link to a file that is kept.

        Raises:
            FileNotFoundError: It is no longer there, so it must be kept anew.
        """

    async def aput(self, name: str, content: Path | bytes, content_type: str) -> None:
        """`put`, for an event loop. By default in a thread."""
        await asyncio.wrap_future(begun(lambda: self.put(name, content, content_type)))

    async def alink(self, name: str) -> str:
        """`link`, for an event loop. By default in a thread."""
        return await asyncio.wrap_future(begun(lambda: self.link(name)))

    def scratch(self) -> Path:
        """A folder for files on their way here. By default one of the system's for temporary
        files, that no other user can read.
        """
        self._scratch.mkdir(mode=0o700, exist_ok=True)
        return self._scratch

    def address_of(self, name: str) -> str:
        """Names a file in the ledger."""
        return f"{self.address}/{name}"

    @cached_property
    def _scratch(self) -> Path:
        folder = tempfile.mkdtemp(prefix="apilaplas-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r})"


class FolderStorage(Storage):
    """A folder, made when it is first needed. Its links are `file://` URLs.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self.address = self.path.as_uri()

    def put(self, name: str, content: Path | bytes, content_type: str) -> None:
        """See `Storage.put`. A file has its name only when it is whole and on the disk."""
        if isinstance(content, Path):
            content.replace(self.path / name)
            return
        part = self.scratch() / f".{uuid.uuid4().hex}.part"
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path / name)
        finally:
            part.unlink(missing_ok=True)

    def link(self, name: str) -> str:
        """See `Storage.link`."""
        path = self.path / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is no longer there")
        return path.as_uri()

    def scratch(self) -> Path:
        """The folder itself: a file can take its name at once only on the same disk."""
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path


def file_name(generation_id: str) -> str:
    """A generation's name as a file's, without the ending; no two have the same.

    An id may hold slashes and colons, and some disks do not tell "A" from "a".
    """
    name = re.sub(r"[^\w.-]", "-", generation_id, flags=re.ASCII).lstrip(".")[:100]
    if name == generation_id.lower():
        return name
    return f"{name}-{hashlib.sha256(generation_id.encode()).hexdigest()[:8]}"
