"""Jobs as an agent and a tool's developer meet them: which ledger, what is open, what is left."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    ApilaplasGetVideo,
    ApilaplasVideoToolkit,
    AsyncApilaplasClient,
    Budget,
    MemoryLedger,
    SqliteLedger,
    State,
    get_model,
)
from langchain_apilaplas.errors import InvalidRequestError, SettingsError
from langchain_apilaplas.ledger import choose
from langchain_apilaplas.sandbox import dropped, endless, failed_generation, http_error
from tests.conftest import KEY, World

URL = "https://example.com/cat.jpg"
ARGS = {"image": URL, "prompt": "The cat yawns"}


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Any:
    """Runs a tool as a graph does, in a thread: content and artifact."""

    def run(tool: Any, args: dict[str, Any], thread: str | None = "t-1", call: str = "c-1") -> Any:
        config = {"configurable": {"thread_id": thread} if thread else {}}
        runtime = SimpleNamespace(tool_call_id=call, config=config, state={"messages": []})
        way = tool._run if request.param == "sync" else tool._arun
        outcome = way(**args, runtime=runtime)
        content, artifact = asyncio.run(outcome) if request.param == "async" else outcome
        if artifact is None:
            content, artifact = content.text, content.artifact
        json.dumps(artifact)
        return content, artifact

    return run


@pytest.fixture
def tools(world: World) -> tuple[ApilaplasGenerateVideo, ApilaplasGetVideo]:
    clients = {"client": world.client, "async_client": world.async_client}
    generate, get = ApilaplasVideoToolkit(max_wait=10, **clients).get_tools()
    return generate, get  # type: ignore[return-value]


# --- what an agent is told ---


def test_the_unfinished_videos_of_a_conversation_are_listed(
    run: Any, tools: Any, world: World
) -> None:
    generate, get = tools
    world.sandbox.order(endless(), failed_generation("Flagged"))
    _, slow = run(generate, ARGS, call="1")
    _, failed = run(generate, ARGS, call="2")
    run(generate, ARGS, thread="another", call="3")
    world.sandbox.order(dropped())
    _, lost = run(generate, {**ARGS, "prompt": "A dog " * 99}, call="4")
    world.time += 100
    run(get, {"generation_id": failed["generation_id"]})
    text, artifact = run(get, {})
    assert text.splitlines() == [
        "Not finished in this conversation:",
        f"- generation {slow['generation_id']} (runway/gen4_turbo, 2027-01-15 08:00 UTC, prompt "
        "'The cat yawns'): queued; get_video fetches it.",
        "- runway/gen4_turbo, 2027-01-15 08:00 UTC, prompt "
        f"'{'A dog ' * 13}A…': nobody knows whether it was accepted. It may have been charged; "
        "do not generate it again, and tell the user.",
        f"Ended: {failed['generation_id']} (error). get_video gives a fresh link of a completed "
        "one.",
    ]
    assert [job["state"] for job in artifact["jobs"]] == ["submitted", "unknown", "error"]
    assert artifact["jobs"][1]["key"] == lost["key"]
    assert artifact["jobs"][0]["request"]["prompt"] == "The cat yawns"


def test_a_conversation_without_videos_is_told_so(run: Any, tools: Any) -> None:
    text, artifact = run(tools[1], {})
    assert (text, artifact["jobs"]) == ("No video of this conversation is unfinished.", [])


def test_only_the_latest_are_listed(run: Any, tools: Any) -> None:
    generate, get = tools
    for n in range(12):
        run(generate, ARGS, call=f"c-{n}")
    text, artifact = run(get, {})
    assert text.count("get_video fetches it") == 10
    assert "- and 2 more." in text
    assert len(artifact["jobs"]) == 12


def test_outside_of_a_conversation_an_id_is_needed(run: Any, tools: Any) -> None:
    text, _ = run(tools[1], {}, thread=None)
    assert text.startswith("generation_id: missing; this call belongs to no conversation.")


def test_an_unknown_outcome_names_the_job_for_whoever_settles_it(
    run: Any, tools: Any, world: World
) -> None:
    world.sandbox.order(http_error(502))
    for _ in range(2):  # the second is the graph's own, after a crash
        content, artifact = run(tools[0], ARGS)
        assert "Do not call generate_video again for this request" in content
        assert artifact["charged"] == "unknown"
    assert world.client.resolve(artifact["key"], submitted=False).state is State.ABANDONED
    assert [call.kind for call in world.sandbox.received].count("create") == 1


def test_a_call_run_again_is_the_same_job_and_another_call_is_another(run: Any, tools: Any) -> None:
    generate, _ = tools
    ids = [run(generate, ARGS, call=call)[1]["generation_id"] for call in ("1", "1", "2")]
    assert ids[0] == ids[1] != ids[2]


def test_a_call_run_again_after_the_developer_changed_a_setting_is_the_same_job(
    run: Any, world: World
) -> None:
    clients = {"client": world.client, "async_client": world.async_client}
    ids = {
        run(ApilaplasGenerateVideo(duration=duration, **clients), ARGS)[1]["generation_id"]
        for duration in (5, 10)
    }
    assert len(ids) == 1
    assert [body["duration"] for body in world.sandbox.accepted] == [5]


def test_a_call_run_again_with_another_model_waits_for_the_one_that_was_asked(
    run: Any, world: World
) -> None:
    clients = {"client": world.client, "async_client": world.async_client}
    run(ApilaplasGenerateVideo(max_wait=0, **clients), ARGS)
    other = ApilaplasGenerateVideo(model="veo2/image-to-video", **clients)
    _, artifact = run(other, ARGS)
    assert (artifact["status"], artifact["model"]) == ("completed", "runway/gen4_turbo")
    assert len(world.sandbox.accepted) == 1


def test_without_a_conversation_every_call_is_another_job(run: Any, tools: Any) -> None:
    ids = [run(tools[0], ARGS, thread=None)[1]["generation_id"] for _ in range(2)]
    assert ids[0] != ids[1]


def test_get_video_knows_the_model_by_the_ledger(run: Any, world: World) -> None:
    made = world.client.submit(model="luma-ai/v2", prompt="Waves", aspect_ratio="16:9")
    get = ApilaplasGetVideo(client=world.client, async_client=world.async_client)
    _, artifact = run(get, {"generation_id": made.id})
    assert (artifact["status"], artifact["model"]) == ("completed", "luma-ai/v2")


# --- budgets ---


def test_a_tools_budget_tells_what_is_left(run: Any, world: World) -> None:
    clients = {"client": world.client, "async_client": world.async_client}
    budget = Budget(generations=1, credits=500, per="thread")
    generate, get = ApilaplasVideoToolkit(budget=budget, max_wait=0, **clients).get_tools()
    run(generate, ARGS, call="1")
    content, artifact = run(generate, ARGS, call="2")
    assert content.startswith(
        "The budget for this conversation does not allow another generation. "
        "Left: 0 of 1 generations, 500 of 500 credits. Nothing was charged."
    )
    assert (artifact["charged"], artifact["error"]["type"]) == ("no", "BudgetError")
    assert run(generate, ARGS, call="3", thread="another")[1]["status"] == "generating"
    world.client.submit(**ARGS)  # type: ignore[arg-type] # the client's own calls are free of it
    assert not hasattr(get, "budget")
    spent = generate.model_copy(update={"budget": Budget(generations=0)})
    assert run(spent, ARGS, call="4")[1]["error"]["type"] == "BudgetError"


def test_what_a_call_will_cost_is_known_from_the_catalog_then_from_the_last_one(
    world: World,
) -> None:
    tool = ApilaplasGenerateVideo(client=world.client, models=["veo2", "gen3a_turbo"])
    args = {"image": URL}
    assert tool.expected_usage(args) == {"tokens_used": 525_000}
    assert tool.expected_usage({"prompt": "Waves"}) == {}
    made = world.client.generate(model=get_model("veo2").universal(), prompt="Waves")
    assert made.usage["credits_used"]
    assert tool.expected_usage({"prompt": "Waves"}) == made.usage
    with pytest.raises(InvalidRequestError):
        tool.expected_usage({"prompt": "Waves", "duration": 99})


async def test_what_a_call_will_cost_can_be_asked_on_an_event_loop(world: World) -> None:
    tool = ApilaplasGenerateVideo(async_client=world.async_client, model="gen3a_turbo")
    assert tool.expected_usage({"image": URL}) == {"tokens_used": 525_000}


def test_a_tools_policy_is_its_own(run: Any, world: World) -> None:
    clients = {"client": world.client, "async_client": world.async_client}
    world.sandbox.order(dropped())
    bold = ApilaplasGenerateVideo(on_unknown="resubmit", **clients)
    assert run(bold, ARGS)[1]["status"] == "completed"
    world.sandbox.order(dropped())
    assert run(ApilaplasGenerateVideo(**clients), ARGS, call="2")[1]["charged"] == "unknown"


# --- which ledger ---


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("APILAPLAS_LEDGER")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def ledger_of(tool: ApilaplasGenerateVideo | ApilaplasGetVideo) -> Any:
    [ledger] = {tool._account.blocking().ledger, tool._account.awaited().ledger}
    return ledger


def test_a_tools_ledger_is_a_file_in_the_usual_place(home: Path) -> None:
    generate, get = ApilaplasVideoToolkit(api_key=KEY).get_tools()
    ledger: Any = ledger_of(generate)  # type: ignore[arg-type]
    assert ledger.path == choose.default_path()
    assert ledger is ledger_of(get)  # type: ignore[arg-type]
    assert ledger_of(ApilaplasGenerateVideo(api_key=KEY)) is ledger
    assert not ledger.path.exists()  # until there is something to write


def test_a_path_can_be_given_or_set(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = ApilaplasGenerateVideo(api_key=KEY, ledger=tmp_path / "given.db")
    assert ledger_of(tool).path == tmp_path / "given.db"
    monkeypatch.setenv("APILAPLAS_LEDGER", str(tmp_path / "set.db"))
    assert ledger_of(ApilaplasGenerateVideo(api_key=KEY)).path == tmp_path / "set.db"
    assert ApilaplasClient(api_key=KEY).ledger is ledger_of(ApilaplasGenerateVideo(api_key=KEY))


def test_it_can_be_switched_off(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(ledger_of(ApilaplasGenerateVideo(api_key=KEY, ledger="off")), MemoryLedger)
    monkeypatch.setenv("APILAPLAS_LEDGER", "off")
    assert isinstance(ledger_of(ApilaplasGenerateVideo(api_key=KEY)), MemoryLedger)


def test_a_client_by_itself_remembers_in_memory(home: Path) -> None:
    assert isinstance(ApilaplasClient(api_key=KEY).ledger, MemoryLedger)


def test_a_client_that_names_no_ledger_keeps_its_own_and_the_tool_its_file(home: Path) -> None:
    client = ApilaplasClient(api_key=KEY)
    before = client.ledger
    tool = ApilaplasGenerateVideo(client=client)
    assert isinstance(ledger_of(tool), SqliteLedger)
    assert client.ledger is before
    assert ApilaplasClient(api_key=KEY, ledger="default").ledger is ledger_of(tool)


def test_a_clients_own_ledger_is_the_tools_too(home: Path, tmp_path: Path) -> None:
    client = ApilaplasClient(api_key=KEY, ledger=tmp_path / "own.db")
    other = AsyncApilaplasClient(api_key=KEY)
    assert ledger_of(ApilaplasGenerateVideo(client=client, async_client=other)) is client.ledger


@pytest.mark.parametrize("word", ["off", " OFF "])
def test_what_is_named_in_code_comes_before_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str
) -> None:
    monkeypatch.setenv("APILAPLAS_LEDGER", str(tmp_path / "set.db"))
    given = ApilaplasGenerateVideo(api_key=KEY, ledger=tmp_path / "given.db")
    assert ledger_of(given).path == tmp_path / "given.db"
    client = ApilaplasClient(api_key=KEY, ledger=tmp_path / "given.db")
    assert ledger_of(ApilaplasGenerateVideo(client=client)) is client.ledger
    assert isinstance(ledger_of(ApilaplasGenerateVideo(api_key=KEY, ledger=word)), MemoryLedger)
    client = ApilaplasClient(api_key=KEY, ledger=word)
    assert ledger_of(ApilaplasGenerateVideo(client=client)) is client.ledger


@pytest.mark.parametrize("word", [":memory:", " ", "~nobody-of-this-name/ledger.db"])
def test_what_is_no_path_is_told(home: Path, word: str) -> None:
    with pytest.raises(SettingsError, match="ledger"):
        ApilaplasClient(api_key=KEY, ledger=word)


def test_a_link_to_the_file_is_the_same_ledger(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    client = ApilaplasClient(api_key=KEY, ledger=tmp_path / "real" / "l.db")
    tool = ApilaplasGenerateVideo(client=client, ledger=tmp_path / "link" / "l.db")
    assert ledger_of(tool) is client.ledger


def test_a_user_without_a_home_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(SettingsError, match="no home folder to keep the ledger in"):
        ApilaplasGenerateVideo(api_key=KEY)


def test_two_files_are_one_too_many(home: Path, tmp_path: Path) -> None:
    client = ApilaplasClient(api_key=KEY, ledger=tmp_path / "own.db")
    with pytest.raises(SettingsError, match="The tool was given several ledgers"):
        ApilaplasGenerateVideo(client=client, ledger=tmp_path / "other.db")
    with pytest.raises(SettingsError, match="The tool was given several ledgers"):
        ApilaplasGenerateVideo(client=client, ledger="off")
    tool = ApilaplasGenerateVideo(client=client, ledger=tmp_path / "own.db")
    assert ledger_of(tool) is client.ledger


def test_a_ledger_of_ones_own_can_be_given(home: Path) -> None:
    mine = MemoryLedger()
    assert ledger_of(ApilaplasGenerateVideo(api_key=KEY, ledger=mine)) is mine


def test_nothing_of_the_ledger_stands_in_a_tools_repr_or_dump(tmp_path: Path) -> None:
    tool = ApilaplasGenerateVideo(api_key=KEY, ledger=tmp_path / "l.db", budget=Budget(3))
    assert "l.db" not in repr(tool)
    assert "ledger" not in tool.model_dump()
