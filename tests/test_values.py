"""One value at a time: taken, set right, or refused with the nearest that is allowed."""

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from langchain_apilaplas import list_models
from langchain_apilaplas.catalog import CameraMove, Param, Picture, get_model
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.values import allowed, take

URL = "https://example.com/cat.jpg"
DURATION = Param("duration", "duration", "integer", "Seconds.", choices=(5, 10))
RATIO = Param("aspect_ratio", "ratio", "text", "Shape.", choices=("16:9", "9:16", "1:1", "21:9"))
SEED = Param("seed", "seed", "integer", "A number.", minimum=0, maximum=4294967295)
SCALE = Param("cfg_scale", "cfg_scale", "number", "How closely.", minimum=0, maximum=1)
LOOP = Param("loop", "loop", "boolean", "Whether it loops.")
SAMPLER = Param("sampler", "sampler", "text", "How.", choices=("unipc", "dpm+"))
TURN = Param("camera_control", "c", "text", "How.", choices=("down_back", "forward_up"))
PROMPT = Param("prompt", "prompt", "text", "What happens.", max_length=10)
CAMERA = Param("camera", "camera", "json", "A move.", type=CameraMove)
MASKS = get_model("kling-video/v1/pro/image-to-video").param("dynamic_masks")


def refused(param: Param, value: object) -> str:
    with pytest.raises(ValueError, match=f"{param.name}") as caught:
        take(param, value)
    return " ".join(caught.value.args)


def picture(kind: str, *size: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("param", "value"),
    [(DURATION, 5), (RATIO, "16:9"), (SEED, 0), (SEED, 4294967295), (SCALE, 0.5), (SCALE, 1),
     (LOOP, True), (LOOP, False), (SAMPLER, "dpm+"), (PROMPT, "🚀🚀🚀🚀🚀"),
     (CAMERA, {"movement_type": "zoom", "movement_value": -10})],
)  # fmt: skip
def test_what_fits_is_taken_as_it_is(param: Param, value: object) -> None:
    assert take(param, value) == (value, None)


@pytest.mark.parametrize(
    ("param", "value", "meant"),
    [
        (DURATION, "10", 10),
        (DURATION, " 10s ", 10),
        (DURATION, "5 seconds", 5),
        (DURATION, "5 sec.", 5),
        (DURATION, 5.0, 5),
        (DURATION, "10.0", 10),
        (RATIO, "16x9", "16:9"),
        (RATIO, "16 X 9", "16:9"),
        (RATIO, "16×9", "16:9"),  # noqa: RUF001
        (RATIO, "16/9", "16:9"),
        (RATIO, "1920x1080", "16:9"),
        (RATIO, " 9:16", "9:16"),
        (RATIO, "landscape", "16:9"),
        (RATIO, "Portrait", "9:16"),
        (RATIO, "vertical", "9:16"),
        (RATIO, "square", "1:1"),
        (SEED, "7", 7),
        (SEED, 7.0, 7),
        (SCALE, "0.5", 0.5),
        (LOOP, "true", True),
        (LOOP, "No", False),
        (SAMPLER, "UniPC", "unipc"),
        (TURN, "Forward up", "forward_up"),
        (CAMERA, '{"movement_type": "pan", "movement_value": 3}',
         {"movement_type": "pan", "movement_value": 3}),
        (CAMERA, {"movement_type": "Zoom ", "movement_value": "3"},
         {"movement_type": "zoom", "movement_value": 3}),
    ],
)  # fmt: skip
def test_a_slip_is_set_right_and_told(param: Param, value: object, meant: object) -> None:
    taken, fix = take(param, value)
    assert (taken, type(taken)) == (meant, type(meant))
    assert fix
    assert fix.startswith(f"{param.name}: ")


def test_the_sentence_about_a_slip_says_both() -> None:
    assert take(DURATION, "10s")[1] == "duration: '10s' was taken as 10."


@pytest.mark.parametrize(
    ("param", "value"),
    [(DURATION, "5-10"), (DURATION, "five"), (DURATION, True), (DURATION, "10 min"),
     (DURATION, "5.5"), (DURATION, [5]), (DURATION, float("nan")), (DURATION, Decimal(5)),
     (RATIO, "wide"), (RATIO, "16:9 or 9:16"), (RATIO, "0:0"), (RATIO, 1.78), (RATIO, ["16:9"]),
     (SEED, "10s"), (SEED, 1.5), (SCALE, "50%"),
     (SCALE, float("inf")), (LOOP, 1), (LOOP, "maybe"), (SAMPLER, "dpm"), (PROMPT, 7),
     (PROMPT, "\ud83d"), (PROMPT, "x" * 11), (CAMERA, "zoom"), (CAMERA, {}), (CAMERA, None),
     (CAMERA, {"movement_type": "zoom", "movement_value": True}),
     (CAMERA, {"movement_type": "zoom", "movement_value": 10**400}),
     (CAMERA, {"movement_type": "zoom", "movement_value": 3.5})],
)  # fmt: skip
def test_what_could_mean_several_things_is_refused(param: Param, value: object) -> None:
    problem = refused(param, value)
    assert problem.startswith(param.name)
    assert len(problem) < 400


