"""Rows made of OpenAPI documents."""

import copy
import inspect
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from langchain_apilaplas import VideoModel
from langchain_apilaplas.catalog import Fetch, Param, Picture
from langchain_apilaplas.catalog.openapi.text import read
from langchain_apilaplas.catalog.spec import RESERVED
from langchain_apilaplas.errors import DocumentError, InvalidRequestError
from langchain_apilaplas.request import VideoRequest
from langchain_apilaplas.schema_check import schema_problems
from tests.conftest import ROCKET

DOCUMENTS = Path(__file__).parent / "documents"
BODIES = {
    "kling.json": "/components/schemas/Kling.v1~1Create",
    "several.json": "/components/requestBodies/Create/content/application~1json/schema",
    "luma.json": "/paths/~1luma-ai~1generations/post/requestBody/content/application~1json/schema",
    "hailuo.json": "/paths/~1v2~1generate~1video~1minimax~1generation/post/requestBody/content/"
    "application~1json; charset=utf-8/schema".replace(" ", "%20"),
    "veo.yaml": "/paths/~1video~1generations/post/requestBody/content/application~1json/schema",
    "replicate.json": "/paths/{}/post/requestBody/content/application~1json/schema",
    "runway.json": "/paths/{}/post/requestBody/content/application~1json/schema",
    "sora.yaml": "/paths/~1videos/post/requestBody/content/application~1json/schema",
}
"""Document → where its body's schema lies; {} is the row's own path."""
AGENT_IMAGE = (
    "First frame: an https URL, or a picture of this conversation as 'attached:last' or "
    "'attached:N' (1 = the user's first), or 'video:<generation id>:last', where an earlier "
    "video of it ends. Never base64."
)
URL = "https://example.com/a.png"
TEXT = {"type": "string"}
SOON = 5
"""Seconds of CPU, with coverage measured; without, a fifth of it."""


def rows(name: str) -> list[VideoModel]:
    return VideoModel.from_openapi(DOCUMENTS / name)


def make(
    properties: Any, *, required: Any = (), path: str = "/v2/video/generations", **more: Any
) -> dict[str, Any]:
    """A document with one operation, whose body has these properties."""
    body = {"type": "object", "properties": properties, "required": list(required)}
    post = {"requestBody": {"content": {"application/json": {"schema": body}}}}
    return {"openapi": "3.1.0", "info": {}, "paths": {path: {"post": post}}, **more}


def body(schema: Any, **more: Any) -> dict[str, Any]:
    """A document whose body has this schema."""
    document = make({}, **more)
    content = document["paths"]["/v2/video/generations"]["post"]["requestBody"]["content"]
    content["application/json"]["schema"] = schema
    return document


def only(properties: dict[str, Any], **more: Any) -> VideoModel:
    model = {"model": {"const": "acme/one"}}
    (row,) = VideoModel.from_openapi(make({**model, **properties}, **more))
    return row


def only_param(schema: Any, name: str = "thing", **more: Any) -> Param:
    return only({name: schema}, **more).params[0]


def refused(document: Any) -> str:
    """The one error, which comes soon and is short."""
    begun = time.process_time()
    with pytest.raises(DocumentError) as caught:
        VideoModel.from_openapi(document)
    assert time.process_time() - begun < SOON
    assert len(str(caught.value)) < 600
    assert "Nothing was charged" in str(caught.value)
    return str(caught.value)


# --- whole rows ---


def test_a_model_of_the_gateway_becomes_a_row() -> None:
    (row,) = rows("kling.json")
    masks = row.param("dynamic_masks")
    assert masks is not None
    assert row == VideoModel(
        "kling-video/v9/standard/image-to-video",
        "kling-video",
        "/v2/video/generations",
        (
            Param("image", "image_url", "image", AGENT_IMAGE, required=True),
            Param("prompt", "prompt", "text", "What to generate.", max_length=2500),
            Param(
                "last_image",
                "tail_image_url",
                "image",
                "Last frame, named as `image` is. The video ends there.",
                picture=Picture(inline=False),
            ),
            Param(
                "static_mask",
                "static_mask",
                "text",
                "URL of a mask for the first frame.",
                schema={
                    "type": "string",
                    "format": "uri",
                    "description": "URL of a mask for the first frame.",
                },
            ),
            Param("duration", "duration", "integer", "Seconds.", choices=(5, 10), default=5),
            Param("cfg_scale", "cfg_scale", "number", "Cfg scale.", minimum=0, maximum=1),
            Param("negative_prompt", "negative_prompt", "text", "Negative prompt."),
            masks,
            Param(
                "aspect_ratio",
                "ratio",
                "text",
                "Shape of the video, width:height.",
                choices=("16:9", "9:16", "1:1"),
                for_agents=False,
            ),
        ),
        schema=row.schema,
    )
    assert masks.kind == "json"
    assert masks.schema is not None
    assert masks.schema["items"]["properties"]["trajectories"]["items"] == {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
        "required": ["x", "y"],
    }
    assert "$ref" not in json.dumps(row.schema)


def test_a_row_makes_requests_like_any_other() -> None:
    row = VideoModel.from_openapi(read(DOCUMENTS / "kling.json"))[0]
    request = VideoRequest.check(row, {"image": URL, "prompt": "A wolf.", "duration": "10s"})
    assert json.loads(request.body) == {
        "model": "kling-video/v9/standard/image-to-video",
        "image_url": URL,
        "prompt": "A wolf.",
        "duration": 10,
    }
    with pytest.raises(InvalidRequestError, match="nearest: 5"):
        VideoRequest.check(row, {"image": URL, "duration": 7})
    with pytest.raises(InvalidRequestError, match="trajectories"):
        VideoRequest.check(row, {"image": URL, "dynamic_masks": [{"mask": "x"}]})


def test_each_model_of_a_document_gets_its_own_parameters() -> None:
    text, fast, pictured = rows("several.json")
    assert [row.id for row in (text, fast, pictured)] == [
        "acme/one-t2v",
        "acme/one-t2v-fast",
        "acme/one-r2v",
    ]
    assert text.params == fast.params
    assert [p.name for p in text.params] == ["prompt", "seed", "aspect_ratio", "duration"]
    assert [p.name for p in pictured.params] == ["prompt", "seed", "images", "guidance"]
    assert {row.endpoint for row in (text, fast, pictured)} == {"/v2/video/generations"}
    assert text.fetch == Fetch("/v2/video/generations/{id}", id_name="")
    assert (text.takes_text, text.takes_image) == (True, False)
    assert (pictured.takes_text, pictured.takes_image) == (False, True)
    duration = text.param("duration")
    assert duration is not None
    assert duration.choices == (4, 6, 8)


def test_messages_are_about_the_model_that_is_called() -> None:
    pictured = rows("several.json")[2]
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.check(pictured, {"prompt": "A wolf.", "images": [URL] * 4})
    (problem,) = caught.value.problems
    assert problem.startswith("images:")
    assert "maxItems 3" in problem


