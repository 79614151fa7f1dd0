"""The links to finished videos, signed and short-lived, and the files behind them."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any, Literal

import httpx

_SECRET = b"sandbox"

Signed = Literal["jwt", "oss"]
"""How a link proves that it is genuine: by a JSON Web Token, or in the manner of object storage."""


def link(base: httpx.URL, name: str, expires: int, *, signed: Signed = "jwt") -> str:
    """The URL of a video on the host of `base`, good until `expires` (seconds since 1970)."""
    path = f"/wolf/{name}.mp4"
    query = _oss(expires, path) if signed == "oss" else {"_jwt": _token({"exp": expires}, path)}
    return str(base.copy_with(path=path, query=None).copy_with(params=query))


def name(url: httpx.URL) -> str | None:
    """The name in such a URL; None when it is another kind of URL."""
    match = re.fullmatch(r"/wolf/([\w-]+)\.mp4", url.path)
    return match[1] if match else None


def expiry(url: httpx.URL) -> int | None:
    """When a link expires; None when its signature is not ours."""
    return _oss_expiry(url) if "Signature" in url.params else _token_expiry(url)


def _token_expiry(url: httpx.URL) -> int | None:
    token = url.params.get("_jwt", "")
    payload = token.partition(".")[2].partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(claims, dict):
        return None
    genuine = _token(claims, url.path)
    return int(claims["exp"]) if hmac.compare_digest(genuine.encode(), token.encode()) else None


def _oss_expiry(url: httpx.URL) -> int | None:
    said = url.params.get("Expires", "")
    expires = int(said) if re.fullmatch(r"[0-9]{1,12}", said) else -1
    given, genuine = url.params["Signature"], _oss(expires, url.path)["Signature"]
    return expires if hmac.compare_digest(genuine.encode(), given.encode()) else None


def file(content: bytes, asked: httpx.Headers) -> httpx.Response:
    """A video file, or the one range of it that is asked for (RFC 9110, 13.1.5 and 14.1.2)."""
    tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    headers = {"Content-Type": "video/mp4", "Accept-Ranges": "bytes", "ETag": tag}
    wanted = asked.get("Range", "") if asked.get("If-Range", tag) == tag else ""
    span = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", wanted)
    if not span or span[0] == "bytes=-":
        return httpx.Response(200, content=content, headers=headers)
    size = len(content)
    start = int(span[1]) if span[1] else max(0, size - int(span[2]))
    end = min(int(span[2]), size - 1) if span[1] and span[2] else size - 1
    if start > end:
        return httpx.Response(416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return httpx.Response(206, content=content[start : end + 1], headers=headers)


def _token(claims: dict[str, Any], path: str) -> str:
    """A JSON Web Token (RFC 7519) for one path, as the real CDN's links carry it."""
    parts = [_encoded({"alg": "HS256", "typ": "JWT"}), _encoded({"bucket": "sandbox", **claims})]
    message = ".".join([*parts, path]).encode()
    signature = hmac.new(_SECRET, message, hashlib.sha256).digest()
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def _oss(expires: int, path: str) -> dict[str, str]:
    """The query of a link as Alibaba's object storage signs them, which MiniMax uses."""
    message = f"GET\n\n\n{expires}\n{path}".encode()
    signature = base64.b64encode(hmac.new(_SECRET, message, hashlib.sha1).digest()).decode()
    return {"Expires": str(expires), "OSSAccessKeyId": "sandbox", "Signature": signature}


def _encoded(claims: dict[str, Any]) -> str:
    text = json.dumps(claims, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")