def test_a_number_too_long_to_be_written_is_refused_all_the_same() -> None:
    assert refused(SEED, 10**5000).startswith("seed: this int is not allowed")
    assert refused(DURATION, -(10**5000)).startswith("duration: this int is not allowed")


def test_a_word_for_a_shape_means_the_usual_one_or_the_only_one() -> None:
    wide = Param("aspect_ratio", "r", "text", "Shape.", choices=("21:9", "1:1"))
    assert take(wide, "landscape")[0] == "21:9"
    assert "'portrait' is not allowed" in refused(wide, "portrait")
    several = Param("aspect_ratio", "r", "text", "Shape.", choices=("21:9", "4:3"))
    assert "'landscape' is not allowed" in refused(several, "landscape")


def test_a_size_is_not_taken_for_another_of_the_same_shape() -> None:
    sizes = Param("size", "size", "text", "Size.", choices=("1280x720", "720x1280", "1024x1792"))
    assert take(sizes, "1280 X 720")[0] == "1280x720"
    assert "'1920x1080' is not allowed" in refused(sizes, "1920x1080")


def test_numbers_are_compared_to_the_last_digit() -> None:
    version = Param("version", "v", "integer", "Version.", choices=(20250401,))
    assert take(version, "20250401")[0] == 20250401
    for other in (20250402, "20250402", 20250401.5):
        assert "version: " in refused(version, other)
    assert "duration: " in refused(DURATION, 5.0000001)


def test_seconds_of_a_text_have_their_form() -> None:
    param = get_model("luma-ai/v2").param("duration")
    assert param
    for value in (5, "5", " 5 s", "5 seconds", 5.0):
        assert take(param, value)[0] == "5s"
    assert take(param, "9s") == ("9s", None)
    for value in ("whatever", 5.5, "9 min", -5, 0, "999s"):
        assert refused(param, value).endswith("allowed: seconds such as '5s'.")


@pytest.mark.parametrize(
    "value", [".", "..", "", " ", "data:image/png;base64,AA", "x" * 1001, "\ud83d", 1.5, True]
)
def test_what_can_not_be_an_id_is_refused(value: object) -> None:
    assert "extend: " in refused(Param("extend", "", "id", "An id."), value)


@pytest.mark.parametrize("given", [" g-1 ", "`g-1`", "'g-1'", "<g-1>"])
def test_an_id_in_quotes_is_the_id(given: str) -> None:
    assert take(Param("extend", "", "id", "An id."), given)[0] == "g-1"


def test_an_id_may_be_a_number() -> None:
    assert take(Param("extend", "", "id", "An id."), 234954179076239)[0] == "234954179076239"


def test_choices_of_texts_are_met_by_numbers_that_read_the_same() -> None:
    text = Param("duration", "duration", "text", "Seconds.", choices=("5", "10"))
    assert take(text, 5)[0] == "5"
    seconds = Param("duration", "duration", "text", "Seconds.", choices=("5s", "9s"))
    assert take(seconds, 9)[0] == "9s"


@pytest.mark.parametrize(
    ("param", "value", "nearest"),
    [(DURATION, 7, "5"), (DURATION, 60, "10"), (DURATION, "8s", "10"), (RATIO, "2:1", "16:9"),
     (RATIO, "3x1", "21:9"), (SEED, -1, "0"), (SEED, 2**32, "4294967295"), (SCALE, 1.5, "1"),
     (SAMPLER, "unipcc", "unipc"), (SEED, 2.6, "3")],
)  # fmt: skip
def test_the_nearest_allowed_value_is_named(param: Param, value: object, nearest: str) -> None:
    assert refused(param, value).endswith(f"; nearest: {nearest}.")


@pytest.mark.parametrize(("param", "value"), [(DURATION, "x"), (RATIO, None), (LOOP, "x")])
def test_where_nothing_is_near_nothing_is_named(param: Param, value: object) -> None:
    assert "nearest" not in refused(param, value)


def test_each_thing_wrong_inside_a_nested_value_is_told_with_its_path() -> None:
    assert MASKS
    masks = [{"mask_url": "http://a", "trajectories": [{"x": 1, "y": 1.5}], "more": "x" * 999}]
    with pytest.raises(ValueError, match="dynamic_masks") as caught:
        take(MASKS, masks)
    paths = [sentence.partition(":")[0] for sentence in caught.value.args]
    assert paths == [
        "dynamic_masks[0].mask_url",
        "dynamic_masks[0].trajectories[0].y",
        "dynamic_masks[0].more",
    ]
    assert max(map(len, caught.value.args)) < 250


