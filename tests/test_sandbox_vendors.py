"""The sandbox as each vendor's path: ids, words and shapes, called with plain `httpx`."""

import base64
import io
import json
import re
import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from langchain_apilaplas.catalog import (
    Fetch,
    Param,
    Picture,
    VideoModel,
    get_model,
    list_models,
    register_model,
)
from langchain_apilaplas.sandbox import (
    Sandbox,
    Server,
    endless,
    expired_link,
    failed_generation,
    no_video,
    slow,
)
from langchain_apilaplas.sandbox.camera import Camera
from langchain_apilaplas.sandbox.checks import complaints
from langchain_apilaplas.sandbox.jobs import Job
from langchain_apilaplas.sandbox.render import Scene
from langchain_apilaplas.sandbox.shapes import SHAPES
from tests.conftest import Clock

HOST = "https://api.apilaplas.com"
UNIVERSAL = "/v2/video/generations"
LUMA = "/v2/generate/video/luma-ai/generation"
LUMA_V1 = "/luma-ai/generation"
MINIMAX = "/v2/generate/video/minimax/generation"
KLING = "/v2/generate/video/kling/generation"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

NEEDED = {"prompt": "A fox", "image": "https://example.com/a.jpg", "aspect_ratio": "16:9"}
"""What any of the models may need."""


def body_for(model: VideoModel) -> dict[str, Any]:
    """The least that a model takes."""
    needed = {p.wire: NEEDED[p.name] for p in model.params if p.required}
    return ({"model": model.id} if model.sends_model else {}) | needed


def create(http: httpx.Client, row_of: str | VideoModel, /, **more: Any) -> httpx.Response:
    row = get_model(row_of)
    return http.post(row.endpoint, json={**body_for(row), **more})


def created(http: httpx.Client, row_of: str | VideoModel, /, **more: Any) -> str:
    answer = create(http, row_of, **more)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    return str(said.get("id") or said["generation_id"])


def fetch(http: httpx.Client, model: str | VideoModel, generation_id: str, **more: str) -> Any:
    how = get_model(model).how_to_fetch
    answer = http.get(how.path, params={how.id_name: generation_id, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def url_in(answer: Any) -> str:
    """The one link in an answer, wherever it lies."""
    [url] = set(re.findall(r'https?://[^"\s]+/wolf/[^"\s]+', str(answer).replace("'", '"')))
    return str(url)


# --- every model, in its vendor's shape ---


@pytest.mark.parametrize("model", list_models(), ids=lambda model: model.id)
def test_every_model_is_created_and_runs_to_completion(
    http: httpx.Client, clock: Clock, sandbox: Sandbox, model: VideoModel
) -> None:
    generation_id = created(http, model)
    seen = []
    for _ in range(3):
        answer = fetch(http, model, generation_id)
        item = answer[0] if isinstance(answer, list) else answer
        assert item["id"] == generation_id
        seen.append(item.get("status") or item.get("state"))
        clock.time += 30
    assert seen[0] == "queued"
    assert seen[1] in ("generating", "dreaming")
    assert seen[2] == "completed"
    assert url_in(answer).startswith(f"{HOST}/wolf/")
    assert [call.kind for call in sandbox.received] == ["create", "fetch", "fetch", "fetch"]
    assert sandbox.accepted == [body_for(model)]


@pytest.mark.parametrize("model", list_models(), ids=lambda model: model.id)
def test_every_model_is_there_on_the_universal_path_too(
    http: httpx.Client, clock: Clock, model: VideoModel
) -> None:
    row = model.universal()
    body = {"model": model.id} | {
        p.wire: NEEDED[p.name] for p in row.params if p.required and p.wire
    }
    answer = http.post(UNIVERSAL, json=body).json()
    assert set(answer) == {"id", "status", "meta"}
    assert answer["meta"]["usage"]["credits_used"] > 0
    assert re.fullmatch(r"[\w-]{21}", answer["id"])
    assert http.get(row.endpoint, params={"generation_id": answer["id"]}).json() == answer
    assert model.endpoint != UNIVERSAL
    where = {model.how_to_fetch.id_name: answer["id"]}
    assert http.get(model.how_to_fetch.path, params=where).status_code == 404
    clock.time += 61
    done = http.get(UNIVERSAL, params={"generation_id": answer["id"]}).json()
    assert done == {**answer, "status": "completed", "video": {"url": url_in(done)}}


def test_the_universal_path_has_names_of_its_own(http: httpx.Client, sandbox: Sandbox) -> None:
    body = {"model": "runway/gen4_turbo", "image_url": NEEDED["image"]}
    refused = http.post(UNIVERSAL, json={**body, "aspect_ratio": "7:1"})
    assert refused.json()["message"].startswith("Body validation error: 'aspect_ratio': Expected")
    assert http.post(UNIVERSAL, json={**body, "ratio": "7:1"}).status_code == 201, "unknown there"
    refused = http.post(UNIVERSAL, json={"model": "sora"})
    for model in list_models():
        assert repr(model.id) in refused.json()["message"]


@pytest.mark.parametrize(
    ("model", "pattern"),
    [
        ("runway/gen4_turbo", UUID),
        ("kling-video/v1.6/pro/image-to-video", UUID + ":kling-video/v1.6/pro/image-to-video"),
        ("veo2", UUID),
        ("video-01", r"\d{15}"),
        ("luma-ai/v2", UUID),
    ],
)
def test_ids_look_as_the_vendors_do(http: httpx.Client, model: str, pattern: str) -> None:
    generation_id = created(http, model)
    assert re.fullmatch(pattern, generation_id)
    path = get_model(model).how_to_fetch.path
    assert http.get(f"{path}?generation_id={quote(generation_id, safe='')}").status_code == 200


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        ("runway/gen4_turbo", {"id": "ID", "status": "queued"}),
        ("gen3a_turbo",
         {"id": "ID", "status": "queued", "meta": {"usage": {"tokens_used": 525_000}}}),
        ("video-01", {"generation_id": "ID"}),
        ("luma-ai/v2",
         {"id": "ID", "state": "queued", "meta": {"usage": {"tokens_used": 500_000}}}),
        ("luma-ai/v1",
         {"id": "ID", "state": "queued", "meta": {"usage": {"tokens_used": 500_000}}}),
    ],
)  # fmt: skip
def test_a_create_is_answered_in_the_vendors_shape(
    http: httpx.Client, model: str, answer: dict[str, Any]
) -> None:
    said = create(http, model).json()
    key = "id" if "id" in said else "generation_id"
    assert {**said, key: "ID"} == answer


