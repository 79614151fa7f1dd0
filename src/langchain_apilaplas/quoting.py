"""What of a gateway's answer may be quoted in a message, and how long it asks to wait. Pure."""

import email.utils
import json
import re
from collections.abc import Mapping

_LONGEST = 300


def words(content: bytes) -> str:
    """The message in an answer: of the gateway's JSON, or of a proxy's HTML page."""
    text = content[:20_000].decode("utf-8", "replace")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        if title:
            return title[1]
        return "" if "<html" in text.lower() else text
    message = answer
    if isinstance(answer, dict):
        message = answer.get("message", answer.get("error", ""))
    return message if isinstance(message, str) else json.dumps(message)


def clean(text: str, secret: str, names: Mapping[str, str]) -> str:
    """At most 300 characters on one line, without the secret, base64 or a link's signed part.

    `names` are words to be said otherwise: what the API calls a parameter → what the caller does.
    """
    text = text[:20_000].replace(secret, "***")
    text = re.sub(r"data:[\w/+.;-]*,[\w+/=%-]*", "data:…", text)
    text = re.sub(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*", r"\1?…", text)
    text = re.sub(r"[\w+/=-]{100,}", "…", text)
    for theirs, ours in names.items():
        if theirs != ours:
            text = re.sub(rf"\b{re.escape(theirs)}\b", ours, text)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def retry_after(headers: Mapping[str, str], content: bytes) -> float | None:
    """Seconds to wait, from the header (a number, or a date set against the answer's own) or from
    `retry_after` in the body; None when neither says so.
    """
    header = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header):
        return float(header)
    try:
        until = email.utils.parsedate_to_datetime(header)
        sent = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - sent).total_seconds())
    except (ValueError, TypeError):
        pass  # no date either
    try:
        seconds = json.loads(content)["retry_after"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    good = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return float(seconds) if good and 0 <= seconds < 1e9 else None
