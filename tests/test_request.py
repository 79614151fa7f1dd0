import base64
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from langchain_apilaplas import VideoModel, get_model
from langchain_apilaplas.catalog import Param
from langchain_apilaplas.errors import InvalidRequestError
from langchain_apilaplas.request import VideoRequest, check_value
from langchain_apilaplas.values import allowed
from tests.conftest import ROCKET
from tests.drawn import heavy

GEN4 = get_model("runway/gen4_turbo")
URL = "https://example.com/cat.jpg"


def check(**given: Any) -> VideoRequest:
    return VideoRequest.check(GEN4, given)


def problems(**given: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidRequestError) as caught:
        check(**given)
    return caught.value.problems


def picture(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_body_says_it_in_the_apis_words() -> None:
    request = check(prompt="Go", image=URL, aspect_ratio="9:16", duration=5, seed=0)
    assert json.loads(request.body) == {
        "model": "runway/gen4_turbo",
        "prompt": "Go",
        "image_url": URL,
        "ratio": "9:16",
        "duration": 5,
        "seed": 0,
    }


def test_what_was_left_out_is_not_sent() -> None:
    body = json.loads(check(image=URL, prompt="", seed=None).body)
    assert body == {"model": "runway/gen4_turbo", "image_url": URL}


def test_everything_wrong_is_said_at_once() -> None:
    assert problems(prompt="x" * 1001, duration=7, aspect_ratio="2:1", seed=-1, fps=30) == (
        "prompt: is 1001 characters long (an emoji counts as 2); allowed: at most 1000 characters.",
        "duration: 7 is not allowed; allowed: one of 5, 10; nearest: 5.",
        "aspect_ratio: '2:1' is not allowed; allowed: one of 16:9, 9:16, 4:3, 3:4, 1:1, 21:9; "
        "nearest: 16:9.",
        "seed: -1 is not allowed; allowed: a whole number from 0 to 4294967295; nearest: 0.",
        "fps: no such parameter here; there are: prompt, image, duration, aspect_ratio, seed.",
        "image: missing. First frame: an https URL, or a picture of this conversation as "
        "'attached:last' or 'attached:N' (1 = the user's first), or "
        "'video:<generation id>:last', where an earlier video of it ends. Never base64.",
    )


@pytest.mark.parametrize(
    "given",
    [{"duration": True}, {"duration": "7"}, {"seed": 1.5}, {"seed": 2**32}, {"prompt": 7},
     {"prompt": "\ud83d"}, {"aspect_ratio": ["16:9"]}, {"duration": 5.5}, {"duration": Decimal(5)},
     {"seed": 10**5000}],
)  # fmt: skip
def test_values_of_the_wrong_kind_are_refused(given: dict[str, Any]) -> None:
    [problem] = problems(image=URL, **given)
    assert problem.startswith(f"{next(iter(given))}: ")


def test_a_prompt_is_counted_in_utf16_units() -> None:
    check(image=URL, prompt="🚀" * 500)
    assert problems(image=URL, prompt="🚀" * 501)[0].startswith("prompt: is 1002 characters")


@pytest.mark.parametrize("size", [(201, 100), (100, 201), (1000, 20)])
def test_an_image_outside_the_ratio_needs_an_aspect_ratio(size: tuple[int, int]) -> None:
    [problem] = problems(image=picture(*size))
    assert problem.startswith("aspect_ratio: needed with this image")
    check(image=picture(*size), aspect_ratio="21:9")


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (100, 100)])
def test_an_image_within_the_ratio_needs_none(size: tuple[int, int]) -> None:
    check(image=picture(*size))


@pytest.mark.usefixtures("no_pillow")
def test_a_body_of_five_megabytes_is_too_long() -> None:
    [problem] = problems(image=heavy(3_800_000))
    assert "bytes long; allowed: at most 5,000,000; install Pillow" in problem
    assert problem.endswith("Or use its https URL.")


def test_a_long_value_is_quoted_short() -> None:
    [problem] = problems(image=URL, aspect_ratio="x" * 10_000)
    assert len(problem) < 200


def test_a_record_names_images_and_has_no_bytes() -> None:
    assert check(image=ROCKET, prompt="Go").summary == {"image": "rocket.jpg", "prompt": "Go"}


def test_a_single_value_can_be_checked() -> None:
    assert check_value(GEN4, "duration", 5) == 5
    with pytest.raises(ValueError, match="'nope' is not an https URL, nor a file here"):
        check_value(GEN4, "image", "nope")


def test_a_row_may_leave_limits_out() -> None:
    params = (
        Param("prompt", "prompt", "text", "What happens."),
        Param("seed", "seed", "integer", "A number.", required=True),
        Param("steps", "steps", "integer", "At least one.", minimum=1),
    )
    row = VideoModel("m", "v", "/m", params, seconds=1)
    body = VideoRequest.check(row, {"prompt": "x" * 9999, "seed": 0, "steps": 99}).body
    assert json.loads(body)["seed"] == 0
    assert [allowed(param) for param in params] == [
        "a text", "a whole number", "a whole number from 1",
    ]  # fmt: skip
    with pytest.raises(InvalidRequestError, match="steps: 0 is not allowed"):
        VideoRequest.check(row, {"seed": 1, "steps": 0})


def test_an_attachment_travels_as_it_came() -> None:
    encoded = base64.b64encode(ROCKET.read_bytes()).decode()
    body = json.loads(check(image=f"data:image/jpeg;base64,{encoded}").body)
    assert body["image_url"] == f"data:image/jpeg;base64,{encoded}"


