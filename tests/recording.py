r"""How cassettes are recorded: against the real API with a key, against the sandbox without.

    APILAPLAS_API_KEY=... pytest tests/test_standard.py --no-cov --record-mode=rewrite \
        --force-enable-socket

Without the key the same command records against the sandbox, and the file says so. Hosts are
written as the real ones; keys and the signatures of links are left out.
"""

import base64
import json
import os
import re
from typing import Any

from vcr.serializers import yamlserializer

from langchain_apilaplas.settings import DEFAULT_BASE_URL, KEY_VARIABLES

REAL_KEY = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), None)


def real_hosts(text: str) -> str:
    text = re.sub(r"http://127\.0\.0\.1:\d+(?=/wolf/)", "https://cdn.apilaplas.com", text)
    return re.sub(r"http://127\.0\.0\.1:\d+", DEFAULT_BASE_URL, text)


def scrub_request(request: Any) -> Any:
    request.uri = real_hosts(request.uri)
    request.headers.pop("host", None)
    return request


def scrub_response(response: dict[str, Any]) -> dict[str, Any]:
    text = real_hosts(response["body"]["string"].decode())
    text = re.sub(r"_jwt=([\w-]+)\.([\w-]+)\.[\w-]+", _only_expiry, text)
    response["body"]["string"] = text.encode()
    response["headers"].pop("content-length", None)
    return response


def _only_expiry(token: re.Match[str]) -> str:
    """The rest of a link's token tells whose account it is."""
    payload = token[2] + "=" * (-len(token[2]) % 4)
    expiry = {"exp": json.loads(base64.urlsafe_b64decode(payload))["exp"]}
    kept = base64.urlsafe_b64encode(json.dumps(expiry).encode()).decode().rstrip("=")
    return f"_jwt={token[1]}.{kept}.SCRUBBED"


class Commented:
    """YAML with a first line that says where it comes from."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        source = "the real API" if REAL_KEY else "the sandbox of this package"
        return f"# Recorded against {source}.\n{yamlserializer.serialize(cassette)}"

    deserialize = staticmethod(yamlserializer.deserialize)