@pytest.mark.parametrize(
    ("model", "video"),
    [
        ("runway/gen4_turbo", ["URL"]),
        ("kling-video/v1/standard/text-to-video",
         {"url": "URL", "content_type": "video/mp4", "file_name": "output.mp4"}),
        ("veo2", {"url": "URL"}),
        ("wan/v2.1/1.3b/text-to-video", {"url": "URL"}),
        ("video-01-live2d", {"url": "URL"}),
    ],
)  # fmt: skip
def test_a_finished_video_lies_in_the_vendors_shape(
    http: httpx.Client, clock: Clock, model: str, video: Any
) -> None:
    generation_id = created(http, model)
    clock.time += 61
    answer = fetch(http, model, generation_id)
    assert set(answer) == {"id", "status", "video"}
    assert eval(repr(answer["video"]).replace(url_in(answer), "URL")) == video


def test_luma_tells_what_was_asked_and_when(http: httpx.Client, clock: Clock) -> None:
    body = {**body_for(get_model("luma-ai/v2")), "loop": True}
    generation_id = created(http, "luma-ai/v2", loop=True)
    head = {"id": generation_id, "created_at": "2027-01-15T08:00:00+00:00", "request": body}
    waiting = fetch(http, "luma-ai/v2", generation_id)
    assert waiting == {**head, "state": "queued", "failure_reason": None, "assets": None}
    clock.time += 61
    done = fetch(http, "luma-ai/v2", generation_id)
    assert done == {
        **head, "state": "completed", "failure_reason": None, "assets": {"video": url_in(done)},
    }  # fmt: skip


def test_half_a_character_is_repeated_as_it_came(http: httpx.Client) -> None:
    body = {**body_for(get_model("luma-ai/v2")), "prompt": "\ud83d"}
    answer = http.post(LUMA, content=json.dumps(body))
    assert fetch(http, "luma-ai/v2", answer.json()["id"])["request"] == body


def test_lumas_older_path_answers_with_a_list(http: httpx.Client, clock: Clock) -> None:
    generation_id = created(http, "luma-ai/v1", aspect_ratio="9:21")
    head = {"id": generation_id, "prompt": "A fox"}
    assert fetch(http, "luma-ai/v1", generation_id) == [{**head, "state": "queued"}]
    clock.time += 61
    [done] = fetch(http, "luma-ai/v1", generation_id)
    video = {"url": url_in(done), "width": 672, "height": 1584, "thumbnail": None}
    assert done == {**head, "state": "completed", "video": video}