def test_a_model_that_the_body_does_not_name_is_called_by_its_path() -> None:
    (row,) = rows("luma.json")
    assert (row.id, row.vendor, row.sends_model) == ("luma_createGeneration", "luma-ai", False)
    assert row.endpoint == "/luma-ai/generations"
    assert row.fetch == Fetch("/luma-ai/generation", id_name="ids[0]")
    assert [(p.name, p.wire, p.kind) for p in row.params] == [
        ("aspect_ratio", "aspect_ratio", "text"),
        ("expand_prompt", "expand_prompt", "boolean"),
        ("prompt", "user_prompt", "text"),
        ("loop", "loop", "boolean"),
        ("keyframes", "keyframes", "json"),
    ]
    frames = {"frame0": {"type": "image", "url": URL}}
    given = {"prompt": "A wolf.", "aspect_ratio": "1:1", "keyframes": frames}
    assert json.loads(VideoRequest.check(row, given).body) == {
        "user_prompt": "A wolf.",
        "aspect_ratio": "1:1",
        "keyframes": frames,
    }


def test_a_document_of_openapi_3_1_is_read_as_such() -> None:
    (row,) = rows("hailuo.json")
    assert row.fetch == Fetch("/v2/generate/video/minimax/generation", id_name="task_id")
    found = {p.wire: (p.name, p.kind, p.minimum, p.maximum, p.choices) for p in row.params}
    assert found == {
        "prompt": ("prompt", "text", None, None, ()),
        "first_frame_image": ("image", "image", None, None, ()),
        "endingPicture": ("last_image", "image", None, None, ()),
        "videoLength": ("duration", "integer", 6, 10, ()),
        "strength": ("strength", "number", 0, 1, ()),
        "style": ("style", "text", None, None, ("anime", "photo")),
        "json": ("json_", "boolean", None, None, ()),
        "image_quality": ("image_quality", "text", None, None, ("low", "high")),
        "seconds_per_image": ("seconds_per_image", "number", None, None, ()),
    }
    pictures = [p.picture.inline for p in row.params if p.kind == "image"]
    assert pictures == [True, False]


def test_yaml_says_what_it_seems_to_say() -> None:
    row, fast = rows("veo.yaml")
    assert (row.id, fast.id) == ("google/veo-9", "google/veo-9-fast")
    assert row.endpoint == "/v3/video/generations"
    assert row.fetch is None
    found = {p.name: (p.kind, p.choices, p.default) for p in row.params}
    assert found == {
        "prompt": ("text", (), None),
        "negative_prompt": ("text", (), None),
        "image": ("image", (), None),
        "aspect_ratio": ("text", ("16:9", "9:16"), "16:9"),
        "duration": ("text", ("4", "6", "8"), "8"),
        "sound": ("text", ("on", "off"), None),
        "day": ("text", ("2025-01-01",), None),
        "generate_audio": ("boolean", (), True),
    }
    assert json.loads(VideoRequest.check(row, {"prompt": "A wolf.", "duration": 6}).body) == {
        "model": "google/veo-9",
        "prompt": "A wolf.",
        "seconds": "6",
    }


@pytest.mark.parametrize("name", BODIES)
def test_a_document_may_come_as_dict_text_or_path(name: str) -> None:
    path = DOCUMENTS / name
    assert (
        VideoModel.from_openapi(path)
        == VideoModel.from_openapi(str(path))
        == VideoModel.from_openapi(path.read_text())
        == VideoModel.from_openapi(json.dumps(read(path)))
        == VideoModel.from_openapi(read(path))
    )


# --- roles ---


@pytest.mark.parametrize(
    ("role", "name", "schema"),
    [
        ("prompt", "text", {"type": "string"}),
        ("prompt", "promptText", {"type": "string"}),
        ("prompt", "text_prompt", {"description": "The scene."}),
        ("image", "img_url", {"type": "string"}),
        ("image", "start_image", {"type": "string"}),
        ("image", "first_frame_image", {"anyOf": [{"type": "string"}, {"type": "object"}]}),
        ("image", "inputImage", {"type": "string"}),
        ("image", "asset", {"type": "string", "format": "uri", "description": "Start frame."}),
        ("last_image", "image_end_url", {"type": "string"}),
        ("last_image", "last_frame", {"type": "string"}),
        ("last_image", "goal", {"type": "string", "description": "URL of the final image."}),
        ("images", "image_list", {"type": "array", "items": {"type": "string"}}),
        ("images", "reference_images", {"type": "array", "items": {"type": "string"}}),
        ("images", "image_url", {"type": "array", "items": {"type": "string"}}),
        ("aspect_ratio", "ratio", {"type": "string", "enum": ["16:9"]}),
        ("aspect_ratio", "aspectRatio", {"type": "string"}),
        ("duration", "seconds", {"type": "integer"}),
        ("duration", "video_length", {"type": "string", "enum": ["5s", "10s"]}),
    ],
)
def test_a_role_is_recognized_by_name_type_and_words(role: str, name: str, schema: Any) -> None:
    param = only_param(schema, name)
    assert (param.name, param.wire) == (role, name)


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("text", {"type": "string", "description": "Text to speech."}),
        ("text", {"type": "boolean"}),
        ("image_url", {"type": "string", "enum": ["none"]}),
        ("image", {"type": "boolean"}),
        ("image_quality", {"type": "string"}),
        ("video_url", {"type": "string", "description": "URL; its first frame is used."}),
        ("static_mask_url", {"type": "string", "description": "URL of the first frame's mask."}),
        ("first_frame_strength", {"type": "number", "description": "Of the first frame URL."}),
        ("video_urls", {"type": "array", "items": {"type": "string"}}),
        ("images", {"type": "array", "items": {"type": "object"}}),
        ("ratio", {"type": "number"}),
        ("ratio", {"type": "string", "enum": ["low", "high"]}),
        ("seconds", {"type": "boolean"}),
        ("video_length", {"type": "integer", "description": "Number of frames."}),
        ("seconds_per_image", {"type": "number"}),
        ("url", {"type": "string", "description": "Between first frame and last frame."}),
    ],
)
def test_what_only_looks_like_a_role_keeps_its_name(name: str, schema: Any) -> None:
    param = only_param(schema, name)
    assert param.name == name
    assert param.kind not in ("image", "images")


def test_of_two_that_claim_a_role_one_keeps_its_own_name() -> None:
    text = {"type": "string"}
    row = only({"ratio": text, "aspect_ratio": text, "image_url": text, "init_image": text})
    assert {p.wire: p.name for p in row.params} == {
        "ratio": "ratio",
        "aspect_ratio": "aspect_ratio",
        "image_url": "image",
        "init_image": "init_image",
    }


@pytest.mark.parametrize(
    ("inline", "name", "schema"),
    [
        (False, "image_url", {"type": "string"}),
        (False, "image", {"type": "string", "format": "uri"}),
        (False, "image", {"type": "string", "description": "URL only, no base64."}),
        (False, "image", {"type": "string", "pattern": "^https?://", "description": "base64"}),
        (True, "image", {"type": "string"}),
        (True, "image_url", {"type": "string", "description": "A URL or a data URI."}),
        (True, "image_url", {"anyOf": [{"format": "uri"}, {"description": "Base64"}]}),
    ],
)
def test_an_image_travels_inline_unless_the_document_wants_urls(
    inline: bool, name: str, schema: Any
) -> None:
    param = only_param({"type": "string", **schema}, name)
    assert param.kind == "image"
    assert param.picture.inline is inline


# --- names, kinds and limits ---


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("cfgScale", "cfgScale"),
        ("cfg-scale", "cfg_scale"),
        ("3d", "param_3d"),
        ("_private", "private"),
        ("größe", "gr_e"),
        ("***", "param"),
        ("class", "class_"),
        ("key", "key_"),
        ("timeout", "timeout_"),
        ("schema", "schema_"),
        ("model_dump", "model_dump_"),
        ("x" * 100, "x" * 60),
    ],
)
def test_every_parameter_has_a_name_that_python_can_say(wire: str, name: str) -> None:
    param = only_param({"type": "string"}, wire)
    assert (param.name, param.wire) == (name, wire)
    assert param.name.isidentifier()


