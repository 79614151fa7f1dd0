"""The ledger: every paid job, recorded before its request leaves."""

from langchain_apilaplas.ledger.base import Ledger
from langchain_apilaplas.ledger.budget import Budget, Usage
from langchain_apilaplas.ledger.job import UNSETTLED, Job, Origin, State
from langchain_apilaplas.ledger.memory import MemoryLedger
from langchain_apilaplas.ledger.table import Claim

__all__ = [
    "UNSETTLED",
    "Budget",
    "Claim",
    "Job",
    "Ledger",
    "MemoryLedger",
    "Origin",
    "State",
    "Usage",
]
