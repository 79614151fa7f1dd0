"""An OpenAPI 3 document: its references followed, its schemas written out as JSON Schema 2020-12.

Only what is asked for is read, and of that so much at most, whatever the document says.
"""

import re
import sys
from typing import Any
from urllib.parse import unquote

from langchain_apilaplas.catalog.openapi.dialect import (
    MANY,
    NAMED,
    NOTES,
    ONE,
    RULES,
    TIGHTENED,
    discriminated,
    is_usable,
    modern,
    writable,
)
from langchain_apilaplas.catalog.openapi.text import EXTRA, clip, read, refuse, short

_BUDGET = 20_000
_DEEPEST = 40
_A_SCHEMA = 4
"""A schema counts so many nodes: checking one takes longer than copying a value."""
_LONGEST_NAME = 100
_LARGEST = sys.float_info.max

Trail = tuple[str, ...]
"""The references that led here, to notice one that leads back."""


class Document:
    """A document that can be asked for its parts.

    Attributes:
        root: All of it.
    """

    def __init__(self, given: object) -> None:
        self.root = read(given)
        self._left = _BUDGET
        self._dropped = 0
        _check_version(self.root)
        self._is_30 = self.root["openapi"].startswith("3.0")

    def follow(self, node: Any) -> Any:
        """The node, or what its reference leads to in the end."""
        steps = 0
        while isinstance(node, dict) and "$ref" in node:
            steps += 1
            if steps > _DEEPEST:
                refuse(f"The reference {short(node['$ref'])} leads back to itself.")
            node = self._target(node["$ref"])
        return node

    def schema(self, node: Any, name: str) -> dict[str, Any]:
        """A schema without references, checked.

        Args:
            node: The schema as the document has it.
            name: What messages call it.
        """
        schema = self._schema(node, (), 0)
        if not isinstance(schema, dict):
            refuse(f"{name} has no schema.")
        _check(schema, name)
        kept: dict[str, Any] = writable(schema)
        return kept

    def _target(self, ref: object) -> Any:
        if not isinstance(ref, str):
            refuse(f"A $ref is {short(ref)}; needed is a text such as '#/components/schemas/Name'.")
        if not ref.startswith("#"):
            refuse(
                f"The reference {short(ref)} leads out of the document; nothing is fetched.",
                "Put everything into one document first; tools call that bundling.",
            )
        node: Any = self.root
        for part in ref[1:].split("/")[1:] if ref.startswith("#/") else [ref]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and re.fullmatch(r"[0-9]{1,6}", key):
                node = dict(enumerate(node)).get(int(key))
            else:
                node = node.get(key) if isinstance(node, dict) else None
            if node is None:
                refuse(f"The reference {short(ref)} leads to nothing in the document.")
        return node

    def _spend(self, nodes: int) -> None:
        self._left -= nodes
        if self._left < 0:
            refuse(
                f"With its references written out, the document has more than {_BUDGET:,} parts.",
                "Cut it down to the operations of one model.",
            )

    def _schema(self, node: Any, trail: Trail, depth: int) -> Any:
        self._spend(_A_SCHEMA)
        if depth > _DEEPEST:
            refuse(f"A schema is nested deeper than {_DEEPEST} levels, or lies in itself.")
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            refuse(f"Where a schema is expected, there is a value {short(node)}.")
        if "$ref" in node:
            return self._referred(node, trail, depth)
        if odd := node.keys() & {"$dynamicRef", "$recursiveRef"}:
            refuse(f"{odd.pop()} is not read; only $ref is.")
        schema = self._keywords(node, trail, depth)
        if "example" in node and "examples" not in schema:
            schema["examples"] = [self._value(node["example"], 0)]
        told = self._value(node.get("discriminator"), 0)
        schema = discriminated(schema, node, told)
        return modern(schema, nullable=node.get("nullable") is True)

    def _keywords(self, node: dict[str, Any], trail: Trail, depth: int) -> dict[str, Any]:
        """Without patterns that can't be checked here: the API still checks them."""
        schema: dict[str, Any] = {}
        for key, value in node.items():
            before = self._dropped
            if key == "pattern" and self._drops(value):
                continue
            if key in ONE | MANY | NAMED | NOTES | RULES:
                schema[key] = self._keyword(key, value, trail, depth)
            if self._dropped > before and key in TIGHTENED:
                part = schema.pop(key)
                if key == "oneOf" and "anyOf" not in node:
                    schema["anyOf"] = part
        given = node.get("patternProperties")
        if isinstance(given, dict) and len(schema["patternProperties"]) < len(given):
            schema.pop("additionalProperties", None)
            schema.pop("unevaluatedProperties", None)
        return schema

    def _drops(self, pattern: object) -> bool:
        drops = isinstance(pattern, str) and not is_usable(pattern)
        self._dropped += drops
        return drops

    def _referred(self, node: dict[str, Any], trail: Trail, depth: int) -> Any:
        ref = node["$ref"]
        target = self._target(ref)
        if ref in trail:
            refuse(
                f"The schema {short(ref)} refers to itself; such schemas have no end.",
                "Replace that reference in the document, by {} for one.",
            )
        schema = self._schema(target, (*trail, ref), depth + 1)
        # OpenAPI 3.0 ignores what stands beside a $ref, 3.1 does not. A note harms in neither.
        beside = {key: node[key] for key in node if key in NOTES or not self._is_30}
        beside.pop("$ref", None)
        more = self._schema(beside, trail, depth) if beside else {}
        if not more or not isinstance(schema, dict):
            return schema
        return {**schema, **more} if more.keys() <= NOTES else {**more, "allOf": [schema]}

    def _keyword(self, key: str, value: Any, trail: Trail, depth: int) -> Any:
        if key in ONE and isinstance(value, dict | bool):
            return self._schema(value, trail, depth + 1)
        if key in MANY and isinstance(value, list):
            return [self._schema(part, trail, depth + 1) for part in value]
        if key in NAMED and isinstance(value, dict):
            schemas = {}
            for name, part in value.items():
                is_pattern = key == "patternProperties" and isinstance(name, str)
                if is_pattern and self._drops(name):
                    continue
                self._value(name, 0) if is_pattern else self._name(name)
                schemas[name] = self._schema(part, trail, depth + 1)
            return schemas
        return self._value(value, 0)

    def _name(self, name: object) -> None:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
            refuse(
                f"A parameter is called {short(name)}; allowed: 1 to {_LONGEST_NAME} characters."
            )
        self._value(name, 0)

    def _value(self, value: Any, depth: int) -> Any:
        """A copy of a plain value, so that whatever comes after has an end."""
        self._spend(1 + len(value) // 100 if isinstance(value, str) else 1)
        if depth > _DEEPEST:
            refuse(f"A value is nested deeper than {_DEEPEST} levels, or lies in itself.")
        if isinstance(value, dict):
            if odd := [key for key in value if not isinstance(key, str)]:
                refuse(f"A key is {short(odd[0])}; only text is allowed.")
            return {self._value(k, depth + 1): self._value(value[k], depth + 1) for k in value}
        if isinstance(value, list | tuple):
            return [self._value(item, depth + 1) for item in value]
        if isinstance(value, str) and re.search(r"[\ud800-\udfff]", value):
            refuse("A text holds half of a character (a lone surrogate).")
        if value is not None and not isinstance(value, str | int | float):
            refuse(f"A value is {short(value)}; JSON has no such thing.")
        if isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            refuse("A number is too large, or is not a number.")
        return value


def _check_version(root: dict[str, Any]) -> None:
    version = root.get("openapi")
    if isinstance(version, str) and re.match(r"3\.\d", version):
        return
    found = "swagger" if "swagger" in root else "openapi"
    says = f"`{found}` is {short(root[found])}" if found in root else "it has no `openapi`"
    refuse(
        f"This is not an OpenAPI 3 document: {says}.",
        "Give a document that begins with openapi: '3.0.…' or '3.1.…'; converters make one of "
        "Swagger 2.",
    )


def _check(schema: dict[str, Any], name: str) -> None:
    validator, wrong = validators()
    try:
        validator.check_schema(schema)
    except wrong as error:
        place = ".".join(str(part) for part in error.absolute_path)
        refuse(f"{name} has a schema that is wrong at {clip(place)}: {clip(error.message, 200)}.")


def validators() -> tuple[Any, Any]:
    """The validator that requests are checked with, and its error about schemas."""
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - an extra
        from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    except ImportError:
        refuse("Reading an OpenAPI document needs jsonschema.", EXTRA)
    return Draft202012Validator, SchemaError
