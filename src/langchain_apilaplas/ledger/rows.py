"""Jobs as rows of a SQLite table."""

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

from langchain_apilaplas.generation import Video
from langchain_apilaplas.latency import Observed
from langchain_apilaplas.ledger.budget import Usage
from langchain_apilaplas.ledger.job import Job, Origin, State
from langchain_apilaplas.ledger.table import Name

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        gateway TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, endpoint TEXT NOT NULL,
        request TEXT NOT NULL, fingerprint TEXT NOT NULL, state TEXT NOT NULL, generation_id TEXT,
        thread TEXT, tool_call TEXT, owner TEXT NOT NULL, videos TEXT NOT NULL,
        expires_at TEXT, usage TEXT NOT NULL, error TEXT, file TEXT, storage TEXT, stored TEXT,
        seconds REAL, history TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        PRIMARY KEY (key, gateway)
    ) WITHOUT ROWID;
    CREATE INDEX jobs_by_generation ON jobs (generation_id, gateway);
    CREATE INDEX jobs_by_state ON jobs (state, gateway);
    CREATE INDEX jobs_by_thread ON jobs (thread, gateway);
    CREATE INDEX jobs_by_owner ON jobs (owner, gateway);
    CREATE INDEX jobs_by_usage ON jobs (model, gateway, updated_at) WHERE usage != '{}';
    CREATE INDEX jobs_by_finish ON jobs (model, gateway, updated_at) WHERE seconds IS NOT NULL;
    CREATE INDEX jobs_to_store ON jobs (storage, gateway, state) WHERE stored IS NULL;
    """,
)
"""What makes a file of each version into one of the next; `PRAGMA user_version` counts them."""


class SqliteRows:
    """The table, within a transaction of somebody else's."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._read: dict[Name, Job] = {}

    def get(self, name: Name) -> Job | None:
        return next(iter(self._all("gateway = ? AND key = ?", *name)), None)

    def find(self, gateway: str, generation_id: str) -> list[Job]:
        return self._all("gateway = ? AND generation_id = ?", gateway, generation_id)

    def put(self, job: Job) -> None:
        name = (job.gateway, job.key)
        before = self._read.get(name)
        row = _row(job, before)
        if before is None:
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            statement = f"INSERT OR REPLACE INTO jobs ({names}) VALUES ({marks})"
            self._database.execute(statement, [*row.values()])
        elif row:  # an index over what stays as it is need not be written
            marks = ", ".join(f"{column} = ?" for column in row)
            statement = f"UPDATE jobs SET {marks} WHERE gateway = ? AND key = ?"
            self._database.execute(statement, [*row.values(), *name])
        self._read[name] = job

    def select(
        self, gateway: str, states: Collection[State], thread: str | None = None
    ) -> list[Job]:
        where = f"gateway = ? AND state IN ({', '.join('?' * len(states))})"
        values = [gateway, *(state.value for state in states)]
        if thread is None:
            return self._all(where, *values)
        return self._all(f"{where} AND thread = ?", *values, thread)

    def unstored(self, gateway: str, storage: str) -> list[Job]:
        return self._all(
            "gateway = ? AND storage = ? AND stored IS NULL AND state = ?",
            gateway,
            storage,
            State.COMPLETED.value,
        )

    def spent(self, gateway: str, *, thread: str | None, owner: str) -> list[tuple[str, Usage]]:
        # An owner's name begins with that of its process.
        scope, value = ("thread = ?", thread) if thread else ("owner GLOB ?", f"{owner[:32]}*")
        found = self._database.execute(
            f"SELECT model, usage FROM jobs WHERE gateway = ? AND {scope} AND state != ?",
            (gateway, value, State.ABANDONED.value),
        )
        return [(model, json.loads(usage)) for model, usage in found]

    def last_usage(self, gateway: str, model: str) -> Usage:
        found = self._database.execute(
            "SELECT usage FROM jobs WHERE gateway = ? AND model = ? AND usage != '{}' "
            "ORDER BY updated_at DESC LIMIT 1",
            (gateway, model),
        ).fetchone()
        usage: dict[str, Any] = json.loads(found[0]) if found else {}
        return usage

    def latencies(self, gateway: str, model: str, most: int) -> list[Observed]:
        found = self._database.execute(
            "SELECT request, seconds FROM jobs WHERE gateway = ? AND model = ? "
            "AND seconds IS NOT NULL ORDER BY updated_at DESC LIMIT ?",
            (gateway, model, most),
        ).fetchall()
        return [(json.loads(request).get("duration"), took) for request, took in reversed(found)]

    def prune(self, before: datetime) -> int:
        over = [state.value for state in State if state.is_over]
        marks = ", ".join("?" * len(over))
        return self._database.execute(
            f"DELETE FROM jobs WHERE state IN ({marks}) AND updated_at < ?", [*over, _text(before)]
        ).rowcount

    def _all(self, where: str, *values: object) -> list[Job]:
        cursor = self._database.execute(
            f"SELECT * FROM jobs WHERE {where} ORDER BY created_at", values
        )
        names = [column[0] for column in cursor.description]
        found = [_job(dict(zip(names, row, strict=True))) for row in cursor]
        self._read.update(((job.gateway, job.key), job) for job in found)
        return found


_SAME = (
    *("gateway", "key", "model", "endpoint", "fingerprint", "generation_id", "owner", "error"),
    *("file", "storage", "stored", "seconds"),
)
"""The columns that hold a field as it is."""


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _row(job: Job, before: Job | None) -> dict[str, str | float | None]:
    """The columns of the fields that are not as before."""
    then = vars(before) if before else {}
    row: dict[str, str | float | None] = {}
    for field, value in vars(job).items():
        if before is None or value != then[field]:
            row |= _columns(job, field)
    return row


def _columns(job: Job, field: str) -> dict[str, str | float | None]:
    match field:
        case "state":
            return {"state": job.state.value}
        case "origin":
            return {"thread": job.origin.thread, "tool_call": job.origin.tool_call}
        case "request" | "usage":
            return {field: json.dumps(getattr(job, field), default=str)}
        case "videos":
            expires_at = job.expires_at
            return {
                "videos": json.dumps([vars(video) for video in job.videos]),
                "expires_at": _text(expires_at) if expires_at else None,
            }
        case "history":
            return {
                "history": json.dumps([(word, _text(at)) for word, at in job.history]),
                "created_at": _text(job.created_at),
                "updated_at": _text(job.updated_at),
            }
    return {field: getattr(job, field)}


def _job(row: dict[str, Any]) -> Job:
    history = json.loads(row["history"])
    return Job(
        **{name: row[name] for name in _SAME},
        state=State(row["state"]),
        origin=Origin(row["thread"], row["tool_call"]),
        request=json.loads(row["request"]),
        videos=tuple(Video(**video) for video in json.loads(row["videos"])),
        usage=json.loads(row["usage"]),
        history=tuple((word, datetime.fromisoformat(at)) for word, at in history),
    )
