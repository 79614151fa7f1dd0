"""What a gateway's JSON says of a generation, whichever vendor's shape it has. Pure.

Documented are: `id` or `generation_id`; `status` or Luma's `state`; `video` as a URL, a list, an
object or a list of objects, or Luma's `assets`; `error` or `failure_reason`; `meta.usage`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_IDS = ("id", "generation_id", "generationId", "task_id")
_WORDS = ("status", "state")
_ENVELOPES = ("data", "generation", "generations", "result")
_VIDEOS = ("video", "videos", "video_url", "assets", "output", "outputs", "result", "url")
_LINKS = ("url", "video_url", "uri", "video", "videos", "output")
_REASONS = ("error", "failure_reason", "detail", "message")
_USAGE = ("credits_used", "tokens_used", "usd_spent")
_DEPTH = 5

Json = Mapping[str, Any]


def generations(answer: object, depth: int = _DEPTH) -> list[Json]:
    """The objects of an answer that may be generations: itself, those in a list, in an envelope."""
    if isinstance(answer, list) and depth:
        return [found for item in answer for found in generations(item, depth - 1)]
    if not isinstance(answer, Mapping):
        return []
    if not identifier(answer) and depth:
        bare = not any(name in answer for name in _WORDS)
        for name in _ENVELOPES:
            inner = generations(answer.get(name), depth - 1)
            if inner and (bare or identifier(inner[0])):
                return inner
    return [answer]


def one(answer: object, generation_id: str | None) -> Json:
    """The object that is about the generation asked for, or just created.

    Raises:
        ValueError: There is none.
    """
    found = generations(answer)
    if not found:
        raise ValueError("the answer is not a JSON object")
    if generation_id is not None and len(found) > 1:
        found = [item for item in found if identifier(item) == generation_id]
        if not found:
            raise ValueError("the answer is about other generations")
    return found[0]


def identifier(answer: Json) -> str | None:
    """The generation's id, as text."""
    for name in _IDS:
        value = answer.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and _digits(value):
            return text(str(value)).strip() or None
    return None


def _digits(value: str | int) -> bool:
    """Whether it is a text with something in it, or a number that can be written out."""
    return bool(value.strip()) if isinstance(value, str) else abs(value) < 10**100


def words(answer: Json) -> list[str]:
    """The words that tell how far it is."""
    said = [answer.get(name) for name in _WORDS]
    return [word.strip().lower() for word in said if isinstance(word, str) and word.strip()]


def videos(answer: Json) -> list[dict[str, Any]]:
    """The finished videos: `url`, and `content_type` and `file_size` where they are told."""
    for name in _VIDEOS:
        if found := list(_videos(answer.get(name), _DEPTH)):
            return list({video["url"]: video for video in found}.values())
    return []


def _videos(value: object, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        yield {"url": text(value)}
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _videos(item, depth - 1)
    elif isinstance(value, Mapping) and depth:
        inner = (list(_videos(value.get(name), depth - 1)) for name in _LINKS)
        told = {
            name: value[name]
            for name, kind in (("content_type", str), ("file_size", int))
            if type(value.get(name)) is kind
        }
        for video in next(filter(None, inner), []):
            yield {**told, **video}


def error(answer: Json) -> str | None:
    """Why it failed, in one line."""
    return next(filter(None, (_reason(answer.get(name)) for name in _REASONS)), None)


def _reason(value: object, depth: int = _DEPTH) -> str | None:
    """Out of a string, `{"name", "message"}` or `{"detail": [{"loc", "msg", "type"}]}`."""
    if isinstance(value, str):
        return text(value).strip() or None
    if isinstance(value, list) and depth:
        return "; ".join(filter(None, [_reason(item, depth - 1) for item in value])) or None
    if isinstance(value, Mapping) and depth:
        told = [_reason(value.get(name), depth - 1) for name in ("detail", "message", "msg")]
        message = next(filter(None, told), None)
        loc = value.get("loc")
        where = text(str(loc[-1])) if isinstance(loc, list) and loc else None
        kind = value.get("type") or value.get("name")
        said = f"{where}: {message}" if where and message else message or where
        kind = text(kind) if isinstance(kind, str) else None
        return f"{said} ({kind})" if said and kind else said or kind
    return None


def usage(answer: Json) -> dict[str, Any]:
    """What it cost, as far as it is told."""
    meta = answer.get("meta")
    inner = meta.get("usage") if isinstance(meta, Mapping) else None
    for place in (inner, meta, answer.get("usage")):
        if isinstance(place, Mapping):
            found = {name: place[name] for name in _USAGE if _is_amount(place.get(name))}
            if found:
                return found
    return {}


def _is_amount(value: object) -> bool:
    # What a checkpointer can store: no NaN, no integer beyond 64 bits.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63


def text(value: str) -> str:
    """Half characters (lone surrogates) replaced: they can't be sent on, by us or an agent."""
    return value.encode("utf-8", "replace").decode()
