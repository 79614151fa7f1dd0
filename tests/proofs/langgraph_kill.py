"""Agents are killed in the midst of a paid call and resumed in a new process: what was paid?

`python -m tests.proofs.langgraph_kill [--kills N]` begins all the graphs of `langgraph_child` in
one process, kills that with SIGKILL when each has come to its moment, resumes them in a second
process, and runs their tools again from the checkpoint in a third; then N times more at random
moments. The gateway is a sandbox over HTTP, which counts the creates as they arrive. What must come
of each call is read from the ledger as the killed process left it. Exits with 1 on any violation.
"""

import argparse
import dataclasses
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_apilaplas.sandbox import Server
from tests.proofs.langgraph_child import KINDS, kind_of, prompts
from tests.proofs.langgraph_stage import (
    ANSWERED,
    ARRIVES,
    LATE,
    ONE_DONE,
    POLLING,
    RANDOM,
    At,
    Play,
    Stage,
)

PLAN = [
    *(f"{kind}@{moment}" for kind in ("agent", "async agent") for moment in (ARRIVES, ANSWERED)),
    *(f"{kind}@{POLLING}" for kind in ("agent", "async agent")),
    *(f"{kind}@{LATE}" for kind in KINDS if KINDS[kind].durability == "async"),
    *(f"{kind}@{ONE_DONE}" for kind in KINDS if KINDS[kind].calls == 2),
]
STATES = {
    ARRIVES: [{"intent"}],
    ANSWERED: [{"intent", "submitted"}],
    POLLING: [{"submitted"}],
    LATE: [{"submitted"}],
    ONE_DONE: [{"completed"}, {"submitted"}],
}
"""How far each call may be, by the ledger, when it is killed at that moment."""


@dataclass
class Row:
    """A row of the table.

    Attributes:
        kills: How often such a graph was killed.
        calls: The tool calls that it had begun, or was to begin.
        creates: How many creates reached the gateway for them, in all three processes.
        same: Calls that were answered with the video that was submitted before the kill.
        unknown: Calls whose create had no answer yet, and that were reported as unknown.
        fresh: Calls that were not begun yet, and came to their one video afterwards.
        wrong: What must not be.
    """

    kills: int = 0
    calls: int = 0
    creates: int = 0
    same: int = 0
    unknown: int = 0
    fresh: int = 0
    wrong: list[str] = field(default_factory=list)

    def plus(self, other: "Row") -> "Row":
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self))
        return Row(*sums)


def planned(folder: Path) -> dict[str, Row]:
    """Each graph is killed at the moment of its name."""
    held = [p for run in PLAN for p in prompts(run) if run.endswith((ARRIVES, ANSWERED))]
    with Server(stage := Stage(held)):
        play = Play(stage, folder, PLAN)
        play.begin()
        play.wait_until(lambda: all(map(play.is_there, PLAN)))
        for prompt in held:
            if ANSWERED in prompt:
                stage.held[prompt].set()
        time.sleep(random.uniform(0, 0.03))
        return judged(play)


def at_random(folder: Path, *, late: bool) -> dict[str, Row]:
    """All graphs are killed at once, somewhere. Those that do not wait for their checkpoints only
    take part when it is late; when it is not, half the time nobody gets far.
    """
    runs = [f"{kind}@{RANDOM}" for kind in KINDS if late or KINDS[kind].durability == "sync"]
    # No more than the server has threads for.
    held = random.sample([prompt for run in runs for prompt in prompts(run)], 4)
    hurried = [p for run in runs if kind_of(run).durability == "async" for p in prompts(run)]
    with Server(stage := Stage(held)):
        play = Play(stage, folder, runs)
        play.begin()
        play.wait_until(lambda: bool(stage.began) and all(map(stage.began.get, hurried)))
        if late or random.random() < 0.5:
            least = max((stage.began[p] + 0.5 - time.monotonic() for p in hurried), default=0)
            time.sleep(max(0, least) + random.uniform(0, 0.3))
            for gate in stage.held.values():
                threading.Timer(random.uniform(0, 0.05), gate.set).start()
            time.sleep(0.04)
        return judged(play)


