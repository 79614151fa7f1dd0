"""Object stores, such as S3: as `obstore` knows them."""

import re
import uuid
from datetime import timedelta
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.quoting import one_line, quoted
from langchain_apilaplas.storage import FolderStorage, Storage

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_WEEK = 604_800.0
"""Seconds. S3 and Google sign no link for longer."""
_SCHEMES = {"S3Store": "s3", "GCSStore": "gs", "AzureStore": "az"}
"""The stores that can sign links, and how their addresses begin."""
_PATIENCE: dict[str, Any] = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
"""How long a store that is down holds up an answer, where the store is made here."""


class ObjectStorage(Storage):
    """An object store: S3 and what speaks like it, Google, Azure, memory.

    Needs `pip install "langchain-apilaplas[storage]"`. Credentials are looked for where the store's
    own tools do: for S3 `AWS_ACCESS_KEY_ID` and so on, see `obstore`.

    Args:
        store: A store of obstore's, or its URL, such as "s3://bucket/folder". No key or password
            may stand in it.
        link_seconds: Give links that the store signs and that work so long; each look at a video
            gives a fresh one. By default a link is the file's address, "s3://bucket/folder/…".
        base_url: Where the store's files can be had without a signature, as
            "https://videos.example.com": links then begin so.

    Raises:
        SettingsError: obstore is not installed, the store is none, or can't sign.
    """

    def __init__(
        self,
        store: "ObjectStore | str",
        *,
        link_seconds: float | None = None,
        base_url: str | None = None,
    ) -> None:
        self._store: Any = _opened(store) if isinstance(store, str) else _checked(store)
        self.address = _address(self._store)
        self._base_url = (base_url or self.address).rstrip("/")
        self._link_lasts = None if link_seconds is None else timedelta(seconds=link_seconds)
        self._can_sign = type(self._store).__name__ in _SCHEMES
        if link_seconds is not None:
            if base_url or not self._can_sign:
                raise SettingsError("link_seconds is for S3, GCS and Azure, without a base_url.")
            if not 1 <= link_seconds <= _WEEK:
                raise SettingsError(f"link_seconds must be from 1 to {_WEEK:.0f}.")

    def put(self, name: str, content: Path | bytes, content_type: str) -> None:
        """See `Storage.put`. A long file goes in several parts, which become one at the end."""
        self._store.put(name, content, attributes=self._attributes(content_type))

    async def aput(self, name: str, content: Path | bytes, content_type: str) -> None:
        """See `put`."""
        await self._store.put_async(name, content, attributes=self._attributes(content_type))

    def link(self, name: str) -> str:
        """See `Storage.link`."""
        self._store.head(name)
        if self._link_lasts is None:
            return self._plain(name)
        from obstore import sign  # noqa: PLC0415 - an extra

        return sign(self._store, "GET", name, self._link_lasts)

    async def alink(self, name: str) -> str:
        """See `link`."""
        await self._store.head_async(name)
        if self._link_lasts is None:
            return self._plain(name)
        from obstore import sign_async  # noqa: PLC0415

        return await sign_async(self._store, "GET", name, self._link_lasts)

    def _plain(self, name: str) -> str:
        return f"{self._base_url}/{quote(name)}"

    def _attributes(self, content_type: str) -> dict[str, str] | None:
        return {"Content-Type": content_type} if self._can_sign else None


Choice = Any
"""A `Storage`, a folder's path, a store's URL, or a store of obstore's."""


def chosen(given: Choice | None) -> Storage | None:
    """The storage that an argument names.

    Raises:
        SettingsError: As of `ObjectStorage`.
    """
    if given is None or isinstance(given, Storage):
        return given
    if isinstance(given, PurePath):
        return FolderStorage(Path(given))
    if isinstance(given, str):
        if not given.strip():
            raise SettingsError("storage must be a folder, a store's URL, or a store.")
        if given.startswith("file://"):
            return FolderStorage(url2pathname(urlsplit(given).path))
        if not re.match("[A-Za-z][A-Za-z0-9+.-]+:", given):  # one letter is a drive's
            return FolderStorage(given)
    return ObjectStorage(given)


def _opened(url: str) -> "ObjectStore":
    stores = _stores()
    if "://" not in url:
        raise SettingsError(
            f"storage: {quoted(url)} is neither a folder nor a URL.",
            next_step="Give a URL with '://', or a folder with a colon as a pathlib.Path.",
        )
    user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    if at and (":" in user or url.lower().startswith("http")):  # Azure's may hold a container
        raise SettingsError(
            "storage: a user or a password stands in the URL.",
            next_step="Give credentials by the environment, or give a store of obstore's.",
        )
    try:
        options = {} if url.startswith("memory:") else {"retry_config": _PATIENCE}
        opened: ObjectStore = stores.from_url(url, **options)
    except (stores.BaseError, ValueError, OSError) as error:
        raise SettingsError(f"storage: {one_line(error)}") from error
    return opened


def _checked(store: Any) -> Any:
    if not isinstance(store, _stores().ObjectStore):
        raise SettingsError(
            f"storage must be a folder, a store's URL, or a store of obstore's, "
            f"not a {type(store).__name__}."
        )
    return store


def _stores() -> Any:
    try:
        import obstore.store  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "Keeping videos in an object store needs obstore.",
            next_step="pip install 'langchain-apilaplas[storage]'",
        ) from error
    return obstore.store


def _address(store: Any) -> str:
    kind = type(store).__name__
    if kind in _SCHEMES:
        names = [store.config.get(n) for n in ("account_name", "container_name", "bucket")]
        parts = [*names, str(store.prefix or "").strip("/")]
        return f"{_SCHEMES[kind]}://" + "/".join(part for part in parts if part)
    if kind == "LocalStore":
        return Path(store.prefix or "/").absolute().as_uri()
    if kind == "HTTPStore":
        plain = re.sub("//[^/]*@", "//", str(store.url))
        return plain.partition("?")[0].rstrip("/")
    return f"memory://{uuid.uuid4().hex}"  # it is another one in the next process
