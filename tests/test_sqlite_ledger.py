"""The ledger's file: shared by processes, mended or refused, never in the way of money."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from langchain_apilaplas import (
    ApilaplasGenerateVideo,
    Generation,
    Job,
    MemoryLedger,
    SqliteLedger,
    State,
    Status,
)
from langchain_apilaplas.errors import LedgerError
from langchain_apilaplas.ledger import choose, rows
from tests.proofs import ledger_cost

GATEWAY = "https://api.example"


def job(key: str = "k") -> Job:
    return Job(key, GATEWAY, "m", "/v", {"prompt": "Go"}, "f")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "ledger.db"


def states(ledger: SqliteLedger) -> list[State]:
    return [found.state for found in ledger.jobs(GATEWAY, list(State))]


# --- what is written ---


def test_only_what_changed_is_written(path: Path) -> None:
    ledger, written = SqliteLedger(path), list[str]()
    ledger.claim(job(), "me")
    assert ledger._database
    ledger._database.set_trace_callback(written.append)
    ledger.note(GATEWAY, Generation("g-1", Status.QUEUED, "m"), "k", "me")
    [update] = [statement for statement in written if "jobs SET" in statement]
    columns = ["state", "generation_id", "history", "created_at", "updated_at"]
    assert [part.split()[-1] for part in update.split(" WHERE ")[0].split(" = ")[:-1]] == columns
    again = SqliteLedger(path)
    assert again.get(GATEWAY, "k") == ledger.get(GATEWAY, "k")
    again.close()
    ledger.close()


# --- several processes ---

OTHER = """
import sys
from langchain_apilaplas import Generation, Job, SqliteLedger, Status
ledger = SqliteLedger(sys.argv[1])
print(ledger.claim(Job("k", "https://api.example", "m", "/v", {"prompt": "Go"}, "f")).verdict)
if sys.argv[2] == "submitted":
    ledger.note("https://api.example", Generation("g-1", Status.QUEUED, "m"), "k")
print("done", flush=True)
sys.stdin.read()
"""


class Other:
    """Another process that claims the key and then does nothing, until it is killed."""

    def __init__(self, path: Path, state: str = "intent") -> None:
        command = [sys.executable, "-c", OTHER, str(path), state]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.verdict = self.process.stdout.readline().strip()
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def other(path: Path) -> Iterator[Other]:
    other = Other(path)
    yield other
    other.kill()


def test_an_intent_is_waited_for_while_its_process_lives_and_unknown_when_it_dies(
    path: Path, other: Other
) -> None:
    ledger = SqliteLedger(path)
    assert other.verdict == "ours"
    assert ledger.claim(job()).verdict == "busy"
    assert states(ledger) == [State.INTENT]
    other.kill()
    assert states(ledger) == [State.UNKNOWN]
    claim = ledger.claim(job())
    assert claim.verdict == "known"
    assert claim.job.error == "The process that submitted it ended before it had the answer."


def test_what_a_killed_process_submitted_is_known(path: Path) -> None:
    Other(path, "submitted").kill()
    claim = SqliteLedger(path).claim(job())
    assert (claim.verdict, claim.job.generation_id) == ("known", "g-1")


def test_the_locks_of_the_dead_are_cleared_away(path: Path) -> None:
    for _ in range(2):
        Other(path).kill()
    folder = path.with_name("ledger.db.owners")
    assert len(list(folder.iterdir())) == 1  # the second cleared the first one's
    ledger = SqliteLedger(path)
    ledger.claim(job("other"))
    assert [entry.stem for entry in folder.iterdir()] == [ledger.owner]
    ledger.close()
    assert list(folder.iterdir()) == []


def test_two_that_open_a_new_file_at_once_both_can(path: Path) -> None:
    at_once = threading.Barrier(8)

    def claim(n: int) -> str:
        at_once.wait()
        with closing(SqliteLedger(path)) as ledger:
            return ledger.claim(job(f"k{n % 4}")).verdict

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(claim, range(8)))
    assert verdicts.count("ours") == 4


PASSING_BY = """
import sys
from contextlib import closing
from langchain_apilaplas import Job, SqliteLedger
with closing(SqliteLedger(sys.argv[1])) as ledger:
    print(ledger.claim(Job(sys.argv[2], "https://api.example", "m", "/v", {}, "f")).verdict)
