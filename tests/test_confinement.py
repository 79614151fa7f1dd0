"""What an agent supplies reads no file and reaches no host that the developer did not allow.

Every hostile input is tried on a real tool. An audit hook of the interpreter's watches: whatever is
opened, resolved or connected to is seen, whichever library does it.
"""

import asyncio
import base64
import io
import json
import os
import socket
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    AsyncApilaplasClient,
    get_model,
)
from langchain_apilaplas.addresses import public_host
from langchain_apilaplas.catalog import Param, VideoModel
from langchain_apilaplas.download import Receive
from langchain_apilaplas.errors import DownloadError, InvalidRequestError
from langchain_apilaplas.part import Part
from langchain_apilaplas.request import VideoRequest
from tests.conftest import KEY, World
from tests.drawn import encoded, frames, png
from tests.movies import MP4

URLS = {
    # not https, or no address of the web at all
    **{
        text: text
        for text in (
            "http://example.com/a.jpg", "HTTP://example.com/a.jpg", "ftp://example.com/a.jpg",
            "file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "file://localhost/etc/passwd",
            "gopher://127.0.0.1:6379/_FLUSHALL", "dict://127.0.0.1:11211/", "ldap://127.0.0.1/",
            "jar:https://example.com!/a", "data:image/png;base64,AAAA", "blob:https://example.com/1",
            "//127.0.0.1/a.jpg", "https:/127.0.0.1/a.jpg", "https:127.0.0.1/a.jpg", "https://",
            "https:///etc/passwd", "javascript:alert(1)", "view-source:https://example.com",
            "unix:///var/run/docker.sock", "smb://127.0.0.1/share/a.png", "netdoc:/etc/passwd",
        )
    },
    # 127.0.0.1 in other clothes
    **{
        host: f"https://{host}/a.jpg"
        for host in (
            "127.0.0.1", "127.0.0.1:8443", "127.1", "127.0.1", "127.255.255.254", "2130706433",
            "0x7f000001", "0x7F.1", "0177.0.0.1", "0177.0x0.0.1", "017700000001", "0", "0.0.0.0",
            "127.0.0.1.", "127.0.0.1..", "00000177.0.0.1", "0x7f.0x0.0x0.0x1", "4294967296",
            "127.0.0.0x1", "127.0.0.01", "0127.0.0.1", "127.0.0.256",
            "１２７.0.0.1", "127。0。0。1", "127．0．0．1", "①②⑦.⓪.⓪.①", "ｌｏｃａｌｈｏｓｔ",
            "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "localhost", "LOCALHOST", "localhost.",
            "foo.localhost", "localhost.localdomain", "%6cocalhost", "local\u00adhost",
            "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
            "[::127.0.0.1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]",
            "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]",
            "[fe80::1%25eth0]", "[::1%25lo]", "[2001:db8::5efe:7f00:1]", "[2a00::5efe:127.0.0.1]",
            "[3fff::1]", "example%2ecom", "[fec0::1]", "[fd00:ec2::254]", "[fc00::1]", "[ff02::1]", "[::ffff:0:127.0.0.1]",
        )
    },
    # one's own networks, clouds' metadata, names that are nobody's in public
    **{
        host: f"https://{host}/latest/meta-data/"
        for host in (
            "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
            "169.254.170.2", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.16689662",
            "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "100.100.100.200", "168.63.129.16",
            "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
            "metadata.google.internal", "metadata", "instance-data.ec2.internal", "router.local",
            "intranet", "kubernetes.default.svc.cluster.local", "db.corp", "nas.lan", "x.onion",
            "pi.home.arpa",
        )
    },
    # hosts that two readers read differently
    "user": "https://user:pw@example.com/a.jpg",
    "user, own host": "https://example.com@127.0.0.1/a.jpg",
    "user, backslash": "https://example.com\\@127.0.0.1/a.jpg",
    "backslash": "https://127.0.0.1\\.example.com/a.jpg",
    "tab in the host": "https://127.0\t.0.1/a.jpg",
    "line break": "https://example.com/a\r\nHost: 127.0.0.1",
    "null byte": "https://example.com\x00.127.0.0.1/a.jpg",
    "space": "https://example.com /a.jpg",
    "empty host, port": "https://:443/a.jpg",
    "port that is none": "https://example.com:99999/a.jpg",
    "port zero": "https://example.com:0/a.jpg",
    "open bracket": "https://[::1/a.jpg",
    "fragment before the host": "https://#@127.0.0.1/",
    "a megabyte": "https://127.0.0.1/" + "a" * 1_000_000,
    "a host of a megabyte": "https://" + "a." * 500_000 + "com/",
    "base64": "QUJD" * 9999,
}  # fmt: skip