@pytest.mark.parametrize("model", ["veo2", "runway/gen4_turbo", "luma-ai/v2", "luma-ai/v1"])
def test_a_generation_is_found_under_its_own_vendors_path_only(
    http: httpx.Client, model: str
) -> None:
    generation_id = created(http, model)
    for other in list_models():
        how = other.how_to_fetch
        answer = http.get(how.path, params={how.id_name: generation_id})
        same = how.path == get_model(model).how_to_fetch.path
        assert answer.status_code == (200 if same else 404)
        assert http.get(how.path).json()["message"].endswith(f"'{how.id_name}': Required")


# --- rows that are registered ---


@pytest.mark.usefixtures("own_catalog")
def test_a_registered_row_is_served_at_once(http: httpx.Client, clock: Clock) -> None:
    model = VideoModel(
        id="ours/one",
        vendor="ours",
        endpoint="/v9/films",
        params=(Param("prompt", "text", "text", "What happens.", required=True),),
        fetch=Fetch("/v9/films/{id}/state", id_name=""),
    )
    assert http.post("/v9/films", json={"model": model.id, "text": "A fox"}).status_code == 404
    register_model(model)
    generation_id = created(http, model)
    clock.time += 61
    answer = http.get(f"/v9/films/{generation_id}/state").json()
    assert answer == {"id": generation_id, "status": "completed", "video": {"url": url_in(answer)}}
    assert http.get("/v9/films/x%2Fy/state").status_code == 404


@pytest.mark.usefixtures("own_catalog")
def test_the_documents_own_schema_is_asked_too(http: httpx.Client) -> None:
    schema = {"properties": {"text": {"minLength": 3}}, "additionalProperties": True}
    params = (Param("prompt", "text", "text", "What happens.", required=True),)
    register_model(VideoModel("ours/two", "ours", "/v9/films", params, schema=schema))
    answer = create(http, "ours/two", text="A")
    assert answer.json()["message"] == "Body validation error: 'text': 'A' is too short"
    assert create(http, "ours/two", text="A fox").status_code == 201


@pytest.mark.usefixtures("own_catalog")
def test_a_document_may_allow_null(http: httpx.Client) -> None:
    schema = {"properties": {"text": {"type": ["string", "null"]}, "note": {"type": "string"}}}
    params = tuple(Param(name, name, "text", "What happens.") for name in ("text", "note"))
    register_model(VideoModel("ours/null", "ours", "/v9/films", params, schema=schema))
    answer = create(http, "ours/null", text=None, note=None)
    words = "Body validation error: 'note': None is not of type 'string'"
    assert answer.json()["message"] == words
    assert create(http, "ours/null", text=None).status_code == 201


# --- what is refused ---

SQUARE = Image.new("RGB", (400, 400))


