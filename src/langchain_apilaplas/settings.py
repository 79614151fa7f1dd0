"""Where to call and with which key: from arguments, else from the environment."""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from langchain_core.utils import secret_from_env
from pydantic import SecretStr

from langchain_apilaplas.errors import SettingsError

DEFAULT_BASE_URL = "https://api.apilaplas.com"
KEY_VARIABLES = ("APILAPLAS_API_KEY", "LAPLASAPI_KEY")


@dataclass(frozen=True)
class Settings:
    """What every call needs.

    Attributes:
        api_key: Sent as `Authorization: Bearer`.
        base_url: The gateway's address, without a path at its end.
        timeout: Seconds one HTTP request may take to connect, send or answer.
        poll_interval: Seconds between two looks; None lets the pacing decide.
    """

    api_key: SecretStr
    base_url: str
    timeout: float = 30.0
    poll_interval: float | None = None

    @classmethod
    def resolve(
        cls,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        poll_interval: float | None = None,
    ) -> "Settings":
        """Fill what is not given from `APILAPLAS_API_KEY` (or `LAPLASAPI_KEY`),
        `APILAPLAS_BASE_URL` and `APILAPLAS_POLL_INTERVAL`.

        Raises:
            SettingsError: No key anywhere, or a value of the wrong form.
        """
        if timeout <= 0:
            raise SettingsError(f"timeout is {timeout}; it must be a number of seconds above 0.")
        return cls(
            api_key=_key(api_key),
            base_url=_base_url(base_url or os.environ.get("APILAPLAS_BASE_URL")),
            timeout=timeout,
            poll_interval=_poll_interval(poll_interval),
        )


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
    if not well_formed or "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            "base_url must be an http(s) address without user, query or fragment, "
            f"such as {DEFAULT_BASE_URL}.",
            next_step="Correct base_url= or APILAPLAS_BASE_URL.",
        )
    return url


def _poll_interval(given: float | None) -> float | None:
    text = os.environ.get("APILAPLAS_POLL_INTERVAL")
    if given is None and not text:
        return None
    try:
        seconds = float(given if given is not None else str(text))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise SettingsError("poll_interval must be a number of seconds, 0 or more.")
    return seconds