# --- rows of every kind ---


def body(model: str | VideoModel, **given: Any) -> Any:
    return json.loads(VideoRequest.check(get_model(model), given).body)


def test_slips_are_set_right_and_listed() -> None:
    request = check(image=URL, duration="10s", aspect_ratio="16x9", seed=None)
    assert json.loads(request.body)["duration"] == 10
    assert request.fixes == (
        "duration: '10s' was taken as 10.",
        "aspect_ratio: '16x9' was taken as '16:9'.",
    )


def test_lumas_images_lie_in_keyframes_and_no_model_is_sent() -> None:
    sent = body("luma-ai/v2", prompt="Go", aspect_ratio="9:21", image=URL, last_image=URL)
    assert sent == {
        "prompt": "Go",
        "aspect_ratio": "9:21",
        "keyframes": {
            "frame0": {"type": "image", "url": URL},
            "frame1": {"type": "image", "url": URL},
        },
    }
    sent = body("luma-ai/v2", prompt="Go", aspect_ratio="1:1", extend="g-1", loop=True)
    assert sent["keyframes"] == {"frame0": {"type": "generation", "id": "g-1"}}
    frames = {"frame1": {"type": "generation", "id": "g-2"}}
    assert body("luma-ai/v2", prompt="Go", aspect_ratio="1:1", keyframes=frames) == {
        "prompt": "Go", "aspect_ratio": "1:1", "keyframes": frames,
    }  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        {"image": URL, "extend": "g"},
        {"image": URL, "keyframes": {}},
        {"extend": "g", "keyframes": {}},
    ],
)
def test_what_would_lie_in_the_same_place_is_refused_together(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="can't be given together with") as caught:
        body("luma-ai/v2", prompt="Go", aspect_ratio="1:1", **given)
    assert len(caught.value.problems) == 1


def test_lumas_first_version_extends_on_another_path() -> None:
    row = get_model("luma-ai/v1")
    given = {"prompt": "Go", "aspect_ratio": "1:1"}
    assert VideoRequest.check(row, given).endpoint == "/luma-ai/generations"
    request = VideoRequest.check(row, {**given, "extend": "a/b:c"})
    assert request.endpoint == "/luma-ai/generations/a%2Fb%3Ac/extend"
    assert json.loads(request.body) == {"user_prompt": "Go", "aspect_ratio": "1:1"}


def test_the_universal_path_has_names_of_its_own() -> None:
    sent = body(get_model("gen3a_turbo").universal(), image=URL, last_image=URL,
                aspect_ratio="9:16")  # fmt: skip
    assert sent == {
        "model": "gen3a_turbo", "image_url": URL, "tail_image_url": URL, "aspect_ratio": "9:16",
    }  # fmt: skip
    luma = get_model("luma-ai/v2").universal()
    assert body(luma, prompt="Go", aspect_ratio="1:1")["model"] == "luma-ai/v2"
    assert luma.universal() is luma
    with pytest.raises(InvalidRequestError, match="extend: no such parameter"):
        body(get_model("luma-ai/v1").universal(), prompt="Go", aspect_ratio="1:1", extend="g")


def test_what_is_deprecated_is_taken_from_code_and_not_from_agents() -> None:
    kling = get_model("kling-video/v1/standard/image-to-video")
    given = {"prompt": "Go", "image": URL, "ratio": "1:1", "aspect_ratio": "1:1"}
    assert body(kling, **given)["ratio"] == "1:1"
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.check(kling, given, fixed={})
    assert [p.partition(":")[0] for p in caught.value.problems] == ["ratio", "aspect_ratio"]


def test_a_missing_choice_says_what_there_is_to_choose_from() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"aspect_ratio: missing.*Allowed: one of 1:1, 16"
    ):
        body("luma-ai/v2", prompt="Go")


def test_a_documents_own_schema_has_the_last_word() -> None:
    params = (
        Param("prompt", "user_prompt", "text", "What happens."),
        Param("more", "more", "json", "Whatever.", schema={"type": "object"}),
    )
    schema = {
        "type": "object",
        "required": ["user_prompt"],
        "properties": {
            "user_prompt": {"type": "string", "pattern": "^[a-z]+$"},
            "more": {"type": "object", "properties": {"n": {"oneOf": [{"type": "integer"}]}}},
        },
    }
    row = VideoModel("m", "v", "/m", params, sends_model=False, schema=schema)
    assert body(row, prompt="go", more={"n": 1}) == {"user_prompt": "go", "more": {"n": 1}}
    with pytest.raises(InvalidRequestError) as caught:
        body(row, prompt="Go! " * 500, more={"n": "one"})
    assert sorted(caught.value.problems) == [
        "more.n: 'one' is not allowed; allowed by the model's document: type 'integer'.",
        f"prompt: '{'Go! ' * 19}Go… is not allowed; allowed by the model's document: "
        "pattern '^[a-z]+$'.",
    ]
    with pytest.raises(InvalidRequestError, match="prompt: missing"):
        body(row)
    with pytest.raises(InvalidRequestError) as caught:  # nothing of a prompt that is missing
        body(row, prompt=7, more={"n": ["one"]})
    assert list(caught.value.problems) == [
        "prompt: 7 is not allowed; allowed: a text.",
        "more.n: ['one'] is not allowed; allowed by the model's document: type 'integer'.",
    ]