FILES = [
    "/etc/passwd", "//etc/passwd", "///etc/passwd", "/photos/cat.png", "etc/passwd", "passwd",
    "photos", "photos/", "photos/.", "photos/..", "photos//etc/passwd", "photos/../secret.png",
    "photos/../../secret.png", "photos/sub/../../secret.png", "photos/./../secret.png",
    "photos/....//secret.png", "photos/..;/secret.png", "photos/%2e%2e/secret.png",
    "photos/..%2fsecret.png", "photos/..%252fsecret.png", "photos/..%c0%afsecret.png",
    "photos/..\\secret.png", "photos\\..\\secret.png", "..\\..\\windows\\win.ini", "../secret.png",
    "./photos/../secret.png", "photosx/secret.png", "photos2/secret.png", "PHOTOS/cat.png",
    "~/secret.png", "~root/.ssh/id_rsa", "photos/~/secret.png", "$HOME/secret.png",
    "photos/link.png", "photos/linked/secret.png", "photos/chain.png", "photos/round.png",
    "photos/dangling.png", "photos/null", "photos/self.png", "photos/environ", "photos/fd/0",
    "photos/cat.png\x00.txt", "photos/\x00", "photos/cat.png\n", "photos/cat.png/../cat.png\x00", "photos/cat.png/x",
    "photos/cat.png\udcff", "photos/" + "./" * 600 + "cat.png", "photos/pipe", "photos/sub", "photos/none.png", "/proc/self/environ", "/proc/self/fd/0",
    "/proc/self/root/etc/passwd", "/dev/zero", "/dev/stdin", "/dev/fd/0", "\\\\server\\share\\a.png",
    "//server/share/a.png", "\\\\?\\C:\\secret.png", "\\\\.\\PhysicalDrive0", "C:\\secret.png",
    "C:/secret.png", "c:secret.png", "CON", "photos/NUL:", "photos/cat.png:stream", "photos/cat.png::$DATA",
    "photos/\u202e/cat.png", "photos/\uff0e\uff0e/secret.png", "photos\u2215cat.png", "-", "*", "photos/*",
    "photos/[a-z]*.png", "photos/{cat,dog}.png", "photos/" + "a" * 5000, "photos" + "/a" * 5000, "|id", "`id`",
]  # fmt: skip


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("secret", "x")
    return file.getvalue()


CONTENTS = {
    "shell script": b"#!/bin/sh\nid\n",
    "svg that reads files": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "xml entities": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "imagemagick script": b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/'\n",
    "pdf that is a jpeg later": b"%PDF-1.7\n" + encoded("JPEG"),
    "zip that is a png later": zipped() + encoded("PNG"),
    "html that is a png later": b"<script>x</script>" + encoded("PNG"),
    "gif that is a script": b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)",
    "playlist": b"#EXTM3U\nfile:///etc/passwd\n",
    "empty": b"",
    "one byte": b"\x89",
    "png bomb": png(100_000, 100_000),
    "png of four gigapixels a side": png(2**32 - 1, 2**32 - 1),
    "tiff bomb": b"II*\0\x08\0\0\0\x02\0\0\x01\x04\0\x01\0\0\0\xff\xff\0\0\x01\x01\x04\0\x01\0\0\0\xff\xff\0\0\0\0\0\0",
    "bmp bomb": b"BM" + bytes(12) + b"\x28\0\0\0\xff\xff\0\0\xff\xff\0\0\1\0\x18\0" + bytes(24),
    "png of a chunk that never ends": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    + b"\0\0\0\x09" * 2
    + b"\xff" * 40,
    "cut off": encoded("JPEG")[:-40],
    "animated png": frames("PNG"),
    "animated webp": frames("WEBP"),
    "animated gif": frames("GIF"),
    "several pages": frames("TIFF"),
    "exif that points nowhere": png(9, 9, (b"eXIf", b"MM\0*\xff\xff\xff\xff"))[:60],
}


