"""Whatever goes wrong on the wire, nothing is paid twice, lost, or told untruly.

`python -m tests.proofs.faults [--runs 2000] [--seed 0]` plays so many seeded runs, each with the
client and with the one for asyncio in turn: troubles at the submit and at the looks, one after the
other, while a user calls, calls again, restarts and resumes. A sandbox in-process counts what was
paid; all clocks are virtual. It exits with 1 on any violation; `--seed N --runs 1` repeats a run.
"""

import argparse
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.proofs.fault_run import Report, play

_COLUMNS = "{:38}{:>6}{:>7}{:>10}{:>7}{:>12}{:>6}  {}"


def table(reports: Iterable[Report]) -> str:
    """What became of the runs in which each trouble struck."""
    rows: dict[str, list[Report]] = defaultdict(list)
    for report in reports:
        for trouble in sorted(report.troubles) or ["none"]:
            rows[trouble].append(report)
        rows["~ all runs"].append(report)
    heads = ("trouble", "runs", "video", "resumable", "twice", "by choice", "lost", "errors")
    return "\n".join([_COLUMNS.format(*heads), *(_line(*row) for row in sorted(rows.items()))])


def _line(trouble: str, reports: list[Report]) -> str:
    ends = Counter(report.first for report in reports)
    errors = ((end, n) for end, n in ends.most_common() if end not in ("video", "resumable"))
    return _COLUMNS.format(
        trouble,
        len(reports),
        ends["video"],
        ends["resumable"],
        sum(report.paid_twice and not report.resubmits for report in reports),
        sum(report.paid_twice and report.resubmits for report in reports),
        sum(report.lost for report in reports),
        ", ".join(f"{end.removesuffix('Error')} {n}" for end, n in errors),
    )


def violations(reports: Iterable[Report]) -> list[str]:
    """What must not be, each with what repeats it."""
    return [
        f"--seed {report.seed}{' (async)' if report.is_async else ''}: {violation}"
        for report in reports
        for violation in report.violations
    ]


def main() -> None:
    """Parse the command line, play, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="seeds to play (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first of them (%(default)s)")
    options = parser.parse_args()
    os.environ.pop("APILAPLAS_POLL_INTERVAL", None)
    seeds = range(options.seed, options.seed + options.runs)
    started = time.monotonic()
    reports = [report for is_async in (False, True) for report in play(seeds, is_async=is_async)]
    wrong = violations(reports)
    lines = [
        table(reports),
        *wrong,
        f"{len(reports)} runs ({options.runs} seeds, sync and async) in "
        f"{time.monotonic() - started:.0f} s: {len(wrong)} violations",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
