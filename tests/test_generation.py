import contextlib
import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_apilaplas import reading
from langchain_apilaplas.generation import Generation, Status, Video

JWT = (
    "https://cdn.apilaplas.com/wolf/704dae4c.mp4?_jwt=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJrZXlIYXNoIjoiYiIsImJ1Y2tldCI6InIiLCJzdGFnZSI6InByb2QiLCJleHAiOjE3NDQ1ODg4MDB9.sig"
)


def parse(answer: Any, generation_id: str | None = None) -> Generation:
    return Generation.parse(answer, model="m", generation_id=generation_id)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", Status.QUEUED),
        ("waiting", Status.QUEUED),
        ("generating", Status.GENERATING),
        ("dreaming", Status.GENERATING),
        ("completed", Status.COMPLETED),
        ("succeeded", Status.COMPLETED),
        ("COMPLETED", Status.COMPLETED),
        ("error", Status.ERROR),
        ("failed", Status.ERROR),
        ("a-new-word", Status.GENERATING),
    ],
)
def test_each_word_has_its_meaning_and_an_unknown_one_means_not_done(
    word: str, status: Status
) -> None:
    assert parse({"id": "x", "status": word}).status is status


def test_only_completed_and_error_are_terminal() -> None:
    assert [s for s in Status if s.is_terminal] == [Status.COMPLETED, Status.ERROR]


@pytest.mark.parametrize(
    "told",
    [
        {"video": "https://a/b.mp4"},
        {"video": ["https://a/b.mp4"]},
        {"video": {"url": "https://a/b.mp4"}},
        {"video": [{"url": "https://a/b.mp4"}, {"nothing": 1}, None]},
        {"video": {"url": "https://a/b.mp4", "thumbnail": "https://a/b.jpg", "width": 3}},
        {"video": {"url": ["https://a/b.mp4", "https://a/b.mp4"]}},
        {"videos": [{"video": {"url": "https://a/b.mp4"}}]},
        {"assets": {"video": "https://a/b.mp4", "image": "https://a/b.jpg"}},
        {"output": ["https://a/b.mp4"]},
        {"output": {"video_url": "https://a/b.mp4"}},
        {"result": {"video": {"uri": "https://a/b.mp4"}}},
        {"video_url": "https://a/b.mp4"},
        {"url": "https://a/b.mp4", "video": None},
    ],
)
def test_a_video_is_found_in_every_shape(told: Any) -> None:
    answer = {"id": "x", "status": "completed", **told}
    assert parse(answer) == Generation(
        "x", Status.COMPLETED, "m", videos=(Video("https://a/b.mp4"),)
    )


def test_several_videos_keep_their_order() -> None:
    answer = {"id": "x", "status": "completed", "video": ["https://a/2", "https://a/1"]}
    assert [video.url for video in parse(answer).videos] == ["https://a/2", "https://a/1"]


def test_an_object_brings_type_and_size() -> None:
    video = {"url": "https://a/b", "content_type": "video/webm", "file_size": 8554108}
    generation = parse({"id": "x", "status": "completed", "video": video})
    assert generation.video == Video("https://a/b", "video/webm", 8554108)


@pytest.mark.parametrize("video", [None, [], {}, "", "ftp://a/b", 7, {"url": None}])
def test_no_video_is_no_video(video: Any) -> None:
    assert parse({"id": "x", "status": "completed", "video": video}).video is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("Out of luck", "Out of luck"),
        ({"name": "Moderation", "message": "Flagged"}, "Flagged (Moderation)"),
        (
            {"detail": [{"loc": ["body", "image_url"], "msg": "No face", "type": "face_error"}]},
            "image_url: No face (face_error)",
        ),
        ({"detail": "Plain"}, "Plain"),
        ({"name": "Moderation"}, "Moderation"),
        (None, "no reason given"),
        ([], "no reason given"),
        (7, "no reason given"),
    ],
)
def test_an_error_is_one_line_in_every_shape(error: Any, text: str) -> None:
    assert parse({"id": "x", "status": "error", "error": error}).error == text


def test_a_create_answer_may_lack_the_status_and_call_the_id_otherwise() -> None:
    assert parse({"generation_id": 234954179076239}).id == "234954179076239"
    assert parse({"generation_id": "x"}).status is Status.QUEUED


