"""What may be spent. Pure: what was spent before comes from the ledger."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from langchain_apilaplas.errors import BudgetError, SettingsError

Usage = Mapping[str, Any]

_UNITS = {"credits": "credits_used", "tokens": "tokens_used", "usd": "usd_spent"}
"""The budget's words, and those of the API's `meta.usage`."""


@dataclass(frozen=True)
class Budget:
    """A bound on spending, checked before a request leaves.

    It is compared with all that the ledger has of this gateway, whoever submitted it: of the
    process, or of the conversation. A job counts unless it was certainly not accepted. What one
    costs is what the server said of it; until then, what the model's last one cost by the ledger,
    else what the catalog knows. Where nothing is known, it counts as nothing.

    Attributes:
        generations: At most so many.
        credits: At most so many, likewise `tokens` and `usd`.
        per: "process": what this process submitted, over any ledger object of that file. "thread":
            each conversation by itself, in all processes; what belongs to none counts per process.
    """

    generations: int | None = None
    credits: float | None = None
    tokens: float | None = None
    usd: float | None = None
    per: Literal["thread", "process"] = "process"

    def __post_init__(self) -> None:
        limits = [self.generations, *(getattr(self, unit) for unit in _UNITS)]
        if any(limit is not None and not limit >= 0 for limit in limits):
            raise SettingsError("A budget's limits must be numbers from 0 on.")
        if all(limit is None for limit in limits):
            raise SettingsError("A budget needs a limit: generations=, credits=, tokens= or usd=.")
        if self.per not in ("thread", "process"):
            raise SettingsError("A budget is per='thread' or per='process'.")

    def check(
        self, model: str, spent: Iterable[tuple[str, Usage]], price: Callable[[str], Usage]
    ) -> None:
        """Whether one more generation fits in.

        Args:
            model: The one to be asked.
            spent: The model and the usage of each job before, as far as known.
            price: What a generation of a model is expected to cost.

        Raises:
            BudgetError: It does not fit; says what is left.
        """
        jobs, price = list(spent), cache(price)
        left: dict[str, tuple[float, float, float]] = {}
        if self.generations is not None:
            left["generations"] = (self.generations, self.generations - len(jobs), 1)
        for unit, name in _UNITS.items():
            if (limit := getattr(self, unit)) is not None:
                costs = [_amount(usage if name in usage else price(m), name) for m, usage in jobs]
                left[unit] = (limit, limit - sum(costs), _amount(price(model), name))
        short = [unit for unit, (_, rest, cost) in left.items() if rest < cost or rest <= 0]
        if short:
            told = [
                f"{max(rest, 0):,.10g} of {limit:,.10g} {unit}"
                + (f" (one takes {cost:,.10g})" if cost and unit in _UNITS else "")
                for unit, (limit, rest, cost) in left.items()
            ]
            raise BudgetError(
                f"The budget for this {_SCOPES[self.per]} does not allow another generation. "
                f"Left: {', '.join(told)}."
            )


_SCOPES = {"thread": "conversation", "process": "program"}


def _amount(usage: Usage, name: str) -> float:
    value = usage.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
