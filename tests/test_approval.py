"""A person approves, edits or rejects a paid call, as `examples/approval.py` shows it."""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langchain_apilaplas import ApilaplasClient, ApilaplasGenerateVideo, effects
from langchain_apilaplas.sandbox import Sandbox
from tests.conftest import KEY, ROOT, World
from tests.test_agents import URL, Scripted, ask, calls, photo

EXAMPLES = ROOT / "examples"
CALL = {"prompt": "The cat yawns", "image": URL}
OTHER = {**CALL, "prompt": "The cat sneezes"}
THREAD = {"configurable": {"thread_id": "t-1"}}
APPROVE = {"type": "approve"}
EDIT = {"type": "edit", "edited_action": {"name": "generate_video", "args": OTHER}}
REJECT = {"type": "reject", "message": "Too dear."}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(EXAMPLES)
    yield importlib.import_module("approval")
    for name in ("approval", "gateway"):
        sys.modules.pop(name, None)


class Desk:
    """An agent whose tool calls somebody decides about."""

    def __init__(self, world: World, example: ModuleType, *, is_async: bool) -> None:
        self.world, self.example, self.is_async = world, example, is_async
        self.tool = self.tool_for("gen3a_turbo")

    def tool_for(self, model: str) -> ApilaplasGenerateVideo:
        world = self.world
        return ApilaplasGenerateVideo(
            client=world.client, async_client=world.async_client, model=model
        )

    def asks(self, *args: dict[str, Any], state: Any = None) -> list[dict[str, Any]]:
        """Begin; what is to be decided."""
        script = [calls(*args), *[AIMessage("Done")] * 9]
        self.agent = create_agent(
            Scripted(script=script),
            [self.tool],
            middleware=[self.example.approval_of(self.tool)],
            checkpointer=InMemorySaver(),
        )
        paused = self._invoke(state or ask(), THREAD)["__interrupt__"]
        self.paused_at = self.agent.get_state(THREAD).config
        return list(paused[0].value["action_requests"])

    def decides(self, *decisions: Any, at: Any = THREAD) -> list[ToolMessage]:
        return self._tools(self._invoke(Command(resume={"decisions": list(decisions)}), at))

    def goes_on(self, at: Any = THREAD) -> list[ToolMessage]:
        return self._tools(self._invoke(None, at))

    def before_the_tools(self) -> Any:
        history = self.agent.get_state_history(THREAD)
        return next(state.config for state in history if state.next == ("tools",))

    @property
    def prompts(self) -> list[str]:
        """What was paid for."""
        return [body["prompt"] for body in self.world.sandbox.accepted]

    def _invoke(self, given: Any, config: Any) -> Any:
        if self.is_async:
            return asyncio.run(self.agent.ainvoke(given, config, durability="sync"))
        return self.agent.invoke(given, config, durability="sync")

    def _tools(self, result: Any) -> list[ToolMessage]:
        return [message for message in result["messages"] if isinstance(message, ToolMessage)]


@pytest.fixture(params=["sync", "async"])
def desk(request: pytest.FixtureRequest, world: World, example: ModuleType) -> Desk:
    return Desk(world, example, is_async=request.param == "async")


# --- what the person is told ---


def test_a_person_is_told_the_model_the_arguments_and_the_cost(desk: Desk) -> None:
    [action] = desk.asks(CALL)
    assert action["description"].splitlines() == [
        "model: 'gen3a_turbo'",
        "prompt: 'The cat yawns'",
        f"image: '{URL}'",
        "expected cost: 525,000 tokens",
    ]
    assert desk.prompts == []


def test_a_cost_that_nobody_knows_is_told_as_unknown(desk: Desk) -> None:
    desk.tool = desk.tool_for("runway/gen4_turbo")
    [action] = desk.asks(CALL)
    assert action["description"].endswith("\nexpected cost: unknown")


def test_the_cost_is_what_the_last_one_cost_by_the_ledger(desk: Desk) -> None:
    desk.tool = desk.tool_for("veo2/image-to-video")
    http = httpx.Client(transport=httpx.MockTransport(desk.world.answer))
    telling = ApilaplasClient(
        api_key=KEY, http_client=http, universal=True, ledger=desk.world.ledger
    )
    made = telling.generate(model="veo2/image-to-video", **CALL)
    [action] = desk.asks(CALL)
    told = f"expected cost: {made.usage['credits_used']:,} credits"
    assert action["description"].splitlines()[-1] == told


def test_a_picture_of_the_conversation_is_priced_too(desk: Desk) -> None:
    args = {**CALL, "image": "attached:last"}
    [action] = desk.asks(args, state=ask("Animate this", photo()))
    assert action["description"].endswith("\nexpected cost: 525,000 tokens")


def test_no_prompt_can_pass_for_the_cost(desk: Desk) -> None:
    [action] = desk.asks({**CALL, "prompt": "A cat\nexpected cost: 1 tokens"})
    assert action["description"].splitlines()[-1] == "expected cost: 525,000 tokens"
    assert "\nexpected cost: 1 tokens" not in action["description"]


def test_a_call_that_will_be_refused_ends_nothing(desk: Desk) -> None:
    [action] = desk.asks({"prompt": "The cat yawns"})
    assert action["description"].startswith("This will be refused: image: missing.")
    [message] = desk.decides(APPROVE)
    assert message.text.startswith("image: missing.")
    assert desk.prompts == []


# --- what comes of the decision ---