def test_a_fetch_answer_needs_a_status_or_a_video_but_no_id() -> None:
    assert parse({"status": "queued"}, "known").id == "known"
    assert parse({"video": "https://a/b"}, "known").status is Status.COMPLETED
    with pytest.raises(ValueError, match="no status and no video"):
        parse({"id": "x"}, "known")


def test_luma_says_state_and_failure_reason() -> None:
    answer = {"id": "x", "state": "failed", "failure_reason": "400: moderated", "assets": None}
    assert parse(answer, "x") == Generation("x", Status.ERROR, "m", error="400: moderated")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"status": "completed", "state": "dreaming"}, Status.GENERATING),
        ({"status": "success", "state": "queued"}, Status.QUEUED),
        ({"status": "success", "state": "completed"}, Status.GENERATING),
        ({"status": "success", "state": "completed", "video": "https://a/b"}, Status.COMPLETED),
        ({"status": "completed", "state": "processing"}, Status.GENERATING),
        ({"status": "ok", "state": "failed"}, Status.GENERATING),
        ({"status": "ok", "state": "failed", "error": "why"}, Status.ERROR),
        ({"status": "succeeded", "data": {"status": "generating"}}, Status.GENERATING),
        ({"status": "200", "state": "completed"}, Status.COMPLETED),
        ({"status": 200, "state": "failed"}, Status.ERROR),
        ({"status": "complete"}, Status.GENERATING),
        ({"status": "not completed"}, Status.GENERATING),
    ],
)
def test_where_words_disagree_or_are_unknown_the_end_is_not_reached(
    words: dict[str, Any], status: Status
) -> None:
    assert parse({"id": "x", **words}, "x").status is status


@pytest.mark.parametrize(
    "answer",
    [
        [{"id": "x", "state": "queued"}],
        [{"id": "y", "state": "completed"}, {"id": "x", "state": "queued"}],
        {"data": {"id": "x", "status": "queued"}},
        {"status": "ok", "data": {"id": "x", "status": "queued"}},
        {"generation": {"id": "x", "status": "queued"}, "more": 1},
        {
            "generations": [
                {"id": "y", "state": "failed"},
                {"generation_id": "x", "state": "queued"},
            ]
        },
        {"task_id": "x", "status": "queued"},
        {"id": "request-1", "data": {"id": "x", "status": "queued"}},
        [
            {"id": "row-2", "generation_id": "y"},
            {"id": "row-1", "generation_id": "x", "state": "queued"},
        ],
    ],
)
def test_a_generation_is_found_in_lists_and_envelopes(answer: Any) -> None:
    assert (parse(answer, "x").id, parse(answer, "x").status) == ("x", Status.QUEUED)


def test_a_list_about_others_is_refused() -> None:
    for answer in (
        [{"id": "y", "state": "queued"}, {"id": "z", "state": "queued"}],
        [{"id": "y", "state": "completed", "video": "https://a/other"}],
        {"generations": [{"id": "y", "state": "completed", "video": "https://a/other"}]},
        {"data": [{"id": "y", "status": "failed", "error": "why"}]},
    ):
        with pytest.raises(ValueError, match="other generations"):
            parse(answer, "x")


U = "https://a/b.mp4"


@pytest.mark.parametrize(
    ("answer", "generation_id", "expected"),
    [
        ({"prediction_id": "x", "status": "queued", "data": {"status": "ok"}}, None, Status.QUEUED),
        ({"job_id": "x", "status": "queued", "data": {"id": "row"}}, None, Status.QUEUED),
        ({"request_id": "x", "status": "completed", "result": {"id": "f", "url": U}}, "x",
         Status.COMPLETED),
        ({"request_id": "x", "status": "completed", "data": [{"id": "f", "url": U}]}, "x",
         Status.COMPLETED),
        ({"job_id": "x", "status": "failed", "error": "boom", "data": {"id": "y"}}, "x",
         Status.ERROR),
        ({"data": {"result": {"id": "z", "state": "completed", "video": {"url": U}}}}, "x",
         Status.COMPLETED),
        ({"id": "x", "status": "error", "statusCode": 422, "error": "no face"}, None, Status.ERROR),
        ({"id": "x", "status": "queued", "code": "404"}, None, Status.QUEUED),
    ],
)  # fmt: skip
def test_a_generation_keeps_its_id_whatever_it_envelops(
    answer: Any, generation_id: str | None, expected: Status
) -> None:
    generation = parse(answer, generation_id)
    assert (generation.id, generation.status) == ("x", expected)
    assert bool(generation.video) is (expected is Status.COMPLETED)


