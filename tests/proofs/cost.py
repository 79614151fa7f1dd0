"""What a generation costs beside the least it could: `python -m tests.proofs.cost`.

So many generations are in flight at once, each one create and five looks, by four contenders in
one process: a bare httpx loop that only gets the link, the way of the direct peer (a thread for each
job, fixed sleeps), and our client, its ledger off and in a file. All poll alike, and often, so
that nothing is seen but work. The fastest of some rounds counts, in CPU seconds of this process,
all threads; memory is the peak of Python's own objects in a run of its own.

The gateway answers in-process, as a transport of httpx's. That is the hardest contest for us: what
a connection costs is the same for all, and would only bring the ratios down. `--http` shows that:
the same over loopback, from a server in another process. There the others stand in line for the
connections: 1 000 that ask httpx at once take it twenty seconds to sort out, and fail.
"""

import argparse
import asyncio
import gc
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from langchain_apilaplas import AsyncApilaplasClient, SqliteLedger
from langchain_apilaplas.ledger import Ledger, MemoryLedger
from tests.proofs.cost_gateway import PATH, Canned, Gateway, served

LOOKS = 5
AT_ONCE = 20
"""So many requests of the others are sent at once over HTTP; httpx keeps 20 connections open."""
KEY = "sk-no-secret-0123456789"
HEADERS = {"Authorization": f"Bearer {KEY}"}
PROMPT = "The rocket lifts off in a cloud of fire; the camera follows it up into a clear sky. " * 2
IMAGE = "https://example.com/rocket.jpg"
BODY = {"model": "runway/gen4_turbo", "image_url": IMAGE, "prompt": PROMPT, "duration": 5}


@dataclass(frozen=True)
class Contest:
    """What each contender gets: the gateway, how many generations, how long to sleep."""

    in_flight: int
    interval: float
    url: str = "https://api.example"
    transport: Canned | None = None

    @property
    def at_once(self) -> int:
        return self.in_flight if self.transport else AT_ONCE


Contender = Callable[[Contest], int]
"""Makes the videos, and says how many links it got."""


def bare(contest: Contest) -> int:
    async def run() -> int:
        turns = asyncio.Semaphore(contest.at_once)
        async with httpx.AsyncClient(transport=contest.transport, headers=HEADERS) as http:

            async def one() -> str:
                async with turns:
                    answer = await http.post(contest.url + PATH, json=BODY)
                said = answer.raise_for_status().json()
                asked = {"generation_id": said["id"]}
                while said["status"] != "completed":
                    await asyncio.sleep(contest.interval)
                    async with turns:
                        answer = await http.get(contest.url + PATH, params=asked)
                    said = answer.raise_for_status().json()
                return str(said["video"][0])

            return len(await asyncio.gather(*(one() for _ in range(contest.in_flight))))

    return asyncio.run(run())


def threads(contest: Contest) -> int:
    links: list[str] = []
    turns = threading.Semaphore(contest.at_once)
    with httpx.Client(transport=contest.transport, headers=HEADERS) as http:

        def one() -> None:
            with turns:
                answer = http.post(contest.url + PATH, json=BODY)
            said = answer.raise_for_status().json()
            asked = {"generation_id": said["id"]}
            while said["status"] != "completed":
                time.sleep(contest.interval)
                with turns:
                    answer = http.get(contest.url + PATH, params=asked)
                said = answer.raise_for_status().json()
            links.append(said["video"][0])

        crew = [threading.Thread(target=one) for _ in range(contest.in_flight)]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()
    return len(links)


def ledger_off(contest: Contest) -> int:
    return _ours(contest, MemoryLedger())


def ledger_on(contest: Contest) -> int:
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(f"{folder}/ledger.db")
        try:
            return _ours(contest, ledger)
        finally:
            ledger.close()


def _ours(contest: Contest, ledger: Ledger) -> int:
    async def run() -> int:
        given = httpx.AsyncClient(transport=contest.transport) if contest.transport else None
        async with AsyncApilaplasClient(
            api_key=KEY,
            base_url=contest.url,
            http_client=given,
            poll_interval=contest.interval,
            ledger=ledger,
        ) as client:

            async def one() -> str | None:
                done = await client.generate(image=IMAGE, prompt=PROMPT, duration=5)
                return done.url

            return len(await asyncio.gather(*(one() for _ in range(contest.in_flight))))

    return asyncio.run(run())


CONTENDERS: dict[str, Contender] = {
    "bare httpx loop": bare,
    "a thread for each": threads,
    "client, ledger off": ledger_off,
    "client, ledger on": ledger_on,
}


@contextmanager
def _contest(in_flight: int, interval: float, looks: int, http: bool) -> Iterator[Contest]:
    if http:
        with served(looks) as url:
            yield Contest(in_flight, interval, url)
    else:
        gateway = Gateway(looks)
        yield Contest(in_flight, interval, transport=Canned(gateway))
        if gateway.most < in_flight:
            raise RuntimeError(f"Only {gateway.most} of {in_flight} were in flight at once")


def milliseconds(contender: Contender, in_flight: int, interval: float, http: bool) -> float:
    """CPU time of a generation."""
    with _contest(in_flight, interval, LOOKS, http) as contest:
        gc.collect()
        started = time.process_time()
        made = contender(contest)
        took = time.process_time() - started
    if made != in_flight:
        raise RuntimeError(f"Only {made} of {in_flight} came to an end")
    return took / in_flight * 1000


def kilobytes(contender: Contender, in_flight: int, interval: float) -> float:
    """Memory of a generation while all are in flight, thread stacks not counted."""
    with _contest(in_flight, interval, 1, http=False) as contest:
        gc.collect()
        tracemalloc.start()
        contender(contest)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak / in_flight / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.cost")
    parser.add_argument("--http", action="store_true", help="over loopback")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("in_flight", type=int, nargs="*", default=[1000, 5000])
    given = parser.parse_args()
    for contender in CONTENDERS.values():
        milliseconds(contender, 20, 0.1, given.http)
    for n in given.in_flight:
        costs = {name: [] for name in CONTENDERS}
        for r in range(given.rounds):
            for name, c in CONTENDERS.items():
                costs[name].append(
                    milliseconds(c, n, n * 0.0006 if not given.http else 0.2, given.http)
                )
        mem = (
            {name: kilobytes(c, n, n * 0.003) for name, c in CONTENDERS.items()}
            if not given.http
            else {}
        )
        for name in CONTENDERS:
            print(
                n,
                name,
                min(costs[name]),
                min(costs[name]) / min(costs["bare httpx loop"]),
                costs[name],
                mem.get(name, 0) - mem.get("bare httpx loop", 0),
                mem.get(name),
                flush=True,
            )


if __name__ == "__main__":
    main()
