"""The shape of the package (its design, checked on the source itself)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "src" / "langchain_apilaplas"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = [
    {"errors", "quoting", "private_links", "formats", "threads", "latency"},
    {"storage", "pacing"},
    {"settings", "links", "reading", "object_store", "video_file"}
    | {"addresses", "files", "blocks", "converting"},
    {"images"},
    {"generation", "catalog.spec"},
    {"catalog.params", "catalog.typed"},
    {"catalog.runway", "catalog.kling", "catalog.google", "catalog.alibaba", "catalog.minimax"}
    | {"catalog.luma", "catalog.openapi"},
    {"ledger.job", "ledger.budget", "ledger.owners", "ledger.forks"},
    {"ledger.table"},
    {"ledger.base"},
    {"ledger.memory", "ledger.rows"},
    {"ledger.sqlite"},
    {"ledger.choose"},
    {"ledger"},
    {"catalog", "effects", "pools", "sending"},
    {"part", "bucket"},
    {"download", "limiter"},
    {"slips", "nested"},
    {"values"},
    {"schema_check", "bodies"},
    {"shortening"},
    {"request"},
    {"responses", "offer"},
    {"wire"},
    {"books"},
    {"flows", "endings", "confined", "asking"},
    {"submitting", "resuming", "downloading"},
    {"telling"},
    {"watching"},
    {"waiting", "keeping", "frames"},
    {"calls"},
    {"connected", "many"},
    {"client"},
    {"async_client"},
    {"runtime", "answer", "schema", "account"},
    {"pictures"},
    {"video_tool"},
    {"tools"},
    {"toolkit"},
]
"""A module imports only from lines above its own."""

LATE = {"catalog.spec": {"catalog.openapi"}}
"""What may be imported from below all the same, inside the function that needs it."""

HOMES = {
    "httpx": {"wire", "responses", "effects", "sending", "download", "pools", "client", "part"}
    | {"async_client", "confined", "downloading", "limiter", "telling"},
    "httpcore": {"confined"},
    "langchain_core": {"settings", "runtime", "answer", "schema", "video_tool"} | {"toolkit"},
    "pydantic": {
        "settings",
        "catalog.kling",
        "catalog.luma",
        "catalog.typed",
        "nested",
        "connected",
        "account",
    }
    | {"schema", "video_tool", "tools", "toolkit"},
    "jsonschema": {"schema_check", "catalog.openapi"},
    "yaml": {"catalog.openapi"},
    "obstore": {"object_store"},
    "PIL": {"converting"},
    "av": {"frames", "video_file"},
    "pytest": {"pytest_plugin"},
}
"""Where, outside of the sandbox, a third party may be imported. Nobody else is."""


def name(path: Path) -> str:
    return (
        str(path.relative_to(PACKAGE).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    )


def room(module: str) -> str:
    """A package of its own is one room."""
    return "catalog.openapi" if module.startswith("catalog.openapi.") else module


def imports(path: Path) -> list[str]:
    """What a module imports when it is imported; not what only type checkers see."""
    found = []
    tree = ast.parse(path.read_text())
    hidden = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    ]
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = names & {f"langchain_apilaplas.{name(path)}" for path in MODULES}
            found += modules or [node.module]
    return found


def ours(path: Path) -> list[str]:
    prefix = "langchain_apilaplas."
    return [module.removeprefix(prefix) for module in imports(path) if module.startswith(prefix)]


def third_parties(path: Path) -> set[str]:
    tops = {module.partition(".")[0] for module in imports(path)}
    return tops - sys.stdlib_module_names - {"langchain_apilaplas"}


CORE = [path for path in MODULES if "sandbox" not in path.parts]


@pytest.mark.parametrize("path", CORE, ids=name)
def test_a_module_imports_only_from_above(path: Path) -> None:
    if name(path) in ("__init__", "pytest_plugin"):
        return
    own = room(name(path))
    level = next(n for n, layer in enumerate(LAYERS) if own in layer)
    above = set().union(*LAYERS[:level], LATE.get(own, set()))
    within = {own} if own == "catalog.openapi" else set()
    assert set(map(room, ours(path))) <= above | within


@pytest.mark.parametrize("path", CORE, ids=name)
def test_a_third_party_is_imported_in_its_homes_only(path: Path) -> None:
    for party in third_parties(path):
        assert room(name(path)) in HOMES[party], f"{party} in {name(path)}"


@pytest.mark.parametrize("path", [path for path in MODULES if path not in CORE], ids=name)
def test_the_sandbox_shares_the_catalog_and_nothing_else(path: Path) -> None:
    assert {module for module in ours(path) if not module.startswith("sandbox")} <= {"catalog"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 290
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = node.end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
            assert length <= 35, f"{node.name} has {length} lines"


def test_nothing_heavy_is_imported_with_the_tools() -> None:
    heavy = ("langgraph", "langchain", "av", "PIL", "starlette", "uvicorn", "mcp", "sqlite3")
    heavy += ("obstore",)
    program = "import sys, langchain_apilaplas.tools; print(*sys.modules)"
    loaded = set(run(program).split())
    assert "langchain_apilaplas.tools" in loaded
    assert not loaded & set(heavy)


def test_the_pytest_plugin_imports_next_to_nothing() -> None:
    program = "import sys, pytest; before = set(sys.modules)\n"
    program += "import langchain_apilaplas.pytest_plugin; print(*set(sys.modules) - before)"
    assert set(run(program).split()) == {
        "langchain_apilaplas", "langchain_apilaplas.pytest_plugin",
    }  # fmt: skip


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
