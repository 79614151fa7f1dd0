"""Several models in one tool: which one is taken, and what an agent is told when none is."""

from pathlib import Path
from typing import Any

import pytest

from langchain_apilaplas import VideoModel
from langchain_apilaplas.catalog import Param
from langchain_apilaplas.errors import InvalidRequestError, SettingsError
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.offer import Offer
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.schema import Argument, arguments
from tests.conftest import ROCKET
from tests.drawn import heavy

URL = "https://example.com/cat.jpg"
GEN4, VEO, VEO_IMAGE, HAILUO, LUMA = (
    "runway/gen4_turbo", "veo2", "veo2/image-to-video", "video-01", "luma-ai/v2",
)  # fmt: skip


def ask(models: list[str], fixed: dict[str, Any] | None = None, **args: Any) -> VideoRequest:
    return Offer.of(models, fixed or {}).request(args, ImageInput.of)


def told(models: list[str], fixed: dict[str, Any] | None = None, **args: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidRequestError) as caught:
        ask(models, fixed, **args)
    return caught.value.problems


@pytest.mark.parametrize(
    ("args", "model"),
    [
        ({"prompt": "Go", "image": URL}, GEN4),
        ({"image": URL}, GEN4),
        ({"prompt": "Go"}, VEO),
        ({"prompt": "Go", "model": None}, VEO),
        ({"prompt": "Go", "model": ""}, VEO),
        ({"prompt": "Go", "duration": 6}, VEO),
        ({"prompt": "Go", "image": URL, "duration": "6s"}, VEO_IMAGE),
        ({"prompt": "Go", "model": HAILUO}, HAILUO),
        ({"prompt": "Go", "image": URL, "model": "VEO2/image-to-video"}, VEO_IMAGE),
        ({"prompt": "Go", "image": URL, "seed": 1}, GEN4),
    ],
)
def test_the_first_model_that_takes_what_is_given_is_taken(args: Any, model: str) -> None:
    assert ask([GEN4, VEO, VEO_IMAGE, HAILUO], **args).model.id == model


def test_a_slip_in_the_models_name_is_set_right_and_told() -> None:
    request = ask([GEN4, VEO], model=" VEO2 ", prompt="Go", duration="6s")
    assert request.fixes == (
        "model: ' VEO2 ' was taken as 'veo2'.",
        "duration: '6s' was taken as 6.",
    )


def test_an_attached_picture_goes_to_the_first_model_that_takes_bytes() -> None:
    pictured = ask([VEO_IMAGE, "kling-video/v1.6/pro/image-to-video", GEN4],
                   prompt="Go", image=ROCKET)  # fmt: skip
    assert pictured.model.id == GEN4


def test_a_model_not_offered_is_told_with_those_that_would_do() -> None:
    assert told([GEN4, VEO], model="gen4", prompt="Go", duration=6) == (
        "model: 'gen4' is not allowed; allowed: one of runway/gen4_turbo, veo2; "
        "nearest: runway/gen4_turbo.",
        "The other arguments are taken by: veo2.",
    )
    assert told([GEN4, VEO], model="sora", duration=60)[1:] == ()


def test_a_refusal_of_the_model_named_says_which_others_would_take_it() -> None:
    assert told([GEN4, VEO, VEO_IMAGE], model=VEO, prompt="Go", image=URL) == (
        "veo2: image: no such parameter here; there are: prompt, aspect_ratio, duration.",
        "Of the models offered, taken as it is by: runway/gen4_turbo, veo2/image-to-video.",
    )


def test_when_none_takes_it_the_closest_is_explained_and_who_takes_which_part() -> None:
    assert told([GEN4, VEO_IMAGE, VEO], prompt="Go", image=URL, duration=6, seed=1) == (
        "None of the models offered takes all of this; the closest is this one.",
        "runway/gen4_turbo: duration: 6 is not allowed; allowed: one of 5, 10; nearest: 5.",
        "duration as given is taken by veo2/image-to-video, veo2.",
    )