class Watch:
    """What the interpreter opened, resolved and connected to while it watched."""

    def __init__(self) -> None:
        self.on, self.seen = False, list[tuple[str, Any]]()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and event in (
            "open",
            "socket.getaddrinfo",
            "socket.connect",
            "subprocess.Popen",
        ):
            if event == "open" and (type(args[0]) is int or str(args[0]).endswith((".py", ".pyc"))):
                return  # what is open already, and modules
            self.seen.append((event, args[0]))


WATCH = Watch()
sys.addaudithook(WATCH)


@pytest.fixture
def watch() -> Iterator[Watch]:
    public_host("https://example.com/warm.jpg")
    WATCH.seen.clear()
    WATCH.on = True
    yield WATCH
    WATCH.on = False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A developer's folder, with traps in it; and a secret beside it, which is a good picture."""
    secret = tmp_path / "secret.png"
    photos = tmp_path / "photos"
    (tmp_path / "photos2").mkdir()
    (photos / "sub").mkdir(parents=True)
    for path in (secret, photos / "cat.png", tmp_path / "photos2" / "secret.png"):
        path.write_bytes(encoded("PNG"))
    links = {
        "link.png": secret, "linked": tmp_path, "chain.png": photos / "link.png",
        "round.png": photos / "round.png", "dangling.png": tmp_path / "none.png",
        "null": Path("/dev/zero"), "self.png": Path("/proc/self/exe"), "fd": Path("/proc/self/fd"),
        "environ": Path("/proc/self/environ"), "good.png": photos / "cat.png",
    }  # fmt: skip
    for name, target in links.items():
        (photos / name).symlink_to(target)
    os.mkfifo(photos / "pipe")
    return photos


def refusal(tool: ApilaplasGenerateVideo, image: Any, *said: Any) -> str:
    """What the tool says to an agent that names this image."""
    blocks = [{"type": "text", "text": "look"}, *said]
    runtime = SimpleNamespace(
        state={"messages": [HumanMessage(blocks)]}, config={}, tool_call_id="c-1"
    )
    result, artifact = tool._run(image=image, runtime=runtime)
    assert artifact is None, "it made a video"
    text = str(result.content)  # type: ignore[union-attr]
    assert text.startswith("image: ")
    assert "Nothing was charged" in text
    assert len(text) < 1000
    return text


@pytest.mark.parametrize("name", URLS)
def test_no_address_of_ones_own_is_taken_and_nobody_asks_for_it(
    name: str, world: World, watch: Watch
) -> None:
    refusal(ApilaplasGenerateVideo(client=world.client), URLS[name])
    assert watch.seen == []
    assert not world.sandbox.received


@pytest.mark.parametrize(
    "name", [*FILES, *list(URLS.values())[:23]], ids=lambda name: repr(name)[:40]
)
def test_nothing_outside_of_the_folders_is_opened(
    name: str, world: World, watch: Watch, folder: Path
) -> None:
    tool = ApilaplasGenerateVideo(client=world.client, image_folders=[folder])
    watch.seen.clear()
    text = refusal(tool, name)
    inside = [str(folder), *os.listdir(folder)]
    assert [seen for seen in watch.seen if seen[1] not in inside] == []
    assert not world.sandbox.received
    assert "No such file" not in text, "whether a file outside exists is not told"


@pytest.mark.parametrize("name", FILES, ids=lambda name: repr(name)[:40])
def test_without_folders_no_file_is_opened_at_all(name: str, world: World, watch: Watch) -> None:
    refusal(ApilaplasGenerateVideo(client=world.client), name)
    assert watch.seen == []


@pytest.mark.parametrize("name", ["photos/cat.png", "photos/sub/../cat.png", "photos/good.png",
                                  "./photos/cat.png", " `photos/cat.png` "])  # fmt: skip