def judged(play: Play) -> dict[str, Row]:
    """Kill it, take it on twice, and compare."""
    at_kill, resumed, again = play.kill(), play.resume(), play.resume()
    rows = {}
    for run in play.runs:
        row = rows[run] = Row(kills=1)
        for number, prompt in enumerate(prompts(run)):
            told, retold = (said[run]["told"][number] for said in (resumed, again))
            _count(row, play.stage, prompt, at_kill.get(prompt), told)
            if told["text"] != retold["text"]:
                row.wrong.append(f"{prompt}: {told['text']!r}, when run again {retold['text']!r}")
        row.wrong += _unplanned(run, at_kill, resumed[run]["tool_runs"])
        if again[run]["tool_runs"] != row.calls:
            row.wrong.append(f"{run}: the tools did not run again")
    return rows


def _count(
    row: Row, stage: Stage, prompt: str, job: tuple[str, str | None] | None, told: Any
) -> None:
    """Add a call to its row: what the ledger knew at the kill decides what the tool must say."""
    creates, made = stage.creates[prompt], told["artifact"].get("generation_id")
    row.calls, row.creates = row.calls + 1, row.creates + creates
    if creates > 1:
        row.wrong.append(f"{prompt}: paid {creates} times")
    is_its_own = stage.ids.get(made) == prompt and told["text"].startswith(f"{stage.url}/wolf/")
    if job and job[0] == "intent" and _is_unknown(told):
        row.unknown += 1
    elif job and job[1] is not None and job[1] == made and is_its_own:
        row.same += 1
    elif job is None and is_its_own:
        row.fresh += 1
    else:
        row.wrong.append(f"{prompt}: was {job} when killed, and the tool said {told['text']!r}")


def _is_unknown(told: Any) -> bool:
    kind = (told["artifact"].get("error") or {}).get("type")
    words = all(w in told["text"] for w in ("outcome is unknown", "Do not call generate_video"))
    return kind == "UnknownOutcomeError" and told["status"] == "error" and words


def _unplanned(run: str, at_kill: At, tool_runs: int) -> Iterator[str]:
    """What is wrong about the proof itself: a graph was not where it was to be."""
    moment = run.partition("@")[2]
    for prompt, states in zip(prompts(run), STATES.get(moment, []), strict=moment != RANDOM):
        if at_kill.get(prompt, ("nothing",))[0] not in states:
            yield f"{prompt}: was killed as {at_kill.get(prompt)}"
    if moment == ONE_DONE and tool_runs != (1 if kind_of(run).is_agent else 2):
        yield f"{run}: {tool_runs} tools ran on resume"


def table(rows: dict[str, Row]) -> str:
    lines = ["graph | killed | kills | calls | creates | same video | unknown | not begun | wrong"]
    lines.append(" | ".join(["---"] * 9))
    for run, row in rows.items():
        kind, _, moment = run.partition("@")
        counts = [row.kills, row.calls, row.creates, row.same, row.unknown, row.fresh]
        lines.append(" | ".join(map(str, [kind, moment, *counts, len(row.wrong)])))
    return "\n".join(f"| {line} |" for line in lines)


def main(kills: int) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for number in range(kills + 1):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            played = at_random(place, late=number % 2 == 0) if number else planned(place)
        for run, row in played.items():
            rows[run] = row.plus(rows.get(run, Row()))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=0, help="how many more, at random moments")
    started = time.monotonic()
    rows = main(parser.parse_args().kills)
    print(table(rows), f"\n{time.monotonic() - started:.0f} s")  # noqa: T201
    wrong = [words for row in rows.values() for words in row.wrong]
    sys.exit("\n".join(wrong) or 0)