def test_each_name_that_is_unknown_has_its_own_hint() -> None:
    assert told([GEN4, VEO], model=VEO, prompt="Go", image=URL, seed=1, duration=6) == (
        "None of the models offered takes all of this.",
        "veo2: image: no such parameter here.",
        "veo2: seed: no such parameter here; there are: prompt, aspect_ratio, duration.",
        "image as given is taken by runway/gen4_turbo.",
        "seed as given is taken by runway/gen4_turbo.",
    )


def test_the_closest_is_the_one_that_refuses_least_of_what_was_given() -> None:
    kling = "kling-video/v1/pro/text-to-video"
    assert told([kling, LUMA], prompt="Go", extend="g-1")[1].startswith(
        "luma-ai/v2: aspect_ratio: missing. Shape of the video"
    )


def test_very_many_unknown_names_are_not_all_told() -> None:
    problems = told([VEO], prompt="Go", **{f"x{n}": 1 for n in range(1000)})
    assert len(" ".join(problems)) < 2000
    assert problems[-1].startswith("980 more names are unknown; there are: prompt,")


def test_with_one_model_there_is_no_choice_and_no_name_before_the_problem() -> None:
    assert told([VEO], model=VEO, prompt="Go") == (
        "model: no such parameter here; there are: prompt, aspect_ratio, duration.",
    )


def test_what_is_fixed_goes_to_the_models_that_have_it() -> None:
    fixed = {"seed": "7", "duration": 5}
    assert ask([GEN4, VEO], fixed, image=URL).values["seed"] == 7
    request = ask([GEN4, VEO], fixed, prompt="Go")
    assert (request.model.id, dict(request.values)) == (VEO, {"prompt": "Go", "duration": 5})
    assert "duration: no such parameter here" in told([GEN4, VEO], fixed, duration=10)[1]