def test_what_lies_in_the_folder_is_taken_by_links_within_it_too(
    name: str, world: World, folder: Path
) -> None:
    tool = ApilaplasGenerateVideo(client=world.client, image_folders=[folder])
    assert tool.invoke({"image": name}).startswith("https://")


def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the use: the worst moment there is."""
    tool = ApilaplasGenerateVideo(client=world.client, image_folders=[folder])
    resolve = Path.resolve

    def resolved(self: Path, strict: bool = False) -> Path:
        real = resolve(self, strict)
        if real.name == "cat.png":
            real.unlink()
            real.symlink_to(folder.parent / "secret.png")
        return real

    monkeypatch.setattr(Path, "resolve", resolved)
    refusal(tool, "photos/cat.png")
    assert not world.sandbox.received


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("way", ["file", "attachment"])
def test_no_file_that_only_claims_to_be_a_picture_is_taken(
    name: str, way: str, world: World, watch: Watch, folder: Path
) -> None:
    (folder / "trap.png").write_bytes(CONTENTS[name])
    tool = ApilaplasGenerateVideo(client=world.client, image_folders=[folder])
    watch.seen.clear()
    text = base64.b64encode(CONTENTS[name]).decode()
    block = {"type": "image", "base64": text, "mime_type": "image/png"}
    refusal(tool, "photos/trap.png" if way == "file" else "attached:1", block)
    assert not [event for event, _ in watch.seen if event != "open"]
    assert not world.sandbox.received


@pytest.mark.parametrize("url", ["http://example.com/a.jpg", "file:///etc/passwd",
                                 "https://127.1/a.jpg", "https://[::ffff:10.0.0.1]/a"])  # fmt: skip
def test_a_users_attachment_leads_nowhere_else(url: str, world: World, watch: Watch) -> None:
    block = {"type": "image", "url": url}
    refusal(ApilaplasGenerateVideo(client=world.client), "attached:last", block)
    assert watch.seen == []


@pytest.mark.parametrize("value", [b"bytes", 7, {"url": "/etc/passwd"}, ["/etc/passwd"], Path("/etc/passwd"),
                                   io.BytesIO(b"x"), {"type": "image", "base64": "AAAA"}])  # fmt: skip
def test_an_agent_names_images_by_text_alone(value: Any, world: World, watch: Watch) -> None:
    refusal(ApilaplasGenerateVideo(client=world.client), value)
    assert watch.seen == []


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "examples/rocket.jpg", "data:image/png;base64,AA"]
)
def test_arguments_checked_as_an_agents_name_no_file_either(value: str, watch: Watch) -> None:
    with pytest.raises(InvalidRequestError, match="is not an https URL"):
        VideoRequest.check(get_model("video-01"), {"prompt": "Go", "image": value}, fixed={})
    assert watch.seen == []


def test_a_list_of_images_is_no_way_around(world: World, watch: Watch) -> None:
    row = VideoModel("m", "v", "/m", (Param("images", "image_urls", "images", "Pictures."),))
    tool = ApilaplasGenerateVideo(client=world.client, model=row)
    text = str(tool._run(images=["https://example.com/a.jpg", "/etc/passwd"], runtime=SimpleNamespace(
        state={}, config={}, tool_call_id="c"))[0])  # fmt: skip
    assert "is not an https URL" in text
    assert watch.seen == []


MASKS = get_model("kling-video/v1/pro/image-to-video")
POINTS = [{"x": 1, "y": 1}]


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://127.1/a.png", "https://[::1]/a",
                                 "https://user:pw@example.com/a.png", "https://db.corp/a.png"])  # fmt: skip
@pytest.mark.parametrize("way", ["mask", "masks", "masks, as text", "open", "plain"])
def test_no_url_anywhere_in_an_agents_arguments_leads_home(
    url: str, way: str, world: World, watch: Watch
) -> None:
    params = (Param("prompt", "prompt", "text", "What."), Param("hook", "hook", "text", "Whom."),
              Param("more", "more", "json", "More."))  # fmt: skip
    row = VideoModel("m", "v", "/m", params) if way in ("open", "plain") else MASKS
    masks = [{"mask_url": url, "trajectories": POINTS}]
    args: dict[str, Any] = {
        "mask": {"static_mask_url": url},
        "masks": {"dynamic_masks": masks},
        "masks, as text": {"dynamic_masks": json.dumps(masks)},
        "open": {"more": {"a": [{"b": f" {url} "}]}},
        "plain": {"hook": url},
    }[way]
    if row is MASKS:
        args["image"] = "https://example.com/a.png"
    runtime = SimpleNamespace(state={}, config={}, tool_call_id="c")
    tool = ApilaplasGenerateVideo(client=world.client, model=row)
    result, artifact = tool._run(prompt="Go", runtime=runtime, **args)
    assert artifact is None, "it made a video"
    assert f"{next(iter(args))}: " in str(result.content)  # type: ignore[union-attr]
    assert not world.sandbox.received
    assert watch.seen == []


def test_words_that_are_no_urls_are_left_alone(world: World) -> None:
    params = (Param("prompt", "prompt", "text", "What."), Param("more", "more", "json", "More."))
    row = VideoModel("m", "v", "/m", params)
    prompt = "https://127.0.0.1/ stands on a screen: a video: of data:"
    more = {"a": ["https://example.com/a?b=c", "16:9", "C", "x: y", 7, None]}
    for fixed in (None, {}):
        request = VideoRequest.check(row, {"prompt": prompt, "more": more}, fixed=fixed)
        assert request.values == {"prompt": prompt, "more": more}
    own = {"more": {"hook": "http://10.0.0.1/"}}
    assert VideoRequest.check(row, own).values == own, "code may say what it likes"


# --- where we fetch ourselves: a video ---

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "168.63.129.16", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%2", "fc00::1", "fec0::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::1",
    "2001:0:7f00:1::1", "2001:db8::1", "::7f00:1", "2a00::200:5efe:a00:1",
]  # fmt: skip
PUBLIC = "93.184.216.34"
LINK = "https://cdn.example.com/video.mp4"
Answer = Callable[[httpx.Request], httpx.Response]


class Names:
    """A name server, which may change its mind."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]