def test_no_name_is_used_twice() -> None:
    row = only({name: {"type": "string"} for name in ("a b", "a-b", "a_b", "prompt", "_prompt")})
    assert [p.name for p in row.params] == ["a_b", "a_b_", "a_b__", "prompt", "prompt_"]


def test_names_never_hide_what_every_pydantic_model_has() -> None:
    assert {name for name in dir(BaseModel) if not name.startswith("_")} <= RESERVED


@pytest.mark.parametrize(
    ("schema", "kind", "says"),
    [
        ({"type": "number", "enum": [1, 2.5]}, "number", {"choices": (1, 2.5)}),
        ({"type": "integer", "enum": [5.0, 10]}, "integer", {"choices": (5, 10)}),
        ({"enum": ["a", "b", None]}, "text", {"choices": ("a", "b")}),
        ({"const": 3}, "integer", {"choices": (3,)}),
        ({"enum": [5, "auto"]}, "json", {}),
        ({"type": "integer", "enum": ["5"]}, "json", {}),
        ({"type": "boolean", "enum": [True]}, "boolean", {"choices": (True,)}),
        ({"type": "boolean", "enum": [True, False]}, "boolean", {"choices": ()}),
        ({"type": ["integer", "number", "null"]}, "number", {}),
        ({"type": ["integer", "string"]}, "json", {}),
        ({}, "json", {}),
        (True, "json", {}),
        ({"type": "integer", "exclusiveMaximum": 10}, "integer", {"maximum": 9}),
        ({"type": "integer", "minimum": 0.5}, "integer", {"minimum": 1}),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "number", {}),
        ({"anyOf": [{"enum": ["a"]}, {"type": "string"}]}, "text", {"choices": ()}),
        (
            {"anyOf": [{"type": "string", "maxLength": n} for n in (5, 9)]},
            "text",
            {"max_length": 9},
        ),
        (
            {"allOf": [{"type": "string", "maxLength": n} for n in (5, 9)]},
            "text",
            {"max_length": 5},
        ),
        ({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b"]}]}, "text", {"choices": ("b",)}),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, "integer", {}),
        ({"type": "integer", "default": "7"}, "integer", {"default": 7}),
        ({"type": "integer", "default": "many"}, "integer", {"default": None}),
        ({"type": "object", "default": {"a": 1}}, "json", {"default": None}),
        ({"type": "string", "default": 5}, "text", {"default": "5"}),
    ],
)
def test_kind_and_limits_are_those_of_the_document(schema: Any, kind: str, says: Any) -> None:
    param = only_param(schema)
    assert param.kind == kind
    assert {name: getattr(param, name) for name in says} == says
    assert hash(param) is not None


def test_openapi_3_0_is_put_in_the_words_of_json_schema() -> None:
    things: dict[str, Any] = {
        "a": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True},
        "b": {"type": "string", "enum": ["x"], "nullable": True, "xml": {}, "example": "x"},
        "c": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/A%20B~1C~0D"}]},
        "d": {"$ref": "#/components/schemas/A%20B~1C~0D", "maxLength": 1, "description": "D."},
        "e": {"nullable": True},
        "f": {"type": "integer", "maximum": 3, "exclusiveMaximum": False},
    }
    document = make({"things": {"type": "object", "properties": things}})
    document |= {"openapi": "3.0.3", "components": {"schemas": {"A B/C~D": {"type": "string"}}}}
    (row,) = VideoModel.from_openapi(document)
    assert row.params[0].schema == {
        "type": "object",
        "properties": {
            "a": {"type": ["number", "null"], "exclusiveMinimum": 0},
            "b": {"type": ["string", "null"], "enum": ["x", None], "examples": ["x"]},
            "c": {"anyOf": [{"allOf": [{"type": "string"}]}, {"type": "null"}]},
            "d": {"type": "string", "description": "D."},
            "e": {},
            "f": {"type": "integer", "maximum": 3},
        },
    }


def test_beside_a_reference_openapi_3_1_may_say_more() -> None:
    shared = {"components": {"schemas": {"A": {"type": "string", "maxLength": 9}}}}
    param = only_param({"$ref": "#/components/schemas/A", "maxLength": 5}, **shared)
    assert (param.kind, param.max_length) == ("text", 5)


def test_what_only_answers_have_is_no_parameter() -> None:
    text = {"type": "string"}
    row = only({"prompt": text, "id": {**text, "readOnly": True}}, required=["model", "id"])
    assert [p.name for p in row.params] == ["prompt"]
    assert VideoRequest.check(row, {"prompt": "A wolf."})


def test_what_is_needed_but_not_described_can_be_given() -> None:
    row = only({"prompt": {"type": "string"}}, required=["size"])
    assert [(p.name, p.kind, p.required) for p in row.params] == [
        ("prompt", "text", False),
        ("size", "json", True),
    ]


def test_agents_are_offered_what_is_deprecated_only_where_it_is_needed() -> None:
    old = {"type": "string", "deprecated": True}
    row = only({"a": old, "b": old}, required=["b"])
    assert [p.for_agents for p in row.params] == [False, True]


def test_descriptions_are_one_short_line() -> None:
    param = only_param({"type": "string", "description": "So\n  it\tis. " + "word " * 100})
    assert param.description.startswith("So it is. word")
    assert len(param.description) <= 301
    assert param.description.endswith("word…")


# --- operations ---


@pytest.mark.parametrize(
    ("model", "ids"),
    [
        ({"const": "a/b"}, ["a/b"]),
        ({"enum": ["a/b", "a/c", "a/b"]}, ["a/b", "a/c"]),
        ({"type": "string", "default": "a/b"}, ["a/b"]),
        ({"type": "string", "example": "a/b"}, ["a/b"]),
        ({"anyOf": [{"const": "a/b"}, {"const": "a/c"}]}, ["a/b", "a/c"]),
    ],
)
def test_the_body_names_its_models(model: Any, ids: list[str]) -> None:
    found = VideoModel.from_openapi(make({"model": model, "prompt": {"type": "string"}}))
    assert [row.id for row in found] == ids
    assert all(row.sends_model for row in found)


def test_an_example_of_the_body_names_the_model_where_nothing_else_does() -> None:
    document = make({"model": {"type": "string"}, "prompt": {"type": "string"}}, required=["model"])
    media = document["paths"]["/v2/video/generations"]["post"]["requestBody"]["content"]
    assert "names none" in refused(document)
    media["application/json"]["examples"] = {"one": {"value": {"model": "a/b"}}}
    assert [row.id for row in VideoModel.from_openapi(document)] == ["a/b"]


def test_ways_to_write_one_model_become_one_row() -> None:
    text: dict[str, Any] = {"type": "string"}
    ways = [
        {"properties": {"prompt": text}, "required": ["prompt"]},
        {"properties": {"prompt": {**text, "maxLength": 5}, "image_url": text}},
    ]
    document = make({"model": {"const": "a/b"}})
    body = document["paths"]["/v2/video/generations"]["post"]["requestBody"]["content"]
    body["application/json"]["schema"]["anyOf"] = ways
    (row,) = VideoModel.from_openapi(document)
    assert [(p.name, p.required) for p in row.params] == [("prompt", False), ("image", False)]