def test_what_is_approved_is_made_once(desk: Desk) -> None:
    desk.asks(CALL)
    [message] = desk.decides(APPROVE)
    assert message.artifact["status"] == "completed"
    assert desk.prompts == ["The cat yawns"]


def test_what_is_edited_is_made_as_edited(desk: Desk) -> None:
    desk.asks(CALL)
    [message] = desk.decides(EDIT)
    assert message.artifact["request"]["prompt"] == "The cat sneezes"
    assert message.artifact["status"] == "completed"
    assert message.tool_call_id == "call_0"
    assert desk.prompts == ["The cat sneezes"]


def test_what_is_rejected_is_never_sent(desk: Desk) -> None:
    desk.asks(CALL)
    [message] = desk.decides(REJECT)
    assert "Too dear." in message.text
    assert message.status == "error"
    assert desk.world.sandbox.received == []


def test_each_of_two_calls_is_decided_by_itself(desk: Desk) -> None:
    first, second = desk.asks(CALL, OTHER)
    assert "'The cat yawns'" in first["description"]
    assert "'The cat sneezes'" in second["description"]
    desk.decides(REJECT, APPROVE)
    assert desk.prompts == ["The cat sneezes"]


# --- run again ---


class Killed(BaseException):
    """What no `except Exception` holds up."""


@pytest.fixture
def dies_waiting(monkeypatch: pytest.MonkeyPatch, world: World) -> Callable[[], None]:
    """Lets the program end at the next look but one after a generation."""

    def arm() -> None:
        times = iter([None, Killed()])

        def sleep(effect: effects.Sleep, _: Any) -> None:
            world.sleep(effect.seconds)
            if end := next(times, None):
                raise end

        async def asleep(effect: effects.Sleep, http: Any) -> None:
            sleep(effect, http)

        monkeypatch.setattr(effects.Sleep, "run", sleep)
        monkeypatch.setattr(effects.Sleep, "arun", asleep)

    return arm


@pytest.mark.parametrize("decision", [APPROVE, EDIT])
def test_a_crash_after_the_decision_pays_once(
    desk: Desk, dies_waiting: Callable[[], None], decision: Any
) -> None:
    desk.asks(CALL)
    dies_waiting()
    with pytest.raises(Killed):
        desk.decides(decision)
    [message] = desk.goes_on()
    assert message.artifact["status"] == "completed"
    assert len(desk.prompts) == 1


@pytest.mark.parametrize("decision", [APPROVE, EDIT])
def test_a_decided_call_that_is_run_again_pays_once(desk: Desk, decision: Any) -> None:
    desk.asks(CALL)
    [message] = desk.decides(decision)
    [again] = desk.goes_on(desk.before_the_tools())
    assert again.text == message.text
    assert len(desk.prompts) == 1


def test_an_answer_to_what_was_answered_before_pays_once(desk: Desk) -> None:
    """LangGraph keeps to the answer that it has stored with the checkpoint."""
    desk.asks(CALL)
    [message] = desk.decides(APPROVE)
    [again] = desk.decides(EDIT, at=desk.paused_at)
    assert again.text == message.text
    assert desk.prompts == ["The cat yawns"]


def test_what_is_asked_anew_and_approved_again_pays_once(desk: Desk) -> None:
    desk.asks(CALL)
    [message] = desk.decides(APPROVE)
    assert desk.goes_on(desk.paused_at) == []
    [again] = desk.decides(APPROVE)
    assert again.text == message.text
    assert desk.prompts == ["The cat yawns"]


def test_an_edit_after_the_original_was_made_is_another_video(desk: Desk) -> None:
    desk.asks(CALL)
    [first] = desk.decides(APPROVE)
    assert desk.goes_on(desk.paused_at) == []
    [second] = desk.decides(EDIT)
    assert second.tool_call_id == first.tool_call_id
    assert second.artifact["generation_id"] != first.artifact["generation_id"]
    assert second.artifact["request"]["prompt"] == "The cat sneezes"
    assert desk.prompts == ["The cat yawns", "The cat sneezes"]


# --- the example itself ---


def started(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith(("APILAPLAS", "COV"))}
    ours = {"APILAPLAS_LEDGER": str(folder / "ledger.db"), **environment}
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLES / "approval.py"), *words], cwd=folder,
        env={**own, **ours}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_the_example_runs_without_a_key_and_with_one(
    apilaplas_sandbox: Sandbox, tmp_path: Path
) -> None:
    names = ("API_KEY", "BASE_URL", "POLL_INTERVAL")
    here = {f"APILAPLAS_{name}": os.environ[f"APILAPLAS_{name}"] for name in names}
    processes = [
        (started(tmp_path), "approve\n"),
        (started(tmp_path, "edit", "The cat sneezes", **here), None),
        (started(tmp_path, "reject", **here), None),
    ]
    outputs = [process.communicate(typed, timeout=120)[0] for process, typed in processes]
    assert [process.returncode for process, _ in processes] == [0, 0, 0], outputs
    asked, edited, rejected = outputs
    assert asked.startswith("No APILAPLAS_API_KEY is set: using the sandbox")
    assert "\nmodel: 'gen3a_turbo'\nprompt: " in asked
    assert "\nexpected cost: 525,000 tokens\napprove, edit or reject? Tool: http://127" in asked
    assert f"{apilaplas_sandbox.url}/wolf/" in edited
    assert "Not this one. Do not try again." in rejected
    [body] = apilaplas_sandbox.accepted
    assert body["prompt"] == "The cat sneezes"
