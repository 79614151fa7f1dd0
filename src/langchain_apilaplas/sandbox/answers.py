"""HTTP answers in the gateway's form: JSON, refusals, and troubles that were ordered."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx

from langchain_apilaplas.sandbox.faults import Fault


def answer(status: int, said: Any) -> httpx.Response:
    """JSON, in ASCII: half of a character, which a body may hold, can't be repeated as it is."""
    headers = {"Content-Type": "application/json"}
    return httpx.Response(status, content=json.dumps(said).encode("ascii"), headers=headers)


def refusal(request: httpx.Request, status: int, message: str, now: float) -> httpx.Response:
    """An HTTP error as the gateway words it."""
    said = {
        "message": message,
        "path": request.url.path,
        "requestId": str(uuid.uuid4()),
        "statusCode": status,
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
    }
    return answer(status, said)


def trouble(fault: Fault, status: int, request: httpx.Request, now: float) -> httpx.Response:
    """What a fault answers instead."""
    headers = {}
    if fault.retry_after is not None:
        headers["Retry-After"] = f"{fault.retry_after:.3f}".rstrip("0").rstrip(".")
    if fault.body is not None:
        return httpx.Response(status, content=fault.body, headers=headers)
    if fault.html:
        title = f"{status} {fault.message}"
        page = f"<html><head><title>{title}</title></head><body>nginx</body></html>"
        return httpx.Response(status, html=page, headers=headers)
    refused = refusal(request, status, fault.message, now)
    refused.headers.update(headers)
    return refused


def read(content: bytes) -> Any:
    """The JSON of a request; None when it is none."""
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