def data_uri(kind: str, *size: int) -> str:
    buffer = io.BytesIO()
    SQUARE.resize(size).save(buffer, kind)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("veo2", {"prompt": None}, "'prompt': Expected string, received null"),
        ("gen3a_turbo", {"watermark": None}, "'watermark': Expected boolean, received null"),
        ("kling-video/v1/pro/text-to-video", {"cfg_scale": None},
         "'cfg_scale': Expected number, received null"),
        ("kling-video/v1/pro/image-to-video", {"tail_image_url": None},
         "'tail_image_url': Expected string, received null"),
        ("kling-video/v1/pro/image-to-video", {"dynamic_masks": None},
         "'dynamic_masks': Expected array, received null"),
        ("luma-ai/v2", {"keyframes": None}, "'keyframes': Expected object, received null"),
        ("luma-ai/v2", {"keyframes": {"frame1": None}},
         "'keyframes.frame1': Expected object, received null"),
        ("luma-ai/v2", {"keyframes": {"frame0": {"type": "generation", "id": None}}},
         "'keyframes.frame0.id': Expected string, received null"),
        ("veo2", {"duration": 9}, "'duration': Expected 5 | 6 | 7 | 8, received 9"),
        ("video-01", {"prompt_optimizer": 1}, "'prompt_optimizer': Expected boolean, received int"),
        ("video-01", {"first_frame_image": data_uri("gif", 400, 400)},
         "'first_frame_image': Expected image/jpeg | image/png, received image/gif"),
        ("video-01", {"first_frame_image": data_uri("png", 400, 300)},
         "'first_frame_image': Expected a shorter side of at least 301 pixels, received 300"),
        ("video-01", {"first_frame_image": data_uri("png", 800, 310)},
         "'first_frame_image': Expected a width to height ratio of 0.4 to 2.5"),
        ("veo2/image-to-video", {"image_url": data_uri("png", 800, 800)},
         "'image_url': Expected an HTTPS URL"),
        ("wan/v2.1/1.3b/text-to-video", {"guidance_scale": 10**400},
         "'guidance_scale': Number must be less than or equal to 9223372036854775807"),
        ("wan/v2.1/1.3b/text-to-video", {"seed": -(2**63)},
         "'seed': Number must be greater than or equal to -9223372036854775807"),
        ("wan/v2.1/1.3b/text-to-video", {"shift": "5"}, "'shift': Expected number, received str"),
        ("kling-video/v1/pro/text-to-video", {"cfg_scale": 1.5},
         "'cfg_scale': Number must be less than or equal to 1"),
        ("kling-video/v1/pro/text-to-video", {"cfg_scale": True},
         "'cfg_scale': Expected number, received bool"),
        ("kling-video/v1/standard/text-to-video",
         {"advanced_camera_control": {"movement_type": "pan", "movement_value": 11}},
         "'advanced_camera_control.movement_value': Number must be less than or equal to 10"),
        ("kling-video/v1/standard/text-to-video",
         {"advanced_camera_control": {"movement_type": "dolly", "movement_value": 0}},
         "'advanced_camera_control.movement_type': Expected 'horizontal' | 'vertical' | 'pan' | "
         "'tilt' | 'roll' | 'zoom', received 'dolly'"),
        ("kling-video/v1/standard/text-to-video", {"advanced_camera_control": "pan"},
         "'advanced_camera_control': Expected object, received str"),
        ("kling-video/v1/pro/image-to-video",
         {"dynamic_masks": [{"mask_url": "https://a/b.png", "trajectories": [{"x": 1}]}]},
         "'dynamic_masks.0.trajectories.0.y': Required"),
        ("kling-video/v1/pro/image-to-video",
         {"dynamic_masks": [{"mask_url": "https://a/b.png",
                             "trajectories": [{"x": 1, "y": 2}, {"x": "1", "y": 2}]}]},
         "'dynamic_masks.0.trajectories.1.x': Expected integer, received str"),
        ("kling-video/v1/pro/image-to-video",
         {"dynamic_masks": [{"mask_url": "b.png", "trajectories": []}]},
         "'dynamic_masks.0.mask_url': Expected an HTTPS URL"),
        ("kling-video/v1/pro/image-to-video",
         {"dynamic_masks": [{"mask_url": "https://a/b.png", "trajectories": {"x": 1, "y": 2}}]},
         "'dynamic_masks.0.trajectories': Expected array, received dict"),
        ("luma-ai/v2", {"keyframes": {"frame2": {}}},
         "'keyframes': Unrecognized key(s) in object: 'frame2'"),
        ("luma-ai/v2", {"keyframes": {"frame0": {"type": "image", "url": "http://a/b.jpg"}}},
         "'keyframes.frame0.url': Expected an HTTPS URL"),
        ("luma-ai/v2", {"keyframes": {"frame1": {"type": "image", "url": 7}}},
         "'keyframes.frame1.url': Expected string, received int"),
        ("luma-ai/v2", {"keyframes": {"frame0": {"type": "generation"}}},
         "'keyframes.frame0.id': Required"),
        ("luma-ai/v2", {"keyframes": {"frame0": {"type": "film", "url": "https://a/b.jpg"}}},
         "'keyframes.frame0.type': Expected 'image' | 'generation', received 'film'"),
        ("luma-ai/v2", {"keyframes": {"frame0": {"url": "https://a/b.jpg"}}},
         "'keyframes.frame0.type': Required"),
        ("luma-ai/v2", {"keyframes": []}, "'keyframes': Expected object, received list"),
        ("luma-ai/v2", {"model": "luma-ai/v2", "seed": 1},
         "Unrecognized key(s) in object: 'model', 'seed'"),
        ("luma-ai/v1", {"aspect_ratio": "2:1"}, "'aspect_ratio': Expected '1:1' | '16:9'"),
    ],
)  # fmt: skip
def test_what_a_vendor_refuses_is_refused(
    http: httpx.Client, sandbox: Sandbox, model: str, more: dict[str, Any], words: str
) -> None:
    answer = create(http, model, **more)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"Body validation error: {words}")
    assert ";" not in answer.json()["message"], "said once"
    assert sandbox.accepted == []


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("veo2", {"seed": 1, "model": "veo2"}),
        ("video-01", {"first_frame_image": data_uri("png", 400, 400), "prompt_optimizer": False}),
        ("kling-video/v1/standard/text-to-video",
         {"advanced_camera_control": {"movement_type": "pan", "movement_value": -10}}),
        ("kling-video/v1/pro/image-to-video", {"cfg_scale": 1, "ratio": "1:1"}),
        ("kling-video/v1/pro/image-to-video",
         {"dynamic_masks": [{"mask_url": "https://a/b.png", "trajectories": [{"x": 1, "y": 2}]}]}),
        ("wan/v2.1/1.3b/text-to-video", {"guidance_scale": 2**63 - 1, "shift": 1e300}),
        ("luma-ai/v2", {"keyframes": {"frame1": {"type": "image", "url": "https://a/b.jpg"}}}),
        ("luma-ai/v1", {"anything": 1}),
    ],
)  # fmt: skip
def test_what_a_vendor_takes_is_taken(http: httpx.Client, model: str, more: dict[str, Any]) -> None:
    assert create(http, model, **more).status_code == 201


