"""What a generation costs beside the least it could: `python -m tests.proofs.cost`.

So many generations are in flight at once, each one create and five looks, by four contenders in
one process: a bare httpx loop that only gets the link; the way of the direct peer, a thread for
each and fixed sleeps; and our client, its ledger off and in a file. All sleep alike, and shortly,
so that little is seen but work. The fastest of some rounds counts, in CPU time of this process,
all threads; memory is the peak of Python's own objects in a run of its own, a thread's stack not
counted.

The gateway answers in-process, as a transport of httpx's. That is the hardest contest for us: what
connections cost is the same for all, and would only bring the ratios down. `--http` shows that:
over loopback, to a server in another process. There the others stand in line for connections, as
our requests do: of 1 000 that are sent at once, httpx lets some fail after twenty seconds of work.
"""

import argparse
import asyncio
import gc
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
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


@dataclass(frozen=True)
class Cost:
    """What one generation costs: milliseconds of CPU time, kilobytes of memory."""

    ms: float
    kb: float | None


def costs(in_flight: int, rounds: int, *, http: bool, memory: bool = True) -> dict[str, Cost]:
    """Each contender's, in rounds in which all take their turns; the fastest counts."""
    pause, long_pause = (0.2, 0.0) if http else (in_flight * 0.0006, in_flight * 0.006)
    timed = [
        {name: milliseconds(it, in_flight, pause, http) for name, it in CONTENDERS.items()}
        for _ in range(rounds)
    ]
    held = {
        name: kilobytes(it, in_flight, long_pause) if memory and not http else None
        for name, it in CONTENDERS.items()
    }
    return {name: Cost(min(each[name] for each in timed), held[name]) for name in CONTENDERS}


def lines(found: dict[int, dict[str, Cost]]) -> Iterator[str]:
    """The table; its last column says how a generation's cost grows with how many there are."""
    sizes = list(found)
    yield " " * 20 + "".join(f"{f'{n} in flight':>29}" for n in sizes) + f"{'grows':>8}"
    yield " " * 20 + f"{'ms':>9}{'x bare':>9}{'KB more':>11}" * len(sizes)
    for name in CONTENDERS:
        line = f"{name:20}"
        for n in sizes:
            cost, least = found[n][name], found[n]["bare httpx loop"]
            more = "" if cost.kb is None or least.kb is None else f"{cost.kb - least.kb:.1f}"
            line += f"{cost.ms:9.2f}{cost.ms / least.ms:9.2f}{more:>11}"
        yield f"{line}{found[sizes[-1]][name].ms / found[sizes[0]][name].ms:8.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.cost")
    parser.add_argument("in_flight", type=int, nargs="*", default=[1000, 5000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--http", action="store_true", help="over loopback, without memory")
    given = parser.parse_args()
    costs(20, 1, http=given.http, memory=False)  # what is done once in a process
    found = {n: costs(n, given.rounds, http=given.http) for n in given.in_flight}
    print("\n".join(lines(found)))  # noqa: T201


if __name__ == "__main__":
    main()
