"""What OpenAPI says in its own way, as JSON Schema 2020-12 says it, and the patterns it may use."""

import re
from typing import Any

ONE = {
    *("items", "additionalProperties", "not", "if", "then", "else", "contains"),
    *("propertyNames", "unevaluatedItems", "unevaluatedProperties"),
}
MANY = {"allOf", "anyOf", "oneOf", "prefixItems"}
NAMED = {"properties", "patternProperties", "dependentSchemas"}
NOTES = {
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    *("format", "contentEncoding", "contentMediaType"),
}
RULES = {
    *("type", "enum", "const", "required", "dependentRequired", "pattern", "multipleOf"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"),
    *("minItems", "maxItems", "uniqueItems", "minContains", "maxContains"),
    *("minProperties", "maxProperties"),
}
"""Every other keyword, such as xml or x-anything, constrains nothing."""
TIGHTENED = {"not", "if", "oneOf", "contains"}
"""Where a part that says less makes the whole refuse more."""
_IN_PLACE = {"allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas"}
"""Whose schemas are about the same object."""
_LONGEST_PATTERN = 1000
_MOST_WAYS = 10_000
_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\??|\{\d*,?\d*\}|.", re.DOTALL)
_ENDLESS = re.compile(r"[*+]|\{\d*,(\d{2,})?\}")


def modern(schema: dict[str, Any], *, nullable: bool) -> dict[str, Any]:
    """Without the words of OpenAPI 3.0."""
    for bound, exclusive in (
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ):
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
            schema[exclusive] = schema.pop(bound)
    if not nullable or not schema.keys() & (ONE | MANY | NAMED | RULES):
        return schema
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if not schema.keys() & (MANY | {"const"}):
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"].append(None)
        return schema
    notes = {key: schema.pop(key) for key in NOTES & schema.keys()}
    return {**notes, "anyOf": [schema, {"type": "null"}]}


def discriminated(schema: dict[str, Any], node: dict[str, Any], told: Any) -> dict[str, Any]:
    """With the models that a discriminator names, each at the alternative that it leads to.

    Args:
        schema: What was made of the node.
        node: As the document has it.
        told: Its discriminator.
    """
    of_models = isinstance(told, dict) and told.get("propertyName") == "model"
    mapping = told.get("mapping") if of_models else None
    if not isinstance(mapping, dict):
        return schema
    for keyword in ("oneOf", "anyOf"):
        if isinstance(schema.get(keyword), list) and isinstance(node.get(keyword), list):
            parts = [
                _of_models(part, [model for model, to in mapping.items() if _leads(to, given)])
                for part, given in zip(schema[keyword], node[keyword], strict=True)
            ]
            return {**schema, keyword: parts}
    return _of_models(schema, list(mapping))


def _leads(target: Any, part: Any) -> bool:
    ref = part.get("$ref") if isinstance(part, dict) else None
    return isinstance(ref, str) and target in (ref, ref.rpartition("/")[2])


def _of_models(schema: Any, models: list[str]) -> dict[str, Any]:
    own = [{"properties": {"model": {"enum": models}}}] if models else []
    return {"allOf": [schema, *own]}


def writable(schema: Any, gone: frozenset[str] = frozenset()) -> Any:
    """A checked schema without what only answers have: `readOnly` counts there, and `required` too.

    Args:
        schema: The schema.
        gone: What a schema around it, about the same object, says of that.
    """
    if not isinstance(schema, dict):
        return schema
    gone |= _read_only(schema)
    kept = dict(schema)
    for key, value in schema.items():
        inner = gone if key in _IN_PLACE else frozenset[str]()
        if key in NAMED:
            left = gone if key == "properties" else ()
            kept[key] = {name: writable(value[name], inner) for name in value if name not in left}
        elif key in MANY:
            kept[key] = [writable(part, inner) for part in value]
        elif key in ONE:
            kept[key] = writable(value, inner)
        elif key == "required":
            kept[key] = [name for name in value if name not in gone]
    return kept


def _read_only(schema: Any) -> frozenset[str]:
    if not isinstance(schema, dict):
        return frozenset()
    own = [name for name, part in schema.get("properties", {}).items() if _is_read_only(part)]
    return frozenset(own).union(*map(_read_only, schema.get("allOf", ())))


def _is_read_only(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    return schema.get("readOnly") is True or any(map(_is_read_only, schema.get("allOf", ())))


def is_usable(pattern: str) -> bool:
    """Whether Python takes a pattern of ECMAScript, and answers soon whatever the text is."""
    try:
        re.compile(pattern[: _LONGEST_PATTERN + 1])
    except (re.error, OverflowError, RecursionError):
        return False
    return len(pattern) <= _LONGEST_PATTERN and not _may_hang(pattern)


def _may_hang(pattern: str) -> bool:
    """Whether a repeated group varies in itself, or much varies: some of these take for ever."""
    varies, closed, endless, ways = [False], False, 0, 1
    for part in _PART.findall(pattern):
        if closed and part[0] in "*+?{" and part != "?":
            return True
        closed = part == ")" and len(varies) > 1 and varies.pop()
        if part[0] == "(":
            varies.append(False)
        elif closed or part in "*+?|" or (part[0] == "{" and "," in part):
            varies[-1] = True
            endless += bool(_ENDLESS.fullmatch(part))
            ways *= 10 if part[0] == "{" else 1 if closed else 2
    return endless > 1 + pattern.startswith("^") or ways > _MOST_WAYS