def test_a_created_generation_goes_by_its_own_id_not_that_of_the_request() -> None:
    assert parse({"id": "request-1", "data": {"id": "x", "status": "queued"}}).id == "x"
    assert parse({"id": "row-1", "generation_id": "x"}).id == "x"
    assert parse({"request_id": "x", "status": "IN_QUEUE"}).id == "x"
    assert parse({"request_id": "r", "id": "x"}).id == "x"
    assert parse({"request_id": "r", "data": {"task_id": "x", "status": "queued"}}).id == "x"
    assert parse({"request_id": "r", "data": {"generation_id": "x"}}).id == "x"
    assert parse({"name": "models/veo/operations/1"}).id == "models/veo/operations/1"
    for answer in ({"id": "x" * 1001}, {"name": "Error", "message": "no"}):
        with pytest.raises(ValueError, match="no generation id"):
            parse(answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "error", "message": "Too many requests", "statusCode": 429},
        {"status": "failed", "message": "Too many requests", "code": "429", "request_id": "r"},
    ],
)
def test_an_error_that_came_as_a_200_is_not_the_generations_end(answer: Any) -> None:
    with pytest.raises(ValueError, match="is an error, 429: Too many requests"):
        parse(answer, "x")


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": 400, "message": "No", "request_id": "r"},
        {"job_id": "r", "code": 429, "message": "No"},
        {"id": "r", "statusCode": 400, "error": "No"},
    ],
)
def test_a_refusal_that_came_as_a_200_to_a_submit_is_not_taken_for_acceptance(answer: Any) -> None:
    with pytest.raises(ValueError, match="is an error, 4"):
        parse(answer)


@pytest.mark.parametrize(
    "video",
    [
        {"type": "text-to-video", "url": "https://a/v"},
        [{"type": "image_to_video", "url": "https://a/v"}],
        " https://a/v",
    ],
)
def test_a_video_that_names_its_kind_is_one(video: Any) -> None:
    generation = parse({"id": "x", "status": "completed", "video": video}, "x")
    assert [video.url for video in generation.videos] == ["https://a/v"]


@pytest.mark.parametrize(
    "told",
    [
        {
            "output": [
                {"type": "thumbnail", "url": "https://a/t"},
                {"type": "video", "url": "https://a/v"},
            ]
        },
        {
            "assets": [
                {"type": "image", "url": "https://a/t"},
                {"type": "video", "url": "https://a/v"},
            ]
        },
        {"video": {"url": "https://a/t.jpg?x=1"}, "output": "https://a/v"},
        {"output": [{"type": "image_url", "url": "https://a/t"}, {"url": "https://a/v"}]},
        {"data": {"video": {"url": "https://a/v"}}},
        {"data": [{"url": "https://a/v"}]},
        {"generations": [{"id": "y", "url": "https://a/v"}]},
    ],
)
def test_a_picture_is_not_taken_for_the_video(told: dict[str, Any]) -> None:
    generation = parse({"id": "x", "status": "completed", **told}, "x")
    assert [video.url for video in generation.videos] == ["https://a/v"]


def test_without_a_status_only_what_is_called_a_video_is_one() -> None:
    with pytest.raises(ValueError, match="no status and no video"):
        parse({"id": "x", "url": "https://api.example/v2/x"}, "x")
    with pytest.raises(ValueError, match=r"no status and no video \(moderated\)"):
        parse({"id": "x", "error": {"message": "moderated"}}, "x")


def test_a_reason_and_a_cost_are_found_in_an_envelope_too() -> None:
    assert parse({"id": "x", "status": "failed", "data": {"error": "why"}}, "x").error == "why"
    answer = {"meta": {"usage": {"credits_used": 1}}, "data": {"id": "x", "status": "queued"}}
    assert parse(answer).usage == {"credits_used": 1}


@pytest.mark.parametrize("answer", [None, [], "x", 3, {}, {"id": ""}, {"id": True}, {"id": None}])
def test_an_answer_without_an_id_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match="answer"):
        parse(answer)


