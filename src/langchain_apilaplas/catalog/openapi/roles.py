"""Which part a parameter plays: first frame, last frame, shape… From its name, type and words."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from langchain_apilaplas.catalog.openapi.facts import (
    choices_of,
    facts,
    kind_of,
    patterns,
    said,
    types_of,
)
from langchain_apilaplas.catalog.spec import Kind, Picture

_PICTURE = r"(image|img|picture|frame|frame_(image|img)|image_frame|keyframe)"
_ADDRESS = r"(_(url|uri|src))?"
_NAMES: Mapping[str, re.Pattern[str]] = {
    "prompt": re.compile(r"((user|text|video|input)_)?prompt(_text)?|text|text_input|input_text"),
    "image": re.compile(
        rf"(image|img|picture|first_frame|start_frame){_ADDRESS}"
        rf"|(first|start|starting|init|initial|input|source|prompt|head)_{_PICTURE}{_ADDRESS}"
        rf"|(image|img|frame)_(start|first){_ADDRESS}"
    ),
    "last_image": re.compile(
        rf"(last|tail|end|ending|final)_{_PICTURE}{_ADDRESS}"
        rf"|(image|img|frame)_(end|last|tail){_ADDRESS}"
    ),
    "images": re.compile(
        r"([a-z0-9]+_)*(images|imgs|pictures|(image|img|picture)_(list|urls?|uris?))|image|img"
    ),
    "aspect_ratio": re.compile(r"(video_)?(aspect_?)?ratio"),
    "duration": re.compile(
        r"(video_)?duration(_(in_)?(s|secs?|seconds))?|seconds|(video_)?length_(in_)?seconds"
        r"|video_length"
    ),
}
"""What the API may call it. Which name is which is said by type and words, too."""
_FIRST = re.compile(r"\b(first|start|starting|initial|opening)[ -]+(frame|image|picture)", re.I)
_LAST = re.compile(r"\b(last|final|end|ending|tail|closing)[ -]+(frame|image|picture)", re.I)
_NOT_A_PICTURE = re.compile(r"mask|video|audio|voice|sound|music|webhook|callback", re.I)
_NOT_THE_PROMPT = re.compile(r"speech|spoken|speak|voice|lip|subtitle|caption|watermark", re.I)
_NOT_SECONDS = re.compile(r"millisecond|\bms\b|\bframes?\b", re.I)
_URI = re.compile(r"\b(ur[il]|uri-reference|https?|link|base64|data uri)s?\b", re.I)
_URL_NAME = re.compile(r"(^|_)ur[il]s?$")
_INLINE = re.compile(r"base ?64|data:|data[ -]ur[il]|\binline\b|\bbinary\b", re.I)
_URL_ONLY = re.compile(
    r"only (an? |public |https? )*(ur[il]|link)|(ur[il]|link)s? only|(no|not) (an? |as )?base ?64"
    r"|base ?64[\w ]{0,20} not",
    re.I,
)
_RAW = re.compile(
    r"(?<!not )(?<!no )\braw base ?64|\b(without|no|not|omit\w*|exclud\w*|strip\w*)\b[^.;]{0,40}"
    r"\b(data:|data[ -]ur[il]|prefix|header)",
    re.I,
)
_LINK = re.compile(r"(?<!data )(?<!data-)\bur[il]s?\b|https?:|\blinks?\b", re.I)
_NO_LINK = re.compile(r"\b(no|not|never|without)( an?| as| any| https?)* (ur[il]|link)s?\b", re.I)
_SAMPLES = ("https://a.io/a.png", "https://a.io/a.jpg", "data:image/png;base64,iVBORw0KGgo=")
_SHAPE = re.compile(r"\d+\s*[:x/]\s*\d+")


def roles(properties: Mapping[str, Any]) -> dict[str, str]:
    """Role → which of the properties plays it. Of several the first; its very name comes before."""
    found: dict[str, str] = {}
    snakes = {name: snake(name) for name in properties}
    passes: tuple[Callable[[str, str], bool], ...] = (
        lambda role, name: snakes[name] == role,
        lambda role, name: bool(_NAMES[role].fullmatch(snakes[name])),
        lambda role, name: _described(role, snakes[name], properties[name]),
    )
    for matches in passes:
        for role, fits in _FITS.items():
            for name, schema in properties.items():
                free = role not in found and name not in found.values()
                if free and matches(role, name) and fits(snakes[name], schema):
                    found[role] = name
    return found


def kind_of_role(role: str | None, schema: Any) -> Kind:
    """The kind of parameter that plays the role."""
    if role in ("image", "last_image"):
        return "image"
    if role in ("images", "prompt"):
        return "images" if role == "images" else "text"
    return kind_of(facts(schema))


def is_picture(name: str, schema: Any) -> bool:
    """Whether a parameter of that name is the first frame or the last."""
    return bool(roles({name: schema}).keys() & {"image", "last_image"})


def is_raw(name: str, schema: Any) -> bool:
    """Whether it takes base64 as it is: neither a URL nor a data URI, which are all we send."""
    return _takes_raw(schema) and not _takes_link(name, schema)


def picture(name: str, schema: Any) -> Picture:
    """What an image must be like: whether it may travel inside the request."""
    words, forms = said(schema), patterns(schema)
    if _takes_raw(schema):
        return Picture(inline=False)
    if any("https" in form for form in forms) and not any("data" in form for form in forms):
        return Picture(inline=False)
    if _INLINE.search(words):
        return Picture(inline=not _URL_ONLY.search(words))
    is_url = _URL_NAME.search(snake(name)) or re.search(r"\b(uri|url)\b", words)
    return Picture(inline=not is_url)


def _takes_raw(schema: Any) -> bool:
    forms = patterns(schema)
    told = any(re.search("http|data", form) for form in forms)
    fits = any(re.search(form, sample) for form in forms for sample in _SAMPLES)
    return bool(_RAW.search(said(schema))) or (bool(forms) and not told and not fits)


def _takes_link(name: str, schema: Any) -> bool:
    words = _NO_LINK.sub("", said(schema))
    return bool(_LINK.search(words) or _URL_NAME.search(snake(name)))


def snake(name: str) -> str:
    """`imageUrl`, `image-url` and `image_url` are one name."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]", "_", name).lower()


