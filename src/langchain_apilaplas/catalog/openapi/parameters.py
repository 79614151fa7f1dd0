"""The parameters of a body, and what it holds whatever anyone says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from langchain_apilaplas.catalog import params
from langchain_apilaplas.catalog.openapi import facts as about
from langchain_apilaplas.catalog.openapi.document import validators
from langchain_apilaplas.catalog.openapi.naming import names, plain_words
from langchain_apilaplas.catalog.openapi.roles import (
    is_picture,
    is_raw,
    kind_of_role,
    picture,
    roles,
    snake,
)
from langchain_apilaplas.catalog.openapi.shapes import Shape, merged, shapes
from langchain_apilaplas.catalog.openapi.text import clip, refuse
from langchain_apilaplas.catalog.spec import Param, Picture

Constants = tuple[tuple[str, Any], ...]

_MOST = 200
_LONGEST_TEXT = 300
_WRAPPERS = {"input", "parameters", "params", "options", "settings", "args"}
"""Objects that only hold parameters: theirs are offered as if they lay in the body itself."""
_ADDRESSES = ("url", "uri")
_SAID = {
    "prompt": params.prompt().description,
    "last_image": params.last_image("").description,
    "images": "Pictures to start from or to refer to, in their order, each named by its https URL, "
    "or, of this conversation, 'attached:last' or 'attached:N' (1 = the user's first).",
    "aspect_ratio": params.aspect_ratio().description,
    "duration": "Length in seconds.",
}
"""How a role is described: a picture always so, as agents have names for it, the rest at need."""
_PICTURES = ("image", "images")
_CALLED_BACK = re.compile(r"web_?hook|call_?back", re.IGNORECASE)
"""Where the gateway is to send results: nothing that an agent may choose."""


@dataclass(frozen=True)
class _Slot:
    """A place of the body that a parameter fills.

    Attributes:
        name: What tells the part it plays.
        wire: Its own name there.
        schema: Of the value.
        required: Whether every body has it.
        inside: The objects it lies in, outermost first.
    """

    name: str
    wire: str
    schema: Any
    required: bool
    inside: tuple[str, ...] = ()


def parameters(shape: Shape) -> tuple[tuple[Param, ...], Constants]:
    """The parameters of a body of this shape, and what is sent where they are left out."""
    slots = _keyed(_slots(shape))
    if not slots or len(slots) > _MOST:
        _refuse_count(len(slots))
    schemas = {key: slot.schema for key, slot in slots.items()}
    playing = roles(schemas)
    called = names(schemas, playing)
    found: list[Param] = []
    constants: dict[str, Any] = {}
    for key, slot in slots.items():
        param = _param(called[key], slot, has_role=key in playing.values())
        for value in _settled(slot, param):
            constants[slot.wire] = value
            param = replace(param, required=False)
        if slot.wire not in constants or slot.inside or len(_enum(slot)) != 1:
            found.append(param)
    if not found:
        _refuse_count(0)
    return tuple(found), tuple(constants.items())


def _refuse_count(count: int) -> None:
    refuse(f"The body has {f'{count:,}' if count else 'no'} parameters; 1 to {_MOST} are read.")


def _slots(shape: Shape, inside: tuple[str, ...] = (), *, needed: bool = True) -> Iterator[_Slot]:
    for wire, schema in shape.properties.items():
        required = needed and wire in shape.required
        inner = _object(schema)
        if inner and snake(wire) in _WRAPPERS:
            yield from _slots(inner, (*inside, wire), needed=required)
        elif inner and (address := _address(wire, inner)):
            said = {"description": about.said(schema), **inner.properties[address]}
            yield _Slot(wire, address, said, required, (*inside, wire))
        else:
            yield _Slot(wire, wire, schema, required, inside)


def _object(schema: Any) -> Shape | None:
    """What an object holds; None for what need not be one, or holds nothing in particular."""
    types, ways = about.types_of(about.facts(schema)), shapes(schema)
    is_object = types == {"object"} or (not types and all(way.properties for way in ways))
    inner = merged(ways)
    return inner if is_object and inner.properties else None


def _address(name: str, inner: Shape) -> str | None:
    """The property that holds a picture's URL, if the object is nothing but a picture."""
    for address, schema in inner.properties.items():
        alone = len(inner.properties) == 1 or inner.required == {address}
        if address in _ADDRESSES and alone and isinstance(schema, dict):
            return address if is_picture(name, schema) else None
    return None


def _keyed(slots: Iterator[_Slot]) -> dict[str, _Slot]:
    """Each slot under a name of its own."""
    found: dict[str, _Slot] = {}
    for slot in slots:
        key = slot.name if slot.name not in found else ".".join((*slot.inside, slot.wire))
        while key in found:
            key += "_"
        found[key] = slot
    return found


def _enum(slot: _Slot) -> list[Any]:
    found: list[Any] = about.facts(slot.schema).get("enum", [])
    return found


def _settled(slot: _Slot, param: Param) -> list[Any]:
    """What a body has where nobody says anything: one value, or none that the document tells.

    Only for what lies in the body itself: constants have no other place.
    """
    if not slot.required or slot.inside:
        return []
    enum = _enum(slot)
    known = [*(enum if len(enum) == 1 else ()), param.default]
    known = [value for value in known if isinstance(value, str | int | float)]
    known += [None] if about.types_of(about.facts(slot.schema)) or enum else []
    validator = validators()[0](slot.schema)
    return [value for value in known if validator.is_valid(value)][:1]


def _param(name: str, slot: _Slot, *, has_role: bool) -> Param:
    schema, role = slot.schema, name if has_role else None
    found = about.facts(schema)
    kind = kind_of_role(role, schema)
    wanted = picture(slot.wire, schema) if kind in _PICTURES else Picture()
    choices = about.choices_of(found, kind)
    if "enum" in found and not choices and kind in ("text", "integer", "number"):
        kind = "json"
    least, most = about.limits_of(found, kind) if kind in ("integer", "number") else (None, None)
    bounded = kind == "text" and "maxLength" in found
    hidden = found.get("deprecated") or _CALLED_BACK.search(slot.name)
    return Param(
        name,
        slot.wire,
        kind,
        params.image(picture=wanted).description
        if role == "image"
        else _description(role, slot, found, kind),
        required=slot.required,
        choices=choices,
        minimum=least,
        maximum=most,
        max_length=int(found["maxLength"]) if bounded else None,
        default=about.default_of(found, kind),
        for_agents=(slot.required or not hidden)
        and not (kind in ("text", "json") and is_raw(slot.name, schema)),
        picture=wanted,
        schema=None if kind in _PICTURES or about.is_plain(schema) else _fragment(schema),
        inside=slot.inside,
    )


def _fragment(schema: Any) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {}


def _description(role: str | None, slot: _Slot, found: about.Facts, kind: str) -> str:
    if role and kind in _PICTURES:
        return _SAID[role]
    words = clip(found.get("description") or "", _LONGEST_TEXT)
    return words or (_SAID[role] if role else plain_words(slot.name))