def test_usage_is_taken_from_meta() -> None:
    answer = {"id": "x", "status": "queued", "meta": {"usage": {"credits_used": 5}}}
    assert parse(answer).usage == {"credits_used": 5}
    assert parse({"id": "x", "status": "queued", "meta": []}).usage == {}
    assert parse({"id": "x", "meta": {"tokens_used": 7}}).usage == {"tokens_used": 7}
    assert parse({"id": "x", "usage": {"usd_spent": 0.1}}).usage == {"usd_spent": 0.1}


def test_usage_has_only_what_can_be_stored() -> None:
    usage = {"credits_used": 10**30, "tokens_used": float("nan"), "usd_spent": 0.5, "more": "x"}
    answer = {"id": "x", "status": "queued", "meta": {"usage": usage}}
    assert parse(answer).usage == {"usd_spent": 0.5}


def test_an_error_nested_without_end_is_still_an_error() -> None:
    error: Any = "deep"
    for _ in range(600):
        error = [error]
    assert parse({"id": "x", "status": "error", "error": error}).error == "no reason given"


def test_the_signed_part_of_a_link_is_not_in_the_repr() -> None:
    generation = parse({"id": "x", "status": "completed", "video": [JWT]})
    assert "_jwt" not in repr(generation)
    assert "704dae4c.mp4" in repr(generation)


# --- anything at all ---

_NAMES = st.one_of(
    *map(st.sampled_from, (reading._IDS, reading._WORDS, reading._ENVELOPES, reading._VIDEOS)),
    *map(st.sampled_from, (reading._LINKS, reading._REASONS, reading._USAGE, ("meta", "usage"))),
    st.sampled_from(("loc", "msg", "type", "name", "content_type", "file_size")),
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["queued", "completed", "failed", "dreaming", "https://a/b.mp4?Expires=1"])
    | st.sampled_from(["https://a/b?_jwt=a.eyJleHAiOjF9.c", "\ud800", "https://[", 10**200])
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(), inner),
    max_leaves=25,
)
_TERMINAL = {"completed", "succeeded", "error", "failed"}


def _words(value: Any) -> set[str]:
    """Every text in a JSON value, as a status word would be read."""
    if isinstance(value, str):
        return {value.strip().lower()}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_words, inner))


@given(answer=_JSON, generation_id=st.none() | st.just("x"))
def test_any_json_gives_a_generation_or_a_value_error(
    answer: Any, generation_id: str | None
) -> None:
    try:
        generation = parse(answer, generation_id)
    except ValueError:
        return
    assert generation.id
    json.dumps([generation.id, generation.error, dict(generation.usage)]).encode()
    for video in generation.videos:
        assert video.url.startswith(("https://", "http://"))
        assert video.expires_at is None or video.expires_at.tzinfo is UTC
    told = _words(answer) & _TERMINAL
    if generation.status is Status.ERROR:
        assert told & {"error", "failed"}
        assert generation.error
    if generation.status is Status.COMPLETED and not generation.videos:
        assert told & {"completed", "succeeded"}


@given(word=st.text().filter(lambda word: word.strip().lower() not in _TERMINAL))
def test_no_other_word_ends_a_generation(word: str) -> None:
    for name in ("status", "state"):
        answer = {"id": "x", name: word, "video": None, "error": "whatever"}
        with contextlib.suppress(ValueError):  # a blank word is none
            assert not parse(answer, "x").status.is_terminal


@pytest.mark.parametrize(
    ("told", "progress"),
    [(0.45, 0.45), (45, 0.45), ("45%", 0.45), ("45 %", 0.45), ("45", 0.45), ("0.45", 0.45),
     (0, 0.0), (1, 0.01), (1.0, 1.0), ("1%", 0.01), (100, 1.0), (37.5, 0.375),
     (-1, None), (101, None), (float("nan"), None), (True, None), ("soon", None), (None, None),
     ({"percent": 45}, None), ("9" * 400, None), (10**400, None)],
)  # fmt: skip
def test_progress_is_read_however_it_is_told(told: Any, progress: float | None) -> None:
    answer = {"id": "g", "status": "generating", "progress": told}
    found = Generation.parse(answer, model="m", generation_id="g").progress
    assert found == (None if progress is None else pytest.approx(progress))
