"""A ledger in a file, for all processes of a machine. SQLite's write-ahead log; one table."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from langchain_apilaplas.errors import LedgerError
from langchain_apilaplas.ledger import owners
from langchain_apilaplas.ledger.base import Ledger
from langchain_apilaplas.ledger.rows import MIGRATIONS, SqliteRows
from langchain_apilaplas.ledger.table import Clock, Rows, utc

_APPLICATION_ID = 0x4150_4C53
_BUSY = 10.0
"""Seconds to wait for another process that is writing."""
_GLANCE = 0.05
"""Seconds of that which SQLite waits at a stretch: as long it hears no Ctrl-C."""


class SqliteLedger(Ledger):
    """A ledger in one file, on a local disk (its locks do not work over a network).

    The file holds prompts and the videos' signed links, so only its owner may read it. A killed
    process loses nothing that was written; a power cut may lose the last moments.

    Args:
        path: The file. It is made, with its folder, when it is first needed; beside it lie
            SQLite's `-wal` and `-shm`, and a folder of locks, `.owners`.
        clock: Gives the time (aware).

    Raises:
        LedgerError: By each method: the file can't be read or written, is damaged, belongs to
            something else, or to a newer version of this package.
    """

    def __init__(self, path: str | Path, clock: Clock = utc) -> None:
        self.path = Path(path).expanduser().absolute()
        self._folder = self.path.with_name(self.path.name + ".owners")
        self._begin()
        super().__init__(clock)

    def _begin(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="apilaplas-ledger")
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._owner: owners.Owner | None = None
        self._closing: weakref.finalize[..., Ledger] | None = None

    def __repr__(self) -> str:
        return f"SqliteLedger({str(self.path)!r})"

    @property
    def owner(self) -> str:
        """The name whose lock this process holds."""
        if self._owner is None:
            raise AssertionError("unreachable: asked within a transaction")
        return self._owner.name

    def close(self) -> None:
        """Close the file. What is still being submitted is then taken for unknown."""
        with self._lock:
            if self._closing:
                self._closing()
            self._database, self._owner = None, None

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[Rows]:
        with self._lock, self._explained():
            database = self._database or self._open()
            try:
                _begin(database, "BEGIN IMMEDIATE" if writes else "BEGIN")
                self._check_place()
                yield SqliteRows(database)
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    with suppress(sqlite3.Error):
                        database.execute("ROLLBACK")

    def _check_place(self) -> None:
        """In a file that is gone nobody else would find what is written."""
        there = self.path.stat()
        if (there.st_dev, there.st_ino) != self._identity or not self._is_known():
            raise OSError("it, or its folder of locks, was removed or replaced while it was open")

    def _is_known(self) -> bool:
        return self._owner is not None and self._owner.is_known()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise LedgerError(f"The ledger {self.path} can't be used: {error}.") from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(self.path)
        database = sqlite3.connect(
            self.path, timeout=_GLANCE, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(database)
            _begin(database, "BEGIN IMMEDIATE")
            _migrate(database)
            if self._folder.exists():
                owners.sweep(self._folder)
            owner = self._owner or owners.Owner(self._folder)
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        there = self.path.stat()
        self._identity = (there.st_dev, there.st_ino)
        self._database, self._owner = database, owner
        self._closing = weakref.finalize(self, _close, database, owner)
        return database

    def _before_fork(self) -> None:
        """Close the file: what SQLite remembers of an open one is wrong in a child, where it would
        take no locks at all. It opens again when it is needed; the parent stays the same owner.
        """
        self._lock.acquire()
        if self._database and self._owner and self._closing:
            self._database.close()
            self._database = None
            self._closing.detach()
            self._closing = weakref.finalize(self, self._owner.close)

    def _after_fork(self, *, in_child: bool) -> None:
        if not in_child:
            self._lock.release()
            return
        if self._owner and self._closing:
            self._owner.forget()
            self._closing.detach()
        self._forget()
        self._begin()

    def _lives(self, owner: str) -> bool:
        return owners.lives(self._folder, owner)


def _begin(database: sqlite3.Connection, statement: str) -> None:
    """Wait for whoever is writing."""
    until = time.monotonic() + _BUSY
    while True:
        try:
            database.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise


def _close(database: sqlite3.Connection, owner: owners.Owner) -> None:
    database.close()
    owner.close()


def _make(path: Path) -> None:
    """A new file, for its owner only. One that is there must not even be opened: closing it again
    would drop the locks that SQLite holds on it for another ledger of this process.
    """
    if path.is_dir():
        raise IsADirectoryError("it is a folder")
    with _making, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


_making = threading.Lock()


def _prepare(database: sqlite3.Connection) -> None:
    """Two who open a file at once may be told that it is locked, whatever the timeout."""
    until = time.monotonic() + _BUSY
    while True:
        try:
            _refuse_strangers(database)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)


def _refuse_strangers(database: sqlite3.Connection) -> None:
    """Before anything is written to the file. One statement, as another process may be at it."""
    application, tables = database.execute(
        "SELECT application_id, (SELECT count(*) FROM sqlite_master) FROM pragma_application_id"
    ).fetchone()
    if tables and application != _APPLICATION_ID:
        raise ValueError("it is a database of something else")


def _migrate(database: sqlite3.Connection) -> None:
    [version] = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise ValueError("a newer version of langchain-apilaplas wrote it")
    for migration in MIGRATIONS[version:]:
        for statement in filter(str.strip, migration.split(";")):
            database.execute(statement)
    if version < len(MIGRATIONS):
        database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
