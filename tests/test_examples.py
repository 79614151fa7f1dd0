"""Every example and every block of the README runs, as a user would run it."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import av
import pytest

from langchain_apilaplas import get_model, sandbox
from langchain_apilaplas.sandbox import Sandbox
from langchain_apilaplas.values import allowed
from tests import models_table
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
README = (ROOT / "README.md").read_text()
COMMANDS = {
    "agent": [str(EXAMPLES / "agent.py")],
    "direct": [str(EXAMPLES / "direct.py")],
    "test_my_agent": ["-m", "pytest", "-c", "pytest.ini", str(EXAMPLES / "test_my_agent.py")],
}


class Done:
    """A finished example: what it printed, and where it ran."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.output, _ = process.communicate(timeout=120)
        self.code, self.folder = process.returncode, folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """All examples, run at the same time, each in an empty folder, with warnings as errors."""
    started = {}
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("APILAPLAS", "COV"))}
    for name, command in COMMANDS.items():
        folder = tmp_path_factory.mktemp(name)
        ini = "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
        (folder / "pytest.ini").write_text(ini)
        environment["APILAPLAS_LEDGER"] = str(folder / "ledger.db")
        process = subprocess.Popen(
            [sys.executable, "-W", "error", *command], cwd=folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        started[name] = process, folder
    return {name: Done(*job) for name, job in started.items()}


def test_the_agent_prints_progress_and_link_and_saves_the_video(done: dict[str, Done]) -> None:
    agent = done["agent"]
    assert agent.code == 0, agent.output
    lines = agent.output.splitlines()
    assert lines[0].startswith("No APILAPLAS_API_KEY is set: using the sandbox")
    progress = [line for line in lines if re.match(r" +\d+\.\d s  (queued|generating|comp)", line)]
    assert len(progress) > 5
    assert re.match(r"Agent: Here is your video: http://127.0.0.1:\d+/wolf/.*\.mp4", lines[-2])
    saved = Path(lines[-1].removeprefix("Saved "))
    assert saved == agent.folder / "rocket.mp4"
    with av.open(str(saved)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (1280, 720, 120)


def test_the_tool_runs_without_an_agent(done: dict[str, Done]) -> None:
    direct = done["direct"]
    assert direct.code == 0, direct.output
    assert "This is the finished video, generation " in direct.output
    assert direct.output.count("'image': 'rocket.jpg', 'duration': 5}") == 2


def test_a_users_own_tests_find_the_fixture(done: dict[str, Done]) -> None:
    tests = done["test_my_agent"]
    assert tests.code == 0, tests.output
    assert "4 passed" in tests.output


# --- the README ---

BLOCK = re.compile(
    r"(?:<!-- order: (?P<order>.*?) -->\n)?"
    r"```python\n(?P<code>.*?)```\n"
    r"(?:\n```text\n(?P<printed>.*?)```)?",
    re.DOTALL,
)


@pytest.fixture
def newcomer(
    apilaplas_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Sandbox]:
    """The README's reader: a key for the chat model, a folder with the examples in it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sandbox")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{apilaplas_sandbox.url}/v1")
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    return apilaplas_sandbox


@pytest.mark.usefixtures("own_catalog")
def test_every_block_of_the_readme_runs_and_prints_what_it_says(newcomer: Sandbox) -> None:
    blocks = list(BLOCK.finditer(README))
    assert len(blocks) == README.count("```python") == 21
    names: dict[str, Any] = {}
    for block in blocks:
        if block["order"]:
            newcomer.order(eval(block["order"], vars(sandbox)))
        with redirect_stdout(StringIO()) as printed:
            exec(block["code"], names)
        if block["printed"]:
            said = printed.getvalue().replace(newcomer.url, "https://cdn.apilaplas.com")
            check = doctest.OutputChecker().check_output
            assert check(block["printed"], said, doctest.ELLIPSIS), said
    names["test_a_failure_is_explained"](Fresh(newcomer))


class Fresh:
    """The fixture as a test of its own would get it: nothing received yet."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.accepted.clear()
        self.order, self.accepted = sandbox.order, sandbox.accepted


def test_the_table_of_arguments_is_the_models_row() -> None:
    for param in get_model("runway/gen4_turbo").params:
        row = f"| `{param.name}` | {'yes' if param.required else 'no'} | {allowed(param)} |"
        assert row in README


def test_the_table_of_models_is_the_catalog() -> None:
    table = "\n".join(models_table.rows())
    assert f"<!-- python tests/models_table.py -->\n{table}\n" in README


def test_the_commands_of_the_readme_are_those_of_ci() -> None:
    for command in (
        '.venv/bin/pip install ".[examples]" && .venv/bin/python examples/agent.py\n',
        '.venv/bin/pip install -e ".[test]" && .venv/bin/pytest\n',
    ):
        assert f"\npython3.11 -m venv .venv && {command}" in README
    ci = (ROOT / ".ci" / "run").read_text()
    assert '--editable ".[test]"\n' in ci
    assert ci.endswith("\npytest\n")


def test_every_trouble_of_the_sandbox_is_named_in_the_readme() -> None:
    for name in set(sandbox.__all__) - {"Received", "Sandbox", "Server"}:
        assert f"`{name}`" in README