def test_a_number_beyond_all_floats_is_refused(http: httpx.Client) -> None:
    model = get_model("wan/v2.1/1.3b/text-to-video")
    content = json.dumps({**body_for(model), "shift": 5}).replace(": 5", ": 1e400")
    answer = http.post(model.endpoint, content=content)
    assert answer.json()["message"] == "Body validation error: 'shift': Number must be finite"


def test_the_sandbox_reads_what_is_nested_without_the_catalogs_types(http: httpx.Client) -> None:
    for model in list_models():
        for param in model.params:
            if param.kind == "json":
                assert (model.vendor, param.wire) in SHAPES
    blind = replace(get_model("luma-ai/v2"), params=tuple(
        replace(param, type=None) for param in get_model("luma-ai/v2").params
    ))  # fmt: skip
    body = {**body_for(blind), "keyframes": {"frame0": 1}}
    assert complaints(blind, body, 0) == ["'keyframes.frame0': Expected object, received int"]


@pytest.mark.usefixtures("own_catalog")
def test_a_list_of_images_is_checked_one_by_one(http: httpx.Client) -> None:
    refs = Param("images", "refs", "images", "Pictures.", picture=Picture(max_bytes=200))
    register_model(VideoModel("ours/three", "ours", "/v9/films", (refs,)))
    for said, words in (
        ("https://a/b.jpg", "Expected array, received str"),
        (["https://a/b.jpg", 7], "Expected string, received int"),
        ([data_uri("png", 400, 400)], "Expected at most 200 bytes, received"),
        (["data:image/png;base64,AA=="], "Invalid image"),
    ):
        message = create(http, "ours/three", refs=said).json()["message"]
        assert message.startswith(f"Body validation error: 'refs': {words}")
    assert create(http, "ours/three", refs=["https://a/b.jpg"]).status_code == 201


# --- failures ---


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("runway/gen4_turbo",
         {"name": "Error", "message": "The generation could not be completed."}),
        ("kling-video/v1/pro/image-to-video", {"detail": [{
            "loc": ["body", "image_url"], "msg": "Could not detect face in the image",
            "type": "face_detection_error",
        }]}),
        ("kling-video/v1/pro/text-to-video", {"detail": [{
            "loc": ["body", "prompt"], "msg": "The prompt was flagged by a content checker",
            "type": "content_policy_violation",
        }]}),
        ("veo2", "The generation could not be completed."),
        ("wan/v2.1/1.3b/text-to-video", "The generation could not be completed."),
        ("video-01", "The generation could not be completed."),
    ],
)  # fmt: skip
def test_a_failure_has_its_vendors_shape(
    http: httpx.Client, sandbox: Sandbox, clock: Clock, model: str, error: Any
) -> None:
    sandbox.order(failed_generation(), failed_generation({"mine": 1}))
    first, second = created(http, model), created(http, model)
    clock.time += 61
    assert fetch(http, model, first) == {"id": first, "status": "error", "error": error}
    assert fetch(http, model, second)["error"] == {"mine": 1}


