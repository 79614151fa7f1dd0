"""Every model of the catalog, end to end: submitted, watched and finished in its vendor's words."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.messages import ToolMessage

from langchain_apilaplas import (
    ApilaplasGenerateVideo,
    ApilaplasGetVideo,
    ApilaplasVideoToolkit,
    Generation,
    Status,
    VideoModel,
    VideoRequest,
    get_model,
    list_models,
)
from langchain_apilaplas.catalog import Param
from langchain_apilaplas.errors import GenerationFailedError, NotFoundError
from langchain_apilaplas.sandbox import Sandbox, Server, failed_generation
from tests.conftest import KEY, World

URL = "https://example.com/cat.jpg"
ROWS = list_models()
NESTED = {
    "advanced_camera_control": {"movement_type": "zoom", "movement_value": 5},
    "dynamic_masks": [{"mask_url": URL, "trajectories": [{"x": 1, "y": 2}]}],
}
each_model = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)

Generate = Callable[..., Generation]


@pytest.fixture(params=["sync", "async"])
def generate(request: pytest.FixtureRequest, world: World) -> Generate:
    """`client.generate` in both worlds, as one function."""
    if request.param == "sync":
        return world.client.generate
    return lambda **given: asyncio.run(world.async_client.generate(**given))


def example(param: Param) -> Any:
    """A value that the parameter takes."""
    if param.kind == "image":
        return URL
    if param.kind == "json":
        return NESTED[param.name]
    if param.choices:
        return param.choices[-1]
    if param.form:
        return "5s"
    return {"text": "Go", "integer": 7, "number": 0.5, "boolean": True}[param.kind]


def needed(row: VideoModel) -> dict[str, Any]:
    given = {param.name: example(param) for param in row.params if param.required}
    return {"prompt": "A wave breaks", **given} if row.param("prompt") else given


def everything(row: VideoModel) -> dict[str, Any]:
    names = [p for p in row.params if p.for_agents and p.name != "extend"]
    return {param.name: example(param) for param in names}


@each_model
def test_each_model_makes_a_video_with_what_it_needs(
    row: VideoModel, generate: Generate, world: World
) -> None:
    generation = generate(model=row.id, **needed(row))
    assert (generation.status, generation.model) == (Status.COMPLETED, row.id)
    assert generation.video
    assert generation.video.url.startswith("https://api.apilaplas.com/")
    assert generation.video.expires_at
    assert len(world.sandbox.accepted) == 1
    assert world.client.get(generation.id, model=row).status is Status.COMPLETED


@each_model
def test_each_model_takes_everything_it_offers(
    row: VideoModel, generate: Generate, world: World
) -> None:
    assert generate(model=row.id, **everything(row)).video
    sent = world.sandbox.accepted[0]
    assert ("model" in sent) is row.sends_model


@each_model
def test_each_model_is_taken_on_the_universal_path(row: VideoModel, world: World) -> None:
    generation = world.client.generate(model=row.universal(), **needed(row))
    assert generation.video
    assert set(generation.usage) & {"credits_used", "tokens_used", "usd_spent"}
    paths = {received.url.partition("?")[0] for received in world.sandbox.received}
    assert paths == {"https://api.apilaplas.com/v2/video/generations"}


ERRORS = [
    (None, ""),
    ("Out of luck", "Out of luck"),
    ({"name": "Moderation", "message": "Flagged"}, "Flagged (Moderation)"),
    ({"detail": [{"loc": ["body", "prompt"], "msg": "Too dull", "type": "dull"}]},
     "prompt: Too dull (dull)"),
]  # fmt: skip


@each_model
@pytest.mark.parametrize(("error", "text"), ERRORS)
def test_each_model_fails_in_each_shape(
    row: VideoModel, error: Any, text: str, generate: Generate, world: World
) -> None:
    world.sandbox.order(failed_generation(error) if error else failed_generation())
    with pytest.raises(GenerationFailedError) as caught:
        generate(model=row.id, **needed(row))
    assert text in caught.value.problem
    assert "no reason given" not in caught.value.problem
    assert caught.value.generation_id


@each_model
def test_an_agents_tool_makes_a_video_with_each(row: VideoModel, world: World) -> None:
    tool = ApilaplasGenerateVideo(client=world.client, model=row)
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": needed(row)}
    message = tool.invoke(call)
    assert message.text.startswith("https://"), message.text
    assert (message.artifact["model"], message.artifact["status"]) == (row.id, "completed")
    assert message.artifact["request"] == needed(row)


@pytest.mark.parametrize("row", [row for row in ROWS if row.tokens], ids=lambda row: row.id)
def test_the_cost_told_at_submit_is_not_lost(
    row: VideoModel, generate: Generate, world: World
) -> None:
    assert generate(model=row, **needed(row)).usage == {"tokens_used": row.tokens}


def test_a_client_can_call_every_model_on_the_universal_path(world: World) -> None:
    with Server(Sandbox(seconds=0)) as server:
        client = type(world.client)(api_key=KEY, base_url=server.sandbox.url, universal=True)
        with client:
            generation = client.generate(model="gen3a_turbo", image=URL, aspect_ratio="9:16")
            assert client.get(generation.id, model="gen3a_turbo").video
            tool = ApilaplasGenerateVideo(client=client)
            assert asyncio.run(tool.ainvoke({"image": URL})).startswith("http")
        assert server.sandbox.accepted[0]["aspect_ratio"] == "9:16"
        assert {r.url.partition("?")[0] for r in server.sandbox.received} == {
            f"{server.sandbox.url}/v2/video/generations"
        }


def test_what_was_checked_for_a_models_own_path_is_sent_on_the_universal_one_too(
    world: World,
) -> None:
    http = httpx.Client(transport=httpx.MockTransport(world.answer))
    client = type(world.client)(api_key=KEY, http_client=http, universal=True)
    checked = VideoRequest.check(get_model("gen3a_turbo"), {"image": URL, "aspect_ratio": "9:16"})
    client.submit(checked)
    assert world.sandbox.received[0].url == "https://api.apilaplas.com/v2/video/generations"
    assert world.sandbox.accepted[0]["aspect_ratio"] == "9:16"


# --- Luma ---

LUMA = {"prompt": "A wave breaks", "aspect_ratio": "16:9"}


def test_luma_holds_the_looks_so_that_nobody_sleeps(world: World) -> None:
    world.sandbox.seconds = 60
    world.client.generate(model="luma-ai/v2", **LUMA)
    looks = [received.url for received in world.sandbox.received if received.kind == "fetch"]
    assert len(looks) == 3  # dreaming after 10 s, then 30 s, then 20 s
    assert sum(world.slept) == 0


async def test_luma_holds_over_real_http_too(world: World) -> None:
    with Server(Sandbox(seconds=1.2)) as server:
        client = type(world.async_client)(api_key=KEY, base_url=server.sandbox.url)
        async with client:
            assert (await client.generate(model="luma-ai/v2", **LUMA)).video
        assert [r.kind for r in server.sandbox.received] == ["create", "fetch", "fetch"]


@pytest.mark.parametrize("model", ["luma-ai/v2", "luma-ai/v1"])
def test_several_of_lumas_are_fetched_at_once(model: str, world: World) -> None:
    ids = [world.client.submit(model=model, **LUMA).id for _ in range(3)]
    world.time += 100
    found = world.client.get_many(ids[::-1], model=model)
    assert [generation.id for generation in found] == ids[::-1]
    assert all(generation.video for generation in found)
    assert asyncio.run(world.async_client.get_many(ids, model=model)) == found[::-1]
    assert [r.kind for r in world.sandbox.received].count("fetch") == 2
    with pytest.raises(NotFoundError, match="leaves out nobody"):
        world.client.get_many([ids[0], "nobody"], model=model)


@pytest.mark.parametrize("model", ["luma-ai/v2", "luma-ai/v1"])
def test_a_generation_of_lumas_is_extended(model: str, generate: Generate, world: World) -> None:
    first = generate(model=model, **LUMA)
    second = generate(model=model, **LUMA, extend=first.id)
    assert second.video
    assert second.id != first.id
    created = [r.url for r in world.sandbox.received if r.kind == "create"]
    assert created[1].endswith(f"/{first.id}/extend" if model == "luma-ai/v1" else "generation")


@pytest.mark.parametrize("model", ["luma-ai/v2", "luma-ai/v1"])
def test_an_agent_extends_what_it_made(model: str, world: World) -> None:
    tool = ApilaplasGenerateVideo(client=world.client, models=["veo2", model])

    def call(**args: Any) -> ToolMessage:
        args = {"type": "tool_call", "id": "1", "name": tool.name, "args": args}
        message: ToolMessage = tool.invoke(args)
        return message

    first = call(model=model, **LUMA).artifact
    second = call(**LUMA, extend=first["generation_id"]).artifact
    assert (second["model"], second["status"]) == (model, "completed")
    assert second["request"]["extend"] == first["generation_id"]


def test_an_unknown_generation_can_not_be_extended(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.client.submit(model="luma-ai/v1", **LUMA, extend="nobody")
    assert world.sandbox.accepted == []


# --- several models in one tool ---


def test_what_was_left_rendering_is_found_whichever_model_made_it(world: World) -> None:
    world.sandbox.seconds = 1000
    models = ["runway/gen4_turbo", "kling-video/v1.6/pro/image-to-video", "veo2", "video-01"]
    models += ["luma-ai/v1", "luma-ai/v2"]
    generate, get = ApilaplasVideoToolkit(
        client=world.client, models=models, max_wait=5
    ).get_tools()
    for model in models:
        args = {"prompt": "Go", "model": model, "aspect_ratio": "16:9"}
        if "luma" not in model and model != "veo2":
            args = {"prompt": "Go", "model": model, "image": URL}
        made = generate.invoke({"type": "tool_call", "id": "1", "name": "g", "args": args})
        assert "is still rendering" in made.text, made.text
        world.time += 1000
        generation_id = made.artifact["generation_id"]
        call = {"generation_id": generation_id}
        found = get.invoke({"type": "tool_call", "id": "1", "name": "g", "args": call})
        assert found.artifact["status"] == "completed", found.text
        assert found.artifact["model"] == model
    unknown = get.invoke({"generation_id": "nobody"})
    assert unknown.startswith("None of the models offered knows generation nobody.")


def test_of_models_on_one_path_nobody_can_tell_which_made_a_video(world: World) -> None:
    made = world.client.submit(model="gen3a_turbo", image=URL)
    call = {"type": "tool_call", "id": "1", "name": "g", "args": {"generation_id": made.id}}
    models = ["gen3a_turbo", "runway/gen4_turbo"]
    artifact = ApilaplasGetVideo(client=world.stranger(), models=models).invoke(call).artifact
    assert (artifact["status"], artifact["model"]) == ("completed", None)
    artifact = ApilaplasGetVideo(client=world.client, models=models).invoke(call).artifact
    assert (artifact["status"], artifact["model"]) == ("completed", "gen3a_turbo")


def test_under_a_universal_client_only_what_that_path_takes_is_offered(world: World) -> None:
    client = type(world.client)(api_key=KEY, universal=True)
    tool = ApilaplasGenerateVideo(client=client, model="luma-ai/v1")
    assert "extend" not in tool.args
    assert "extend" in ApilaplasGenerateVideo(client=world.client, model="luma-ai/v1").args


def test_what_was_set_right_is_told_in_the_answer(world: World) -> None:
    tool = ApilaplasGenerateVideo(client=world.client)
    args = {"image": URL, "duration": "10s", "aspect_ratio": "portrait"}
    message = tool.invoke({"type": "tool_call", "id": "1", "name": tool.name, "args": args})
    fixes = ["duration: '10s' was taken as 10.", "aspect_ratio: 'portrait' was taken as '9:16'."]
    assert message.artifact["fixes"] == fixes
    assert message.text.endswith(" ".join(fixes))
    assert message.artifact["request"] == {"image": URL, "duration": 10, "aspect_ratio": "9:16"}
    assert world.sandbox.accepted[0]["ratio"] == "9:16"


def test_a_tool_takes_one_model_or_several_not_both(world: World) -> None:
    with pytest.raises(Exception, match="model= for one model or models= for several"):
        ApilaplasGenerateVideo(client=world.client, model="veo2", models=["veo2"])