def test_one_thing_is_taken_for_a_list_of_it() -> None:
    assert MASKS
    mask = {"mask_url": URL, "trajectories": [{"x": 1.0, "y": 2}]}
    assert take(MASKS, mask)[0] == [{"mask_url": URL, "trajectories": [{"x": 1, "y": 2}]}]


def test_of_very_many_problems_some_are_told() -> None:
    assert MASKS
    points = [{"x": "a", "y": "b"}] * 2000
    problem = refused(MASKS, [{"mask_url": URL, "trajectories": points}])
    assert len(problem) < 2000
    assert problem.endswith("dynamic_masks: 3990 more things like these are wrong.")


def test_messages_show_no_signed_part_of_a_link_and_no_base64() -> None:
    assert MASKS
    for url in ("http://a/b?Signature=SECRETSIG", "data:image/png;base64,QUJDQUJDQUJD" * 9):
        masks = [{"mask_url": url, "trajectories": [{"x": 1, "y": 2}]}]
        image = Param("image", "image_url", "image", "First.")
        for problem in (refused(MASKS, masks), refused(MASKS, {"x": url}), refused(image, url)):
            assert "SECRETSIG" not in problem
            assert "QUJD" not in problem


def test_a_picture_of_the_conversation_may_stand_inside() -> None:
    param = Param("input", "input", "json", "Whatever.", schema={})
    picture = ImageInput.of(URL)
    given = {"prompt": "attached to it", "images": ["attached:last"]}
    taken = take(param, given, lambda name: picture)[0]
    assert taken == {"prompt": "attached to it", "images": [URL]}


def test_nested_values_may_be_models_from_code() -> None:
    move = CameraMove(movement_type="zoom", movement_value=5)
    assert take(CAMERA, move)[0] == {"movement_type": "zoom", "movement_value": 5}


@pytest.mark.parametrize(
    ("wanted", "data", "problem"),
    [
        (Picture(inline=False), picture("PNG", 9, 9), "ask the user for its https URL"),
        (Picture(formats=("image/jpeg", "image/png")), picture("WEBP", 9, 9),
         "is image/webp; allowed: JPEG or PNG"),
        (Picture(min_side=301), picture("PNG", 300, 900), "a shorter side of 300 pixels; allowed: "
         "at least 301"),
        (Picture(ratio=(0.4, 2.5)), picture("PNG", 300, 100), "a width:height of 3.00; allowed: "
         "0.4 to 2.5"),
        (Picture(max_bytes=50), picture("PNG", 99, 99), "bytes; allowed: at most 50"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("no_pillow")
def test_a_picture_is_held_against_the_models_limits(
    wanted: Picture, data: bytes, problem: str
) -> None:
    assert problem in refused(Param("image", "image_url", "image", "First.", picture=wanted), data)


def test_of_a_url_nothing_is_known() -> None:
    wanted = Picture(inline=False, min_side=9999)
    image = take(Param("image", "i", "image", "First.", picture=wanted), URL)[0]
    assert (image.url, image.size) == (URL, 0)


def test_the_size_of_a_picture_is_that_of_its_bytes() -> None:
    for width in (9, 10, 11):
        data = picture("PNG", width, 9)
        assert take(Param("image", "i", "image", "First."), data)[0].size == len(data)


def test_several_images_are_a_list() -> None:
    param = Param("images", "image_urls", "images", "Pictures.")
    assert [image.url for image in take(param, [URL, URL])[0]] == [URL, URL]
    assert "images: 'x' is not allowed; allowed: a list of images" in refused(param, "x")
    assert "images: 'x' is not an https URL" in refused(param, [URL, "x"])


def test_a_value_for_a_documents_own_schema_must_be_json() -> None:
    param = Param("more", "more", "json", "Whatever.", schema={"type": "object"})
    assert take(param, '{"a": 1}') == ({"a": 1}, "more: was taken as {'a': 1}.")
    assert "more: " in refused(param, {"a": {1, 2}})


ROWS = [param for model in list_models() for param in model.params]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20)
    | st.sampled_from(["10s", "16x9", "landscape", "true", "5", "https://a/b", "data:,", "1/0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(param=st.sampled_from(ROWS), value=ANYTHING)
def test_any_value_is_taken_or_refused_in_short_sentences(param: Param, value: Any) -> None:
    assert allowed(param)
    try:
        taken, fix = take(param, value)
    except ValueError as error:
        for sentence in error.args:
            assert sentence.startswith(param.name)
            assert len(sentence) < 600
        return
    assert take(param, taken)[1] is None, "what was set right needs no more"
    assert fix is None or fix.startswith(param.name)
