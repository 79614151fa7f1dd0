"""Where to call and with which key: from arguments, else from the environment."""

import math
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from langchain_core.utils import secret_from_env
from pydantic import SecretStr

from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.pacing import POLL_COST

DEFAULT_BASE_URL = "https://api.apilaplas.com"
KEY_VARIABLES = ("APILAPLAS_API_KEY", "LAPLASAPI_KEY")
_DAY = 86_400.0


@dataclass(frozen=True)
class Settings:
    """What every call needs.

    Attributes:
        api_key: Sent as `Authorization: Bearer`.
        base_url: The gateway's address, without a path at its end.
        timeout: Seconds one HTTP request may take to connect, send or answer.
        poll_interval: Seconds between two looks; None lets the pacing decide.
        poll_cost: Seconds of delay worth one look, for that decision.
        universal: Whether every model is called on the universal path.
    """

    api_key: SecretStr
    base_url: str
    timeout: float = 30.0
    poll_interval: float | None = None
    poll_cost: float = POLL_COST
    universal: bool = False

    @classmethod
    def resolve(
        cls,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        poll_interval: float | None = None,
        poll_cost: float | None = None,
        universal: bool = False,
    ) -> "Settings":
        """Fill what is not given from `APILAPLAS_API_KEY` (or `LAPLASAPI_KEY`),
        `APILAPLAS_BASE_URL`, `APILAPLAS_POLL_INTERVAL` and `APILAPLAS_POLL_COST`.

        Raises:
            SettingsError: No key anywhere, or a value of the wrong form.
        """
        interval: Any = poll_interval
        if interval is None:
            interval = os.environ.get("APILAPLAS_POLL_INTERVAL") or None
        if interval is not None:
            interval = seconds("poll_interval", interval, most=_DAY)
        cost: Any = poll_cost
        if cost is None:
            cost = os.environ.get("APILAPLAS_POLL_COST") or POLL_COST
        return cls(
            api_key=_key(api_key),
            base_url=_base_url(base_url or os.environ.get("APILAPLAS_BASE_URL")),
            timeout=seconds("timeout", timeout, least=0.001, most=_DAY),
            poll_interval=interval,
            poll_cost=seconds("poll_cost", cost, most=_DAY),
            universal=universal,
        )


def seconds(name: str, given: object, *, least: float = 0.0, most: float = math.inf) -> float:
    """A length of time that can be waited.

    Raises:
        SettingsError: It is no number, or not between `least` and `most`.
    """
    try:
        length = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        length = math.nan
    if not least <= length <= most:
        limit = "" if most == math.inf else f" and at most {most:g}"
        raise SettingsError(f"{name} must be a number of seconds, at least {least:g}{limit}.")
    return length


def _key(given: str | SecretStr | None) -> SecretStr:
    candidates = [given, *(secret_from_env(name, default=None)() for name in KEY_VARIABLES)]
    for candidate in candidates:
        text = candidate.get_secret_value() if isinstance(candidate, SecretStr) else candidate
        if text and text.strip():
            # A pasted line break would end up, key and all, in the HTTP library's error.
            if not re.fullmatch(r"[\x21-\x7e]+", text.strip()):
                raise SettingsError(
                    "The API key has a space or a character that no HTTP header can carry.",
                    next_step="Copy the key again, without quotes or line breaks.",
                )
            return SecretStr(text.strip())
    raise SettingsError(
        "No API key: neither api_key= nor APILAPLAS_API_KEY (or LAPLASAPI_KEY) is set.",
        next_step="Set it, or try without one: `python -m langchain_apilaplas.sandbox` "
        "starts a stand-in that takes any key.",
    )


def _base_url(given: str | None) -> str:
    url = (given or DEFAULT_BASE_URL).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a port that is no number raises here
    except ValueError:
        parts = urlsplit("")
    well_formed = parts.scheme in ("http", "https") and parts.hostname
    if not well_formed or re.search(r"[@\s]", url) or parts.query or parts.fragment:
        raise SettingsError(
            "base_url must be an http(s) address without user, query or fragment, "
            f"such as {DEFAULT_BASE_URL}.",
            next_step="Correct base_url= or APILAPLAS_BASE_URL.",
        )
    return url