@pytest.mark.parametrize(
    ("path", "query", "fetch"),
    [
        ("/v2/video/generations", "generation_id", None),
        ("/v2/video/generations", "id", Fetch("/v2/video/generations", "id")),
        ("/v2/video/status", "taskId", Fetch("/v2/video/status", "taskId")),
        ("/v2/video/generations/{task}", None, Fetch("/v2/video/generations/{id}", "")),
        ("/v2/models/{id}", None, None),
        ("/v2/video/{a}/generations/{b}", None, None),
        ("/v2/video/generations", "page", None),
    ],
)
def test_the_way_to_fetch_is_the_one_in_the_document(
    path: str, query: str | None, fetch: Fetch | None
) -> None:
    document = make({"prompt": {"type": "string"}})
    parameters = [{"in": "query", "name": query}] if query else []
    document["paths"].setdefault(path, {})["get"] = {"parameters": parameters}
    assert VideoModel.from_openapi(document)[0].fetch == fetch


def test_of_several_operations_those_about_videos_are_taken() -> None:
    text = {"type": "string"}
    document = make({"model": {"const": "a/b"}, "prompt": text})
    for path in ("/v1/images/generations", "/v2/video/uploads", "/v1/chat/completions"):
        document["paths"] |= make({"model": {"const": path}, "prompt": text}, path=path)["paths"]
    assert [row.id for row in VideoModel.from_openapi(document)] == ["a/b"]


# --- what a row allows ---


def old_words(node: Any) -> Any:
    """What OpenAPI 3.0 says in its own way, for jsonschema; written apart from the package."""
    if isinstance(node, list):
        return [old_words(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: old_words(value) for key, value in node.items()}
    if node.get("exclusiveMinimum") is True:
        node["exclusiveMinimum"] = node.pop("minimum")
    if node.get("nullable") is True:
        node["type"] = [node["type"], "null"]
    return node


def validator(name: str, row: VideoModel) -> Draft202012Validator:
    at = BODIES[name].format(row.endpoint.replace("/", "~1"))
    return Draft202012Validator({**old_words(read(DOCUMENTS / name)), "$ref": f"#{at}"})


def nested(schema: Any) -> st.SearchStrategy[Any]:
    """Values of a schema as the documents here have them."""
    if "anyOf" in schema:
        return st.one_of(*map(nested, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "object":
        parts = {name: nested(part) for name, part in schema["properties"].items()}
        needed = schema.get("required", ())
        return st.fixed_dictionaries(
            {name: parts[name] for name in needed},
            optional={name: part for name, part in parts.items() if name not in needed},
        )
    if kind == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems", 5)
        return st.lists(nested(schema["items"]), min_size=least, max_size=min(most, least + 2))
    scalars: dict[str, st.SearchStrategy[Any]] = {
        "string": st.text("abc", min_size=1),
        "integer": st.integers(-100, 100),
        "number": st.floats(-100, schema.get("maximum", 100)),
    }
    return scalars[kind]


def named(row: VideoModel) -> str | None:
    """The model that the body names beside what the row is called."""
    model: str | None = dict(row.constants).get("model")
    return model


def values(param: Param) -> st.SearchStrategy[Any]:
    """Values that the parameter, by itself, allows."""
    if param.choices:
        return st.sampled_from(param.choices)
    least, most = param.minimum, param.maximum
    pictures = [URL, ROCKET] if param.picture.inline else [URL]
    if (param.schema or {}).get("format") == "uri":
        return st.sampled_from([URL, "https://example.com/b.png?c"])
    made: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "text": lambda: st.text(min_size=1, max_size=(param.max_length or 80) // 2),
        "integer": lambda: st.integers(
            None if least is None else int(least), None if most is None else int(most)
        ),
        "number": lambda: st.floats(least, most, allow_nan=False, allow_infinity=False),
        "boolean": st.booleans,
        "image": lambda: st.sampled_from(pictures),
        "images": lambda: st.lists(st.just(URL), min_size=1, max_size=4),
        "json": lambda: nested(param.schema),
    }
    return made[param.kind]()


@pytest.mark.parametrize("name", BODIES)
def test_every_combination_that_a_row_allows_fits_the_document(name: str) -> None:
    checked = [(row, validator(name, row)) for row in rows(name)]
    accepted: list[bool] = []

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        row, original = data.draw(st.sampled_from(checked))
        needed = {p.name: values(p) for p in row.params if p.required}
        others = {p.name: values(p) for p in row.params if not p.required}
        given_values = data.draw(st.fixed_dictionaries(needed, optional=others))
        try:
            body = json.loads(VideoRequest.check(row, given_values).body)
        except InvalidRequestError:
            accepted.append(False)
            return
        original.validate(body)
        assert body.get("model") == (row.id if row.sends_model else named(row))
        accepted.append(True)

    run()
    assert sum(accepted) > len(accepted) / 4


# --- parameters that lie deeper, and bodies that say more than anyone asks for ---


def test_parameters_in_a_wrapper_are_offered_as_if_they_lay_in_the_body() -> None:
    (row,) = rows("replicate.json")
    found = [(p.name, ".".join((*p.inside, p.wire)), p.kind, p.required) for p in row.params]
    assert found == [
        ("tier", "tier", "text", False),
        ("prompt", "input.prompt", "text", True),
        ("image", "input.image", "image", True),
        ("last_image", "input.last_frame.url", "image", False),
        ("mask", "input.mask", "text", False),
        ("input_tier", "input.tier", "text", False),
        ("points", "input.points", "json", False),
        ("aspect_ratio", "input.settings.aspectRatio", "text", False),
        ("duration", "input.settings.durationSeconds", "integer", False),
        ("camera_control", "camera_control", "json", False),
        ("webhook", "webhook", "text", False),
    ]
    given = {"prompt": "A wolf.", "image": ROCKET, "last_image": URL, "duration": "8s"}
    body = json.loads(VideoRequest.check(row, given).body)
    assert body.pop("input").pop("image").startswith("data:image/")
    assert body == {"version": "5c7d"}
    assert (row.takes_image, row.has_last_image) == (True, True)


@pytest.mark.parametrize(
    ("name", "schema", "kind", "wire"),
    [
        ("first_frame", {"properties": {"url": TEXT}}, "image", "url"),
        ("image", {"required": ["uri"], "properties": {"uri": TEXT, "x": TEXT}}, "image", "uri"),
        ("image", {"properties": {"url": TEXT, "mime": TEXT}}, "json", "image"),
        ("image", {"properties": {"url": {"type": "array"}}}, "json", "image"),
        ("audio", {"properties": {"url": TEXT}}, "json", "audio"),
        ("input", {"type": "object"}, "json", "input"),
        ("input", {"anyOf": [TEXT, {"properties": {"a": TEXT}}]}, "json", "input"),
        ("keyframes", {"properties": {"frame0": TEXT}}, "json", "keyframes"),
    ],
)
def test_only_a_picture_or_a_wrapper_is_opened(
    name: str, schema: Any, kind: str, wire: str
) -> None:
    param = only_param(schema, name)
    assert (param.kind, param.wire) == (kind, wire)


def test_two_parameters_of_one_name_are_told_apart() -> None:
    seed = {"type": "integer"}
    row = only({"seed": seed, "input.seed": seed, "input": {"properties": {"seed": seed}}})
    assert [p.name for p in row.params] == ["seed", "input_seed", "input_seed_"]
    body = json.loads(VideoRequest.check(row, {"seed": 1, "input_seed_": 3}).body)
    assert body == {"model": "acme/one", "seed": 1, "input": {"seed": 3}}


def test_what_an_optional_wrapper_needs_is_told_once_something_lies_in_it() -> None:
    inner = {"required": ["image"], "properties": {"image": TEXT, "seed": {"type": "integer"}}}
    row = only({"prompt": TEXT, "parameters": {"type": "object", **inner}})
    assert not any(p.required for p in row.params)
    assert VideoRequest.check(row, {"prompt": "A wolf."})
    assert problems(row, prompt="A wolf.", seed=1) == ["image: missing."]


def test_what_only_answers_have_is_not_needed_wherever_the_document_says_so() -> None:
    parts = [
        {"properties": {"id": {"allOf": [TEXT, {"readOnly": True}]}, "prompt": TEXT}},
        {"required": ["id", "prompt"]},
        True,
    ]
    (row,) = VideoModel.from_openapi(body({"type": "object", "allOf": parts}))
    assert [(p.name, p.required) for p in row.params] == [("prompt", True)]
    assert json.loads(VideoRequest.check(row, {"prompt": "A wolf."}).body) == {"prompt": "A wolf."}


@pytest.mark.parametrize(
    ("schema", "asked", "sent"),
    [
        ({"const": "video"}, False, "video"),
        ({"type": "integer", "enum": [5]}, False, 5),
        ({"const": None}, False, None),
        ({"type": "integer", "default": 7}, True, 7),
        ({"type": "integer", "default": "7"}, True, 7),
        ({"type": "boolean", "default": False}, True, False),
        ({"type": ["string", "null"]}, True, None),
        ({"anyOf": [TEXT, {"type": "null"}]}, True, None),
        ({"type": ["string", "null"], "default": "a"}, True, "a"),
    ],
)
def test_what_the_document_settles_is_sent_without_asking(
    schema: Any, asked: bool, sent: Any
) -> None:
    row = only({"prompt": TEXT, "thing": schema}, required=["thing"])
    assert row.constants == (("thing", sent),)
    assert [p.required for p in row.params if p.name == "thing"] == [False] * asked
    request = VideoRequest.check(row, {"prompt": "A wolf."})
    assert json.loads(request.body)["thing"] == sent


def test_a_value_that_is_given_takes_the_place_of_the_settled_one() -> None:
    row = only({"thing": {"type": "integer", "default": 7}}, required=["thing"])
    assert json.loads(VideoRequest.check(row, {"thing": 8}).body)["thing"] == 8


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "default": 1},
        {"type": "array", "default": []},
        {"enum": [[1]]},
        {"description": "Whatever."},
    ],
)
def test_what_the_document_does_not_settle_is_asked_for(schema: Any) -> None:
    row = only({"thing": schema}, required=["thing"])
    assert ([p.required for p in row.params], row.constants) == ([True], ())


