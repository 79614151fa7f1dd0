"""The sandbox, called as anybody would: by `httpx` and by the page's own program."""

import base64
import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import requests
from PIL import Image

from langchain_apilaplas.sandbox import (
    Sandbox,
    Server,
    dripping,
    dropped,
    endless,
    expired_link,
    failed_generation,
    garbage,
    http_error,
    no_video,
    redirect,
    repeated_id,
    slow,
    truncated,
    unknown_status,
    unreachable,
)
from tests.conftest import ROCKET, Clock

PATH = "/v2/generate/video/runway/generation"
BODY = {"model": "runway/gen4_turbo", "image_url": "https://example.com/a.jpg"}
DATA_URI = "data:image/jpeg;base64," + base64.b64encode(ROCKET.read_bytes()).decode()


def create(http: httpx.Client, **more: Any) -> httpx.Response:
    return http.post(PATH, json={**BODY, **more})


def fetch(http: httpx.Client, generation_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = http.get(PATH, params={"generation_id": generation_id}).json()
    return answer


# --- the protocol ---


def test_a_generation_is_queued_then_generating_then_completed(
    http: httpx.Client, clock: Clock
) -> None:
    created = create(http)
    assert created.status_code == 201
    generation_id = created.json()["id"]
    assert created.json() == {"id": generation_id, "status": "queued"}
    seen = []
    for _ in range(4):
        seen.append(fetch(http, generation_id)["status"])
        clock.time += 20
    assert seen == ["queued", "generating", "generating", "completed"]
    [url] = fetch(http, generation_id)["video"]
    assert url.startswith(f"https://api.apilaplas.com/wolf/{generation_id}.mp4?_jwt=eyJ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"image_url": None}, "'image_url': Expected string, received null"),
        ({"image_url": 7}, "'image_url': Expected string, received int"),
        ({"image_url": "http://a/b.jpg"}, "'image_url': Expected an HTTPS URL or data URI"),
        ({"image_url": "https://[::1"}, "'image_url': Expected an HTTPS URL or data URI"),
        ({"image_url": "https://"}, "'image_url': Expected an HTTPS URL or data URI"),
        ({"image_url": "data:image/png;base64,AAAA"}, "'image_url': Invalid image"),
        (
            {"model": "sora"},
            "'model': Expected 'runway/gen4_turbo' | 'gen3a_turbo', received 'sora'",
        ),
        ({"duration": 7}, "'duration': Expected 5 | 10, received 7"),
        ({"duration": "5"}, "'duration': Expected 5 | 10, received '5'"),
        ({"ratio": "2:1"}, "'ratio': Expected '16:9' | '9:16' | '4:3'"),
        ({"prompt": 7}, "'prompt': Expected string, received int"),
        ({"prompt": "x" * 1001}, "'prompt': String must contain at most 1000 character(s)"),
        ({"prompt": "🚀" * 501}, "'prompt': String must contain at most 1000 character(s)"),
        ({"seed": -1}, "'seed': Number must be greater than or equal to 0"),
        ({"seed": 2**32}, "'seed': Number must be less than or equal to 4294967295"),
        ({"seed": 1.5}, "'seed': Expected integer, received float"),
        ({"seed": 10**400}, "'seed': Number must be less than or equal to 4294967295"),
        ({"prompt": None}, "'prompt': Expected string, received null"),
        ({"duration": None}, "'duration': Expected 5 | 10, received null"),
        ({"seed": None}, "'seed': Expected integer, received null"),
    ],
)
def test_what_the_api_refuses_is_refused_in_its_own_shape(
    http: httpx.Client, sandbox: Sandbox, body: dict[str, Any], words: str
) -> None:
    answer = create(http, **body)
    assert answer.status_code == 400
    said = answer.json()
    assert set(said) == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert said["message"].startswith(f"Body validation error: {words}")
    assert (said["path"], said["statusCode"]) == (PATH, 400)
    assert sandbox.accepted == []