"""


def passing_by(path: Path, key: str) -> str:
    """What another process is told that claims a key and closes the file."""
    command = [sys.executable, "-c", PASSING_BY, str(path), key]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_two_ledgers_of_one_process_keep_each_others_locks(path: Path) -> None:
    """Closing any descriptor of a file drops all locks that a process has on it."""
    first, second = SqliteLedger(path), SqliteLedger(path)
    assert [ledger.claim(job("k0")).verdict for ledger in (first, second)] == ["ours", "busy"]
    assert passing_by(path, "k1") == "ours"
    assert first.claim(job("k2")).verdict == "ours"
    assert passing_by(path, "k2") == "busy"


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_child_goes_on_when_its_parent_closes(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.claim(job("k0"))
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.close(writing)
        ledger.claim(job("k1"))
        os.read(reading, 1)  # until the parent has closed
        ledger.claim(job("k2"))
        told = [passing_by(path, key) for key in ("k1", "k2")]
        os._exit(0 if told == ["busy", "busy"] else 1)
    os.close(reading)
    time.sleep(0.2)
    ledger.close()
    assert passing_by(path, "k3") == "ours"
    os.close(writing)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_fork_waits_for_what_another_thread_is_writing(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.claim(job())
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger._transaction():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    threading.Timer(0.2, leave.set).start()
    if not (child := os.fork()):
        os._exit(0 if ledger.claim(job("child's")).verdict == "ours" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join()
    assert ledger.claim(job("parent's")).verdict == "ours"


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_child_does_not_wait_for_what_its_parent_was_submitting() -> None:
    ledger = MemoryLedger()
    ledger.claim(job())
    if not (child := os.fork()):
        os._exit(0 if ledger.claim(job()).job.state is State.UNKNOWN else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ledger.claim(job()).verdict == "busy"


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_forked_child_is_somebody_else(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.claim(job())
    mine = ledger.owner
    reading, writing = os.pipe()
    if not (child := os.fork()):
        verdicts = [ledger.claim(job()).verdict, ledger.claim(job("child's")).verdict]
        os.write(writing, " ".join([*verdicts, str(ledger.owner == mine)]).encode())
        os._exit(0)  # as if killed: nothing is tidied up
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode() == "busy ours False"
    assert ledger.claim(job()).verdict == "busy"
    assert ledger.claim(job("child's")).job.state is State.UNKNOWN


def test_a_lock_that_a_child_inherits_does_not_outlive_its_owner(path: Path) -> None:
    program = f"""
import os, time
from langchain_apilaplas import Job, SqliteLedger
ledger = SqliteLedger({str(path)!r})
ledger.claim(Job("k", {GATEWAY!r}, "m", "/v", {{}}, "f"))
if os.fork():
    os._exit(0)
print(os.getpid(), flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.wait()
        try:
            assert states(SqliteLedger(path)) == [State.UNKNOWN]
        finally:
            os.kill(child, signal.SIGKILL)


# --- the file ---


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db.owners"])
def test_what_is_removed_while_it_is_open_is_told_before_money(path: Path, name: str) -> None:
    ledger = SqliteLedger(path)
    ledger.claim(job())
    shutil.move(path.with_name(name), path.with_name("elsewhere"))
    with pytest.raises(LedgerError, match=r"No such file|was removed or replaced while"):
        ledger.claim(job("other"))
    shutil.move(path.with_name("elsewhere"), path.with_name(name))
    assert ledger.claim(job("other")).verdict == "ours"


def test_what_could_not_be_written_is_written_with_the_next(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.claim(job())
    ledger.claim(job("k2"))
    shutil.move(path, path.with_name("elsewhere"))
    with pytest.raises(LedgerError):
        ledger.note(GATEWAY, Generation("g-1", Status.QUEUED, "m"), "k")
    with pytest.raises(LedgerError):
        ledger.give_up(GATEWAY, "k2", State.UNKNOWN, "no answer")
    shutil.move(path.with_name("elsewhere"), path)
    ledger.give_up(GATEWAY, "k2", State.ABANDONED, "too late")
    assert [(j.key, j.state) for j in ledger.jobs(GATEWAY, list(State))] == [
        ("k", State.SUBMITTED),
        ("k2", State.UNKNOWN),
    ]


def test_an_interrupted_step_leaves_no_transaction_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = SqliteLedger(path)
    ledger.claim(job())

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rows.SqliteRows, "put", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ledger.claim(job("other"))
    assert ledger.claim(job("other")).verdict == "ours"
    assert passing_by(path, "k") == "busy"


def test_only_its_owner_may_read_it(path: Path) -> None:
    SqliteLedger(path).claim(job())
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_it_stands_as_columns_that_anybody_can_read(path: Path) -> None:
    with closing(SqliteLedger(path)) as ledger:
        ledger.claim(job())
        ledger.note(GATEWAY, Generation("g-1", Status.ERROR, "m", error="Flagged"), "k")
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT key, state, generation_id, error, request FROM jobs")
        assert found.fetchall() == [("k", "error", "g-1", "Flagged", '{"prompt": "Go"}')]


def test_a_file_of_an_older_version_is_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteLedger(path)) as ledger:
        ledger.claim(job())
        ledger.note(GATEWAY, Generation("g-1", Status.QUEUED, "m"), "k")
    more = (*rows.MIGRATIONS, "ALTER TABLE jobs ADD COLUMN note TEXT; UPDATE jobs SET note = 'x'")
    monkeypatch.setattr("langchain_apilaplas.ledger.sqlite.MIGRATIONS", more)
    with closing(SqliteLedger(path)) as ledger:
        assert states(ledger) == [State.SUBMITTED]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
        assert database.execute("SELECT note FROM jobs").fetchone() == ("x",)


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    with closing(SqliteLedger(path)) as ledger:
        ledger.claim(job())
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="a newer version of langchain-apilaplas wrote it"):
        SqliteLedger(path).claim(job("other"))


