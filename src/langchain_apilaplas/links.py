"""When a signed link stops working, read from the link itself. Pure."""

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_SIGNED_AT = re.compile(r"x-(?:amz|goog|oss|cos|tos|obs)-date", re.ASCII)
_COMPACT = "%Y%m%dT%H%M%SZ"
_EARLIEST = 10**8
"""Seconds since 1970, in 1973; a smaller number is no point in time."""

Query = Sequence[tuple[str, str]]


def expiry(url: str) -> datetime | None:
    """When a link expires (aware, UTC): the earliest that its query tells; None when it tells none.

    Read are `exp` of a JSON Web Token (RFC 7519, 4.1.4) in any parameter; `Expires`, in seconds
    since 1970 (S3's version 2, CloudFront, OSS, GCS); `X-…-Date` with `X-…-Expires`, in seconds
    (version 4 of S3 and those who follow it); and `se` beside `sig` (Azure).
    """
    try:
        query = [(name.lower(), value) for name, value in parse_qsl(urlsplit(url).query)]
    except ValueError:
        return None
    return min(filter(None, (*_epochs(query), *_dates(query))), default=None)


def _epochs(query: Query) -> list[datetime | None]:
    told = [int(value) for name, value in query if name == "expires" and _is_epoch(value)]
    return [
        _moment(seconds) for seconds in [*(_claims(value).get("exp") for _, value in query), *told]
    ]


def _is_epoch(value: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{9,12}", value))


def _dates(query: Query) -> list[datetime | None]:
    told = dict(query[::-1])  # the first of each name
    dates = [name for name in told if _SIGNED_AT.fullmatch(name)]
    found = [_signed(told[at], told.get(at.replace("date", "expires"), "")) for at in dates]
    signed = any(name == "sig" for name, _ in query)
    return [*found, *(_iso(value) for name, value in query if name == "se" and signed)]


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or seconds < _EARLIEST:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _signed(date: str, lasts: str) -> datetime | None:
    if not re.fullmatch(r"[0-9]{1,9}", lasts):
        return None
    try:
        start = datetime.strptime(date, _COMPACT).replace(tzinfo=UTC)
        return start + timedelta(seconds=int(lasts))
    except (ValueError, OverflowError):
        return None


def _iso(date: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(date)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
