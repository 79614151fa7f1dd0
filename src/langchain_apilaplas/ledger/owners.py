"""Who is alive: each opened ledger holds a lock on a file of its own, and the kernel frees it when
the process ends, however it ends. A process number could be another's by then; a lock can not.
"""

import contextlib
import os
import uuid
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _locked(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
else:

    def _locked(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


_process = (0, "")


def process() -> str:
    """A name of this process, for all its owners: 32 characters."""
    global _process  # noqa: PLW0603
    if _process[0] != os.getpid():  # a fork is another one
        _process = (os.getpid(), uuid.uuid4().hex)
    return _process[1]


class Owner:
    """A name in a folder, alive until it is closed or its process ends.

    Attributes:
        name: That of the process, and its own.

    Raises:
        OSError: The folder can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self.name = process() + uuid.uuid4().hex
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = _path(folder, self.name)
        self._file = self._path.open("xb")
        if not _locked(self._file):
            raise OSError(f"{self._path} can't be locked")

    def is_known(self) -> bool:
        """Whether others can see it: its file is still there."""
        return is_at(self._path, self._file.fileno())

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Let go of the lock that a fork inherited; the parent still holds it."""
        self._file.close()


def is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file still stands at its path, not another one or none."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def lives(folder: Path, name: str) -> bool:
    """Whether its process is still there. The file of a dead one is cleared away."""
    path = _path(folder, name)
    try:
        with path.open("rb") as file:
            if not _locked(file):
                return True
    except FileNotFoundError:
        return False
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    return False


def sweep(folder: Path) -> None:
    """Clear away what dead processes left. To be called by one at a time, who makes no new one."""
    for path in folder.glob("*.lock"):
        lives(folder, path.stem)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"
