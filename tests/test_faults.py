"""The short form of `python -m tests.proofs.faults`, in a process that nobody measures."""

import subprocess
import sys

from tests.conftest import ROOT
from tests.proofs.fault_plan import AFTERWARDS, ENDS, TROUBLES

PYTHON = [sys.executable, "-W", "error"]
LIE = """
from unittest import mock
from langchain_apilaplas.errors import Charged, UnknownOutcomeError
from tests.proofs import faults
with mock.patch.object(UnknownOutcomeError, "charged", Charged.NO):
    faults.main()
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    command = (*PYTHON, *command)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_whatever_goes_wrong_nothing_is_paid_twice_lost_or_told_untruly() -> None:
    done = run("-m", "tests.proofs.faults", "--runs", "150")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "\n300 runs (150 seeds, sync and async)" in done.stdout
    played = {line[:38].rstrip() for line in done.stdout.splitlines()}
    assert played >= {f"submit: {name}" for name in (*TROUBLES, *AFTERWARDS)}
    assert played >= {f"poll: {name}" for name in TROUBLES}
    assert played >= {f"end: {name}" for name in ENDS}


def test_what_must_not_be_is_told_with_its_seed() -> None:
    done = run("-c", LIE, "--seed", "38", "--runs", "1")
    assert done.returncode == 1
    assert "\n--seed 38: generate: charged no is not true of UnknownOutcomeError" in done.stdout
    assert "\n--seed 38 (async): generate: charged no" in done.stdout
