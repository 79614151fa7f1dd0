"""Which call a request is: of which kind, on which models' path, about which generations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from langchain_apilaplas.catalog import UNIVERSAL_ENDPOINT, VideoModel, list_models
from langchain_apilaplas.sandbox import cdn
from langchain_apilaplas.sandbox.faults import Kind

_CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Route:
    """What a request asks for.

    Attributes:
        kind: Which of the calls there are; None when there is no such path.
        models: The rows whose path it is.
        ids: Of a fetch, the generations; of a create, the one that it extends.
        many: Of a fetch, whether it may ask for several.
        wants: Of a fetch, the query parameter that names them.
        hold: Of a fetch, for how many seconds it may be held.
    """

    kind: Kind | None
    models: tuple[VideoModel, ...] = ()
    ids: tuple[str, ...] = ()
    many: bool = False
    wants: str = ""
    hold: float = 0.0


def route(request: httpx.Request) -> Route:
    """Reads the method, the path and the query."""
    path, method = request.url.path, request.method
    if path == _CHAT_PATH and method == "POST":
        return Route("chat")
    if cdn.name(request.url) and method in ("GET", "HEAD"):
        return Route("download")
    ways = {"POST": _creates, "GET": _fetches}.get(method)
    return next(ways(request), Route(None)) if ways else Route(None)


def _models(path: str) -> list[VideoModel]:
    """The rows of the catalog, as they are called on that path."""
    return [row.universal() if path == UNIVERSAL_ENDPOINT else row for row in list_models()]


def _creates(request: httpx.Request) -> Iterator[Route]:
    path = request.url.path
    rows = _models(path)
    if here := tuple(row for row in rows if row.endpoint == path):
        yield Route("create", here)
    for row in rows:
        if row.extend_endpoint and (found := _matched(row.extend_endpoint, path)):
            yield Route("create", (row,), (found[1],))


def _fetches(request: httpx.Request) -> Iterator[Route]:
    path, query = request.url.path, request.url.params
    for row in _models(path):
        fetch = row.how_to_fetch
        if fetch.many_path == path:
            ids = tuple(_several(fetch.many_name, query))
            yield Route("fetch", (row,), ids, many=True, wants=fetch.many_name.format(n=0))
        elif found := _matched(fetch.path, path):
            given = query.get(fetch.id_name) if fetch.id_name else found[1]
            ids = (given,) if given else ()
            yield Route("fetch", (row,), ids, wants=fetch.id_name, hold=fetch.hold)


def _matched(template: str, path: str) -> re.Match[str] | None:
    """An id may hold slashes."""
    return re.fullmatch(re.escape(template).replace(r"\{id\}", "(.+)"), path)


def _several(name: str, query: httpx.QueryParams) -> Iterator[str]:
    """The ids in a query: one for each parameter, or several in one with commas between."""
    pattern = re.escape(name).replace(r"\{n\}", r"\d+").removesuffix(r"\[\]") + r"(\[\])?"
    for key, value in query.multi_items():
        if re.fullmatch(pattern, key):
            yield from filter(None, value.split(","))
