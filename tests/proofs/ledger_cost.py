"""What each step of the ledger costs, in a file: `python -m tests.proofs.ledger_cost`."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from langchain_apilaplas import Generation, Job, Origin, SqliteLedger, Status, Video

GATEWAY = "https://api.example"
LINK = "https://cdn.example/v.mp4?_jwt=" + "x" * 200


def medians(jobs: int, folder: Path) -> dict[str, float]:
    """Step → milliseconds, over so many jobs that all lie in one file."""
    ledger = SqliteLedger(folder / "ledger.db")
    ledger.find(GATEWAY, "none")  # opens the file

    def claim(n: int) -> object:
        request = {"prompt": "A sentence of some length about a cat. " * 5, "duration": 5}
        job = Job(f"k{n}", GATEWAY, "m", "/v", request, "f" * 64, origin=Origin(f"t{n % 50}"))
        return ledger.claim(job)

    def seen(n: int, status: Status, key: str | None = None) -> None:
        videos = (Video(LINK),) if status is Status.COMPLETED else ()
        ledger.note(GATEWAY, Generation(f"g{n}", status, "m", videos), key)

    steps: dict[str, Callable[[int], object]] = {
        "intent": claim,
        "submitted": lambda n: seen(n, Status.QUEUED, f"k{n}"),
        "generating": lambda n: seen(n, Status.GENERATING),
        "completed": lambda n: seen(n, Status.COMPLETED),
        "the same key again": claim,
        "by its id": lambda n: ledger.find(GATEWAY, f"g{n}"),
    }
    return {name: _median(step, jobs) for name, step in steps.items()}


def _median(step: Callable[[int], object], times: int) -> float:
    took = []
    for n in range(times):
        started = time.perf_counter()
        step(n)
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1000


def main() -> None:
    """Print the table."""
    jobs = int(sys.argv[1]) if sys.argv[1:] else 5000
    with tempfile.TemporaryDirectory() as folder:
        for name, milliseconds in medians(jobs, Path(folder)).items():
            print(f"{name:20}{milliseconds:6.2f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