@pytest.mark.parametrize(
    ("models", "fixed", "problem"),
    [
        ([GEN4, VEO], {"duration": 6}, "With runway/gen4_turbo: duration: 6 is not allowed"),
        ([GEN4, VEO], {"fps": 6}, "With runway/gen4_turbo: fps: no such parameter here"),
        ([GEN4, VEO_IMAGE], {"image": ROCKET}, "With veo2/image-to-video: image: rocket.jpg is"),
        ([VEO, GEN4], {"image": URL}, "With veo2: image: no such parameter here"),
        ([LUMA], {"image": URL, "extend": "g"}, "extend: can't be given together with image"),
        ([], {}, "models needs at least one model"),
        (["sora"], {}, "There is no model 'sora'"),
    ],
)
def test_an_offer_that_can_not_work_is_told_at_once(
    models: list[str], fixed: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        Offer.of(models, fixed)


def test_what_would_lie_in_the_place_of_something_fixed_is_not_offered() -> None:
    offered = [argument.name for argument in arguments(Offer.of([LUMA], {"image": URL}))]
    assert "extend" not in offered
    assert "last_image" in offered


def test_a_fixed_length_fits_every_vendor() -> None:
    assert ask([LUMA, GEN4], {"duration": 5}, prompt="Go", aspect_ratio="1:1").values[
        "duration"] == "5s"  # fmt: skip


def test_fixed_pictures_are_read_once(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(ROCKET.read_bytes())
    params = (Param("images", "image_urls", "images", "Pictures."),)
    offer = Offer.of([VideoModel("m", "v", "/m", params)], {"images": [photo]})
    photo.unlink()
    assert offer.request({}, ImageInput.of).summary == {"images": ["photo.jpg"]}


@pytest.mark.usefixtures("no_pillow")
def test_a_fixed_picture_that_is_too_big_is_told_at_once() -> None:
    with pytest.raises(SettingsError, match=r"makes the request 6,.* install Pillow"):
        Offer.of([GEN4], {"image": heavy(5_000_000)})


@pytest.mark.usefixtures("no_pillow")
def test_a_picture_that_makes_the_request_too_long_is_told_with_the_rest() -> None:
    problems = told([GEN4, HAILUO], image=heavy(5_000_000), duration=7)
    assert len(problems) == 3
    assert problems[1].startswith("video-01: prompt: missing") or "duration" in problems[1]


def test_what_is_not_for_agents_is_refused_and_may_be_fixed() -> None:
    kling = "kling-video/v1/pro/image-to-video"
    assert "ratio: no such parameter" in told([kling], prompt="Go", image=URL, ratio="1:1")[0]
    assert ask([kling], {"ratio": "1:1"}, prompt="Go", image=URL).values["ratio"] == "1:1"


def test_an_attachment_is_decoded_once_for_all_models() -> None:
    read = []

    def to_image(value: object) -> ImageInput:
        read.append(value)
        return ImageInput.of(ROCKET)

    offer = Offer.of([VEO_IMAGE, "kling-video/v1.6/pro/image-to-video", HAILUO, GEN4], {})
    offer.request({"prompt": "Go", "image": "attached:1", "seed": 5}, to_image)
    assert read == ["attached:1"]


# --- the schema of several ---


def named(models: list[str], name: str) -> Argument:
    return next(a for a in arguments(Offer.of(models, {})) if a.name == name)


def test_the_schema_of_several_is_one_flat_union() -> None:
    assert [a.name for a in arguments(Offer.of([GEN4, VEO, LUMA], {"seed": 1}))] == [
        "prompt", "image", "duration", "aspect_ratio", "last_image", "loop", "extend",
        "resolution", "model",
    ]  # fmt: skip


def test_choices_are_joined_and_limits_as_wide_as_the_widest() -> None:
    both = named([GEN4, VEO], "duration")
    assert both.schema == {"type": "integer", "minimum": 5, "maximum": 10}
    assert both.description.endswith(" One of 5, 6, 7, 8, 10.")
    assert named([GEN4, "gen3a_turbo"], "prompt").schema == {"type": "string", "maxLength": 1000}
    assert named([GEN4, VEO], "prompt").schema == {"type": "string"}
    assert named([GEN4, LUMA], "duration").schema == {
        "anyOf": [
            {"type": "integer", "minimum": 5, "maximum": 10},
            {"type": "string", "pattern": "^[1-9][0-9]?s$"},
        ]
    }


def test_only_what_every_model_needs_is_needed() -> None:
    assert named([VEO, VEO_IMAGE], "prompt").required
    assert not named([GEN4, VEO], "prompt").required
    assert not named([VEO, VEO_IMAGE], "image").required


def test_the_description_says_for_which_models_an_argument_is() -> None:
    assert named([GEN4, VEO], "seed").description.endswith(" Only for runway/gen4_turbo.")
    assert "for" not in named([GEN4, VEO_IMAGE], "duration").description
    assert named([GEN4, VEO], "model").description == (
        "Which model makes it. Left out: the first one that takes what is given. "
        "Without an image: veo2. With an image: runway/gen4_turbo."
    )


def test_rows_of_ones_own_can_be_offered() -> None:
    prompt = Param("prompt", "prompt", "text", "What happens.", required=True)
    row = VideoModel("mine/v1", "mine", "/mine", (prompt,))
    assert Offer.of([row, VEO], {}).request({"prompt": "Go"}, ImageInput.of).model is row


def shown(kind: str, schema: dict[str, Any] | None) -> Any:
    param = Param("x", "x", kind, "What.", schema=schema)  # type: ignore[arg-type]
    return arguments(Offer.of([VideoModel("m", "v", "/m", (param,))], {}))[0].schema


def test_a_documents_schema_is_shown_as_chat_models_take_it() -> None:
    assert shown("images", {"type": "array"}) == {"type": "array", "items": {"type": "string"}}
    assert shown("json", None) == {}
    nested = {
        "description": "Said elsewhere.",
        "oneOf": [
            {"type": "integer", "enum": [5, 10, None]},
            {"type": "object", "properties": {"enum": {"type": "string", "enum": ["a", None]}}},
        ],
    }
    assert shown("json", nested) == {
        "anyOf": [
            {"type": "integer", "minimum": 5, "maximum": 10},
            {"type": "object", "properties": {"enum": {"type": "string", "enum": ["a"]}}},
        ]
    }
