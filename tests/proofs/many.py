"""Many generations against a gateway that takes few requests a second: no job fails.

`python -m tests.proofs.many [--jobs 5000] [--rate 50] [--concurrency 5000]` runs the real client
over a sandbox in-process, on an event loop whose time is virtual. Each request takes a tenth of a
second there and back, each generation 65 s. All start at once, so the gateway refuses a part of the
first second's; after that, few should be. With `--limit` the client is told how fast it may ask. It
exits with 1 when a job fails, or is paid twice.
"""

import argparse
import asyncio
import bisect
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from langchain_apilaplas import AsyncApilaplasClient, MemoryLedger, RateLimiter
from langchain_apilaplas.sandbox import Sandbox
from tests.proofs import virtual

LATENCY = 0.1
"""Seconds a request takes, there and back."""
SECONDS = 65.0
"""How long a generation takes."""


@dataclass
class Result:
    """What was counted on the wire.

    Attributes:
        failed: The errors of jobs that got no video, by class.
        done: Videos.
        paid: Creates that the gateway accepted.
        seconds: Virtual time.
        sent: When each request arrived.
        refused: When each was answered 429.
    """

    failed: Counter[str] = field(default_factory=Counter)
    done: int = 0
    paid: int = 0
    seconds: float = 0.0
    sent: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


def prove(jobs: int, rate: float, concurrency: int, limiter: RateLimiter | None = None) -> Result:
    """Generate so many at once."""
    return virtual.run(_run(jobs, rate, concurrency, limiter))


async def _run(jobs: int, rate: float, concurrency: int, limiter: RateLimiter | None) -> Result:
    loop, result = asyncio.get_running_loop(), Result()
    sandbox = Sandbox(
        seconds=SECONDS, requests_per_second=rate, clock=lambda: 1_800_000_000 + loop.time()
    )

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(LATENCY / 2)
        result.sent.append(loop.time())
        response = sandbox.handle(request)
        if response.status_code == 429:
            result.refused.append(loop.time())
        await asyncio.sleep(LATENCY / 2)
        return response

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    client = AsyncApilaplasClient(
        api_key="key-of-the-proof",
        http_client=http,
        ledger=MemoryLedger(),
        rate_limiter=limiter,
    )
    requests = ({"model": "veo2", "prompt": f"Scene {n}"} for n in range(jobs))
    async for outcome in client.generate_many(requests, concurrency=concurrency):
        if outcome.generation:
            result.done += 1
        else:
            result.failed[type(outcome.error).__name__] += 1
    result.seconds, result.paid = loop.time(), len(sandbox.accepted)
    return result


def peak(times: list[float], seconds: float = 1.0) -> int:
    """The most in any second, or in any so many."""
    ends = (bisect.bisect_left(times, t + seconds - 1e-9) for t in times)
    return max((end - n for n, end in enumerate(ends)), default=0)


def line(result: Result) -> str:
    """What the proof prints."""
    crowd = [t for t in result.refused if t < 1]
    return (
        f"jobs failed {sum(result.failed.values())} {dict(result.failed) or ''}".rstrip()
        + f", videos {result.done}, paid {result.paid}, requests {len(result.sent)}, "
        f"429s {len(result.refused)} ({len(crowd)} in the first second), "
        f"virtual seconds {result.seconds:.0f}, requests per second at most {peak(result.sent)}, "
        f"after the first {peak([t for t in result.sent if t >= 1])}"
    )


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.many", description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000, help="videos (%(default)s)")
    parser.add_argument("--rate", type=float, default=50, help="what the gateway takes a second")
    parser.add_argument("--concurrency", type=int, default=5000, help="at a time (%(default)s)")
    parser.add_argument("--limit", type=float, help="requests a second of the client's limiter")
    options = parser.parse_args()
    started = time.monotonic()
    limiter = RateLimiter(options.limit) if options.limit else None
    result = prove(options.jobs, options.rate, options.concurrency, limiter)
    sys.stdout.write(f"{line(result)}; {time.monotonic() - started:.0f} s of real time\n")
    sys.exit(bool(result.failed or result.paid != options.jobs))


if __name__ == "__main__":
    main()