def test_lumas_failures_have_a_reason(http: httpx.Client, sandbox: Sandbox, clock: Clock) -> None:
    sandbox.order(failed_generation(), failed_generation("Flagged"), no_video())
    new, old = created(http, "luma-ai/v2"), created(http, "luma-ai/v1")
    empty = created(http, "luma-ai/v2")
    clock.time += 61
    failed = fetch(http, "luma-ai/v2", new)
    assert (failed["state"], failed["assets"]) == ("failed", None)
    assert failed["failure_reason"] == "The generation could not be completed."
    [item] = fetch(http, "luma-ai/v1", old)
    assert item == {"id": old, "prompt": "A fox", "state": "failed", "failure_reason": "Flagged"}
    assert fetch(http, "luma-ai/v2", empty)["assets"] is None


@pytest.mark.parametrize(
    ("model", "more", "error"),
    [
        ("runway/gen4_turbo", {"image_url": "https://x.invalid/a.jpg"},
         {"name": "ImageDownloadError", "message": "image_url: Could not download the image"}),
        ("gen3a_turbo", {"last_image_url": "https://a/b.pdf"},
         {"name": "BadRequestError", "message": "last_image_url does not lead to an image"}),
        ("kling-video/v1/pro/image-to-video", {"tail_image_url": "https://x.invalid/a.jpg"},
         {"detail": [{"loc": ["body", "tail_image_url"], "msg": "Could not download the image",
                      "type": "image_download_error"}]}),
        ("video-01", {"first_frame_image": "https://x.invalid/a.jpg"},
         "first_frame_image: Could not download the image"),
    ],
)  # fmt: skip
def test_any_picture_that_can_not_be_had_fails_the_generation(
    http: httpx.Client, clock: Clock, model: str, more: dict[str, Any], error: Any
) -> None:
    generation_id = created(http, model, **more)
    clock.time += 61
    assert fetch(http, model, generation_id)["error"] == error


# --- links ---


