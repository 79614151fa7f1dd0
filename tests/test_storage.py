"""Storages by themselves: a folder, memory, and S3 as moto's server speaks it on loopback."""

import asyncio
import builtins
import errno
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from obstore.store import AzureStore, GCSStore, HTTPStore, LocalStore, MemoryStore, S3Store

from langchain_apilaplas import FolderStorage, ObjectStorage, Storage, links
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.object_store import chosen
from langchain_apilaplas.storage import file_name
from tests.s3 import KEYS, S3


@pytest.fixture
def s3() -> Iterator[S3]:
    with S3() as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def put(request: pytest.FixtureRequest) -> Any:
    """Puts a file into a storage, in either world, and gives the link."""

    def run(storage: Storage, name: str, content: Any) -> str:
        if request.param == "sync":
            storage.put(name, content, "video/mp4")
            return storage.link(name)

        async def both() -> str:
            await storage.aput(name, content, "video/mp4")
            return await storage.alink(name)

        return asyncio.run(both())

    return run


# --- a folder ---


def test_a_folder_is_made_when_it_is_needed(put: Any, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "a b" / "videos")
    assert not storage.path.exists()
    file = storage.scratch() / ".x.part"
    file.write_bytes(b"video")
    link = put(storage, "a.mp4", file)
    assert link == (storage.path / "a.mp4").as_uri()
    put(storage, "a.json", b"{}")
    assert {path.name: path.read_bytes() for path in storage.path.iterdir()} == {
        "a.mp4": b"video",
        "a.json": b"{}",
    }


