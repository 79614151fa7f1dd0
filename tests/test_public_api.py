"""What users and agents see. A change here is a change for them: make it on purpose."""

import json
import re
import subprocess
import sys
from importlib import metadata

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool

import langchain_apilaplas
from langchain_apilaplas import ApilaplasGenerateVideo, ApilaplasGetVideo, list_models, sandbox
from tests import import_cost
from tests.conftest import KEY, ROOT


def test_every_promised_name_is_there_and_listed() -> None:
    assert langchain_apilaplas.__all__ == dir(langchain_apilaplas)
    for name in langchain_apilaplas.__all__:
        assert getattr(langchain_apilaplas, name).__doc__, name
    for name in sandbox.__all__:
        assert getattr(sandbox, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = langchain_apilaplas.nonsense


def test_the_schema_an_agent_sees() -> None:
    tool = convert_to_openai_tool(ApilaplasGenerateVideo(api_key=KEY))
    assert len(json.dumps(tool)) < 2000
    assert tool == {
        "type": "function",
        "function": {
            "name": "generate_video",
            "description": "Make a short video from a text prompt, a picture, or both, as the "
            "arguments say. It costs money and takes a minute or more: call it once for each video "
            "wanted, and never again because one is slow. Answers with the video's URL.",
            "parameters": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "prompt": {
                        "anyOf": [{"maxLength": 1000, "type": "string"}, {"type": "null"}],
                        "default": None,
                        "description": "What happens in the video: motion, camera, mood. "
                        "Describe change; the image already shows the scene.",
                    },
                    "image": {
                        "type": "string",
                        "description": "First frame: an https URL, or a picture of this "
                        "conversation as 'attached:last' or 'attached:N' (1 = the user's first), "
                        "or 'video:<generation id>:last', where an earlier video of it ends. "
                        "Never base64.",
                    },
                    "duration": {
                        "anyOf": [
                            {"maximum": 10, "minimum": 5, "type": "integer"},
                            {"type": "null"},
                        ],
                        "default": None,
                        "description": "Length in seconds. Left out, the API decides. "
                        "One of 5, 10.",
                    },
                    "aspect_ratio": {
                        "anyOf": [
                            {
                                "enum": ["16:9", "9:16", "4:3", "3:4", "1:1", "21:9"],
                                "type": "string",
                            },
                            {"type": "null"},
                        ],
                        "default": None,
                        "description": "Shape of the video. Left out: 16:9, and the image must "
                        "then be no wider than 2:1 and no taller than 1:2.",
                    },
                    "seed": {
                        "anyOf": [
                            {"maximum": 4294967295, "minimum": 0, "type": "integer"},
                            {"type": "null"},
                        ],
                        "default": None,
                        "description": "The same seed and arguments give a similar video. "
                        "Leave out unless asked for.",
                    },
                },
            },
        },
    }


def test_the_raw_schema_shows_models_nothing_more() -> None:
    """Google's integration of LangChain reads it, and takes no `enum` of numbers."""
    tool = ApilaplasGenerateVideo(api_key=KEY, models=[model.id for model in list_models()])
    schema = tool.args_schema.model_json_schema()
    assert set(schema["properties"]) == set(tool.args)
    assert not re.search(r'"enum": \[-?[0-9]', json.dumps(schema))


def test_the_schema_of_all_models_together_is_one_flat_small_object() -> None:
    tool = ApilaplasGenerateVideo(api_key=KEY, models=[model.id for model in list_models()])
    function = convert_to_openai_tool(tool)["function"]
    assert len(json.dumps(function)) < 8000
    assert "$ref" not in json.dumps(function)
    assert sorted(function["parameters"]) == ["properties", "type"]  # nothing is always needed
    properties = function["parameters"]["properties"]
    assert len(properties) == 25
    assert properties["model"]["anyOf"][0]["enum"] == [model.id for model in list_models()]
    assert properties["dynamic_masks"]["anyOf"][0] == {
        "type": "array",
        "items": {
            "type": "object",
            "description": "A part of the image that moves, and along which path.",
            "additionalProperties": False,
            "required": ["mask_url", "trajectories"],
            "properties": {
                "mask_url": {
                    "type": "string",
                    "pattern": "^https://\\S+$",
                    "description": "https URL of a picture that marks the part.",
                },
                "trajectories": {
                    "type": "array",
                    "minItems": 1,
                    "description": "The path, point by point.",
                    "items": {
                        "type": "object",
                        "description": "A point of the image.",
                        "additionalProperties": False,
                        "required": ["x", "y"],
                        "properties": {
                            "x": {"type": "integer", "description": "Pixels across."},
                            "y": {"type": "integer", "description": "Pixels down."},
                        },
                    },
                },
            },
        },
    }
    assert convert_to_openai_tool(tool, strict=True)


def test_the_schema_of_get_video() -> None:
    function = convert_to_openai_tool(ApilaplasGetVideo(api_key=KEY))["function"]
    assert function["parameters"] == {
        "type": "object",
        "properties": {
            "generation_id": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "default": None,
                "description": "The id, as generate_video gave it. Left out: lists this "
                "conversation's unfinished videos.",
            }
        },
    }


def test_a_strict_schema_can_be_made_of_it() -> None:
    strict = convert_to_openai_tool(ApilaplasGenerateVideo(api_key=KEY), strict=True)
    assert strict["function"]["parameters"]["additionalProperties"] is False


def test_the_core_depends_on_three_packages_only() -> None:
    required = metadata.requires("langchain-apilaplas") or []
    core = [line for line in required if "extra ==" not in line]
    assert sorted(core) == ["httpx<1,>=0.28", "langchain-core<2,>=1.2", "pydantic<3,>=2.7"]


def test_the_import_costs_little_more_than_what_it_stands_on() -> None:
    ours, base = import_cost.measure()
    assert ours / base < 1.15


def test_the_tools_work_with_langchain_core_alone() -> None:
    program = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("langchain", "langgraph", "langchain_openai", "openai"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, {str(ROOT)!r})
from langchain_apilaplas import ApilaplasVideoToolkit
from langchain_apilaplas.sandbox import Sandbox, Server
with Server(sandbox := Sandbox(seconds=0)):
    from langchain_apilaplas import ApilaplasClient
    client = ApilaplasClient(api_key="x", base_url=sandbox.url, poll_interval=0)
    generate, get = ApilaplasVideoToolkit(client=client).get_tools()
    args = {{"image": "https://example.com/a.jpg"}}
    call = {{"type": "tool_call", "id": "1", "name": "generate_video", "args": args}}
    message = generate.invoke(call)
    print(message.artifact["status"], get.invoke(message.artifact["generation_id"])[:7])
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.stdout, done.stderr) == ("completed http://\n", "")


def test_types_are_shipped() -> None:
    assert (ROOT / "src" / "langchain_apilaplas" / "py.typed").exists()
