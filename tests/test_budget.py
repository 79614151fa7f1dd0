"""Budgets: numbers in, a refusal or none out."""

from typing import Any

import pytest

from langchain_apilaplas import Budget
from langchain_apilaplas.errors import BudgetError, SettingsError

CHEAP = {"credits_used": 10}


def left(budget: Budget, *spent: tuple[str, Any], **prices: Any) -> str | None:
    """What a refusal says is left; None where there is none."""
    try:
        budget.check("m", spent, lambda model: prices.get(model, {}))
    except BudgetError as error:
        return str(error).partition("Left: ")[2].partition(". Nothing")[0]
    return None


@pytest.mark.parametrize(
    ("budget", "spent", "prices", "told"),
    [
        (Budget(generations=2), [("m", {})], {}, None),
        (Budget(generations=2), [("m", {})] * 2, {}, "0 of 2 generations"),
        (Budget(generations=2), [("m", {})] * 5, {}, "0 of 2 generations"),
        (Budget(generations=0), [], {}, "0 of 0 generations"),
        (Budget(credits=30), [("m", CHEAP)] * 2, {"m": CHEAP}, None),
        (Budget(credits=29), [("m", CHEAP)] * 2, {"m": CHEAP}, "9 of 29 credits (one takes 10)"),
        (Budget(credits=30), [("m", CHEAP)] * 2, {}, None),
        (Budget(credits=20), [("m", CHEAP)] * 2, {}, "0 of 20 credits"),
        (Budget(credits=20), [("m", {})] * 2, {"m": CHEAP}, "0 of 20 credits (one takes 10)"),
        (Budget(credits=20), [("other", {})] * 2, {"other": CHEAP}, "0 of 20 credits"),
        (Budget(credits=20), [("m", {})] * 99, {}, None),
        (Budget(usd=0.3), [("m", {"usd_spent": 0.25})], {"m": {"usd_spent": 0.25}},
         "0.05 of 0.3 usd (one takes 0.25)"),
        (Budget(tokens=1), [("m", {"tokens_used": "many"})], {}, None),
        (Budget(generations=3, credits=15), [("m", CHEAP)], {"m": CHEAP},
         "2 of 3 generations, 5 of 15 credits (one takes 10)"),
    ],
)  # fmt: skip
def test_what_is_left_decides(budget: Budget, spent: Any, prices: Any, told: str | None) -> None:
    assert left(budget, *spent, **prices) == told


@pytest.mark.parametrize(
    "wrong",
    [{}, {"generations": -1}, {"credits": float("nan")}, {"generations": 1, "per": "day"}],
)
def test_a_budget_that_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(SettingsError):
        Budget(**wrong)