def test_a_body_that_is_settled_as_a_whole_is_refused() -> None:
    assert "no parameters" in refused(make({"a": {"const": 1}}, required=["a"]))


@pytest.mark.parametrize(
    "schema",
    [
        {"description": "Raw base64 of the image, without data: prefix."},
        {"description": "Base64 of the image. Do not add the data URI prefix."},
        {"pattern": "^[A-Za-z0-9+/]+={0,2}$"},
    ],
)
def test_what_takes_neither_url_nor_data_uri_is_no_picture_and_not_for_agents(schema: Any) -> None:
    param = only_param({"type": "string", **schema}, "image")
    assert (param.kind, param.for_agents) == ("text", False)
    row = only({"image": {"type": "string", **schema}})
    assert json.loads(VideoRequest.check(row, {"image": "iVBORw0K"}).body)["image"] == "iVBORw0K"


@pytest.mark.parametrize(
    "schema",
    [
        {"description": "A URL, or base64 without the data: prefix."},
        {"anyOf": [{"format": "uri"}, {"pattern": "^[A-Za-z0-9+/]+={0,2}$"}]},
    ],
)
def test_of_raw_base64_or_a_url_the_url_is_sent(schema: Any) -> None:
    param = only_param({"type": "string", **schema}, "image")
    assert (param.kind, param.for_agents, param.picture.inline) == ("image", True, False)


# --- patterns ---


@pytest.mark.parametrize(
    "pattern",
    [
        *("^(a+)+$", "(a|a)*b", r"^(?:\w+\s?)*$", "((a+){2,})x", ".*.*x", "^.*.*.*x", "^(a?){40}$"),
        *("a?" * 30 + "a{30}", "^" + "[a-z]{1,9}" * 20 + "$", "(a|a)" * 30),
        *("(", "a{99999999999999}", "a" * 10_000, r"\p{L}", "(?<year>x)"),
    ],
)
def test_a_pattern_that_could_hang_or_that_python_lacks_is_left_to_the_gateway(
    pattern: str,
) -> None:
    param = only_param({"type": "string", "pattern": pattern, "minLength": 2})
    assert param.schema == {"type": "string", "minLength": 2}


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"^https?://\S+$", "^[A-Za-z0-9+/]+={0,2}$", r"^\d{1,2}:\d{2}$", "a*"),
        *(
            "^(https?://|data:image/(png|jpeg);base64,).+$",
            r"^(\d{2}){3}$",
            "^(?:a+)?b$",
            r"\(+",
        ),
        *("^[)(*+]+[]x]$", "^(?=a).+$", r"\.(png|jpe?g|gif|webp|bmp)$"),
    ],
)
def test_a_pattern_that_answers_soon_is_kept(pattern: str) -> None:
    param = only_param({"type": "string", "pattern": pattern})
    assert param.schema == {"type": "string", "pattern": pattern}


@pytest.mark.parametrize(
    ("thing", "value"),
    [
        ({"oneOf": [{"type": "string", "pattern": "^(x+)+$"}, {"const": "a"}]}, "a"),
        ({"anyOf": [{}], "oneOf": [{"pattern": "^(x+)+$"}, {"const": "a"}]}, "a"),
        ({"not": {"pattern": "(a|b)+"}}, "c"),
        ({"if": {"pattern": "(a|b)+"}, "then": False}, "c"),
        ({"patternProperties": {"(a|b)+": {}}, "additionalProperties": False}, {"a": 1}),
    ],
)
def test_without_its_pattern_a_schema_never_refuses_more(thing: Any, value: Any) -> None:
    assert VideoRequest.check(only({"thing": thing}), {"thing": value})


# --- what is said of a body that does not fit ---


def problems(row: VideoModel, **given: Any) -> list[str]:
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.check(row, given)
    return list(caught.value.problems)


def of_ways(keyword: str, *ways: Any, **properties: Any) -> VideoModel:
    (row,) = VideoModel.from_openapi(
        body({"type": "object", "properties": properties, keyword: list(ways)})
    )
    return row


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_of_two_ways_the_one_whose_fixed_values_fit_is_told(keyword: str) -> None:
    texts: dict[str, Any] = dict.fromkeys(("user_prompt", "image_url", "mode"), TEXT)
    ways = [
        {"properties": {"mode": {"const": "text"}}, "required": ["mode", "user_prompt"]},
        {"properties": {"mode": {"const": "frame"}}, "required": ["mode", "image_url"]},
    ]
    row = of_ways(keyword, *ways, **texts)
    assert problems(row, mode="frame") == ["image: missing."]
    row = only({"start": {keyword: ways, "type": "object"}})
    assert problems(row, start={"mode": "text"}) == ["start.user_prompt: missing."]
    assert problems(row, start={"mode": "x"}) == [
        "start.mode: 'x' is not allowed; allowed by the model's document: only 'text' or only "
        "'frame'."
    ]
    refused_type = "start: 5 is not allowed; allowed by the model's document: type 'object'."
    assert refused_type in problems(row, start=5)


