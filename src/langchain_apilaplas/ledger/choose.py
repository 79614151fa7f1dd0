"""Which ledger to keep: from an argument, else from the environment."""

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.ledger.base import Ledger
from langchain_apilaplas.ledger.memory import MemoryLedger

if TYPE_CHECKING:
    from langchain_apilaplas.ledger.sqlite import SqliteLedger

VARIABLE = "APILAPLAS_LEDGER"
OFF, DEFAULT = "off", "default"
"""Instead of a path: in memory only, or the file that tools keep."""

Choice = Ledger | str | Path

_opened: "WeakValueDictionary[Path, SqliteLedger]" = WeakValueDictionary()
_lock = threading.Lock()


def named(choice: Choice) -> Ledger:
    """The ledger that a developer names.

    Raises:
        SettingsError: It is no path.
    """
    if isinstance(choice, Ledger):
        return choice
    word = str(choice).strip()
    if word.lower() == OFF:
        return MemoryLedger()
    if not word or word == ":memory:":
        raise SettingsError(f"ledger must be a file's path, {DEFAULT!r}, or {OFF!r} for in memory.")
    return in_file(default_path() if word.lower() == DEFAULT else Path(word))


def from_environment(otherwise: Choice) -> Ledger:
    """What `APILAPLAS_LEDGER` names, or something else where it is not set."""
    return named(os.environ.get(VARIABLE) or otherwise)


def in_file(path: Path) -> Ledger:
    """The ledger in a file, the same object for all who name that file."""
    from langchain_apilaplas.ledger.sqlite import SqliteLedger  # noqa: PLC0415 - for its import

    try:
        place = path.expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise SettingsError(f"The ledger's path {str(path)!r} can't be found: {error}") from error
    with _lock:
        ledger = _opened.get(place)
        if ledger is None:
            ledger = _opened[place] = SqliteLedger(place)
        return ledger


def default_path() -> Path:
    """`apilaplas/ledger.db` where this system keeps what programs remember of a user.

    Raises:
        SettingsError: This user has no home.
    """
    try:
        home = Path.home()
    except RuntimeError as error:
        raise SettingsError(
            "There is no home folder to keep the ledger in.",
            next_step=f"Set {VARIABLE} to a file's path, or to {OFF!r} for in memory only.",
        ) from error
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        given = Path(os.environ.get("XDG_STATE_HOME") or "")
        folder = given if given.is_absolute() else home / ".local" / "state"
    return folder / "apilaplas" / "ledger.db"