def test_what_can_not_be_written_leaves_nothing_behind(
    put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("langchain_apilaplas.storage.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        put(FolderStorage(tmp_path), "a.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_files_on_their_way_to_a_store_are_nobody_elses(tmp_path: Path) -> None:
    storage = ObjectStorage(MemoryStore())
    scratch = storage.scratch()
    (scratch / "a").touch()
    assert (stat.S_IMODE(scratch.stat().st_mode), storage.scratch()) == (0o700, scratch)
    del storage
    assert not scratch.exists()


def test_a_file_that_was_taken_away_has_no_link(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no longer there"):
        FolderStorage(tmp_path).link("a.mp4")


def test_files_are_as_readable_as_any(tmp_path: Path) -> None:
    FolderStorage(tmp_path).put("a.json", b"{}", "application/json")
    (tmp_path / "other").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


# --- names ---


def test_a_name_is_harmless_and_nobody_elses() -> None:
    assert file_name("8cc9490f-8664-4a4d-8473-5a0b535e22ab") == (
        "8cc9490f-8664-4a4d-8473-5a0b535e22ab"
    )
    ids = ["a/b", "a:b", "a-b", "A-b", "../a-b", ".a-b", "ä-b", "a-b" * 99, "a-b" * 98, ".."]
    names = [file_name(each) for each in ids]
    assert len({name.lower() for name in names}) == len(ids)
    assert all(len(name) < 120 and name.isascii() and name[0] != "." for name in names)
    assert not any(set(name) & set("/\\: ") for name in names)


# --- object stores ---


def test_s3_keeps_a_file_and_signs_links_to_it(put: Any, s3: S3, tmp_path: Path) -> None:
    storage = ObjectStorage(s3.store("videos", prefix="new"), link_seconds=3600)
    (tmp_path / "a.mp4").write_bytes(b"video" * 3_000_000)  # so long that it goes in parts
    link = put(storage, "ü 1.mp4", tmp_path / "a.mp4")
    assert "very-secret" not in link
    got = httpx.get(link)
    assert (got.status_code, got.headers["Content-Type"]) == (200, "video/mp4")
    assert len(got.content) == 15_000_000
    expires = links.expiry(link)
    assert expires
    assert repr(storage) == "ObjectStorage('s3://videos/new')"


def test_without_signing_a_link_is_the_files_address(put: Any, s3: S3) -> None:
    assert (
        put(ObjectStorage(s3.store("videos", prefix="v")), "a.mp4", b"1") == "s3://videos/v/a.mp4"
    )
    public = ObjectStorage(s3.store("videos"), base_url="https://videos.example/")
    assert put(public, "a b.mp4", b"1") == "https://videos.example/a%20b.mp4"


def test_a_url_names_a_store_and_the_environment_has_its_keys(
    put: Any, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.bucket("videos")
    for name, value in {**KEYS, "endpoint": s3.url, "allow_http": "true"}.items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    assert put(chosen("s3://videos/v"), "a.mp4", b"1") == "s3://videos/v/a.mp4"
    assert s3.names("videos") == ["v/a.mp4"]


def test_memory_is_a_store_too(put: Any) -> None:
    store = MemoryStore()
    storage = ObjectStorage(store)
    link = put(storage, "a.mp4", b"video")
    assert link == storage.address_of("a.mp4")
    assert bytes(store.get("a.mp4").bytes()) == b"video"
    assert ObjectStorage(MemoryStore()).address != storage.address


def test_each_kind_of_store_has_an_address_without_secrets(tmp_path: Path) -> None:
    azure = AzureStore("c", account_name="acc", account_key="c2VjcmV0", prefix="p")
    stores = [
        (S3Store("b", prefix="p", **KEYS), "s3://b/p"),
        (GCSStore("b"), "gs://b"),
        (azure, "az://acc/c/p"),
        (LocalStore(tmp_path), tmp_path.as_uri()),
        (HTTPStore("https://h/p?sig=very-secret"), "https://h/p"),
        (HTTPStore("https://very-secret:pw@h/p"), "https://h/p"),
        ("abfss://c@acc.dfs.core.windows.net/p", "az://acc/c/p"),
    ]
    for store, address in stores:
        assert ObjectStorage(store).address == address


def test_a_missing_bucket_is_told(put: Any, s3: S3) -> None:
    with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
        put(ObjectStorage(s3.store("videos", create=False)), "a.mp4", b"1")


# --- what is given ---


def test_a_path_or_a_file_url_is_a_folder(tmp_path: Path) -> None:
    for given in (tmp_path, str(tmp_path), tmp_path.as_uri()):
        storage: Any = chosen(given)
        assert (type(storage), storage.path) == (FolderStorage, tmp_path)
    home: Any = chosen("~/videos")
    assert home.path == Path.home() / "videos"
    assert chosen(None) is None
    assert chosen(storage) is storage


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "storage must be a folder"),
        (3, "not a int"),
        ("ftp://b", "storage: "),
        ("az://account/c/p?sig=very-secret", "Account must be specified"),
        ("s3:/b/x", "'s3:/b/x' is neither a folder nor a URL"),
        ("file:/tmp", "'file:/tmp' is neither a folder nor a URL"),
        ("s3://AK:very-secret@b/x", "a user or a password stands in the URL"),
        ("https://very-secret@h/x", "a user or a password stands in the URL"),
    ],
)
def test_what_is_no_storage_is_told(given: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as told:
        chosen(given)
    assert "very-secret" not in str(told.value)


@pytest.mark.parametrize("seconds", [0, 604_801])
def test_links_last_a_week_at_most(seconds: float) -> None:
    with pytest.raises(SettingsError, match="link_seconds must be from 1 to 604800"):
        ObjectStorage(GCSStore("b"), link_seconds=seconds)


def test_not_every_store_signs() -> None:
    for store, options in ((MemoryStore(), {}), (GCSStore("b"), {"base_url": "https://b"})):
        with pytest.raises(SettingsError, match="link_seconds is for S3, GCS and Azure"):
            ObjectStorage(store, link_seconds=60, **options)


def test_without_obstore_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("obstore"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"pip install 'langchain-apilaplas\[storage\]'"):
        chosen("s3://b")
    assert chosen("videos")