class Net:
    """A network without a network: what was asked, of which address, as whom."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer, self.asked = (
            answer or (lambda _: httpx.Response(200, content=MP4)),
            list[httpx.Request](),
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer(request)

    @property
    def hosts(self) -> list[str]:
        return [request.url.host for request in self.asked]


OWN = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def _in_no_time(world: World) -> None:
    """Between two tries nobody waits."""


def fetched(url: str, net: Net, **more: Any) -> bytes:
    with (
        httpx.Client(transport=httpx.MockTransport(net), **more) as http,
        tempfile.TemporaryDirectory() as folder,
    ):
        client = ApilaplasClient(api_key=KEY, base_url=OWN, http_client=http)
        return client.download(url, Path(folder, "a.mp4"), max_bytes=10**6).read_bytes()


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Names:
    server = Names(*answers)
    monkeypatch.setattr(socket, "getaddrinfo", server)
    return server


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, [PUBLIC])
    net = Net()
    assert fetched(LINK, net) == MP4
    [request] = net.asked
    assert request.url == f"https://{PUBLIC}/video.mp4"
    assert request.headers["Host"] == "cdn.example.com"
    assert request.headers["Connection"] == "close", "no other name is asked over it"
    assert request.extensions["sni_hostname"] == "cdn.example.com"
    assert not {"authorization", "cookie"} & request.headers.keys()


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_home_is_refused_before_anything_is_sent(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in ([address], [PUBLIC, address], [address, PUBLIC]):
        names(monkeypatch, answer)
        net = Net()
        with pytest.raises(DownloadError, match="does not lead to the public internet"):
            fetched(LINK, net)
        assert net.asked == []


@pytest.mark.parametrize("url", URLS.values(), ids=lambda url: repr(url)[:40])
def test_no_link_to_ones_own_host_is_fetched(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server, net = names(monkeypatch, [PUBLIC]), Net()
    with pytest.raises(DownloadError):
        fetched(url, net)
    assert (net.asked, server.asked) == ([], [])


@pytest.mark.parametrize("url", URLS.values(), ids=lambda url: repr(url)[:40])
def test_no_redirect_leads_there_either(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, [PUBLIC])
    location = url.encode("utf-8", "replace")[:9000]
    net = Net(lambda _: httpx.Response(302, headers=[(b"Location", location)]))
    with pytest.raises(DownloadError):
        fetched(LINK, net)
    assert set(net.hosts) == {PUBLIC}, "it was asked nowhere else"


def test_a_name_server_that_changes_its_answer_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, net = names(monkeypatch, [PUBLIC], ["127.0.0.1"]), Net()
    assert fetched(LINK, net) == MP4
    assert server.asked == ["cdn.example.com"], "it is asked once"
    assert net.hosts == [PUBLIC]


def test_each_redirect_is_resolved_and_checked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    server = names(monkeypatch, [PUBLIC], ["10.0.0.7"])
    net = Net(lambda _: httpx.Response(307, headers={"Location": "https://rebind.example.net/"}))
    with pytest.raises(DownloadError, match=r"rebind\.example\.net does not lead"):
        fetched(LINK, net)
    assert server.asked == ["cdn.example.com", "rebind.example.net"]
    assert net.hosts == [PUBLIC]


def test_a_good_redirect_is_followed_and_a_circle_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, [PUBLIC])
    answers = [
        httpx.Response(302, headers={"Location": "/b.mp4"}),
        httpx.Response(200, content=MP4),
    ]
    net = Net(lambda _: answers.pop(0))
    assert fetched(LINK, net) == MP4
    assert [request.url.path for request in net.asked] == ["/video.mp4", "/b.mp4"]
    net = Net(lambda _: httpx.Response(302, headers={"Location": LINK}))
    with pytest.raises(DownloadError, match="without end"):
        fetched(LINK, net)
    assert len(net.asked) == 5


def test_only_the_gateways_own_host_may_lie_anywhere_and_nothing_leads_back_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, net = names(monkeypatch, [PUBLIC]), Net()
    assert fetched("http://127.0.0.1:8000/wolf/a.mp4", net) == MP4
    assert server.asked == []
    for other in ("http://127.0.0.1:8001/a", "http://127.0.0.1/a", "https://127.0.0.1:8000/a",
                  "http://127.0.0.1:8000@127.0.0.2/a", "http://user@127.0.0.1:8000/a"):  # fmt: skip
        with pytest.raises(DownloadError):
            fetched(other, net)
    back = Net(lambda _: httpx.Response(302, headers={"Location": "http://127.0.0.1:8000/admin"}))
    with pytest.raises(DownloadError):
        fetched(LINK, back)
    assert back.hosts == [PUBLIC]


def test_the_next_address_is_tried_where_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, ["2606:4700::1", PUBLIC])

    def answer(request: httpx.Request) -> httpx.Response:
        if ":" in request.url.host:
            raise httpx.ConnectError("no route", request=request)
        return httpx.Response(200, content=MP4)

    net = Net(answer)
    assert fetched(LINK, net) == MP4
    assert net.hosts == ["2606:4700::1", PUBLIC]


def test_a_proxy_of_the_developers_resolves_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    direct, proxied = Net(), Net()
    proxy = httpx.HTTPTransport(proxy="http://127.0.0.1:3128")
    monkeypatch.setattr(proxy, "handle_request", httpx.MockTransport(proxied).handle_request)
    mounts = {"all://": proxy}
    names(monkeypatch, [])
    assert fetched(LINK, direct, mounts=mounts) == MP4
    assert (direct.hosts, proxied.hosts) == ([], ["cdn.example.com"])
    names(monkeypatch, ["10.0.0.1"])
    with pytest.raises(DownloadError, match="does not lead"):
        fetched(LINK, direct, mounts=mounts)


def test_a_transport_that_is_no_proxy_is_told_the_address_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, [PUBLIC])
    mounted = Net()
    assert fetched(LINK, Net(), mounts={"https://": httpx.MockTransport(mounted)}) == MP4
    assert mounted.hosts == [PUBLIC]


@pytest.mark.parametrize(("name", "is_taken"), [("cdn.example.com", True), ("evil.com", False)])
def test_a_connection_that_proves_another_name_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, is_taken: bool
) -> None:
    names(monkeypatch, [PUBLIC])
    tls = SimpleNamespace(server_hostname=name)
    stream = SimpleNamespace(get_extra_info=lambda what: {"ssl_object": tls}[what])
    net = Net(lambda _: httpx.Response(200, content=MP4, extensions={"network_stream": stream}))
    if is_taken:
        assert fetched(LINK, net) == MP4
    else:
        with pytest.raises(DownloadError, match="another host's"):
            fetched(LINK, net)


def test_nothing_of_the_clients_goes_along_and_no_redirect_is_followed_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, [PUBLIC], ["10.0.0.1"])
    net = Net(lambda _: httpx.Response(302, headers={"Location": "https://10.0.0.1/"}))
    more: Any = {"auth": ("user", "pw"), "headers": {"X": "1"}, "cookies": {"c": "1"}}
    with pytest.raises(DownloadError):
        fetched(LINK, net, follow_redirects=True, **more)
    [request] = net.asked
    assert not {"authorization", "cookie", "x"} & request.headers.keys()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.Response(404), "answered 404"),
        (httpx.Response(302), "answered 302"),
        (httpx.Response(302, headers={"Location": "https://xn--a.com/"}), "what is no URL"),
        (httpx.Response(200, headers={"Content-Encoding": "br"}, content=b""), "comes packed"),
        (httpx.Response(200, content=MP4 * 400), "longer than 1,000,000 bytes"),
    ],
    ids=["404", "redirect to nowhere", "redirect to no URL", "packed", "too long"],
)
def test_an_answer_that_is_no_file_is_refused(
    answer: httpx.Response, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, [PUBLIC])
    with pytest.raises(DownloadError, match=problem):
        fetched(LINK, Net(lambda _: answer))


def test_a_name_without_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, [])
    with pytest.raises(DownloadError, match=r"cdn\.example\.com has no address"):
        fetched(LINK, Net())


async def test_it_is_the_same_with_asyncio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for addresses, hosts in (([PUBLIC], [PUBLIC]), (["127.0.0.1"], []), ([], [])):
        server, net = names(monkeypatch, addresses), Net()
        async with httpx.AsyncClient(transport=httpx.MockTransport(net)) as http:
            client = AsyncApilaplasClient(api_key=KEY, base_url=OWN, http_client=http)
            if hosts:
                assert (await client.download(LINK, tmp_path / "a.mp4")).exists()
            else:
                with pytest.raises(DownloadError):
                    await client.download(LINK, tmp_path)
        assert net.hosts == hosts
        assert set(server.asked) == {"cdn.example.com"}


async def test_a_drip_of_headers_ends_with_the_time_that_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, [PUBLIC])

    async def drip(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("it never ends")

    async with httpx.AsyncClient(transport=httpx.MockTransport(drip)) as http:
        part = Part(Path("nowhere"), seconds=0.05)
        with pytest.raises(DownloadError, match="takes too long"):
            await Receive(httpx.Request("GET", LINK), part).arun(http)


def test_headers_without_end_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real connection: by what httpx stands on."""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def serve() -> None:
        peer, _ = server.accept()
        peer.recv(9000)
        with peer, suppress(OSError):
            peer.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000_000)

    thread = threading.Thread(target=serve)
    thread.start()
    own = f"http://127.0.0.1:{port}"
    with httpx.Client() as http, pytest.raises(DownloadError, match="RemoteProtocolError"):
        Receive(httpx.Request("GET", f"{own}/a.mp4"), Part(Path("nowhere"))).run(http)
    thread.join()
    server.close()


@pytest.mark.parametrize("host", ["example.com", "EXAMPLE.com", "example.com.", "bücher.example.com",
                                  "xn--bcher-kva.example", "8.8.8.8", "[2606:4700::1111]", "87.0.0.1",
                                  "[64:ff9b::808:808]", "a.b.c.d.example.com:8443", "nas.lan.example.com"])  # fmt: skip
def test_what_is_public_is_taken(host: str) -> None:
    assert public_host(f"https://{host}/a%20b.jpg?x=1#y")
