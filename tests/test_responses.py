"""Any answer whatever becomes a generation or an error of ours, with the id where there is one."""

import json
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from langchain_apilaplas import get_model
from langchain_apilaplas.errors import ApilaplasError, Charged, UnknownOutcomeError
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.responses import Reader
from langchain_apilaplas.sending import Answer
from langchain_apilaplas.settings import Settings

KEY = "sk-secret-0123456789"
READER = Reader(Settings(SecretStr(KEY), "https://api.example"))
LUMA = get_model("luma-ai/v2")
REQUEST = VideoRequest.check(LUMA, {"prompt": "Go", "aspect_ratio": "1:1"})

_NAMES = st.sampled_from(["id", "status", "state", "video", "error", "assets", "message", "detail"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["g-1", "completed", "failed", "https://a/b", KEY, "data:image/png;base64,"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(), inner),
    max_leaves=12,
)  # fmt: skip
BODIES = st.binary(max_size=60) | _VALUES.map(lambda value: json.dumps(value).encode())
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 418, 429, 500, 502])


def answered(status: int, body: bytes) -> Answer:
    return Answer(status, httpx.Headers(), body)


@given(status=STATUSES, body=BODIES)
def test_any_answer_to_a_submit(status: int, body: bytes) -> None:
    try:
        generation = READER.read_submitted(answered(status, body), REQUEST)
    except ApilaplasError as error:
        assert KEY not in str(error)
        assert (error.charged is Charged.UNKNOWN) is isinstance(error, UnknownOutcomeError)
    else:
        assert status in (200, 201)
        assert generation.id


@given(status=STATUSES, body=BODIES)
def test_any_answer_to_a_look(status: int, body: bytes) -> None:
    try:
        generation = READER.read_look(answered(status, body), LUMA, "g-1")
    except ApilaplasError as error:
        assert KEY not in str(error)
        assert error.generation_id == "g-1"
        assert "g-1" in str(error)
    else:
        assert generation.id == "g-1"


@given(status=STATUSES, body=BODIES)
def test_any_answer_about_several(status: int, body: bytes) -> None:
    asked = ["g-1", "g-2"]
    try:
        found = READER.read_many(answered(status, body), LUMA, asked)
    except ApilaplasError as error:
        assert KEY not in str(error)
        assert error.generation_id in asked
    else:
        assert [generation.id for generation in found] == asked


def test_an_error_quotes_a_parameter_by_the_name_that_the_caller_gave_it() -> None:
    def said(model: str, **error: Any) -> str:
        answer = answered(200, json.dumps({"state": "failed", **error}).encode())
        return READER.read_look(answer, get_model(model), "g").error or ""

    assert said("luma-ai/v2", failure_reason="'frame1' is too dark") == "'last_image' is too dark"
    assert said("luma-ai/v2", error="keyframes.frame0.url: not found") == "image: not found"
    assert said("luma-ai/v1", error="user_prompt: no") == "prompt: no"
    assert said("video-01", error="bad first_frame_image") == "bad image"
