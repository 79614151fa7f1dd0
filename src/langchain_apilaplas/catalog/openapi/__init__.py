"""Rows of the catalog, made of an OpenAPI document."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from langchain_apilaplas.catalog.openapi.document import Document, validators
from langchain_apilaplas.catalog.openapi.models import (
    MODEL,
    by_model,
    ids,
    name_of,
    narrowed,
    vendor,
)
from langchain_apilaplas.catalog.openapi.operations import Create, creates, fetch
from langchain_apilaplas.catalog.openapi.parameters import Constants, parameters
from langchain_apilaplas.catalog.openapi.shapes import Shape, merged, shapes
from langchain_apilaplas.catalog.openapi.text import refuse, short
from langchain_apilaplas.catalog.spec import Param, VideoModel

__all__ = ["rows"]

_MOST_IN_ALL = 10_000


def rows(document: object) -> list[VideoModel]:
    """One row for each model that the document can create videos with, in its order.

    Of the document's server only the path is used: requests, and the key with them, go to the
    host that the client is set to.

    Raises:
        DocumentError: It is no such document, or one that no row can be made of; says why.
    """
    validators()
    found: dict[str, VideoModel] = {}
    try:
        read = Document(document)
        for create in creates(read):
            for row in _rows(read, create):
                unique = _renamed(row, create, found) if row.id in found else row
                found[unique.id] = unique
    except RecursionError:
        refuse("The document is nested too deeply.")
    return list(found.values())


def _renamed(row: VideoModel, create: Create, others: dict[str, VideoModel]) -> VideoModel:
    """The row of a model that another path has, too, under an id of its own."""
    parts = create.path.strip("/").split("/")
    model = f"{row.id}/{parts[-1]}"
    if model in others:
        model = f"{row.id}/{'/'.join(parts)}"
    named = ((MODEL, row.id),) if row.sends_model else ()
    while model in others:
        model += "_"
    return replace(row, id=model, sends_model=False, constants=(*named, *row.constants))


def _rows(document: Document, create: Create) -> Iterator[VideoModel]:
    schema = document.schema(create.media["schema"], f"The body of POST {short(create.path)}")
    ways = shapes(schema)
    models = ids(ways, create.media)
    how = fetch(document, create)
    known: dict[tuple[int, ...], tuple[tuple[Param, ...], Constants, Any]] = {}
    for model, fitting in by_model(ways, models) if models else [(name_of(create), ways)]:
        same = tuple(map(id, fitting))
        if same not in known:
            known[same] = *parameters(_body(fitting)), narrowed(schema, model) if models else schema
            if sum(len(params) for params, _, _ in known.values()) > _MOST_IN_ALL:
                refuse(f"The document has more than {_MOST_IN_ALL:,} parameters in all.")
        params, constants, own = known[same]
        yield VideoModel(
            id=model,
            vendor=vendor(model, create, document),
            endpoint=create.endpoint,
            params=params,
            fetch=how,
            sends_model=bool(models),
            constants=constants,
            schema=own,
        )


def _body(ways: list[Shape]) -> Shape:
    """All but the model, which the row itself names."""
    body = merged(ways)
    return Shape({n: s for n, s in body.properties.items() if n != MODEL}, body.required)
