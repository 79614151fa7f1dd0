"""Names that an agent and Python can say."""

import keyword
import re
from collections.abc import Iterable

from langchain_apilaplas.catalog.spec import RESERVED

_LONGEST = 60  # model providers take 64


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
    return f"{name}_" if name in RESERVED or keyword.iskeyword(name) else name


def _unused(name: str, used: Iterable[str]) -> str:
    taken = set(used)
    while name in taken:
        name += "_"
    return name
