from datetime import UTC, datetime
from typing import Any

import pytest

from langchain_apilaplas.generation import Generation, Status, Video, link_expiry

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
    "video",
    ["https://a/b.mp4", ["https://a/b.mp4"], {"url": "https://a/b.mp4"},
     [{"url": "https://a/b.mp4"}, {"nothing": 1}, None]],
)  # fmt: skip
def test_a_video_is_found_in_every_shape(video: Any) -> None:
    answer = {"id": "x", "status": "completed", "video": video}
    assert parse(answer) == Generation(
        "x", Status.COMPLETED, "m", videos=(Video("https://a/b.mp4"),)
    )


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


def test_a_fetch_answer_needs_a_status_but_no_id() -> None:
    assert parse({"status": "queued"}, "known").id == "known"
    with pytest.raises(ValueError, match="no status"):
        parse({"id": "x"}, "known")


@pytest.mark.parametrize("answer", [None, [], "x", 3, {}, {"id": ""}, {"id": True}, {"id": None}])
def test_an_answer_without_an_id_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match="answer"):
        parse(answer)


def test_usage_is_taken_from_meta() -> None:
    answer = {"id": "x", "status": "queued", "meta": {"usage": {"credits_used": 5}}}
    assert parse(answer).usage == {"credits_used": 5}
    assert parse({"id": "x", "status": "queued", "meta": []}).usage == {}


def test_usage_has_only_what_can_be_stored() -> None:
    usage = {"credits_used": 10**30, "tokens_used": float("nan"), "usd_spent": 0.5, "more": "x"}
    answer = {"id": "x", "status": "queued", "meta": {"usage": usage}}
    assert parse(answer).usage == {"usd_spent": 0.5}


def test_an_error_nested_without_end_is_still_an_error() -> None:
    error: Any = "deep"
    for _ in range(600):
        error = [error]
    assert parse({"id": "x", "status": "error", "error": error}).error == "no reason given"


def test_the_links_expiry_is_read_from_the_link() -> None:
    assert link_expiry(JWT) == datetime(2025, 4, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJleHAiOiJ4In0.c", "a.eyJleHAiOjFlOTl9.c"]
)
def test_a_link_that_does_not_tell_has_no_expiry(token: str) -> None:
    assert link_expiry(f"https://a/b.mp4?_jwt={token}") is None


def test_the_signed_part_of_a_link_is_not_in_the_repr() -> None:
    generation = parse({"id": "x", "status": "completed", "video": [JWT]})
    assert "_jwt" not in repr(generation)
    assert "704dae4c.mp4" in repr(generation)