def test_of_several_ways_the_closest_is_told() -> None:
    texts: dict[str, Any] = dict.fromkeys(("user_prompt", "image_url", "style"), TEXT)
    short = {"maxLength": 3}
    ways = [
        {"required": ["image_url", "style"]},
        {"properties": {"user_prompt": short, "style": short}, "required": ["user_prompt"]},
    ]
    row = of_ways("anyOf", *ways, **texts)
    assert problems(row, prompt="A wolf.", style="anime") == [
        "prompt: 'A wolf.' is not allowed; allowed by the model's document: maxLength 3.",
        "style: 'anime' is not allowed; allowed by the model's document: maxLength 3.",
    ]


def test_ways_that_need_different_things_are_told_by_the_names_of_those() -> None:
    needs: list[Any] = [{"required": ["user_prompt"]}, {"required": ["image_url"]}]
    given: dict[str, Any] = {"user_prompt": TEXT, "image_url": TEXT, "seed": {"type": "integer"}}
    row = of_ways("anyOf", *needs, **given)
    assert problems(row, seed=1) == ["request: needs prompt, or image."]
    row = of_ways("oneOf", *needs, **given)
    assert problems(row, prompt="A wolf.", image=URL) == [
        "request: takes only one of prompt, image."
    ]
    row = of_ways("oneOf", {"minProperties": 1}, {"maxProperties": 2}, **given)
    assert problems(row, seed=1) == [
        "request: fits several forms that the model's document tells apart; leave something out."
    ]


def test_what_is_wrong_inside_is_told_by_the_names_the_agent_knows() -> None:
    (row,) = rows("replicate.json")
    given = {"prompt": "A wolf.", "image": URL}
    assert problems(row, **given, points=[1, "x"]) == [
        "points[1]: 'x' is not allowed; allowed by the model's document: type 'integer'."
    ]
    assert problems(row, **given, camera_control={}) == ["camera_control.pan: missing."]
    inner = {"properties": {"prompt": TEXT, "image": {"properties": {"url": TEXT}}}}
    row = only({"input": {"type": "object", **inner}}, required=["input"])
    assert problems(row) == ["request: needs at least one of prompt, image."]


def test_what_can_be_a_number_or_a_word_is_told_at_once() -> None:
    row = rows("several.json")[2]
    (problem,) = problems(row, prompt="A wolf.", images=[URL], guidance="much")
    assert problem == (
        "guidance: 'much' is not allowed; allowed by the model's document: one of 'auto'."
    )
    (problem,) = problems(row, prompt="A wolf.", images=[URL], guidance=[])
    assert problem.endswith("type 'number' or type 'string' or one of 'auto'.")


def test_rules_about_several_parameters_are_told_by_their_names() -> None:
    texts = dict.fromkeys(("user_prompt", "image_url", "tail_image_url"), TEXT)
    row = of_ways(
        "allOf",
        {"dependentRequired": {"tail_image_url": ["image_url"]}},
        {"if": {"required": ["image_url"]}, "then": {"required": ["user_prompt"]}},
        **texts,
    )
    assert problems(row, last_image=URL) == ["image: missing."]
    assert problems(row, image=URL) == ["prompt: missing."]
    closed = {"properties": {"user_prompt": TEXT}, "additionalProperties": False}
    row = of_ways("allOf", closed, **texts)
    assert problems(row, prompt="A wolf.", image=URL) == [
        "image: not taken together with the rest; leave it out."
    ]
    row = of_ways("allOf", {"not": {"required": ["image_url"]}}, **texts)
    assert problems(row, image=URL) == [
        "request: allowed by the model's document: another form (not)."
    ]


def test_nothing_of_a_picture_is_quoted() -> None:
    row = only({"image": {**TEXT, "maxLength": 9}, "images": {"type": "array", "items": TEXT}})
    for picture in (ROCKET, "https://example.com/a.png?Signature=secret"):
        assert problems(row, image=picture) == [
            "image: this is not allowed; allowed by the model's document: maxLength 9."
        ]
    row = only({"images": {"type": "array", "items": {**TEXT, "maxLength": 9}}})
    assert problems(row, images=[URL, URL]) == [
        f"images[{n}]: this is not allowed; allowed by the model's document: maxLength 9."
        for n in (0, 1)
    ]


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("https://example.com/a.wav", True),
        ("data:audio/wav;base64,AAAA", True),
        ("s3://bucket/a.wav", True),
        ("the second one", False),
        ("https://", False),
        ("https://example.com/a b", False),
        ("a.wav", False),
    ],
)
def test_where_the_document_wants_a_uri_other_words_are_refused(value: str, fits: bool) -> None:
    row = only({"audio": {"type": "string", "format": "uri"}})
    if fits:
        assert VideoRequest.check(row, {"audio": value})
    else:
        (problem,) = problems(row, audio=value)
        assert problem.endswith("allowed by the model's document: format 'uri'.")


# --- models and paths ---


def test_a_model_on_two_paths_gets_a_row_for_each() -> None:
    first, turbo, second = rows("runway.json")
    assert [(row.id, row.endpoint) for row in (first, turbo, second)] == [
        ("gen4.5", "/v1/image_to_video"),
        ("gen4_turbo", "/v1/image_to_video"),
        ("gen4.5/text_to_video", "/v1/text_to_video"),
    ]
    assert json.loads(VideoRequest.check(second, {"prompt": "A wolf."}).body) == {
        "model": "gen4.5",
        "promptText": "A wolf.",
        "ratio": "1280:720",
        "watermark": False,
        "style": None,
    }


def test_no_two_rows_have_one_id() -> None:
    ids = ["a", "a/create", "a/image/video/create"]
    document = make({"model": {"enum": ids}, "prompt": TEXT}, path="/text/video")
    for path in ("/image/video/create", "/motion/video/create"):
        document["paths"] |= make({"model": {"const": "a"}, "prompt": TEXT}, path=path)["paths"]
    found = VideoModel.from_openapi(document)
    assert [row.id for row in found] == [*(*ids, "a/image/video/create_", "a/motion/video/create")]
    assert [row.constants for row in found[3:]] == [(("model", "a"),)] * 2


def test_operations_on_an_earlier_video_are_passed_over() -> None:
    found = rows("sora.yaml")
    assert [(row.id, row.endpoint) for row in found] == [
        ("sora-2", "/v1/videos"),
        ("sora-2-pro", "/v1/videos"),
    ]
    document = make({"prompt": TEXT}, path="/v1/{account}/videos")
    document["paths"] |= make({"prompt": TEXT}, path="/v1/{account}/films")["paths"]
    assert "variable part" in refused(document)


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf", None])
def test_a_discriminator_names_the_models(keyword: str | None) -> None:
    model = {"model": {"type": "string"}}
    schemas = {
        "A": {"type": "object", "properties": {**model, "prompt": TEXT}, "required": ["model"]},
        "B": {"type": "object", "properties": {**model, "image": TEXT}, "required": ["model"]},
    }
    mapping = {"acme-a": "#/components/schemas/A", "acme-b": "B", "acme-c": "B"}
    refs = {keyword: [{"$ref": f"#/components/schemas/{name}"} for name in "AB"]}
    schema = refs if keyword else schemas["A"]
    told = {"discriminator": {"propertyName": "model", "mapping": mapping}}
    document = body({**schema, **told}, components={"schemas": schemas})
    found = VideoModel.from_openapi(document)
    assert [row.id for row in found] == ["acme-a", "acme-b", "acme-c"]
    named = ["prompt", "image", "image"] if keyword else ["prompt"] * 3
    assert [row.params[0].name for row in found] == named


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_ids_beside_any_other_are_all_read(keyword: str) -> None:
    model = {keyword: [{"type": "string"}, {"enum": ["a/b", "a/c"]}], "default": "a/d"}
    found = VideoModel.from_openapi(make({"model": model, "prompt": TEXT}))
    assert [row.id for row in found] == ["a/b", "a/c", "a/d"]