@pytest.mark.parametrize("model", ["runway/gen4_turbo", "video-01"])
def test_a_link_of_either_kind_needs_its_signature_and_time(
    http: httpx.Client, sandbox: Sandbox, clock: Clock, model: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("langchain_apilaplas.sandbox.jobs.render", lambda *_: b"film")
    sandbox.order(expired_link())
    expired, first, second = (created(http, model) for _ in range(3))
    clock.time += 61
    url, other = (url_in(fetch(http, model, i)) for i in (first, second))
    assert http.get(url).content == b"film"
    query = httpx.URL(url).params
    assert set(query) == ({"_jwt"} if "runway" in model else
                          {"Expires", "OSSAccessKeyId", "Signature"})  # fmt: skip
    later = {k: str(int(v) + 1) if k == "Expires" else v for k, v in query.items()}
    for wrong in (
        url.partition("?")[0],
        f"{url.partition('?')[0]}?{other.partition('?')[2]}",
        str(httpx.URL(url).copy_merge_params(dict.fromkeys(query, "x"))),
        str(httpx.URL(url).copy_with(params={**later, "_jwt": later.get("_jwt", "")[:-1]})),
        url.replace(first, "no-such"),
    ):
        assert http.get(wrong).json()["message"] == "The link is not valid"
    assert http.get(url_in(fetch(http, model, expired))).json()["message"].endswith("has expired")
    clock.time += 86_401
    assert http.get(url).json()["message"] == "The link has expired"
    assert http.get(url_in(fetch(http, model, first))).content == b"film", "a fresh link works"


def test_klings_video_has_its_size_once_it_was_made(
    http: httpx.Client, clock: Clock, monkeypatch: Any
) -> None:
    monkeypatch.setattr("langchain_apilaplas.sandbox.jobs.render", lambda *_: b"film")
    model = "kling-video/v1.6/pro/text-to-video"
    generation_id = created(http, model)
    clock.time += 61
    url = fetch(http, model, generation_id)["video"]["url"]
    assert re.fullmatch(rf"{HOST}/wolf/{UUID}\.mp4", url.partition("?")[0])
    http.get(url)
    assert fetch(http, model, generation_id)["video"]["file_size"] == 4


# --- held fetches ---


def held(sandbox: Sandbox, generation_id: str, **query: str) -> httpx.Response:
    return sandbox.handle(
        httpx.Request(
            "GET",
            HOST + LUMA,
            params={"generation_id": generation_id, **query},
            headers={"Authorization": "Bearer any"},
            extensions={"hold": True},
        )
    )


@pytest.mark.parametrize(
    ("query", "after", "delay", "state"),
    [
        ({"state": "dreaming"}, 0, 10, "dreaming"),
        ({"status": "dreaming"}, 4, 6, "dreaming"),
        ({"state": "dreaming"}, 15, 0, "dreaming"),
        ({"state": "dreaming"}, 61, 0, "completed"),
        ({"state": "completed"}, 0, 30, "dreaming"),
        ({"state": "completed"}, 50.1, 9.9, "completed"),
        ({"state": "completed"}, 61, 0, "completed"),
        ({}, 0, 0, "queued"),
    ],
)
def test_luma_holds_a_request_until_the_state_is_reached(
    http: httpx.Client,
    sandbox: Sandbox,
    clock: Clock,
    query: dict[str, str],
    after: float,
    delay: float,
    state: str,
) -> None:
    generation_id = created(http, "luma-ai/v2")
    clock.time += after
    answer = held(sandbox, generation_id, **query)
    assert answer.extensions["delay"] == pytest.approx(delay)
    assert answer.json()["state"] == state
    clock.time += answer.extensions["delay"]
    assert fetch(http, "luma-ai/v2", generation_id)["state"] == state, "and it stays so"


def test_a_failure_ends_the_hold_and_an_endless_one_does_not(
    http: httpx.Client, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.order(failed_generation(), endless(), slow(3))
    failed, never = created(http, "luma-ai/v2"), created(http, "luma-ai/v2")
    clock.time += 55
    answer = held(sandbox, failed, state="completed")
    assert (answer.json()["state"], answer.extensions["delay"]) == ("failed", pytest.approx(8))
    clock.time += 1000
    answer = held(sandbox, never, state="completed")
    assert (answer.json()["state"], answer.extensions["delay"]) == ("dreaming", 30)


def test_in_process_nobody_is_held(http: httpx.Client) -> None:
    generation_id = created(http, "luma-ai/v2")
    assert fetch(http, "luma-ai/v2", generation_id, state="completed")["state"] == "queued"
    path, query = LUMA, {"generation_id": generation_id, "state": "done"}
    refused = http.get(path, params=query).json()["message"]
    assert refused == (
        "Query validation error: 'state': Expected 'dreaming' | 'completed', received 'done'"
    )
    assert fetch(http, "veo2", created(http, "veo2"), state="done")["status"] == "queued"


def test_over_http_a_state_that_was_waited_for_is_reached() -> None:
    with Server(Sandbox(seconds=0.3)) as server:
        bearer = {"Authorization": "Bearer x"}
        with httpx.Client(base_url=server.sandbox.url, headers=bearer) as http:
            states = [
                fetch(http, "luma-ai/v2", created(http, "luma-ai/v2"), state="dreaming")["state"]
                for _ in range(20)
            ]
    assert states == ["dreaming"] * 20


def test_over_http_the_request_really_is_held() -> None:
    with Server(Sandbox(seconds=0.6)) as server:
        http = httpx.Client(base_url=server.sandbox.url, headers={"Authorization": "Bearer x"})
        with http:
            generation_id = created(http, "luma-ai/v2")
            started = time.monotonic()
            assert fetch(http, "luma-ai/v2", generation_id, state="completed")["state"] == (
                "completed"
            )
            assert 0.4 < time.monotonic() - started < 5


# --- several at once ---


def test_several_are_asked_after_at_once(http: httpx.Client) -> None:
    a, b, c = (created(http, "luma-ai/v2") for _ in range(3))
    path = LUMA + "s"
    for query in (
        f"generation_ids[]={a}&generation_ids[]=no-such&generation_ids[]={b}",
        f"generation_ids={a},{b}",
        f"generation_ids%5B%5D={a},,{b}&other=1",
    ):
        answer = http.get(f"{path}?{query}")
        assert [item["id"] for item in answer.json()] == [a, b], query
    assert http.get(path, params={"generation_ids[]": "no-such"}).json() == []
    assert http.get(path).json()["message"].endswith("'generation_ids[]': Required")
    assert fetch(http, "luma-ai/v2", c)["id"] == c


def test_several_of_lumas_older_path(http: httpx.Client) -> None:
    a, b = (created(http, "luma-ai/v1") for _ in range(2))
    newer = created(http, "luma-ai/v2")
    query = {"ids[0]": a, "ids[1]": b, "ids[2]": newer}
    assert [item["id"] for item in http.get(LUMA_V1, params=query).json()] == [a, b]
    assert http.get(LUMA_V1, params={"ids[0]": "no-such"}).status_code == 404
    assert http.get(LUMA_V1).json()["message"] == "Query validation error: 'ids[0]': Required"


# --- extending ---


def test_lumas_older_path_extends_by_path(http: httpx.Client, sandbox: Sandbox) -> None:
    first = created(http, "luma-ai/v1")
    body = body_for(get_model("luma-ai/v1"))
    answer = http.post(f"/luma-ai/generations/{first}/extend", json=body)
    assert answer.status_code == 201
    job, earlier = sandbox._jobs[answer.json()["id"]], sandbox._jobs[first]
    assert job.before is earlier
    assert job.scene().frame(0).tobytes() == earlier.scene().frame(1).tobytes()
    assert sandbox.received[-1].kind == "create"
    for unknown in ("no-such", created(http, "luma-ai/v2")):
        refused = http.post(f"/luma-ai/generations/{unknown}/extend", json=body)
        assert (refused.status_code, refused.json()["message"]) == (404, "Generation not found")
    assert http.post(f"/luma-ai/generations/{first}/extend", json={}).status_code == 400
    assert len(sandbox.accepted) == 3


def generation(generation_id: str) -> dict[str, str]:
    return {"type": "generation", "id": generation_id}


def test_luma_extends_by_keyframe(http: httpx.Client, sandbox: Sandbox) -> None:
    one, other = created(http, "luma-ai/v2"), created(http, "luma-ai/v2", prompt="An owl")
    keyframes = {"frame0": generation(one), "frame1": generation(other)}
    between = sandbox._jobs[created(http, "luma-ai/v2", keyframes=keyframes)]
    ends = [between.scene().frame(at).tobytes() for at in (0, 1)]
    assert ends == [
        sandbox._jobs[one].scene().frame(1).tobytes(),
        sandbox._jobs[other].scene().frame(0).tobytes(),
    ]
    for place in ("frame0", "frame1"):
        refused = create(http, "luma-ai/v2", keyframes={place: generation("no-such")})
        assert refused.status_code == 400
        assert refused.json()["message"] == (
            f"Body validation error: 'keyframes.{place}.id': Generation not found"
        )


@pytest.mark.usefixtures("own_catalog")
def test_a_registered_row_may_extend_by_any_field(http: httpx.Client, sandbox: Sandbox) -> None:
    extend = Param("extend", "source_id", "text", "An earlier generation.")
    anything = Param("mask", "mask", "json", "Anything.")
    register_model(VideoModel("ours/four", "ours", "/v9/films", (extend, anything)))
    first = created(http, "ours/four", mask=[1, {}])
    second = created(http, "ours/four", source_id=first)
    assert sandbox._jobs[second].before is sandbox._jobs[first]
    assert create(http, "ours/four", source_id="no-such").status_code == 400


def chained(links: int) -> list[Job]:
    """Generations that each go on from the one before, and lead to the first."""
    model = get_model("luma-ai/v2")
    jobs = [Job("0", model, body_for(model))]
    for n in range(1, links):
        after = jobs[0] if n % 2 else None
        jobs.append(Job(str(n), model, jobs[0].body, before=jobs[-1], after=after))
    return jobs


def test_each_link_of_a_long_chain_is_filmed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def scene(_: VideoModel, body: Any, **frames: Image.Image | None) -> Scene:
        asked.append(frames)
        return Scene(Image.new("RGB", (6, 6)), (4, 4), Camera(), tint=(0, 0, 0))

    monkeypatch.setattr("langchain_apilaplas.sandbox.jobs.scene_of", scene)
    jobs = chained(2000)
    jobs[-1].scene()
    assert len(asked) == 2001, "of the first both ends are needed"
    assert [job for job in jobs[:-1] if 1 not in job.ends] == []
    for job in jobs:
        job.scene()
    assert len(asked) == 4001, "only its own"
    assert len(repr(jobs[-1])) < 10_000, "without the others"


def test_an_extension_can_be_extended_and_downloaded(http: httpx.Client, clock: Clock) -> None:
    first = created(http, "luma-ai/v2", duration="1s")
    for _ in range(2):
        first = created(http, "luma-ai/v2", duration="1s", keyframes={"frame0": generation(first)})
    clock.time += 61
    assert http.get(url_in(fetch(http, "luma-ai/v2", first))).content[4:8] == b"ftyp"
