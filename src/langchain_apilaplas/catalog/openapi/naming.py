"""Names that an agent and Python can say."""

import keyword
import re
from collections.abc import Iterable

_LONGEST = 60  # model providers take 64
_TAKEN = {
    # what the client and the tools are called with
    *("model", "models", "key", "timeout", "on_progress", "request", "runtime", "generation_id"),
    *("self", "cls", "args", "kwargs", "config", "callbacks", "run_manager"),
    # what every pydantic model has
    *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw"),
    *("schema", "schema_json", "update_forward_refs", "validate", "model_computed_fields"),
    *("model_config", "model_construct", "model_copy", "model_dump", "model_dump_json"),
    *("model_extra", "model_fields", "model_fields_set", "model_json_schema"),
    *("model_parametrized_name", "model_post_init", "model_rebuild", "model_validate"),
    *("model_validate_json", "model_validate_strings"),
}


def names(wires: Iterable[str], roles: dict[str, str]) -> dict[str, str]:
    """Wire name → the role it plays, else its own name made sayable. All are different."""
    found = {wire: role for role, wire in roles.items()}
    for wire in wires:
        if wire not in found:
            found[wire] = _unused(_sayable(wire), found.values())
    return found


def plain_words(name: str) -> str:
    """A name as words, for want of a description."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", " ", name).strip().lower()
    return f"{words.capitalize()}." if words else "No description."


def _sayable(wire: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", wire).lstrip("_")[:_LONGEST]
    if not name or name[0].isdigit():
        name = f"param_{name}".rstrip("_")
    return f"{name}_" if name in _TAKEN or keyword.iskeyword(name) else name


def _unused(name: str, used: Iterable[str]) -> str:
    taken = set(used)
    while name in taken:
        name += "_"
    return name