# --- malformed and hostile documents ---


def itself() -> dict[str, Any]:
    loop: dict[str, Any] = {"type": "object"}
    loop["properties"] = {"a": loop, "b": loop}
    return make({"prompt": loop})


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return make({"prompt": schema})


def bomb() -> dict[str, Any]:
    """References that grow tenfold at each step."""
    schemas: dict[str, Any] = {"s0": TEXT}
    for n in range(1, 10):
        part = {"$ref": f"#/components/schemas/s{n - 1}"}
        schemas[f"s{n}"] = {"type": "object", "properties": {f"p{k}": part for k in range(10)}}
    prompt = {"$ref": "#/components/schemas/s9"}
    return make({"prompt": prompt}, components={"schemas": schemas})


def ref(target: Any) -> dict[str, Any]:
    schemas = {
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"type": "array", "items": {"$ref": "#/components/schemas/A"}},
    }
    return make({"prompt": {"$ref": target}}, components={"schemas": schemas})


def many_ways() -> dict[str, Any]:
    way = {"anyOf": [{"properties": {f"p{n}": TEXT}} for n in range(10)]}
    return body({"type": "object", "allOf": [way] * 8})


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)

HOSTILE: dict[str, tuple[Any, str]] = {
    "nothing": (None, "empty"),
    "a number": (5, "is 5, not an object"),
    "a list": ([{}], "list, not an object"),
    "bytes": (b"{}", "bytes, not an object"),
    "empty text": ("", "empty"),
    "an address": ("https://example.com/openapi.json", "not its address"),
    "no such file": ("no/such/openapi.json", "no file"),
    "no such path": (Path("no/such"), "no file"),
    "a folder": (DOCUMENTS, "no file"),
    "a path with a null": (Path("a\0b.json"), "file"),
    "broken JSON": ('{"openapi": "3.0.0",', "not valid JSON"),
    "a JSON number of many digits": ('{"a": ' + "9" * 5000 + "}", "digits"),
    "deep JSON": ('{"a":' * 200_000, "nested deeper"),
    "a long text": ("{" + " " * 4_000_000 + "}", "characters long"),
    "broken YAML": ("openapi: [3.0.0", "not valid YAML"),
    "a control character": ("openapi: \x01", "not valid YAML"),
    "a lone surrogate in YAML": ("openapi: \ud800", "not valid YAML"),
    "deep YAML": ("a: " + "[" * 200_000, "nested deeper"),
    "deep YAML blocks": ("- " * 50_000, "nested deeper"),
    "much YAML": ("a: [" + "1," * 600_000 + "]", "parts"),
    "merged YAML": (
        "a: &a {" + ",".join(f"k{n}: 1" for n in range(5000)) + "}\n"
        "b: [" + ",".join(["{<<: *a}"] * 5000) + "]",
        "parts",
    ),
    "two YAML documents": ("openapi: 3.0.0\n---\na: 1", "more than one"),
    "a python tag": ("openapi: !!python/object/apply:os.getcwd []", "python/object"),
    "a tagged word": ("openapi: !!timestamp 2025-01-01", "tag"),
    "an unknown alias": ("openapi: *nobody", "alias"),
    "an alias in itself": ("openapi: &a [*a]", "alias"),
    "a key that is a list": ("? [a]\n: b", "key"),
    "billion laughs": (LAUGHS + "openapi: 3.0.0\npaths: *a29", "`paths`"),
    "swagger 2": ({"swagger": "2.0", "paths": {}}, "swagger"),
    "no version": ({"paths": {}}, "no `openapi`"),
    "a version that is a number": ({**make({}), "openapi": 3.0}, "`openapi` is 3.0"),
    "version 4": ({**make({}), "openapi": "4.0.0"}, "'4.0.0'"),
    "no paths": ({"openapi": "3.0.0"}, "`paths`"),
    "paths null": ({"openapi": "3.0.0", "paths": None}, "`paths`"),
    "no create operation": ({"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}, "no create"),
    "nothing but an upload form": (
        {
            "openapi": "3.0.0",
            "paths": {"/a": {"post": {"requestBody": {"content": {"text/plain": {"schema": {}}}}}}},
        },
        "no create",
    ),
    "a path item that refers to itself": (
        {"openapi": "3.0.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}},
        "leads back",
    ),
    "a path with a variable": (make({"prompt": TEXT}, path="/v1/{model}/video"), "variable part"),
    "a path that is none": (make({"prompt": TEXT}, path="video"), "not a plain path"),
    "another host in the path": (
        make({"prompt": TEXT}, path="//evil.example/x"),
        "not a plain path",
    ),
    "a query in the path": (make({"prompt": TEXT}, path="/v2/video?a=b"), "not a plain path"),
    "a server that is no address": (
        make({"prompt": TEXT}, servers=[{"url": "http://[::1/x"}]),
        "address",
    ),
    "no parameters": (make({}), "no parameters"),
    "a body that is a text": (body("text"), "schema is expected"),
    "a body that is `true`": (body(True), "no schema"),
    "thousands of parameters": (make({f"p{n}": TEXT for n in range(2000)}), "2,000 parameters"),
    "thousands of models": (
        make({"model": {"enum": [f"a/{n}" for n in range(3000)]}, "prompt": TEXT}),
        "3,000 models",
    ),
    "a long model id": (make({"model": {"const": "a" * 5000}, "prompt": TEXT}), "no id"),
    "a long name": (make({"p" * 10_000: TEXT}), "parameter is called"),
    "a name that is no text": (make({5: TEXT}), "parameter is called"),
    "properties that are a list": (body({"type": "object", "properties": [TEXT]}), "properties"),
    "required that is a text": (body({"properties": {}, "required": "prompt"}), "required"),
    "an enum that is a text": (make({"a": {"enum": "16:9"}}), "enum"),
    "a minimum that is a text": (make({"a": {"type": "integer", "minimum": "5"}}), "minimum"),
    "a type that is none": (make({"a": {"type": "file"}}), "type"),
    "a type that is a dict": (make({"a": {"type": {}}}), "type"),
    "items that are a list": (make({"a": {"items": [TEXT]}}), "items"),
    "anyOf that is a dict": (make({"a": {"anyOf": {}}}), "anyOf"),
    "an empty oneOf": (make({"a": {"oneOf": []}}), "oneOf"),
    "allOf of a text": (make({"a": {"allOf": ["text"]}}), "schema is expected"),
    "a pattern that is a list": (make({"a": {"pattern": ["("]}}), "pattern"),
    "a number that is none": (make({"a": {"minimum": float("nan")}}), "too large, or is not"),
    "an endless number": (make({"a": {"maximum": 10**400}}), "too large, or is not"),
    "infinity in JSON": (json.dumps(make({"a": {"maximum": float("inf")}})), "too large"),
    "multiples of nothing": (make({"a": {"multipleOf": 0}}), "multipleOf"),
    "half a character": (make({"a": {"enum": ["\ud800"]}}), "surrogate"),
    "a set": (make({"a": {"enum": [{1}]}}), "JSON has no such thing"),
    "an enum of dicts with odd keys": (make({"a": {"enum": [{5: 1}]}}), "only text"),
    "a dynamic reference": (make({"a": {"$dynamicRef": "#a"}}), "dynamicRef"),
    "references in a circle": (ref("#/components/schemas/A"), "refers to itself"),
    "a reference to the net": (ref("https://example.com/a.json#/A"), "example.com"),
    "a reference to a file": (ref("../../etc/passwd"), "etc/passwd"),
    "a reference to nothing": (ref("#/components/schemas/C"), "leads to nothing"),
    "a reference to an anchor": (ref("#anchor"), "leads to nothing"),
    "a reference to the root": (ref("#"), "leads to nothing"),
    "a reference through a text": (ref("#/openapi/3"), "leads to nothing"),
    "a reference that is a dict": (ref({}), "$ref"),
    "a long reference": (ref("#" + "/a" * 500_000), "leads to nothing"),
    "a schema that holds itself": (itself(), "itself"),
    "a deep schema": (deep(20_000), "nested deeper"),
    "a deep value": (make({"a": {"default": deep(500)}}), "nested deeper"),
    "references that double": (bomb(), "parts"),
    "one long text many times": (make({"a": {"enum": ["a" * 50_000] * 1000}}), "parts"),
    "many models with many parameters": (
        body(
            {
                "properties": {f"q{n}": TEXT for n in range(199)},
                "oneOf": [{"properties": {"model": {"const": f"a/{n}"}}} for n in range(300)],
            }
        ),
        "in all",
    ),
    "many ways to write it": (many_ways(), "ways"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_document_that_is_none_is_refused_soon_and_clearly(case: str) -> None:
    document, expected = HOSTILE[case]
    assert expected in refused(document)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_bytes(b'{"openapi": "3.0.0", "info": "\xff\xfe"}')
    assert "not UTF-8" in refused(path)
    assert "not UTF-8" in refused(str(path))


def test_aliases_that_laugh_are_harmless_where_they_are_not_used() -> None:
    text = LAUGHS + (DOCUMENTS / "veo.yaml").read_text()
    assert VideoModel.from_openapi(text) == rows("veo.yaml")


def test_aliases_that_laugh_are_cut_short_where_they_are_used() -> None:
    text = LAUGHS + (DOCUMENTS / "veo.yaml").read_text().replace("[on, off]", "*a29")
    assert "parts" in refused(text)


def test_a_caller_deep_in_its_own_calls_gets_the_same_error() -> None:
    def call(levels: int) -> str:
        return call(levels - 1) if levels else refused(deep(38))

    depth = len(inspect.stack(0))
    assert "too deeply" in call(sys.getrecursionlimit() - depth - 60)


@pytest.mark.parametrize(("module", "document"), [("jsonschema", {}), ("yaml", "openapi: 3.0.0")])
def test_without_the_extra_the_error_says_what_to_install(
    module: str, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert "pip install 'langchain-apilaplas[openapi]'" in refused(document)


def test_a_big_page_of_the_gateway_is_read() -> None:
    """They reach 2.3 million characters, most of them about other models."""
    document = read(DOCUMENTS / "kling.json")
    other = document["components"]["schemas"]["Kling.v1/Create"]
    document["components"]["schemas"] |= {f"Other{n}": other for n in range(1000)}
    begun = time.process_time()
    assert VideoModel.from_openapi(json.dumps(document)) == rows("kling.json")
    assert time.process_time() - begun < SOON


def test_the_largest_documents_are_read_in_time() -> None:
    count = 200
    way = [
        {"properties": {"model": {"enum": [f"a/{n}"]}, f"p{n}": TEXT}, "required": ["model"]}
        for n in range(count)
    ]
    schema = {"properties": {f"q{n}": TEXT for n in range(40)}, "oneOf": way}
    begun = time.process_time()
    assert len(VideoModel.from_openapi(body(schema))) == count
    assert time.process_time() - begun < SOON


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=9) | st.sampled_from(["$ref", "type"]), inner, max_size=4
        )
    ),
    max_leaves=15,
)
ODD = st.sampled_from(
    [
        {"$ref": "#/paths"},
        {"$ref": "#/components/schemas"},
        {"allOf": [True, {}, {"enum": []}]},
        {"oneOf": [{"type": ["string", "null"]}, False]},
        {"enum": [[], {}, None, True, 1, 1.0, "a"]},
        {"const": None},
        {"type": []},
        {"not": {}},
        True,
        False,
        "null",
        10**30,
        "",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A real document with some of its values replaced or taken out."""
    document = copy.deepcopy(read(DOCUMENTS / draw(st.sampled_from(sorted(BODIES)))))
    for _ in range(draw(st.integers(1, 4))):
        node: Any = document
        while True:
            key = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
            inner = node[key]
            if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 6)) == 0:
                break
            node = inner
        if draw(st.booleans()) and len(node) > 1:
            del node[key]
        else:
            node[key] = copy.deepcopy(draw(ODD | JSON))
    return document


@settings(max_examples=400, deadline=2000)
@given(JSON | mutated() | st.text() | mutated().map(json.dumps))
def test_whatever_a_document_is_there_are_rows_or_one_error(document: Any) -> None:
    try:
        found = VideoModel.from_openapi(document)
    except DocumentError as error:
        message = str(error)
        found = []
    else:
        message = ""
        assert found
    assert len(message) < 600
    assert "too deeply" not in message
    for row in found:
        assert hash(row) is not None
        Draft202012Validator.check_schema(row.schema)
        names = [param.name for param in row.params]
        assert all(name.isidentifier() for name in names)
        assert len(names) == len(set(names)) > 0
        try:
            VideoRequest.check(row, {})
        except InvalidRequestError:
            continue


@settings(max_examples=150, deadline=None)
@given(mutated(), st.data())
def test_whatever_a_body_is_there_are_sentences(document: Any, data: st.DataObject) -> None:
    try:
        row = VideoModel.from_openapi(document)[0]
    except DocumentError:
        return
    wires = st.sampled_from([p.inside[0] if p.inside else p.wire for p in row.params])
    told = schema_problems(row, data.draw(st.dictionaries(wires, JSON)), partial=False)
    assert all(sentence.endswith(".") and len(sentence) < 2000 for sentence in told)


def test_an_agent_does_not_choose_where_results_are_sent() -> None:
    texts = {name: {"type": "string"} for name in ("prompt", "webhook_url", "callBack")}
    assert [param.for_agents for param in only(texts).params] == [True, False, False]


def test_a_second_row_of_a_model_is_sent_under_its_true_id_on_every_path() -> None:
    row = next(row for row in rows("runway.json") if row.id == "gen4.5/text_to_video")
    for way in (row, row.universal()):
        given = {param.name: "Go" for param in way.params if param.required and not param.choices}
        given |= {p.name: p.choices[0] for p in way.params if p.required and p.choices}
        assert json.loads(VideoRequest.check(way, given).body)["model"] == "gen4.5"


def test_a_gateways_word_for_a_wrapper_is_not_taken_for_a_parameter() -> None:
    [row] = rows("replicate.json")[:1]
    assert "input" not in row.wire_names
