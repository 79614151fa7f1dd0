"""The flows, with the server played by hand: no network, no clock; time is a value."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from langchain_apilaplas import MemoryLedger, Origin, VideoModel, get_model
from langchain_apilaplas.books import Books
from langchain_apilaplas.catalog import Fetch
from langchain_apilaplas.effects import Effect, Flow, Now, Report, Sleep
from langchain_apilaplas.errors import (
    ApilaplasError,
    AuthenticationError,
    Charged,
    CreditsError,
    GatewayError,
    GenerationFailedError,
    InvalidRequestError,
    MissingVideoError,
    NotFoundError,
    RateLimitError,
    StillRenderingError,
    UnknownOutcomeError,
)
from langchain_apilaplas.flows import AT_ONCE, get, get_many
from langchain_apilaplas.generation import Generation, Status, Video
from langchain_apilaplas.limiter import RateLimiter
from langchain_apilaplas.pacing import Pace
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.sending import Send
from langchain_apilaplas.settings import Settings
from langchain_apilaplas.submitting import Submitted, Submitting
from langchain_apilaplas.waiting import Waiting
from langchain_apilaplas.wire import Wire

KEY = "sk-secret-0123456789"
GEN4 = get_model("runway/gen4_turbo")
API = Wire(Settings(SecretStr(KEY), "https://api.example"))
PACE = Pace(uniform=max)
REQUEST = VideoRequest.check(GEN4, {"prompt": "Go", "image": "https://example.com/a.jpg"})
PATH = "/v2/generate/video/runway/generation"
HTML = "<html><head><title>502 Bad Gateway</title></head></html>"


@pytest.fixture(autouse=True)
def nobody_was_refused_before() -> None:
    API.limiter = RateLimiter()


ACCEPTED = httpx.Response(201, json={"id": "g-1", "status": "queued"})
RENDERING = httpx.Response(200, json={"id": "g-1", "status": "generating"})
DONE = httpx.Response(200, json={"id": "g-1", "status": "completed", "video": ["https://c/v.mp4"]})
FINISHED = Generation("g-1", Status.COMPLETED, GEN4.id, videos=(Video("https://c/v.mp4"),))


def refusal(status: int, message: str = "No", **headers: str) -> httpx.Response:
    body = {"message": message, "statusCode": str(status), "path": PATH}
    return httpx.Response(status, json=body, headers=headers)


class Played:
    """A flow played against a list of answers; what it did is kept."""

    def __init__(self, flow: Flow[Any], *answers: httpx.Response | Exception, look: float = 0.0):
        self.sent: list[httpx.Request] = []
        self.slept: list[float] = []
        self.reported: list[Any] = []
        self.result: Any = None
        self._answers, self._time, self._look = list(answers), 1000.0, look
        try:
            self._play(flow)
        except StopIteration as stop:
            self.result = stop.value
        except ApilaplasError as error:
            self.result = error
        assert not self._answers, "all answers are used"

    def _play(self, flow: Flow[Any]) -> None:
        effect = next(flow)
        while True:
            reply = self._reply(effect)
            throw = isinstance(reply, Exception)
            effect = flow.throw(reply) if throw else flow.send(reply)

    def _reply(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            self.sent.append(effect.request)
            self._time += self._look
            return self._answers.pop(0)
        if isinstance(effect, Sleep):
            self.slept.append(round(effect.seconds, 1))
            self._time += effect.seconds
        if isinstance(effect, Report):
            self.reported.append((effect.progress["status"], effect.progress["elapsed"]))
        return self._time if isinstance(effect, Now) else None


def books() -> Books:
    return Books(MemoryLedger(), "https://api.example")


def play_submit(*answers: httpx.Response | Exception, request: VideoRequest = REQUEST) -> Played:
    played = Played(Submitting(API, PACE, books()).submit(request, "key-1", Origin()), *answers)
    if isinstance(played.result, Submitted):
        assert played.result.job is None
        played.result = played.result.generation
    return played


def play_wait(
    *answers: httpx.Response | Exception, timeout: float = 600, look: float = 0.0
) -> Played:
    return Played(
        Waiting(API, PACE, timeout, books(), print).wait("g-1", GEN4), *answers, look=look
    )


def play_generate(*answers: httpx.Response | Exception, timeout: float = 600) -> Played:
    waiting = Waiting(API, PACE, timeout, books(), print)
    return Played(waiting.generate(REQUEST, "key-1", Origin()), *answers)


# --- submit ---


def test_a_submit_is_one_post_with_key_and_idempotency_key() -> None:
    played = play_submit(ACCEPTED)
    assert played.result == Generation("g-1", Status.QUEUED, GEN4.id)
    [request] = played.sent
    assert (request.method, str(request.url)) == ("POST", f"https://api.example{PATH}")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Idempotency-Key"] == "key-1"
    assert request.content == REQUEST.body
    assert request.extensions["timeout"]["read"] == 30.0


@pytest.mark.parametrize(
    "trouble",
    [httpx.ReadTimeout("slow"), httpx.ReadError("reset"), httpx.WriteError("reset"),
     httpx.WriteTimeout("slow"), httpx.RemoteProtocolError("closed"), RuntimeError("transport bug"),
     httpx.Response(500), httpx.Response(502, html=HTML), refusal(503), httpx.Response(504),
     httpx.Response(307, headers={"Location": "https://b/"}), refusal(408), refusal(409),
     httpx.Response(200, text="<<<"), httpx.Response(200, json=[]), httpx.Response(201, json={}),
     httpx.Response(200, json={"status": "queued"}), httpx.Response(204)],
)  # fmt: skip
def test_a_submit_that_may_have_been_accepted_is_never_sent_again(
    trouble: httpx.Response | Exception,
) -> None:
    played = play_submit(trouble)
    assert len(played.sent) == 1
    assert isinstance(played.result, UnknownOutcomeError)
    assert played.result.charged is Charged.UNKNOWN
    assert "It may have been charged. Do not call generate_video again" in str(played.result)


@pytest.mark.parametrize(
    "trouble",
    [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy"),
     httpx.ProxyError("407")],
)  # fmt: skip
def test_a_submit_that_never_left_is_sent_again(trouble: Exception) -> None:
    played = play_submit(trouble, trouble, ACCEPTED)
    assert played.result.id == "g-1"
    assert played.slept == [1.0, 2.0]
    assert {request.headers["Idempotency-Key"] for request in played.sent} == {"key-1"}


def test_a_submit_that_never_gets_through_gives_up_uncharged() -> None:
    played = play_submit(*[httpx.ConnectError("refused")] * 3)
    assert isinstance(played.result, GatewayError)
    assert str(played.result) == (
        "api.example was not reached: ConnectError: refused. Nothing was charged. "
        "Tell the user, and call again later."
    )


def test_too_many_requests_are_sent_again_when_the_server_says() -> None:
    played = play_submit(refusal(429, **{"Retry-After": "8"}), refusal(429), ACCEPTED)
    assert played.result.id == "g-1"
    assert played.slept == [8.0, 2.0]


def test_a_long_retry_after_is_left_to_the_caller() -> None:
    played = play_submit(refusal(429, "Hourly limit", **{"Retry-After": "3000"}))
    assert isinstance(played.result, RateLimitError)
    assert (played.result.retry_after, played.slept) == (3000.0, [])
    assert str(played.result) == (
        "The gateway gets too many requests (429: Hourly limit). Nothing was charged. "
        "Wait 3000 seconds before you call again."
    )


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(400, "image_url: bad"), InvalidRequestError, "(400: image: bad)"),
        (refusal(413), InvalidRequestError, "too long"),
        (refusal(422), InvalidRequestError, "refused"),
        (refusal(401), AuthenticationError, "must set a valid APILAPLAS_API_KEY"),
        (refusal(402), CreditsError, "needs credits"),
        (refusal(403, "exhausted"), CreditsError, "403: exhausted"),
        (refusal(404), NotFoundError, "base_url (api.example)"),
        (httpx.Response(403, html=HTML), CreditsError, "(403: 502 Bad Gateway)"),
        (httpx.Response(401, html="<html></html>"), AuthenticationError, "key (401)"),
    ],
)
def test_a_refusal_is_told_by_what_can_be_done_about_it(
    answer: httpx.Response, kind: type[ApilaplasError], words: str
) -> None:
    error = play_submit(answer).result
    assert type(error) is kind
    assert words in str(error)
    assert "Nothing was charged." in str(error)
    assert (error.charged, error.status_code) == (Charged.NO, answer.status_code)


def test_what_the_gateway_echoes_is_not_shown() -> None:
    message = f"key {KEY}, image_url data:image/png;base64,{'A' * 999}"
    text = str(play_submit(refusal(400, message)).result)
    assert "key ***, image data:…" in text


# --- get ---


def test_a_get_asks_by_id_however_strange() -> None:
    played = Played(get("uuid:kling-video/v1.6/a b", GEN4, API, PACE, books()), RENDERING)
    assert played.result.status is Status.GENERATING
    [request] = played.sent
    assert request.url.params["generation_id"] == "uuid:kling-video/v1.6/a b"
    assert "kling-video%2Fv1.6" in str(request.url)


def test_a_get_is_tried_again_where_the_answer_was_of_no_use() -> None:
    troubles = [httpx.ReadError("reset"), httpx.Response(502, html=HTML), refusal(429)]
    played = Played(get("g-1", GEN4, API, PACE, books()), *troubles, DONE)
    assert played.result == FINISHED
    assert played.slept == [1.0, 2.0, 1.0]


def test_a_get_gives_up_with_the_id_after_four_tries() -> None:
    played = Played(get("g-1", GEN4, API, PACE, books()), *[httpx.Response(502, html=HTML)] * 4)
    assert isinstance(played.result, GatewayError)
    assert played.result.generation_id == "g-1"
    assert str(played.result) == (
        "The gateway answered with 502: 502 Bad Gateway. It may have been charged. The generation "
        "is not lost, so do not generate it again: fetch it later with get_video, generation_id "
        "g-1."
    )


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_id_is_not_said_to_be_charged(status: int) -> None:
    error = Played(get("nope", GEN4, API, PACE, books()), refusal(status)).result
    assert (error.charged, error.generation_id) == (Charged.NO, "nope")


# --- wait ---


def test_a_wait_looks_at_once_then_at_the_pace() -> None:
    played = play_wait(RENDERING, RENDERING, RENDERING, DONE)
    assert played.result == FINISHED
    assert played.slept == [0.0, 12.6, 5.4, 3.8]
    assert played.reported == [
        ("generating", 0.0), ("generating", 12.6), ("generating", 18.0), ("completed", 21.8),
    ]  # fmt: skip


def test_a_generate_does_not_look_at_once() -> None:
    played = play_generate(ACCEPTED, RENDERING, DONE)
    assert played.result == FINISHED
    assert played.slept == [12.6, 5.4]
    assert [request.method for request in played.sent] == ["POST", "GET", "GET"]
    assert played.reported[0] == ("queued", 0.0)


@pytest.mark.parametrize(
    "trouble",
    [httpx.ReadTimeout("slow"), httpx.ConnectError("refused"), httpx.Response(502, html=HTML),
     refusal(500), refusal(429), httpx.Response(200, text="<<<"), httpx.Response(200, json={}),
     httpx.Response(302), RuntimeError("transport bug")],
)  # fmt: skip
def test_a_failed_look_ends_nothing(trouble: httpx.Response | Exception) -> None:
    played = play_wait(RENDERING, *[trouble] * 7, DONE)
    assert played.result == FINISHED
    assert played.slept == [0.0, 12.6, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


def test_a_failed_look_obeys_retry_after() -> None:
    played = play_wait(refusal(503, **{"Retry-After": "42"}), DONE)
    assert played.slept == [0.0, 42.0]


@pytest.mark.parametrize(
    "trouble", [refusal(404), refusal(400), refusal(401), httpx.Response(403, html=HTML)]
)
def test_a_few_refused_looks_after_our_own_submit_end_nothing(trouble: httpx.Response) -> None:
    """By a proxy, or by a part of the server that has not heard of the generation."""
    assert play_generate(ACCEPTED, *[trouble] * 3, DONE).result == FINISHED
    error = play_generate(ACCEPTED, *[trouble] * 4).result
    assert (error.charged, error.generation_id) == (Charged.YES, "g-1")
    assert play_wait(trouble).result.status_code == trouble.status_code


def test_a_key_refused_while_waiting_leaves_the_way_back() -> None:
    error = play_generate(ACCEPTED, *[refusal(401)] * 4).result
    assert isinstance(error, AuthenticationError)
    assert (error.charged, error.generation_id) == (Charged.YES, "g-1")
    assert "fetch it later with get_video, generation_id g-1" in str(error)


def test_the_last_look_is_exactly_at_the_deadline() -> None:
    played = play_wait(*[RENDERING] * 4, timeout=20)
    assert isinstance(played.result, StillRenderingError)
    assert played.slept == [0.0, 12.6, 5.4, 2.0]
    assert played.result.charged is Charged.YES
    assert str(played.result) == (
        "g-1 is still rendering after 20 s of waiting. The generation was charged when it was "
        "submitted. It goes on by itself. Do not call generate_video for it again; fetch it later "
        "with get_video, generation_id g-1."
    )


def test_a_wait_of_no_time_looks_once() -> None:
    assert play_wait(DONE, timeout=0).result == FINISHED
    assert isinstance(play_wait(RENDERING, timeout=0).result, StillRenderingError)
    played = play_generate(ACCEPTED, RENDERING, timeout=0)
    assert isinstance(played.result, StillRenderingError)
    assert played.slept == [0.0]


def test_a_slow_answer_can_not_carry_a_wait_far_past_its_deadline() -> None:
    played = play_wait(RENDERING, RENDERING, timeout=20, look=15)
    assert [r.extensions["timeout"]["read"] for r in played.sent] == [20.0, 5.0]


def test_trouble_at_the_deadline_is_told() -> None:
    played = play_wait(RENDERING, *[httpx.Response(502)] * 6, timeout=31)
    assert isinstance(played.result, StillRenderingError)
    assert "(the last look failed: The gateway answered with 502)" in str(played.result)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Out of luck", "Out of luck"),
        ({"name": "Moderation", "message": "Flagged"}, "Flagged (Moderation)"),
        (
            {"detail": [{"loc": ["body", "image_url"], "msg": "No face", "type": "face"}]},
            "image: No face (face)",
        ),
    ],
)
def test_a_failed_generation_says_why_in_every_shape(error: Any, words: str) -> None:
    answer = httpx.Response(200, json={"id": "g-1", "status": "error", "error": error})
    result = play_generate(ACCEPTED, answer).result
    assert isinstance(result, GenerationFailedError)
    assert result.generation_id == "g-1"
    assert str(result).startswith(f"The generation failed: {words}. Generation id: g-1.")


def test_a_generation_refused_at_create_is_not_waited_for() -> None:
    answer = httpx.Response(200, json={"id": "g-1", "status": "error", "error": "x"})
    assert isinstance(play_generate(answer).result, GenerationFailedError)


def test_a_create_that_answers_completed_is_looked_at_once_more() -> None:
    answer = httpx.Response(200, json={"id": "g-1", "status": "completed"})
    assert play_generate(answer, DONE).result == FINISHED
    assert play_generate(DONE).result == FINISHED


def test_completed_without_a_video_is_told_at_once() -> None:
    answer = httpx.Response(200, json={"id": "g-1", "status": "completed"})
    result = play_generate(ACCEPTED, answer).result
    assert isinstance(result, MissingVideoError)
    assert "Do not generate it again" in str(result)


@pytest.mark.parametrize(
    "answer",
    [{"id": "g-1", "status": 1}, {"id": "g-1", "status": {"state": "queued"}},
     {"generation_id": "g-1", "status": None}, {"id": "g-1"}],
)  # fmt: skip
def test_an_id_is_kept_whatever_the_status_looks_like(answer: Any) -> None:
    assert play_generate(httpx.Response(200, json=answer), DONE).result == FINISHED


def test_half_characters_from_the_server_do_not_travel_on() -> None:
    raw = rb'{"id": "\ud83d", "status": "error", "error": "\udc00"}'
    result = play_generate(httpx.Response(200, content=raw)).result
    assert str(result).startswith("The generation failed: ?. The generation")


def test_a_server_that_asks_for_no_wait_is_not_hammered() -> None:
    played = play_wait(*[refusal(503, **{"Retry-After": "0"})] * 3, DONE)
    assert played.slept == [0.0, 1.0, 1.0, 1.0]


def test_submitting_has_no_more_patience_than_the_wait_has_time() -> None:
    played = play_generate(refusal(429, **{"Retry-After": "8"}), timeout=5)
    assert isinstance(played.result, RateLimitError)
    assert played.slept == []


def test_a_second_wait_that_would_end_late_is_not_begun() -> None:
    answer = refusal(429, **{"Retry-After": "59"})
    played = play_generate(answer, answer, timeout=60)
    assert isinstance(played.result, RateLimitError)
    assert played.slept == [59.0]


def test_a_failed_look_is_no_refused_look() -> None:
    down = httpx.Response(502)
    assert play_generate(ACCEPTED, down, down, down, refusal(404), DONE).result == FINISHED
    refused = [refusal(401)] * 3
    played = play_generate(ACCEPTED, *refused, down, *refused, refusal(401))
    assert isinstance(played.result, AuthenticationError)
    assert "must set a valid APILAPLAS_API_KEY" in str(played.result)
    assert "fetch it later with get_video" in str(played.result)


def test_an_id_never_seen_is_not_said_to_be_rendering() -> None:
    played = play_wait(*[httpx.ConnectError("refused")] * 5, timeout=10)
    assert isinstance(played.result, GatewayError)
    assert played.result.charged is Charged.UNKNOWN


def test_time_spent_on_submitting_counts() -> None:
    played = play_generate(refusal(429, **{"Retry-After": "8"}), ACCEPTED, RENDERING, timeout=10)
    assert isinstance(played.result, StillRenderingError)
    assert played.slept == [8.0, 2.0]


# --- Luma: held looks, several at once; where a generation is ---

LUMA = get_model("luma-ai/v2")
LUMA_PATH = "/v2/generate/video/luma-ai/generation"
DREAMING = httpx.Response(200, json={"id": "g-1", "state": "dreaming"})
DREAMED = httpx.Response(
    200, json={"id": "g-1", "state": "completed", "assets": {"video": "https://c/v.mp4"}}
)


def luma(state: str) -> httpx.Response:
    return httpx.Response(200, json={"id": "g-1", "state": state})


def play_luma(*answers: httpx.Response | Exception, look: float, timeout: float = 600) -> Played:
    request = VideoRequest.check(LUMA, {"prompt": "Go", "aspect_ratio": "16:9"})
    waiting = Waiting(API, PACE, timeout, books(), print)
    return Played(waiting.generate(request, "key-1", Origin()), *answers, look=look)


def test_held_looks_replace_sleeping() -> None:
    played = play_luma(luma("queued"), DREAMING, DREAMING, DREAMED, look=30)
    assert played.result.video == Video("https://c/v.mp4")
    assert played.slept == [0, 0, 0]
    assert [str(request.url) for request in played.sent[1:]] == [
        f"https://api.example{LUMA_PATH}?generation_id=g-1&state=dreaming",
        f"https://api.example{LUMA_PATH}?generation_id=g-1&state=completed",
        f"https://api.example{LUMA_PATH}?generation_id=g-1&state=completed",
    ]
    assert [request.extensions["timeout"]["read"] for request in played.sent[1:]] == [60.0] * 3


def test_a_server_that_does_not_hold_is_not_hammered() -> None:
    played = play_luma(luma("queued"), *[DREAMING] * 5, DREAMED, look=0.1)
    assert played.slept[:2] == [0, 0]  # the first ends with the queue
    assert min(played.slept[2:]) >= 1
    slow = play_luma(luma("queued"), *[DREAMING] * 5, DREAMED, look=2)
    assert sum(slow.slept) > 20  # 2 s are no holding


def test_a_held_look_that_goes_wrong_is_the_last_that_is_held() -> None:
    for trouble in (httpx.ReadTimeout("slow"), httpx.Response(504), refusal(400, "key 'state'")):
        played = play_luma(luma("queued"), trouble, DREAMING, DREAMED, look=20)
        assert played.result.status is Status.COMPLETED
        assert ["state" in str(request.url) for request in played.sent] == [
            False, True, False, False,
        ]  # fmt: skip


def test_a_key_that_is_refused_ends_a_held_wait_too() -> None:
    played = Played(Waiting(API, PACE, 600, books()).wait("g-1", LUMA), *[refusal(401)] * 2)
    assert isinstance(played.result, AuthenticationError)


def test_no_look_is_held_past_the_deadline() -> None:
    for timeout in (20, 34):
        played = play_luma(luma("queued"), *[DREAMING] * (2 if timeout == 20 else 4), look=0.0,
                           timeout=timeout)  # fmt: skip
        assert isinstance(played.result, StillRenderingError)
        assert sum(played.slept) == timeout
        assert all("state=" not in str(request.url) for request in played.sent[1:])


def test_a_held_look_has_no_more_time_than_the_wait() -> None:
    trouble = httpx.ReadTimeout("slow")
    played = Played(Waiting(API, PACE, 40, books()).wait("g-1", LUMA), trouble, DREAMING, look=30)
    timeouts = [request.extensions["timeout"] for request in played.sent]
    assert [timeout["read"] for timeout in timeouts] == [35, 9]
    assert [timeout["connect"] for timeout in timeouts] == [30, 9]


def test_a_poll_interval_is_kept_without_holding() -> None:
    pace = Pace(poll_interval=7)
    played = Played(Waiting(API, pace, 600, books()).wait("g-1", LUMA), DREAMING, DREAMING, DREAMED)
    assert played.slept == [0, 7, 7]
    assert all("state=" not in str(request.url) for request in played.sent)


def test_others_are_never_asked_to_hold() -> None:
    assert all("state" not in str(r.url) for r in play_wait(RENDERING, DONE).sent)


def test_several_are_fetched_with_one_request_and_come_in_order() -> None:
    answer = httpx.Response(200, json=[{"id": "b", "state": "queued"}, DREAMED.json(), {"id": 7}])
    played = Played(get_many(["g-1", "b"], LUMA, API, PACE, books()), answer)
    [request] = played.sent
    assert request.url.path == f"{LUMA_PATH}s"
    assert request.url.params.multi_items() == [
        ("generation_ids[]", "g-1"), ("generation_ids[]", "b"),
    ]  # fmt: skip
    assert [(g.id, g.status) for g in played.result] == [
        ("g-1", Status.COMPLETED), ("b", Status.QUEUED),
    ]  # fmt: skip


def test_lumas_first_version_counts_its_ids() -> None:
    answer = httpx.Response(200, json={"generations": [{"id": "a", "state": "queued"}]})
    row = get_model("luma-ai/v1")
    [request] = Played(get_many(["a"], row, API, PACE, books()), answer).sent
    assert (request.url.path, str(request.url.query, "ascii")) == (
        "/luma-ai/generation", "ids%5B0%5D=a",
    )  # fmt: skip


def test_ids_left_out_of_the_answer_are_named() -> None:
    answer = httpx.Response(200, json=[{"id": "b", "state": "queued"}])
    error = Played(get_many(["a", "b", "c"], LUMA, API, PACE, books()), answer).result
    assert isinstance(error, NotFoundError)
    assert error.problem == "The gateway's answer leaves out a, c."


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<"), httpx.Response(502, html=HTML)])
def test_a_useless_answer_about_several_is_asked_for_again(answer: httpx.Response) -> None:
    good = httpx.Response(200, json=[{"id": "a", "state": "queued"}])
    assert len(Played(get_many(["a"], LUMA, API, PACE, books()), answer, good).result) == 1


def test_a_refused_fetch_of_several_is_told() -> None:
    assert isinstance(
        Played(get_many(["a"], LUMA, API, PACE, books()), refusal(401)).result, ApilaplasError
    )


def test_many_are_fetched_fifty_at_a_time() -> None:
    ids = [str(n) for n in range(AT_ONCE + 1)]
    answers = [
        httpx.Response(200, json=[{"id": name, "state": "queued"} for name in part])
        for part in (ids[:AT_ONCE], ids[AT_ONCE:])
    ]
    played = Played(get_many(ids, LUMA, API, PACE, books()), *answers)
    assert [generation.id for generation in played.result] == ids
    assert len(played.sent) == 2


def test_the_one_of_several_that_can_not_be_read_is_named() -> None:
    answer = httpx.Response(200, json=[{"id": "a", "state": "queued"}, {"id": "b"}])
    error = Played(get_many(["a", "b"], LUMA, API, PACE, books()), *[answer] * 4).result
    assert (type(error), error.generation_id) == (GatewayError, "b")


def test_an_answer_about_nothing_is_asked_for_again() -> None:
    nothing = httpx.Response(200, json={"message": "try later"})
    good = httpx.Response(200, json=[{"id": "a", "state": "queued"}])
    assert len(Played(get_many(["a"], LUMA, API, PACE, books()), nothing, good).result) == 1


def test_without_a_path_for_several_they_are_fetched_one_by_one() -> None:
    played = Played(get_many(["a", "b"], GEN4, API, PACE, books()), RENDERING, DONE)
    assert [request.url.params["generation_id"] for request in played.sent] == ["a", "b"]
    assert [generation.id for generation in played.result] == ["a", "b"]
    assert Played(get_many([], LUMA, API, PACE, books())).result == []


def test_an_empty_list_is_nobody() -> None:
    for nobody in ([], {"data": []}):
        answer = httpx.Response(200, json=nobody)
        assert isinstance(Played(get("a", LUMA, API, PACE, books()), answer).result, NotFoundError)


def test_trouble_beside_an_empty_list_is_trouble() -> None:
    for body in (
        {"statusCode": 503, "message": "Service unavailable", "data": []},
        {"data": [], "error": "rate limit"},
    ):
        played = play_wait(httpx.Response(200, json=body), DONE)
        assert played.result == FINISHED
    answer = httpx.Response(200, json={"video": ["https://c/v.mp4"], "data": []})
    assert play_wait(answer).result == FINISHED


def test_what_a_200_says_of_an_error_is_cleaned_of_secrets() -> None:
    secrets = f"Bad {KEY} https://c/v?Signature=SECRET data:image/png;base64,{'QUJD' * 50}"
    for body in ({"code": 400, "message": secrets}, {"error": secrets}):
        answer = httpx.Response(200, json=body)
        for played in (
            play_submit(answer),
            play_wait(answer, timeout=0),
            Played(get("g-1", GEN4, API, PACE, books()), *[answer] * 4),
        ):
            assert isinstance(played.result, ApilaplasError)
            for secret in (KEY, "SECRET", "QUJDQUJD"):
                assert secret not in str(played.result)


MODELS = [get_model(name) for name in ("runway/gen4_turbo", "gen3a_turbo", "veo2", "luma-ai/v1")]


def play_any(*answers: httpx.Response | Exception, timeout: float = 600, look: float = 0) -> Played:
    return Played(
        Waiting(API, PACE, timeout, books()).wait_for_any("g-1", MODELS), *answers, look=look
    )


def test_a_generation_is_looked_for_on_each_path_once() -> None:
    played = play_any(refusal(404), refusal(400), DONE)
    assert played.result.model == "luma-ai/v1"
    assert [request.url.path.split("/")[-2] for request in played.sent] == [
        "runway", "google", "luma-ai",
    ]  # fmt: skip


def test_trouble_on_one_path_does_not_hide_the_generation_on_another() -> None:
    for trouble in (refusal(403), httpx.Response(500), httpx.Response(200, text="<"),
                    httpx.Response(200, json=[]), httpx.ReadTimeout("slow")):  # fmt: skip
        assert play_any(trouble, trouble, DONE).result.status is Status.COMPLETED


def test_where_paths_were_in_trouble_it_is_looked_for_again() -> None:
    played = play_any(refusal(404), httpx.Response(502), refusal(404), refusal(404), DONE)
    assert played.result.model == "veo2"
    assert played.slept == [1.0]


def test_the_search_ends_with_the_wait() -> None:
    played = play_any(*[httpx.ReadTimeout("slow")] * 3, timeout=5, look=5)
    assert isinstance(played.result, GatewayError)
    assert [request.extensions["timeout"]["read"] for request in played.sent] == [5.0, 5.0, 5.0]


def test_a_generation_nobody_knows_is_told() -> None:
    error = play_any(*[refusal(404)] * 3).result
    assert isinstance(error, NotFoundError)
    assert "None of the models offered knows generation g-1" in str(error)
    assert isinstance(play_any(refusal(404), refusal(403), refusal(404)).result, CreditsError)


def test_a_refused_key_ends_the_search() -> None:
    assert isinstance(play_any(refusal(401)).result, AuthenticationError)


def test_an_unknown_generation_to_be_extended_is_named() -> None:
    given = {"prompt": "Go", "aspect_ratio": "1:1", "extend": "g-0"}
    request = VideoRequest.check(MODELS[3], given)
    error = play_submit(refusal(404), request=request).result
    assert "Check extend: it must be the id of a video of luma-ai/v1." in str(error)


def test_an_id_may_lie_in_the_path() -> None:
    row = VideoModel("m", "v", "/m", (), fetch=Fetch("/m/{id}", id_name=""))
    [request] = Played(get("a/b:c", row, API, PACE, books()), RENDERING).sent
    assert str(request.url) == "https://api.example/m/a%2Fb%3Ac"
