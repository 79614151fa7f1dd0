import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from vcr.cassette import Cassette

from langchain_apilaplas import ApilaplasClient, AsyncApilaplasClient, Generation, Status, Video
from tests import recording
from tests.conftest import KEY, ROOT

CASSETTES = sorted((ROOT / "cassettes").rglob("*.yaml"))
PAGE = "test_the_clients_page_is_played_through.yaml"
DRAGON = {
    "prompt": "A menacing evil dragon appears in a distance above the tallest mountain, then "
    "rushes toward the camera with its jaws open, revealing massive fangs. We see it's coming",
    "aspect_ratio": "16:9",
    "image": "https://upload.wikimedia.org/wikipedia/commons/thumb/6/68/Liebener_Spitze_SW.JPG/"
    "1280px-Liebener_Spitze_SW.JPG",
}


def check(generation: Generation, cassette: Cassette) -> None:
    assert generation.id == "d0cddca1-e382-4625-84c9-0817a6441876"
    assert generation.status is Status.COMPLETED
    video = generation.video
    assert isinstance(video, Video)
    assert video.url.startswith(
        "https://cdn.apilaplas.com/wolf/704dae4c-2ec9-4390-9625-abb52c359c4f.mp4?_jwt=eyJ"
    )
    assert video.expires_at == datetime(2025, 4, 14, tzinfo=UTC)
    assert cassette.all_played
    assert cassette.play_count == 9


@pytest.mark.default_cassette(PAGE)
@pytest.mark.vcr
def test_the_clients_page_is_played_through(vcr: Cassette) -> None:
    started = time.monotonic()
    with ApilaplasClient(api_key=KEY, poll_interval=0) as client:
        check(client.generate(**DRAGON), vcr)
    assert time.monotonic() - started < 1


@pytest.mark.default_cassette(PAGE)
@pytest.mark.vcr
async def test_the_clients_page_is_played_through_on_an_event_loop(vcr: Cassette) -> None:
    async with AsyncApilaplasClient(api_key=KEY, poll_interval=0) as client:
        check(await client.generate(**DRAGON), vcr)


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_says_where_it_comes_from_and_has_no_secret(path: Any) -> None:
    text = path.read_text()
    assert text.startswith(("# Recorded against ", "# Written by hand "))
    assert "Bearer" not in text
    assert "127.0.0.1" not in text
    assert re.findall(r"_jwt=[\w-]+\.[\w-]+\.([\w-]+)", text) == ["SCRUBBED"]


def test_no_cassette_is_left_without_a_test() -> None:
    for path in CASSETTES:
        module = (ROOT / "tests" / f"{path.parent.name}.py").read_text()
        assert path.name in module or f"class {path.stem.partition('.')[0]}(" in module


def test_scrubbing_takes_out_hosts_and_signatures() -> None:
    body = b'{"video": ["http://127.0.0.1:5/wolf/a.mp4?_jwt=eyJh.eyJrIjoxLCJleHAiOjV9.s1gn-_"]}'
    response = {"body": {"string": body}, "headers": {"content-length": ["60"]}}
    assert recording.scrub_response(response) == {
        "body": {"string": b'{"video": ["https://cdn.apilaplas.com/wolf/a.mp4?_jwt=eyJh.eyJleHAiOiA1fQ.SCRUBBED"]}'},
        "headers": {},
    }  # fmt: skip
