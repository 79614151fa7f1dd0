"""What the body of a create says, by the parameters of its model's row."""

from typing import Any

from langchain_apilaplas.catalog import Param, VideoModel

Body = dict[str, Any]


def path(param: Param) -> str:
    """Where a parameter lies in the body, as the API's complaints name it."""
    return ".".join([*param.inside, param.wire])


def value(param: Param, body: Body, absent: Any = None) -> Any:
    """What the body says of a parameter, which may be null; `absent` when nothing."""
    place: Any = body
    for name in param.inside:
        place = place.get(name) if isinstance(place, dict) else None
    if not param.wire or not isinstance(place, dict):
        return absent
    beside = all(place.get(name) == said for name, said in param.beside)
    return place.get(param.wire, absent) if beside else absent


def values(model: VideoModel, body: Body) -> dict[str, Any]:
    """What the body says, by the catalog's own names; only what is said."""
    found = {param.name: value(param, body) for param in model.params}
    return {name: said for name, said in found.items() if said is not None}


def pictures(model: VideoModel, body: Body) -> list[tuple[Param, str]]:
    """The address, or the whole, of every picture in the body."""
    found = []
    for param in model.params:
        said = value(param, body) if param.kind in ("image", "images") else None
        urls = said if isinstance(said, list) else [said]
        found += [(param, url) for url in urls if isinstance(url, str)]
    return found
