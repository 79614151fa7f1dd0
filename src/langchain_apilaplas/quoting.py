"""What of a gateway's answer may be quoted in a message, and how long it asks to wait. Pure."""

import email.utils
import json
import re
from collections.abc import Mapping, Sequence

_LONGEST = 300
_HIDES = 10_000

_READ = 4_000
"""Characters that are looked at for a quote."""

_DAY = 86_400.0
"""The longest wait that is believed."""

_HIDDEN = (
    (r"(https?:[\\/]{1,4})(?:(?![/?#@\"'<>])[!-~]){1,200}@", r"\1…@"),  # user and password
    (r"data:[^,\s]*,[\w+/=%-]*", "data:…"),
    (r"(https?:[\\/]+[^\s?\"'<>]*)\?[^\s\"'<>]*", r"\1?…"),
    (
        r"(?:[?&#]|%3F|%26|%23)(?:[\w-]*(?:signature|token|key|policy|expires|jwt)|sig)=[^\s\"'<>]*",
        "?…",
    ),
    (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "…"),  # a JSON Web Token
    (r"(?:[A-Za-z0-9+/=_-]{60,}\s*)+", "… "),  # base64, wrapped or not
)
"""What is cut out of a quote, and what stands there instead."""


def hide(text: str) -> str:
    """The text, ten thousand characters at most, without the secrets of links and base64."""
    text = text[:_HIDES]
    for hidden, shown in _HIDDEN:
        text = re.sub(hidden, shown, text, flags=re.IGNORECASE)
    return text


def quoted(value: object) -> str:
    """A value as a message shows it: cut short, without base64 and the signed parts of links."""
    try:
        text = hide(repr(value)[:_READ])
    except (ValueError, RecursionError):  # an int of thousands of digits has no repr
        return f"this {type(value).__name__}"
    return shorten(text)


def shorten(text: str, longest: int = 80) -> str:
    """So many characters of it: messages quote what was given, not all of it."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def one_line(error: Exception) -> str:
    """What another library's error says, in a line, without the secrets of links."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return shorten(hide(line), 200)


def place(path: Sequence[str | int]) -> str:
    """A place inside a value, as in `masks[0].points[1].x`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")


def words(content: bytes) -> str:
    """The message in an answer: of the gateway's JSON, or of a proxy's HTML page."""
    text = content[: 2 * _READ].decode("utf-8", "replace")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        if title:
            return title[1]
        return "" if "<html" in text.lower() else text
    message = answer
    if isinstance(answer, dict):
        found = (answer.get(name) for name in ("message", "error", "detail", "errors"))
        message = next(filter(None, found), "")
    return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)


def clean(text: str, secret: str, names: Mapping[str, str]) -> str:
    """At most 300 characters on one line, without the secret, base64 or a link's signed part.

    `names` are words to be said otherwise: what the API calls a parameter → what the caller does.
    """
    if len(secret) >= 8:  # a shorter one is no secret, and stands in too many words
        text = text[: 2 * _READ].replace(secret, "***")
    text = hide(text[:_READ].encode("utf-8", "replace").decode())
    for theirs, ours in names.items():
        if theirs != ours:
            # A word like "ratio" is a parameter's name only where it stands as one.
            name = re.escape(theirs)
            word = name if re.search("[_.]", theirs) else f"(?<=['\"]){name}|{name}(?=:)"
            text = re.sub(rf"\b(?:{word})\b", ours, text)
    text = " ".join(text.split()).rstrip(".")
    return shorten(text, _LONGEST)


def retry_after(headers: Mapping[str, str], content: bytes) -> float | None:
    """Seconds to wait, from the header (a number, or a date set against the answer's own) or from
    `retry_after` in the body or its `error`; None when none says so.
    """
    header = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", header):
        return min(_DAY, float(header))
    try:
        until = email.utils.parsedate_to_datetime(header)
        sent = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        return min(_DAY, max(0.0, (until - sent).total_seconds()))
    except (ValueError, TypeError, OverflowError):
        pass  # no date either
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    for part in (body, body.get("error") if isinstance(body, dict) else None):
        if isinstance(part, dict) and "retry_after" in part:
            return seconds(part["retry_after"])
    return None


def seconds(asked: object) -> float | None:
    """The wait that a body's `retry_after` asks for; None where it is no such number."""
    if isinstance(asked, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", asked):
        asked = float(asked)
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not asked >= 0:
        return None
    return float(min(_DAY, asked))
