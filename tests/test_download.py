import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_apilaplas.download import Save
from langchain_apilaplas.errors import DownloadError

MP4 = b"\0\0\0\x18ftypisom" + bytes(100_000)


@pytest.fixture(params=["sync", "async"])
def save(request: pytest.FixtureRequest) -> Iterator[Any]:
    """`Save` in both worlds, as one function."""

    def run(answer: Any, path: Path, **options: Any) -> Path:
        effect = Save(httpx.Request("GET", "https://cdn/a.mp4"), path)
        if request.param == "sync":
            return effect.run(httpx.Client(transport=httpx.MockTransport(answer), **options))
        return asyncio.run(
            effect.arun(httpx.AsyncClient(transport=httpx.MockTransport(answer), **options))
        )

    return run


def test_a_video_is_saved_under_its_name_only(save: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("an older one")
    assert save(lambda _: httpx.Response(200, content=MP4), path) == path
    assert path.read_bytes() == MP4
    assert list(tmp_path.iterdir()) == [path]


def test_the_callers_default_headers_do_not_go_to_the_cdn(save: Any, tmp_path: Path) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, content=MP4)

    options = {"headers": {"Authorization": "Bearer secret"}, "auth": ("user", "password")}
    save(answer, tmp_path / "a.mp4", **options)
    assert "authorization" not in seen[0]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(403), "answered 403"),
        (httpx.Response(200, html="<html>Log in</html>"), "not a video file"),
        (httpx.Response(200), "not a video file"),
        (httpx.Response(302, headers={"Location": "https://b/"}), "answered 302"),
    ],
)
def test_what_is_no_video_leaves_nothing_behind(
    save: Any, tmp_path: Path, answer: httpx.Response, message: str
) -> None:
    with pytest.raises(DownloadError, match=message):
        save(lambda _: httpx.Response(answer.status_code, content=answer.content), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_download_leaves_nothing_behind(save: Any, tmp_path: Path) -> None:
    def breaking(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    with pytest.raises(DownloadError, match="broke off: ReadError"):
        save(breaking, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_client_is_told(tmp_path: Path) -> None:
    http = httpx.Client()
    http.close()
    with pytest.raises(DownloadError, match="The HTTP client is closed"):
        Save(httpx.Request("GET", "https://cdn/a.mp4"), tmp_path / "a").run(http)


def test_a_folder_that_is_missing_is_told(save: Any, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="can't be written: No such file"):
        save(lambda _: httpx.Response(200, content=MP4), tmp_path / "none" / "a.mp4")
