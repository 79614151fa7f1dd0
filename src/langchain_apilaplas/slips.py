"""Slips of form, and what was meant: `"10s"` for 10, `16x9`, `landscape`. Pure.

Only what can mean one thing is set right. For the rest there is the nearest value that is allowed.
"""

import difflib
import math
import re
from collections.abc import Callable
from typing import Any, TypeGuard

from langchain_apilaplas.catalog import Param

_SECONDS = r"\s*(?:s|secs?|seconds?)\.?$"
_NUMBER = r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?"
_RATIO = r"([0-9]{1,5})\s*(?::|x|\u00d7|/|by)\s*([0-9]{1,5})"
AROUND = " \t\r\n`'\"<>"
"""What is put around an id or an address, and does not belong to it."""

_SHAPES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "landscape": ("16:9", lambda ratio: ratio > 1),
    "horizontal": ("16:9", lambda ratio: ratio > 1),
    "widescreen": ("16:9", lambda ratio: ratio > 1),
    "portrait": ("9:16", lambda ratio: ratio < 1),
    "vertical": ("9:16", lambda ratio: ratio < 1),
    "square": ("1:1", lambda ratio: ratio == 1),
}
"""What people call a shape, what they usually mean, and which ratios it could be."""

_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def fix(param: Param, value: object) -> Any:
    """What was meant; None when that is anybody's guess."""
    if not _is_plain(value):
        return None
    if param.kind == "boolean":
        return _SWITCH.get(value.strip().lower()) if isinstance(value, str) else None
    if param.choices:
        return _choice(param, value)
    if param.kind in ("integer", "number"):
        return _number(param, value)
    if param.kind == "id":  # MiniMax's are digits, which a model may well pass on as a number
        return None if isinstance(value, float) else str(value).strip(AROUND)
    number = _number(param, value)
    is_seconds = param.name == "duration" and param.form and isinstance(number, int)
    return f"{number}s" if is_seconds else None


def nearest(param: Param, value: object) -> Any:
    """The allowed value next to this one; None where there is no such thing."""
    if not _is_plain(value):
        return None
    ratio = _ratio(value)
    ratios = {choice: r for choice in param.choices if (r := _ratio(choice))}
    if ratio and ratios:
        return min(ratios, key=lambda choice: abs(math.log(ratios[choice] / ratio)))
    number = _number(param, value)
    if param.schema is not None:  # which may have rules that a near value breaks
        return None
    if number is not None and param.kind in ("integer", "number"):
        return _nearest_number(param, number)
    if isinstance(value, str):
        return _likeliest(param, value)
    return None


def _is_plain(value: object) -> TypeGuard[str | int | float]:
    if isinstance(value, int) and abs(value) > 2**99:  # too many digits to be written out
        return False
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _choice(param: Param, value: str | int | float) -> Any:
    keys = {choice: _key(param, choice) for choice in param.choices}
    wanted = _key(param, value)
    same = [choice for choice, key in keys.items() if key == wanted]
    if not same and isinstance(wanted, str):
        same = _same_shape(param, wanted)
    return same[0] if len(same) == 1 else None


def _same_shape(param: Param, wanted: str) -> list[Any]:
    ratios = {choice: r for choice in param.choices if (r := _ratio(choice))}
    if wanted in _SHAPES:
        usual, could_be = _SHAPES[wanted]
        fitting = [choice for choice, ratio in ratios.items() if could_be(ratio)]
        return [usual] if usual in fitting else fitting
    # 1920x1080 means 16:9. But where sizes are chosen from, it does not mean 1280x720.
    ratio = _ratio(wanted)
    return [c for c, r in ratios.items() if ratio and ":" in str(c) and math.isclose(r, ratio)]


def _key(param: Param, value: str | int | float) -> str | int | float:
    """What is left of a value without case, the word for seconds, and the kind of cross or gap."""
    text = str(value).strip().lower()
    number = _number(param, value)
    if number is not None:
        return number
    sides = re.fullmatch(_RATIO, text)
    return f"{int(sides[1])}:{int(sides[2])}" if sides else re.sub(r"[\s_-]+", "_", text)


def _number(param: Param, value: str | int | float) -> int | float | None:
    if isinstance(value, str):
        text = value.strip().lower()
        if param.name == "duration":
            text = re.sub(_SECONDS, "", text)
        if not re.fullmatch(_NUMBER, text):
            return None
        value = float(text) if "." in text else int(text)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value == int(value) else value
    return value


def _ratio(value: object) -> float | None:
    match = re.fullmatch(_RATIO, str(value).strip().lower()) if isinstance(value, str) else None
    if not match or not int(match[1]) or not int(match[2]):
        return None
    return int(match[1]) / int(match[2])


def _nearest_number(param: Param, number: int | float) -> Any:
    if param.choices:
        numbers = [choice for choice in param.choices if not isinstance(choice, str)]
        return min(numbers, key=lambda choice: abs(choice - number), default=None)
    if param.kind == "integer" and number != int(number):
        number = round(number)
    if param.minimum is not None and number < param.minimum:
        number = param.minimum
    if param.maximum is not None and number > param.maximum:
        number = param.maximum
    return number


def _likeliest(param: Param, value: str) -> Any:
    words = {str(choice).lower(): choice for choice in param.choices}
    said = value[:100].strip().lower()
    containing = [word for word in words if said in word]
    found = containing if len(containing) == 1 else difflib.get_close_matches(said, words, n=1)
    return words[found[0]] if found else None
