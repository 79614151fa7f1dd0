"""The rows: what the API's pages say of its 17 models."""

import pytest

from langchain_apilaplas import VideoModel, get_model, list_models, register_model
from langchain_apilaplas.catalog import Param
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.schema import argument

IDS = [
    "runway/gen4_turbo",
    "gen3a_turbo",
    "kling-video/v1/standard/text-to-video",
    "kling-video/v1/pro/text-to-video",
    "kling-video/v1.6/standard/text-to-video",
    "kling-video/v1.6/pro/text-to-video",
    "kling-video/v1/standard/image-to-video",
    "kling-video/v1/pro/image-to-video",
    "kling-video/v1.6/standard/image-to-video",
    "kling-video/v1.6/pro/image-to-video",
    "veo2",
    "veo2/image-to-video",
    "wan/v2.1/1.3b/text-to-video",
    "video-01",
    "video-01-live2d",
    "luma-ai/v2",
    "luma-ai/v1",
]
NEEDS = {
    "runway/gen4_turbo": ["image"],
    "gen3a_turbo": ["image"],
    "veo2/image-to-video": ["prompt", "image"],
    "luma-ai/v2": ["prompt", "aspect_ratio"],
    "luma-ai/v1": ["prompt", "aspect_ratio"],
}


def test_the_menu_has_seventeen_models() -> None:
    assert [model.id for model in list_models()] == IDS


@pytest.mark.parametrize("model", list_models(), ids=lambda model: model.id)
def test_a_row_is_whole(model: VideoModel) -> None:
    names = [param.name for param in model.params]
    assert len(set(names)) == len(names)
    places = [(*param.inside, param.wire) for param in model.params]
    assert len(set(places)) == len(places)
    needed = [param.name for param in model.params if param.required]
    kling = ["prompt", "image"] if "image-to-video" in model.id else ["prompt"]
    assert needed == NEEDS.get(model.id, kling)
    for param in model.params:
        assert param.description.endswith("."), param.name
        assert argument(param).schema
        if param.choices:
            assert param.default in (None, *param.choices)


def test_rows_are_found_by_id() -> None:
    gen4 = get_model("runway/gen4_turbo")
    assert get_model(gen4) is gen4
    with pytest.raises(SettingsError, match="no model 'sora'; there are: runway/gen4_turbo, gen3a"):
        get_model("sora")


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 17),
        ({"takes_image": True}, 11),
        ({"takes_image": False}, 6),
        ({"takes_text": True}, 10),
        ({"takes_text": False}, 7),
        ({"takes_text": True, "takes_image": True}, 4),
        ({"has_last_image": True}, 6),
        ({"vendor": "kling"}, 8),
        ({"vendor": "kling", "takes_image": True, "has_last_image": False}, 1),
        ({"vendor": "nobody"}, 0),
    ],
)
def test_filters_narrow_the_list(filters: dict[str, bool | str], count: int) -> None:
    assert len(list_models(**filters)) == count  # type: ignore[arg-type]


@pytest.mark.usefixtures("own_catalog")
def test_a_row_can_be_added_to_the_catalog() -> None:
    prompt = Param("prompt", "prompt", "text", "What happens.", required=True)
    row = VideoModel("mine/v1", "mine", "/mine", (prompt,))
    assert register_model(row) is row
    assert get_model("mine/v1") is row
    assert list_models(vendor="mine") == [row]
    register_model(VideoModel("mine/v1", "mine", "/mine", (prompt,)))  # the same once more
    with pytest.raises(SettingsError, match="another model 'mine/v1'"):
        register_model(VideoModel("mine/v1", "mine", "/other", (prompt,)))
    with pytest.raises(SettingsError, match="another model 'veo2'"):
        register_model(VideoModel("veo2", "mine", "/other", (prompt,)))


def test_costs_are_those_documented() -> None:
    tokens = {model.id: model.tokens for model in list_models() if model.tokens}
    assert tokens == {"gen3a_turbo": 525_000, "luma-ai/v2": 500_000, "luma-ai/v1": 500_000}


@pytest.mark.parametrize("name", ["model", "runtime", "_x", "a-b", "model_config", "timeout", ""])
def test_a_parameter_needs_a_name_that_can_be_said(name: str) -> None:
    with pytest.raises(SettingsError, match="can't have a parameter"):
        VideoModel("m", "v", "/m", (Param(name, "x", "text", "What."),))


def test_a_name_is_given_once() -> None:
    twice = Param("seed", "x", "integer", "What.")
    with pytest.raises(SettingsError, match="can't have a parameter 'seed'"):
        VideoModel("m", "v", "/m", (twice, twice))
