import base64
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from langchain_apilaplas import VideoModel, get_model, list_models
from langchain_apilaplas.catalog import Param
from langchain_apilaplas.errors import InvalidRequestError, SettingsError
from langchain_apilaplas.request import VideoRequest, check_value, summarize
from tests.conftest import ROCKET

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
        "duration: 7 is not allowed; allowed: one of 5, 10.",
        "aspect_ratio: '2:1' is not allowed; allowed: one of 16:9, 9:16, 4:3, 3:4, 1:1, 21:9.",
        "seed: -1 is not allowed; allowed: a whole number from 0 to 4294967295.",
        "fps: no such parameter here; there are: prompt, image, duration, aspect_ratio, seed.",
        "image: missing. First frame: an https URL, or a picture of this conversation as "
        "'attached:last' or 'attached:N' (1 = the user's first). Never base64.",
    )


@pytest.mark.parametrize(
    "given",
    [{"duration": True}, {"duration": "5"}, {"seed": 1.5}, {"seed": 2**32}, {"prompt": 7},
     {"prompt": "\ud83d"}, {"aspect_ratio": ["16:9"]}, {"duration": 5.0}, {"duration": Decimal(5)},
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


def test_a_body_of_five_megabytes_is_too_long() -> None:
    padded = ROCKET.read_bytes() + bytes(3_800_000)
    [problem] = problems(image=padded)
    assert "bytes long; allowed: at most 5,000,000" in problem


def test_a_long_value_is_quoted_short() -> None:
    [problem] = problems(image=URL, aspect_ratio="x" * 10_000)
    assert len(problem) < 200


def test_a_record_names_images_and_has_no_bytes() -> None:
    values = check(image=ROCKET, prompt="Go").values
    assert summarize(values) == {"image": "rocket.jpg", "prompt": "Go"}


def test_a_single_value_can_be_checked() -> None:
    assert check_value(GEN4, "duration", 5) == 5
    with pytest.raises(ValueError, match="'nope' is not an https URL"):
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
    assert [param.allowed for param in params] == [
        "a text", "a whole number", "a whole number from 1",
    ]  # fmt: skip
    with pytest.raises(InvalidRequestError, match="steps: 0 is not allowed"):
        VideoRequest.check(row, {"seed": 1, "steps": 0})


def test_the_catalog_gives_rows_by_id() -> None:
    assert get_model(GEN4) is GEN4
    assert GEN4 in list_models()
    with pytest.raises(SettingsError, match="no model 'sora'; there are: runway/gen4_turbo"):
        get_model("sora")


def test_an_attachment_travels_as_it_came() -> None:
    encoded = base64.b64encode(ROCKET.read_bytes()).decode()
    body = json.loads(check(image=f"data:image/jpeg;base64,{encoded}").body)
    assert body["image_url"] == f"data:image/jpeg;base64,{encoded}"