def test_a_picture_out_of_shape_needs_a_ratio(http: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 100)).save(buffer, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    assert "width to height ratio of 0.5 to 2.0" in create(http, image_url=uri).text
    assert create(http, image_url=uri, ratio="21:9").status_code == 201


def test_other_refusals(http: httpx.Client, sandbox: Sandbox) -> None:
    assert http.post(PATH, content=b"[1]").json()["message"].endswith("Expected object")
    assert http.post(PATH, content=b'{"seed": NaN}').json()["message"].endswith("Expected object")
    assert create(http, prompt="x" * 5_000_000).status_code == 413
    assert http.get(PATH).json()["message"] == "Query validation error: 'generation_id': Required"
    assert http.get(PATH, params={"generation_id": "x"}).status_code == 404
    assert http.get("/elsewhere").json()["message"] == "Cannot GET /elsewhere"
    assert http.delete(PATH).status_code == 404
    assert sandbox.received[-1].kind is None


def test_the_word_bearer_may_be_written_small(http: httpx.Client) -> None:
    http.headers["Authorization"] = "bearer x"
    assert create(http).status_code == 201


@pytest.mark.parametrize("key", ["", "Bearer ", "Basic x", "any"])
def test_a_key_is_asked_for(http: httpx.Client, key: str) -> None:
    http.headers["Authorization"] = key
    assert create(http).status_code == 401


def test_a_key_that_is_set_is_the_only_one(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.api_key = "right"
    assert create(http).status_code == 401
    http.headers["Authorization"] = "Bearer right"
    assert create(http).status_code == 201


def test_what_was_received_is_kept_without_the_key(http: httpx.Client, sandbox: Sandbox) -> None:
    create(http, duration=5)
    [received] = sandbox.received
    assert (received.kind, received.method) == ("create", "POST")
    assert received.url == f"https://api.apilaplas.com{PATH}"
    assert received.body == {**BODY, "duration": 5}
    assert "authorization" not in received.headers
    assert sandbox.accepted == [received.body]


# --- troubles ---


def test_an_http_error_strikes_as_often_as_ordered(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(http_error(429, times=2, retry_after=8), http_error(502, html=True))
    answers = [create(http) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 502, 201]
    assert answers[0].headers["Retry-After"] == "8"
    said = answers[0].json()
    assert set(said) == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert (said["message"], said["statusCode"]) == ("Too Many Requests", 429)
    assert "<title>502 Bad Gateway</title>" in answers[2].text
    assert len(sandbox.accepted) == 1


def test_a_fault_strikes_its_own_kind_of_call_only(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(http_error(500, on="fetch"))
    generation_id = create(http).json()["id"]
    assert http.get(PATH, params={"generation_id": generation_id}).status_code == 500
    assert fetch(http, generation_id)["status"] == "queued"


def test_dropped_before_or_after_it_was_accepted(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(dropped(), dropped(accepted=True), garbage(on="create"), garbage({"a": 1}))
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            create(http)
    assert len(sandbox.accepted) == 1
    assert create(http).text == "<<<"
    assert len(sandbox.accepted) == 2
    assert fetch(http, "x") == {"a": 1}


def test_slow_answers_run_into_the_callers_timeout(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(slow(4, on="create"), slow(6, on="create"))
    assert create(http).status_code == 201
    with pytest.raises(httpx.ReadTimeout):
        create(http)
    assert len(sandbox.accepted) == 2


def test_a_timeout_may_come_before_anything_was_accepted(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.order(*(slow(seconds, on="create", accepted=False) for seconds in (4, 6)))
    with pytest.raises(httpx.RemoteProtocolError):
        create(http)
    with pytest.raises(httpx.ReadTimeout):
        create(http)
    assert len(sandbox.received) == 2
    assert sandbox.accepted == []


def test_a_call_that_never_connects_is_not_received(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(unreachable())
    with pytest.raises(httpx.ConnectError):
        create(http)
    assert sandbox.received == []
    assert create(http).status_code == 201


def test_an_error_may_come_after_it_was_accepted(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(http_error(504, html=True, accepted=True))
    assert create(http).status_code == 504
    assert len(sandbox.accepted) == 1


def test_a_redirect_says_where_to(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(redirect("https://elsewhere.example/"))
    answer = create(http)
    assert answer.status_code == 307
    assert answer.headers["Location"] == "https://elsewhere.example/"
    assert sandbox.accepted == []


def test_an_answer_may_be_cut_short_or_break_off(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(truncated(on="create"), truncated(on="create", resets=True))
    answer = create(http)
    assert (answer.status_code, answer.text[:7]) == (201, '{"id": ')
    assert len(answer.content) == int(answer.headers["Content-Length"]) < 36
    with pytest.raises(httpx.ReadError):
        create(http)
    assert len(sandbox.accepted) == 2


def test_an_answer_that_drips_ends_with_the_callers_patience(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.order(dripping(4, on="create"), dripping(10, on="create"))
    answer = create(http)
    assert answer.json()["status"] == "queued"
    assert answer.extensions["delay"] == 4
    with http.stream("POST", PATH, json=BODY) as drops:
        with pytest.raises(httpx.ReadTimeout):
            drops.read()
        assert drops.extensions["delay"] == 5
        assert drops.num_bytes_downloaded == len(answer.content) // 2


async def test_an_answer_breaks_off_for_asyncio_too(sandbox: Sandbox) -> None:
    sandbox.order(truncated(on="create", resets=True))
    bearer = {"Authorization": "Bearer any"}
    base = "https://api.apilaplas.com"
    async with httpx.AsyncClient(transport=sandbox.transport(), base_url=base) as http:
        with pytest.raises(httpx.ReadError):
            await http.post(PATH, json=BODY, headers=bearer)


def test_a_status_can_be_a_word_nobody_knows(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(unknown_status(), unknown_status("napping", on="create"))
    created = create(http).json()
    assert created["status"] == "napping"
    assert fetch(http, created["id"]) == {"id": created["id"], "status": "pondering"}
    assert fetch(http, created["id"])["status"] == "queued"


def test_each_generation_of_a_list_gets_that_word(http: httpx.Client, sandbox: Sandbox) -> None:
    body = {"user_prompt": "A fox", "aspect_ratio": "16:9"}
    created = http.post("/luma-ai/generations", json=body).json()["id"]
    sandbox.order(unknown_status())
    [seen] = http.get("/luma-ai/generation", params={"ids[0]": created}).json()
    assert (seen["id"], seen["state"]) == (created, "pondering")


def test_a_create_may_be_answered_with_an_id_that_was_given_before(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.order(repeated_id())
    first = create(http).json()["id"]
    luma = {"prompt": "A fox", "aspect_ratio": "16:9"}
    assert http.post("/v2/generate/video/luma-ai/generation", json=luma).status_code == 201
    sandbox.order(repeated_id())
    assert create(http).json() == {"id": first, "status": "queued"}
    assert create(http).json()["id"] != first
    assert len(sandbox.accepted) == 4


def test_its_clock_may_jump(http: httpx.Client, clock: Clock) -> None:
    generation_id = create(http).json()["id"]
    clock.time -= 3600
    assert fetch(http, generation_id)["status"] == "queued"
    clock.time += 7200
    assert fetch(http, generation_id)["status"] == "completed"


def test_each_order_strikes_once_for_all_threads(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.order(http_error(500, times=50))
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: create(http).status_code, range(100)))
    assert answers.count(500) == 50


@pytest.mark.parametrize("error", ["", None, {}, []])
def test_a_failure_without_words_is_a_failure(
    http: httpx.Client, sandbox: Sandbox, clock: Clock, error: Any
) -> None:
    sandbox.order(failed_generation(error))
    generation_id = create(http).json()["id"]
    clock.time += 61
    assert fetch(http, generation_id) == {"id": generation_id, "status": "error", "error": error}


def test_a_bug_of_its_own_is_a_500_in_the_apis_shape(
    http: httpx.Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_create", lambda *_: 1 / 0)
    answer = create(http)
    assert answer.status_code == 500
    assert answer.json()["message"] == "Internal server error: ZeroDivisionError"


def test_generations_end_as_ordered(http: httpx.Client, sandbox: Sandbox, clock: Clock) -> None:
    sandbox.order(failed_generation({"name": "Mod"}), no_video(), endless(), expired_link())
    failed, empty, never, expired, fine = (create(http).json()["id"] for _ in range(5))
    clock.time += 61
    assert fetch(http, failed) == {"id": failed, "status": "error", "error": {"name": "Mod"}}
    assert fetch(http, empty) == {"id": empty, "status": "completed"}
    assert fetch(http, never)["status"] == "generating"
    assert http.get(fetch(http, expired)["video"][0]).json()["message"] == "The link has expired"
    assert fetch(http, fine)["status"] == "completed"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://nowhere.invalid/a.jpg", "Could not download the image"),
        ("https://example.com/a.pdf", "image_url does not lead to an image"),
    ],
)
def test_a_picture_that_can_not_be_had_fails_the_generation(
    http: httpx.Client, clock: Clock, url: str, error: str
) -> None:
    generation_id = create(http, image_url=url).json()["id"]
    clock.time += 61
    answer = fetch(http, generation_id)
    assert answer["status"] == "error"
    assert error in str(answer["error"])


# --- links and files ---


def test_a_link_needs_its_signature_and_time(http: httpx.Client, clock: Clock) -> None:
    first, second = (create(http).json()["id"] for _ in range(2))
    clock.time += 61
    [url] = fetch(http, first)["video"]
    bare = url.partition("?")[0]
    forged = [url[:-2] + "xx", url.replace(first, second), url.replace(first, "no-such")]
    deep = base64.urlsafe_b64encode(b"[" * 3000).decode()
    forged += [url[:-1] + "é", f"{bare}?_jwt=a.{deep}.c", f"{bare}?_jwt=a.W10.c"]
    for wrong in (bare, f"{bare}?_jwt=a.b.c", *forged):
        assert http.get(wrong).status_code == 403
    clock.time += 86_401
    assert http.get(url).json()["message"] == "The link has expired"


def test_a_player_can_ask_for_a_range() -> None:
    luma = "/v2/generate/video/luma-ai/generation"
    with Server(Sandbox(seconds=0)) as server:
        http = httpx.Client(base_url=server.sandbox.url, headers={"Authorization": "Bearer x"})
        short = {"prompt": "A fox", "aspect_ratio": "16:9", "duration": "1s"}
        created = http.post(luma, json=short).json()["id"]
        answer = http.get(luma, params={"generation_id": created}).json()
        url = answer["assets"]["video"]
        whole = http.get(url)
        assert whole.headers["content-type"] == "video/mp4"
        size = len(whole.content)
        for wanted, start, end in (
            ("bytes=0-99", 0, 99),
            ("bytes=100-", 100, size - 1),
            ("bytes=-50", size - 50, size - 1),
        ):
            part = http.get(url, headers={"Range": wanted})
            assert part.status_code == 206
            assert part.headers["content-range"] == f"bytes {start}-{end}/{size}"
            assert part.content == whole.content[start : end + 1]
        assert http.get(url, headers={"Range": f"bytes={size}-"}).status_code == 416
        for odd in ("bytes=-", f"bytes={'9' * 5000}-"):
            assert http.get(url, headers={"Range": odd}).status_code == 200
        head = http.head(url)
        assert (head.headers["content-length"], head.content) == (str(size), b"")
        http.close()


# --- over HTTP ---


def page_program(host: str) -> Any:
    """What the program on the client's page does, with the host changed and less patience."""
    url = f"{host}/v2/generate/video/runway/generation"
    headers = {"Authorization": "Bearer <YOUR_KEY>", "Content-Type": "application/json"}
    payload = {
        "model": "runway/gen4_turbo",
        "prompt": "A dragon appears above the tallest mountain",
        "ratio": "16:9",
        "image_url": "https://upload.wikimedia.org/mountain.jpg",
    }
    generation = requests.post(url, json=payload, headers=headers, timeout=5).json()
    while True:
        params = {"generation_id": generation["id"]}
        answer = requests.get(url, params=params, headers=headers, timeout=5).json()
        if answer.get("status") not in ("generating", "queued", "waiting"):
            return answer
        time.sleep(0.1)


def test_the_pages_program_runs_to_completion_against_the_module() -> None:
    command = [sys.executable, "-m", "langchain_apilaplas.sandbox", "--port", "0"]
    process = subprocess.Popen([*command, "--seconds", "0.5"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        host = process.stdout.readline().strip()
        answer = page_program(host)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
    assert set(answer) == {"id", "status", "video"}
    assert answer["status"] == "completed"
    assert answer["video"][0].startswith(host)


@pytest.mark.parametrize("options", [["--port", "99999"], ["--host", "nowhere.invalid"]])
def test_a_place_it_can_not_listen_at_is_told_in_a_line(options: list[str]) -> None:
    command = [sys.executable, "-m", "langchain_apilaplas.sandbox", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: can't listen on" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_it_says_what_to_install() -> None:
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("PIL", "av", "starlette", "uvicorn"):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import langchain_apilaplas.sandbox
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: The sandbox needs PIL: pip install 'langchain-apilaplas[sandbox]'"
    )


def test_a_proxy_in_the_environment_is_gone_around(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "example.com")
    sandbox = request.getfixturevalue("apilaplas_sandbox")
    assert os.environ["NO_PROXY"] == "example.com,127.0.0.1"
    with httpx.Client(base_url=sandbox.url, headers={"Authorization": "Bearer x"}) as http:
        assert create(http).status_code == 201


def test_a_dropped_connection_is_dropped_over_http_too() -> None:
    sandbox = Sandbox(seconds=0)
    sandbox.order(dropped(accepted=True), slow(0.2, on="create"))
    with Server(sandbox), httpx.Client(base_url=sandbox.url) as http:
        http.headers["Authorization"] = "Bearer x"
        with pytest.raises(httpx.RemoteProtocolError):
            create(http)
        started = time.monotonic()
        assert create(http).status_code == 201
        assert time.monotonic() - started > 0.2
    assert len(sandbox.accepted) == 2


def test_answers_break_off_and_drip_over_http_too() -> None:
    sandbox = Sandbox(seconds=0)
    sandbox.order(truncated(on="create", resets=True), dripping(0.2, on="create"), truncated())
    with Server(sandbox), httpx.Client(base_url=sandbox.url) as http:
        http.headers["Authorization"] = "Bearer x"
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            create(http)
        started = time.monotonic()
        generation_id = create(http).json()["id"]
        assert time.monotonic() - started > 0.2
        cut = http.get(PATH, params={"generation_id": generation_id}).text
        assert cut.startswith(f'{{"id": "{generation_id}", "status": "co')
        assert not cut.endswith("}")
        assert fetch(http, generation_id)["status"] == "completed"


def test_what_is_not_accepted_ends_without_an_answer_over_http_too() -> None:
    sandbox = Sandbox(seconds=0)
    sandbox.order(slow(0.2, on="create", accepted=False), unreachable())
    with Server(sandbox), httpx.Client(base_url=sandbox.url) as http:
        http.headers["Authorization"] = "Bearer x"
        started = time.monotonic()
        with pytest.raises(httpx.RemoteProtocolError):
            create(http)
        assert time.monotonic() - started > 0.2
        with pytest.raises(httpx.RemoteProtocolError):
            create(http)
    assert len(sandbox.received) == 1
    assert sandbox.accepted == []