def damage_header(path: Path) -> None:
    path.write_bytes(b"nothing of SQLite's" * 100)


def damage_pages(path: Path) -> None:
    with closing(SqliteLedger(path)) as ledger:
        for n in range(200):
            ledger.claim(job(f"k{n}"))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def be_something_else(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE jobs (id INTEGER)")


def be_a_folder(path: Path) -> None:
    path.mkdir()


def be_a_file_without_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA application_id = 1095784531")  # ours
        database.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (damage_header, "file is not a database"),
        (damage_pages, "database disk image is malformed"),
        (be_something_else, "it is a database of something else"),
        (be_a_folder, "it is a folder"),
        (be_a_file_without_tables, "no such table: jobs"),
    ],
)
def test_a_file_that_is_no_ledger_is_told_and_left_as_it_is(
    path: Path, spoil: Any, why: str
) -> None:
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LedgerError) as told:
        SqliteLedger(path).claim(job("new"))
    assert str(told.value).startswith(f"The ledger {path} can't be used: ")
    assert why in str(told.value)
    assert "Nothing was charged." in str(told.value)
    assert "APILAPLAS_LEDGER" in str(told.value)
    assert before is None or path.read_bytes()[100:] == before[100:]


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_read_only_file_is_told_before_anything_is_sent(path: Path) -> None:
    with closing(SqliteLedger(path)) as ledger:
        ledger.claim(job())
    tool = ApilaplasGenerateVideo(api_key="x", base_url="http://127.0.0.1:9", ledger=path)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    for folder in [*path.parents][1:-2]:
        folder.chmod(0o755)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        if os.geteuid() == 0:  # root may write everywhere
            os.setuid(65534)
        os.write(writing, tool.invoke({"image": "https://example.com/a.jpg"}).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 5000).decode()
    assert told.startswith(f"The ledger {path} can't be used: ")
    assert "Nothing was charged." in told


def test_a_step_costs_well_under_a_millisecond(tmp_path: Path) -> None:
    costs = ledger_cost.medians(500, tmp_path)
    assert len(costs) == 6
    assert max(costs.values()) < 1


# --- which file ---


def test_all_who_name_a_file_share_one_ledger(tmp_path: Path) -> None:
    first = choose.in_file(tmp_path / "a.db")
    assert choose.in_file(tmp_path / "a.db") is first
    assert choose.in_file(tmp_path / "b.db") is not first


@pytest.mark.parametrize(
    ("system", "variable", "expected"),
    [
        ("linux", "XDG_STATE_HOME", "apilaplas/ledger.db"),
        ("win32", "LOCALAPPDATA", "apilaplas/ledger.db"),
        ("linux", None, ".local/state/apilaplas/ledger.db"),
        ("darwin", None, "Library/Application Support/apilaplas/ledger.db"),
        ("win32", None, "AppData/Local/apilaplas/ledger.db"),
    ],
)
def test_the_usual_place_is_the_systems(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    variable: str | None,
    expected: str,
) -> None:
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable or "HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", system)
    assert choose.default_path() == tmp_path / expected