def _described(role: str, name: str, schema: Any) -> bool:
    """Whether the words alone tell: a URL of which they say that it is the first frame."""
    if role not in ("image", "last_image"):
        return False
    words = said(schema)
    if not (_URI.search(words) or _URL_NAME.search(name)):
        return False
    first, last = bool(_FIRST.search(words)), bool(_LAST.search(words))
    return first != last and first == (role == "image")


def _is_prompt(_: str, schema: Any) -> bool:
    found = facts(schema)
    words = said(schema)
    free = "enum" not in found and not re.search(r"^ur[il]$", str(found.get("format")))
    return _may_be(found, "string") and free and not _NOT_THE_PROMPT.search(words)


def _is_picture(name: str, schema: Any) -> bool:
    found = facts(schema)
    free = "enum" not in found and not _NOT_A_PICTURE.search(name)
    return "string" in types_of(found) and free and not is_raw(name, schema)


def _is_pictures(name: str, schema: Any) -> bool:
    found = facts(schema)
    return "array" in types_of(found) and _is_picture(name, found.get("items"))


def _is_shape(_: str, schema: Any) -> bool:
    found = facts(schema)
    choices = choices_of(found, "text")
    shaped = not choices or any(_SHAPE.search(choice) for choice in choices)
    return kind_of(found) == "text" and shaped


def _is_length(_: str, schema: Any) -> bool:
    found = facts(schema)
    choices = choices_of(found, "text")
    counted = not choices or any(choice[0].isdigit() for choice in choices)
    scalar = kind_of(found) in ("integer", "number", "text")
    return scalar and counted and not _NOT_SECONDS.search(said(schema))


def _may_be(found: Mapping[str, Any], type_name: str) -> bool:
    types = types_of(dict(found))
    return not types or types == {type_name}


_FITS: Mapping[str, Callable[[str, Any], bool]] = {
    "prompt": _is_prompt,
    "image": _is_picture,
    "last_image": _is_picture,
    "images": _is_pictures,
    "aspect_ratio": _is_shape,
    "duration": _is_length,
}
"""Role → whether a parameter of that type and those words can play it."""
