"""The operations of a document: which create a video, and which tells how it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from langchain_apilaplas.catalog.openapi.document import Document
from langchain_apilaplas.catalog.openapi.text import refuse, short
from langchain_apilaplas.catalog.spec import Fetch

_JSON = re.compile(r"application/([\w.+-]+\+)?json|\*/\*|application/\*", re.I)
_PATH = re.compile(r"(/[\w.~:@!$&'()*+,;=%-]+)+/?", re.ASCII)
_ABOUT_VIDEO = re.compile(r"video|movie|animat|(image|text)[-_ ]?(to|2)[-_ ]?vid|[it]2v", re.I)
_NOT_CREATE = re.compile(
    r"cancel|delet|remov|upload|extend|upscal|remix|(?<!cr)edit|modif|reframe|webhook|callback|login|token|auth|estimat|pric|cost"
    r"|chat|completion|embed|speech|transcri|search|feedback|batch",
    re.I,
)
_ID = re.compile(
    r"((generation|gen|task|request|job|video|prediction|operation|inference)[-_]?)?ids?(\[0?\])?",
    re.I,
)
_ABOUT_STATUS = re.compile(r"video|generation|task|status|result|predict|job|request|poll", re.I)
_NOT_STATUS = re.compile(r"models?\b|user|file|asset|account|billing|balance|keys?\b|webhook", re.I)
_VARIABLE = re.compile(r"\{([^{}/]*)\}")
_LONGEST_PATH = 500


@dataclass(frozen=True)
class Create:
    """An operation that starts a generation.

    Attributes:
        path: As in the document.
        endpoint: The path with what the server's address adds before it.
        prefix: What it adds.
        name: Its operationId, else "".
        media: The JSON media type of its body: schema and examples.
    """

    path: str
    endpoint: str
    prefix: str
    name: str
    media: dict[str, Any]


def creates(document: Document) -> list[Create]:
    """The operations that create videos.

    Raises:
        DocumentError: There is none.
    """
    posts = [
        (path, item, post, media)
        for path, item, post in _operations(document, "post")
        if (media := _json_media(document, post))
    ]
    if len(posts) > 1:
        posts = _about_videos(posts)
    if not posts:
        refuse(
            "The document has no create operation: no POST with a JSON body that is about videos.",
            "Give the document of the call that creates a video, not only of the one that fetches.",
        )
    found = [_create(document, *post) for post in posts]
    plain = [create for create in found if "{" not in create.endpoint] or found[:1]
    for create in plain:
        _check_path(create.endpoint)
    return plain


def fetch(document: Document, create: Create) -> Fetch | None:
    """How the document fetches a generation; None where that is as usual, or not told."""
    found = [
        (_distance(create.path, path), Fetch(create.prefix + told, id_name))
        for path, item, get in _operations(document, "get")
        for told, id_name in _asked(document, path, item, get)
    ]
    if not found:
        return None
    best = min(found, key=lambda pair: pair[0])[1]
    return None if best == Fetch(create.endpoint) else best


def _operations(document: Document, method: str) -> Iterator[tuple[str, Any, Any]]:
    """Path, path item and operation of each that has the method."""
    paths = document.root.get("paths")
    if not isinstance(paths, dict):
        refuse("The document has no `paths`, so no operations.")
    for path, node in paths.items():
        item = document.follow(node)
        if isinstance(item, dict) and isinstance(item.get(method), dict):
            yield str(path), item, item[method]


def _json_media(document: Document, post: dict[str, Any]) -> dict[str, Any] | None:
    body = document.follow(post.get("requestBody"))
    content = body.get("content") if isinstance(body, dict) else None
    if not isinstance(content, dict):
        return None
    for name, media in content.items():
        if isinstance(name, str) and _JSON.fullmatch(name.partition(";")[0].strip()):
            return media if isinstance(media, dict) and "schema" in media else None
    return None


def _about_videos(posts: list[Any]) -> list[Any]:
    likely = [post for post in posts if not _NOT_CREATE.search(_words(post))]
    return [post for post in likely if _ABOUT_VIDEO.search(_words(post))] or likely


def _words(post: tuple[str, Any, dict[str, Any], Any]) -> str:
    path, _, operation, _ = post
    words = [path, operation.get("operationId"), operation.get("summary")]
    return " ".join(word[:_LONGEST_PATH] for word in words if isinstance(word, str))


def _create(document: Document, path: str, item: Any, post: Any, media: Any) -> Create:
    prefix = _prefix(document, post, item)
    name = post.get("operationId")
    return Create(path, prefix + path, prefix, name if isinstance(name, str) else "", media)


def _check_path(endpoint: str) -> None:
    if len(endpoint) > _LONGEST_PATH or not _PATH.fullmatch(endpoint):
        problem = "has a variable part" if "{" in endpoint else "is not a plain path"
        refuse(
            f"The path {short(endpoint)} {problem}; needed is one such as /v2/video/generations."
        )


def _prefix(document: Document, *holders: Any) -> str:
    """The path part of the first server's address. Its host is a setting of the client."""
    for holder in (*holders, document.root):
        servers = holder.get("servers")
        server = servers[0] if isinstance(servers, list) and servers else None
        if isinstance(server, dict) and isinstance(server.get("url"), str):
            return _server_path(server["url"][:_LONGEST_PATH], server.get("variables"))
    return ""


def _server_path(url: str, variables: Any) -> str:
    for name in _VARIABLE.findall(url):
        variable = variables.get(name) if isinstance(variables, dict) else None
        if isinstance(variable, dict) and isinstance(variable.get("default"), str):
            url = url.replace(f"{{{name}}}", variable["default"][:_LONGEST_PATH])
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        refuse(f"The server's address {short(url)} can't be read.")
    return path if path.startswith("/") or not path else f"/{path}"


def _asked(document: Document, path: str, item: Any, get: Any) -> Iterator[tuple[str, str]]:
    """The path to ask and the query parameter of the id, if this operation asks for one."""
    if _NOT_STATUS.search(path) or not _ABOUT_STATUS.search(path):
        return
    variables = _VARIABLE.findall(path)
    told = _VARIABLE.sub("{id}", path)
    if len(told) > _LONGEST_PATH or not _PATH.fullmatch(told.replace("{id}", "id")):
        return
    if len(variables) == 1 and told.endswith("{id}"):
        yield told, ""
    for name in _query(document, item, get) if not variables else ():
        if _ID.fullmatch(name):
            yield path, name


def _query(document: Document, *holders: Any) -> Iterator[str]:
    for holder in holders:
        parameters = holder.get("parameters")
        for node in parameters if isinstance(parameters, list) else ():
            parameter = document.follow(node)
            if isinstance(parameter, dict) and parameter.get("in") == "query":
                yield str(parameter.get("name"))


def _distance(create: str, path: str) -> tuple[int, int]:
    """How far a path is from the one that creates: parts that differ, then its length."""
    ours, theirs = create.strip("/").split("/"), path.strip("/").split("/")
    shared = next(
        (n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    return len(ours) + len(theirs) - 2 * shared, len(path)
