"""The short form of the proof with killed LangGraph agents; see `proofs/langgraph_kill.py`."""

from pathlib import Path

from tests.proofs.langgraph_kill import PLAN, planned
from tests.proofs.langgraph_stage import ARRIVES


def test_a_killed_agent_goes_on_with_the_video_it_paid_for(tmp_path: Path) -> None:
    rows = planned(tmp_path)
    assert {run: row.wrong for run, row in rows.items()} == {run: [] for run in PLAN}
    assert all(row.creates == row.calls for row in rows.values())
    for run, row in rows.items():
        if run.endswith(ARRIVES):
            assert row.unknown == 1
