"""Where the fault proof plays: a sandbox, three clocks that take no time, and a record of the wire.

The record is made where requests leave and answers arrive, by means of its own: what the package
believes is compared with it.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from langchain_apilaplas import ApilaplasClient, AsyncApilaplasClient, MemoryLedger
from langchain_apilaplas.effects import Now, Sleep
from langchain_apilaplas.ledger import Ledger
from langchain_apilaplas.ledger.sqlite import SqliteLedger
from langchain_apilaplas.sandbox import Sandbox
from tests.proofs.fault_plan import CERTAIN, Jump, Plan, Raised

SECONDS = 65.0
"""How long a generation takes."""
_EPOCH = 1_800_000_000.0
_PER_CALL = 0.1
_ENOUGH = 20_000


class Hang(BaseException):
    """So many effects of a call that it will never end."""


@dataclass
class Create:
    """A create as the wire saw it.

    Attributes:
        key: Of the job.
        accepted: Whether the gateway carried it out.
        refused: Whether the client could see for certain that it did not.
        told: The id in an answer that the client could read.
        made: The id of the generation that came of it.
    """

    key: str
    accepted: bool = False
    refused: bool = False
    told: str | None = None
    made: str | None = None


class World:
    """A gateway that goes wrong as planned, and the clients and ledgers of its users."""

    def __init__(self, plan: Plan, folder: Path, runner: asyncio.Runner | None) -> None:
        self.plan = plan
        self.time = 0.0
        self.ahead = {"gateway": 0.0, "wall": 0.0}
        self.sandbox = Sandbox(
            seconds=SECONDS, clock=lambda: _EPOCH + self.time + self.ahead["gateway"]
        )
        self.creates: list[Create] = []
        self.struck: set[str] = set()
        self._coming: dict[str, list[Any]] = {"POST": [], "GET": []}
        self._file = folder / f"{plan.seed}.db" if plan.in_file else None
        self._runner = runner
        self._steps = 0
        self._open = ExitStack()
        self._ledger = self._new_ledger()
        self._client = self._new_client()

    # --- the user's side ---

    def call(self, name: str, *args: Any, **more: Any) -> Any:
        """Call the client, whichever it is."""
        self._steps = 0
        outcome = getattr(self._client, name)(*args, **more)
        return self._runner.run(outcome) if self._runner else outcome

    def restart(self, *, dies: bool) -> None:
        """A new client; with a ledger in a file, by a new process, and the old one may be dead."""
        if isinstance(self._ledger, SqliteLedger):
            if dies:
                self._ledger.close()
            self._ledger = self._new_ledger()
        self._client = self._new_client()

    def begin(self) -> None:
        """From now on, things go wrong."""
        self._coming = {"POST": [*self.plan.creates], "GET": [*self.plan.fetches]}

    def calm(self) -> None:
        """From now on, nothing does."""
        self._coming = {"POST": [], "GET": []}

    def _new_ledger(self) -> Ledger:
        if self._file is None:
            return MemoryLedger(clock=self._wall)
        return self._open.enter_context(closing(SqliteLedger(self._file, clock=self._wall)))

    def _new_client(self) -> ApilaplasClient | AsyncApilaplasClient:
        transport = httpx.MockTransport(self._answer)
        follows, more = self.plan.follows, {**self.plan.client, "ledger": self._ledger}
        if self._runner:
            ahttp = httpx.AsyncClient(transport=transport, follow_redirects=follows)
            return AsyncApilaplasClient(api_key="key-of-the-proof", http_client=ahttp, **more)
        http = httpx.Client(transport=transport, follow_redirects=follows)
        return ApilaplasClient(api_key="key-of-the-proof", http_client=http, **more)

    # --- time ---

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """Time and chance are this world's."""

        async def asleep(effect: Sleep, _: Any) -> None:
            self.sleep(effect.seconds)

        def now(*_: Any) -> float:
            self._step()
            return self.time

        async def anow(*_: Any) -> float:
            return now()

        chance = random.getstate()
        random.seed(self.plan.seed)
        with (
            self._open,
            mock.patch.object(Sleep, "run", lambda effect, _: self.sleep(effect.seconds)),
            mock.patch.object(Sleep, "arun", asleep),
            mock.patch.object(Now, "run", now),
            mock.patch.object(Now, "arun", anow),
        ):
            yield
        random.setstate(chance)

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        self._step()
        if seconds < 0:
            raise ValueError("no clock sleeps backwards")
        self.time += seconds

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(_EPOCH + self.time + self.ahead["wall"], UTC)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _ENOUGH:
            raise Hang

    # --- the wire ---

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._step()
        self.time += _PER_CALL
        trouble = self._next(request.method)
        if request.method != "POST":
            return self._sent(request, trouble)
        create = Create(request.headers["Idempotency-Key"])
        self.creates.append(create)
        before = len(self.sandbox.accepted)
        try:
            response = self._sent(request, trouble)
            create.refused = response.status_code in CERTAIN
            create.told = _told(response)
            return response
        except httpx.ConnectError:
            create.refused = True
            raise
        finally:
            create.accepted = len(self.sandbox.accepted) > before
            create.made = list(self.sandbox._jobs)[-1] if create.accepted else None

    def _sent(self, request: httpx.Request, trouble: Any) -> httpx.Response:
        request.extensions["hold"] = True
        transport = self.sandbox.transport()
        if isinstance(trouble, Raised):
            if trouble.accepted:
                transport.handle_request(request)
            raise trouble.error
        try:
            response = transport.handle_request(request)
        except httpx.ReadTimeout:
            self.time += request.extensions["timeout"]["read"]
            raise
        self.time += response.extensions.get("delay", 0.0)
        return response

    def _next(self, method: str) -> Any:
        """The trouble planned for this call, if any; what is the sandbox's is ordered there."""
        coming = self._coming[method]
        planned = coming.pop(0) if coming else None
        if planned is None:
            return None
        name, trouble = planned
        self.struck.add(name)
        if isinstance(trouble, Jump):
            self.ahead[trouble.whose] += trouble.seconds
        elif not isinstance(trouble, Raised):
            self.sandbox.order(trouble)
        return trouble


def _told(response: httpx.Response) -> str | None:
    """The id in an answer that arrived whole and says yes."""
    try:
        said = json.loads(response.content) if response.is_success else None
    except (httpx.ResponseNotRead, ValueError, RecursionError):
        return None
    said = said if isinstance(said, dict) else {}
    return said.get("id") or said.get("generation_id")
