"""Pictures in chat messages: LangChain's content blocks, and those of the providers. Pure."""

from collections.abc import Mapping
from typing import Any


def picture_in(block: object) -> Mapping[str, Any] | None:
    """The picture in a content block: `base64`, `data` (bytes) or `url` of it, or nothing of these
    where it lies in a provider's store. None where the block holds no picture.

    Known are LangChain's blocks of version 1 and 0, OpenAI's `image_url` and `input_image`,
    Anthropic's `source`, Google's `media`, Bedrock's `image`, and files of each that are pictures.
    """
    if not isinstance(block, Mapping):
        return None
    kind = block.get("type")
    if kind == "non_standard":
        return picture_in(block.get("value"))
    if kind == "image_url" or (kind == "input_image" and block.get("image_url")):
        return _at(block.get("image_url"))
    if kind in ("file", "input_file", "media", "document"):
        return _in_file(block)
    if kind in ("image", "input_image") or (kind is None and "image" in block):
        return _in_image(block if kind else block["image"])
    return None


def _at(address: object) -> Mapping[str, Any] | None:
    """OpenAI's: an object with `url`, or the URL itself."""
    url = address.get("url") if isinstance(address, Mapping) else address
    return {"url": url} if isinstance(url, str) else None


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
    in_store: Mapping[str, Any] | None = {} if "file_id" in block else None
    return _at(block.get("url") or block.get("image_url")) or in_store


def _in_file(block: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A file, if what it says of itself, or its first bytes, make it a picture."""
    inner = block.get("file")
    block = inner if isinstance(inner, Mapping) else block
    data = block.get("file_data")
    url = data if isinstance(data, str) else block.get("file_url") or block.get("file_uri")
    found = {"url": url} if isinstance(url, str) else _in_image(block)
    source = block.get("source")
    said = block if not isinstance(source, Mapping) else source
    if found is None:
        return None
    from langchain_apilaplas import formats  # noqa: PLC0415 - seldom needed

    kind = str(said.get("mime_type") or said.get("media_type"))
    named = kind.startswith("image/") or found.get("url", "")[:11].lower() == "data:image/"
    # LangChain calls every file of OpenAI's a PDF, so its content has the last word.
    data = found.get("data")
    if named or (isinstance(data, bytes) and formats.is_picture(data[:32])):
        return found
    link = found.get("url", "")
    is_data = link[:5].lower() == "data:" and "," in link[:200]
    text = link[link.find(",") + 1 :][:64] if is_data else found.get("base64", "")
    return found if formats.is_base64_of_picture(text) else None
