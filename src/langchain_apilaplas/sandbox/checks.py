"""What the API would refuse, by the sandbox's own reading of the catalog.

It shares no code with the client's checks: a mistake in both would be invisible.
"""

import base64
import io
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from langchain_apilaplas.catalog import Param, VideoModel

_NO_IMAGE = (".html", ".pdf", ".txt", ".mp4", ".zip", ".json")


def complaints(model: VideoModel, body: dict[str, Any], size: int) -> list[str]:
    """What is wrong with the body of a create, in the API's words; empty when it is taken."""
    found = [
        complaint
        for param in model.params
        if (complaint := _complaint(param, body.get(param.wire)))
    ]
    if model.max_body and size > model.max_body:
        found.append(f"Request entity too large: {size} bytes")
    return found or _picture_complaints(model, body)


def picture(body: dict[str, Any]) -> bytes | None:
    """The picture that came inside the body, or None when only its URL came.

    Raises:
        ValueError: It came, but is no picture.
    """
    url = body.get("image_url")
    if not isinstance(url, str) or not url.lower().startswith("data:"):
        return None
    data = base64.b64decode(url.partition(",")[2], validate=True)
    try:
        Image.open(io.BytesIO(data)).load()
    except Exception as error:
        raise ValueError("not a picture") from error
    return data


def unreachable(body: dict[str, Any]) -> Any:
    """The error of a generation whose picture can't be had, or None.

    The sandbox fetches nothing: hosts under `.invalid` (RFC 6761) count as unreachable, and
    addresses that end like a document as not an image.
    """
    parts = urlsplit(str(body.get("image_url", "")))
    if (parts.hostname or "").endswith(".invalid"):
        detail = {
            "loc": ["body", "image_url"],
            "msg": "Could not download the image",
            "type": "image_download_error",
        }
        return {"detail": [detail]}
    if parts.scheme == "https" and parts.path.lower().endswith(_NO_IMAGE):
        return {"name": "BadRequestError", "message": "image_url does not lead to an image"}
    return None


def _complaint(param: Param, value: Any) -> str | None:
    if value is None:
        return f"'{param.wire}': Required" if param.required else None
    trouble = _choice_trouble if param.choices else _TROUBLES[param.kind]
    complaint = trouble(param, value)
    return f"'{param.wire}': {complaint}" if complaint else None


def _choice_trouble(param: Param, value: Any) -> str | None:
    if value in param.choices and not isinstance(value, bool):
        return None
    expected = " | ".join(repr(choice) for choice in param.choices)
    return f"Expected {expected}, received {repr(value)[:80]}"


def _image_trouble(param: Param, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"Expected string, received {type(value).__name__}"
    try:
        parts = urlsplit(value)
    except ValueError:
        return "Expected an HTTPS URL or data URI"
    if value.lower().startswith("data:image/") or (parts.scheme == "https" and parts.hostname):
        return None
    return "Expected an HTTPS URL or data URI"


def _text_trouble(param: Param, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"Expected string, received {type(value).__name__}"
    units = len(value.encode("utf-16-le", "surrogatepass")) / 2
    if param.max_length and units > param.max_length:
        return f"String must contain at most {param.max_length} character(s)"
    return None


def _integer_trouble(param: Param, value: Any) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"Expected integer, received {type(value).__name__}"
    if param.minimum is not None and value < param.minimum:
        return f"Number must be greater than or equal to {param.minimum}"
    if param.maximum is not None and value > param.maximum:
        return f"Number must be less than or equal to {param.maximum}"
    return None


_TROUBLES = {"integer": _integer_trouble, "image": _image_trouble, "text": _text_trouble}


def _picture_complaints(model: VideoModel, body: dict[str, Any]) -> list[str]:
    try:
        data = picture(body)
    except ValueError:
        return ["'image_url': Invalid image"]
    if data is None or model.image_ratio is None or "ratio" in body:
        return []
    width, height = Image.open(io.BytesIO(data)).size
    least, greatest = model.image_ratio
    if least <= width / height <= greatest:
        return []
    return [f"'image_url': Expected a width to height ratio of {least} to {greatest}"]
