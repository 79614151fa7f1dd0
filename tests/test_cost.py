"""The short form of `python -m tests.proofs.cost`; its bounds leave room for a busy machine."""

import pytest

from tests.proofs.cost import CONTENDERS, Cost, costs, kilobytes, lines, milliseconds


def fastest(name: str, rounds: int = 4) -> float:
    return min(milliseconds(CONTENDERS[name], 150, 0.05, False) for _ in range(rounds))


@pytest.mark.parametrize(
    ("name", "most"), [("client, ledger off", 1.9), ("client, ledger on", 4.0)]
)
def test_a_generation_costs_little_more_than_its_requests(name: str, most: float) -> None:
    milliseconds(CONTENDERS[name], 20, 0.01, False)  # what is done once in a process
    assert fastest(name) <= most * fastest("bare httpx loop")


def test_a_generation_in_flight_holds_little_memory() -> None:
    least, ours = (
        kilobytes(CONTENDERS[name], 200, 0.5) for name in ("bare httpx loop", "client, ledger on")
    )
    assert ours - least <= 10


def test_the_table_tells_how_costs_compare_and_grow() -> None:
    found = {
        100: {name: Cost(2.0, 8.0) for name in CONTENDERS},
        500: {name: Cost(3.0, 8.0) for name in CONTENDERS} | {"client, ledger on": Cost(6.0, 9.5)},
    }
    *_, last = lines(found)
    numbers = ["2.00", "1.00", "0.0", "6.00", "2.00", "1.5", "3.00"]
    assert last.split() == ["client,", "ledger", "on", *numbers]


def test_over_http_all_come_to_an_end() -> None:
    assert costs(30, 1, http=True).keys() == CONTENDERS.keys()
