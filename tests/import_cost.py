"""What importing the tool costs beside what it stands on: `python tests/import_cost.py`.

Each import runs in fresh interpreters, the two in turn, as CPU seconds; the fastest run counts.
CPython 3.11 itself takes up to a fifth longer where the depth of the call stack happens to end a
chunk of its stack memory, 2 048 words. So both are measured at depths all over a chunk, of which a
call of `at` takes some 17 words, and added up.
"""

import os
import subprocess
import sys

OURS = "from langchain_apilaplas import ApilaplasGenerateVideo"
BASE = "from langchain_core.tools import BaseTool; import httpx"
PROGRAM = """
import time
def at(depth):
    at(depth - 1) if depth else exec({statement!r})
at({depth})
print(time.process_time())
"""
DEPTHS = range(0, 128, 16)
ROUNDS = 4


def seconds(statement: str, depth: int) -> float:
    program = PROGRAM.format(statement=statement, depth=depth)
    command = [sys.executable, "-c", program]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(run.stdout)


def measure() -> tuple[float, float]:
    """Mean CPU seconds of our import and of the base."""
    ours = base = 0.0
    for depth in DEPTHS:
        rounds = [(seconds(OURS, depth), seconds(BASE, depth)) for _ in range(ROUNDS)]
        ours += min(run[0] for run in rounds) / len(DEPTHS)
        base += min(run[1] for run in rounds) / len(DEPTHS)
    return ours, base


if __name__ == "__main__":
    ours, base = measure()
    print(f"{OURS}: {ours * 1000:.0f} ms")  # noqa: T201
    print(f"{BASE}: {base * 1000:.0f} ms")  # noqa: T201
    print(f"ratio {ours / base:.2f}")  # noqa: T201
