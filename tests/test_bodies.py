"""The JSON that travels: the same as ever, and a picture is copied into it once."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from langchain_apilaplas import VideoRequest, get_model
from tests.conftest import ROCKET
from tests.drawn import encoded, heavy

URL = "https://example.com/cat.jpg"
SIZE = 15_000_000
PROGRAM = """
import sys, tracemalloc
from pathlib import Path
import httpx
from types import SimpleNamespace
from langchain_core.messages import HumanMessage
from langchain_apilaplas import ApilaplasClient, ApilaplasGenerateVideo
from langchain_apilaplas.catalog import get_model

way, path = sys.argv[1], Path(sys.argv[2])
def attached():
    block = {"type": "image_url", "image_url": {"url": path.read_text()}}
    state = {"messages": [HumanMessage([block])]}
    return SimpleNamespace(state=state, config={}, tool_call_id="c")

given = {"path": lambda: path, "text": lambda: str(path), "bytes": path.read_bytes,
         "uri": path.read_text, "attached": attached}[way]()

class Sink(httpx.BaseTransport):
    sent = 0

    def handle_request(self, request):
        for piece in request.stream:
            self.sent += len(piece)
        return httpx.Response(200, json={"generation_id": "g-1", "status": "queued"})

sink = Sink()
client = ApilaplasClient(api_key="k", http_client=httpx.Client(transport=sink))
client.jobs()
tool = ApilaplasGenerateVideo(client=client, model="video-01", max_wait=0)
tracemalloc.start()
if way == "attached":
    tool._run(prompt="Go", image="attached:1", runtime=given)
else:
    client.submit(model="video-01", prompt="Go", image=given, key="k-1")
peak = tracemalloc.get_traced_memory()[1]
print(sink.sent, peak)
"""


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("runway/gen4_turbo", {"image": URL, "prompt": 'é " \\ 😀', "seed": 1}),
        ("runway/gen4_turbo", {"image": ROCKET, "duration": 5}),
        ("gen3a_turbo", {"image": ROCKET, "last_image": encoded("PNG")}),
        ("luma-ai/v2", {"prompt": "Go", "aspect_ratio": "1:1", "image": URL}),
        ("luma-ai/v1", {"prompt": "Go", "aspect_ratio": "1:1", "extend": "a/b"}),
        ("veo2", {"prompt": "0123456789abcdef0123456789abcdef0-"}),
    ],
)
def test_a_fingerprint_is_that_of_the_body(model: str, given: dict[str, object]) -> None:
    request = VideoRequest.check(get_model(model), given)
    text = json.dumps([request.endpoint, json.loads(request.body)], sort_keys=True)
    assert request.fingerprint == hashlib.sha256(text.encode()).hexdigest()


def test_a_fingerprint_outlives_the_library_that_converted_the_picture() -> None:
    one, again, other = (
        VideoRequest.check(get_model("video-01"), {"prompt": "Go", "image": encoded("TIFF", size)})
        for size in ((600, 400), (600, 400), (600, 401))
    )
    assert one.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize("way", ["path", "text", "bytes", "uri", "attached"])
def test_a_picture_of_15_megabytes_takes_less_than_four_times_that(
    way: str, tmp_path: Path
) -> None:
    data = heavy(SIZE)
    photo = tmp_path / "photo.jpg"
    if way in ("uri", "attached"):
        photo.write_text("data:image/jpeg;base64," + base64.b64encode(data).decode())
    else:
        photo.write_bytes(data)
    command = [sys.executable, "-c", PROGRAM, way, str(photo)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    sent, peak = map(int, printed)
    assert sent > len(data) * 4 / 3
    own = {"path": 0, "text": 0, "bytes": len(data)}.get(way, len(data) * 4 / 3)
    assert peak + own < 4 * len(data), f"{(peak + own) / len(data):.1f} times"
