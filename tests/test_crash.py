"""The crash proof in short; `python -m tests.proofs.crash` is its long form."""

import pytest

from tests.proofs import crash


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_workers_pay_nothing_twice_and_lose_nothing(workers: int) -> None:
    result = crash.prove(workers, kills=6, seed=workers)
    assert result.kills >= 6
    assert result.twice == result.lost == result.inexact == result.unsettled == set()
    assert result.finished | result.arrived | result.never == set(result.keys)
    assert result.finished
