"""Pictures in chat messages: LangChain's content blocks, and those of the providers. Pure."""

import binascii
import re
from collections.abc import Mapping
from typing import Any

_GOOGLES = ("inline_data", "inlineData", "file_data", "fileData")
_NO_PICTURE = r"\.(?!(jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf])$)\w+$"
_STORES = r"gs:|https://generativelanguage\.googleapis\.com/"
"""What needs a key of the provider's."""


def picture_in(block: object) -> Mapping[str, Any] | None:
    """The picture in a content block: `base64`, `data` (bytes) or `url` of it, or nothing of these
    where it lies in a provider's store. None where the block holds no picture.

    Known are LangChain's blocks of version 1 and 0, OpenAI's `image_url` and `input_image`,
    Anthropic's `source`, Google's `media` and `inline_data`, Bedrock's `image`, and files of each
    that are pictures, or may be and lie in a store.
    """
    if not isinstance(block, Mapping):
        return None
    kind = block.get("type")
    if kind == "non_standard":
        return picture_in(block.get("value"))
    inner = next((block[n] for n in _GOOGLES if isinstance(block.get(n), Mapping)), None)
    if kind == "image_url" or (kind == "input_image" and block.get("image_url")):
        return _at(block.get("image_url"))
    if inner or kind in ("file", "input_file", "media", "document"):
        return _in_file(inner or block)
    if kind in ("image", "input_image") or (kind is None and "image" in block):
        return _in_image(block if kind else block["image"])
    return None


def _at(address: object) -> Mapping[str, Any] | None:
    """OpenAI's: an object with `url`, or the URL itself."""
    url = address.get("url") if isinstance(address, Mapping) else address
    if not isinstance(url, str):
        return None
    return {} if re.match(_STORES, url, re.IGNORECASE) else {"url": url}


def _in_image(block: object) -> Mapping[str, Any] | None:
    """An image's own block, or the `source` within it."""
    if not isinstance(block, Mapping):
        return None
    source = block.get("source")
    if isinstance(source, Mapping):
        return _in_image(source)
    for name in ("base64", "data", "bytes"):
        if isinstance(content := block.get(name), str):
            return {"base64": content}
        if isinstance(content, bytes):
            return {"data": content}
    found = _at(block.get("url") or block.get("image_url"))
    is_stored = "file_id" in block or "s3Location" in block or block.get("source_type") == "id"
    return {} if found is None and is_stored else found


def _in_file(block: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A file, if what it says of itself, or its first bytes, make it a picture."""
    inner = block.get("file")
    block = inner if isinstance(inner, Mapping) else block
    data = block.get("file_data")
    urls = (data, *(block.get(name) for name in ("file_url", "file_uri", "fileUri")))
    found = _at(next((url for url in urls if isinstance(url, str)), None))
    found = _in_image(block) if found is None else found
    source = block.get("source")
    said = block if not isinstance(source, Mapping) else source
    if found is None:
        return None
    from langchain_apilaplas import formats  # noqa: PLC0415 - seldom needed

    told = (said.get(name) for name in ("mime_type", "media_type", "mimeType"))
    kind = next((kind for kind in told if isinstance(kind, str)), "")
    if not found and not kind:  # nobody says what it is, and left out it would shift the others
        other = re.search(_NO_PICTURE, str(block.get("filename", "")), re.IGNORECASE)
        return None if other else found
    named = kind.startswith("image/") or found.get("url", "")[:11].lower() == "data:image/"
    # LangChain calls every file of OpenAI's a PDF, so its content has the last word.
    data = found.get("data")
    if named or (isinstance(data, bytes) and formats.is_picture(data[:32])):
        return found
    link = found.get("url", "")
    is_data = link[:5].lower() == "data:" and "," in link[:200]
    text = link[link.find(",") + 1 :][:64] if is_data else found.get("base64", "")
    return found if formats.is_base64_of_picture(text) else None


def unwrapped(text: str | bytes, source: str) -> bytes:
    """The bytes of base64 that is wrapped, in the letters of URLs or without its end.

    Raises:
        ValueError: It is not base64 like that either.
    """
    plain = text.encode("ascii", "replace") if isinstance(text, str) else text
    plain = plain.translate(bytes.maketrans(b"-_", b"+/"), b" \t\r\n").rstrip(b"=")
    try:
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        raise ValueError(f"{source} is not valid base64") from None
