"""A body against the JSON Schema of the document that its model's row comes from."""

from itertools import islice
from typing import Any

from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.images import shorten
from langchain_apilaplas.values import place, quoted


def schema_problems(model: VideoModel, body: dict[str, Any], *, partial: bool) -> list[str]:
    """What the document's own JSON Schema has against the body, in this package's words.

    A partial body lacks what was refused before; then nothing is said of what it lacks.
    """
    if model.schema is None:
        return []
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - an extra
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    names = model.wire_names
    found = []
    for outer in islice(Draft202012Validator(model.schema).iter_errors(body), 10):
        error = best_match([outer])
        path = list(error.absolute_path)
        if partial and not path:
            continue
        field = place([names.get(str(path[0]), path[0]), *path[1:]]) if path else "request"
        rule = f"{error.validator} {quoted(error.validator_value)}"
        given = f" {quoted(error.instance)} is not allowed;" if path else ""
        found.append(f"{shorten(field)}:{given} allowed by the model's document: {rule}.")
    return found
