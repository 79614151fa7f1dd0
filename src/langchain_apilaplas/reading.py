"""What a gateway's JSON says of a generation, whichever vendor's shape it has. Pure.

Documented are: `id` or `generation_id`; `status` or Luma's `state`; `video` as a URL, a list, an
object or a list of objects, or Luma's `assets`; `error` or `failure_reason`; `meta.usage`.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

_IDS = ("generation_id", "id", "generationId", "task_id")
_REQUEST_IDS = ("request_id", "job_id", "prediction_id", "operation_id", "video_id")
"""Ids that other gateways give: of a generation, or only of the call."""
_WORDS = ("status", "state")
_ENVELOPES = ("data", "generation", "generations", "result")
_VIDEOS = ("video", "videos", "video_url", "assets")
_OUTPUTS = ("output", "outputs", "url", *_ENVELOPES)
_LINKS = (*_VIDEOS, "url", "uri", "output", "outputs")
_REASONS = ("error", "failure_reason", "detail", "message", "msg", "errors", "data")
_CODES = ("statusCode", "status_code", "code")
_USAGE = ("credits_used", "tokens_used", "usd_spent")
_OTHER_KIND = re.compile(r"(image|audio|text)(/.*|_url)?|thumb.*", re.IGNORECASE)
_NO_VIDEO = re.compile(r"\.(jpe?g|png|webp|gif|avif|bmp|svg|mp3|wav|json)", re.IGNORECASE)
_DEPTH = 5
LONGEST_ID = 1000

Json = dict[str, Any]


def generations(answer: object, depth: int = _DEPTH) -> list[Json]:
    """The objects of an answer that may be generations: itself, those in a list, in an envelope."""
    if isinstance(answer, list) and depth:
        return [found for item in answer for found in generations(item, depth - 1)]
    if not isinstance(answer, dict):
        return []
    for name in _ENVELOPES:
        inner = generations(answer[name], depth - 1) if depth and name in answer else []
        if inner and _is_wrapped(inner[0], answer):
            return inner
    return [answer]


def _is_wrapped(inner: Json, outer: Json) -> bool:
    """Whether the inner object is the generation, and the outer one only brings it."""
    own_id, own_words = bool(identifiers(inner)), bool(_words(inner))
    if not identifiers(outer):
        return own_id or own_words
    # What the outer one is called may be the id of a request, if it does not tell how far it is.
    return own_id and not _words(outer) and (own_words or not _is_named(outer))


def _is_named(answer: Json) -> bool:
    return any(answer.get(name) for name in _IDS)


def is_nobody(answer: object) -> bool:
    """Whether the answer is that there is no such generation: an empty list, and no more."""
    if not isinstance(answer, dict):
        return answer == []
    empty = any(answer.get(name) == [] for name in _ENVELOPES)
    told = (identifiers, words, _error_code, error, videos)
    return empty and not any(tell(answer) for tell in told)


def one(answer: object, generation_id: str | None) -> Json:
    """The object that is about the generation asked for, or just created.

    Raises:
        ValueError: There is none.
    """
    found = generations(answer)
    if not found:
        raise ValueError("the answer is not a JSON object")
    # A single object is believed, whatever it calls itself; one in a list must be the right one.
    if generation_id is not None and not _is_single(found[0], answer):
        named = [item for item in found if generation_id in identifiers(item)]
        found = named or [item for item in found if not identifiers(item)][:1]
    if not found:
        raise ValueError("the answer is about other generations")
    accepted = _is_named(found[0]) and (generation_id is not None or bool(_words(found[0])))
    if not accepted and (code := _error_code(found[0])):
        raise ValueError(f"the answer is an error, {code}: {error(found[0]) or 'without words'}")
    return found[0]


def _is_single(found: Json, answer: object) -> bool:
    if not isinstance(answer, dict):
        return False
    return found is answer or any(_is_single(found, answer.get(name)) for name in _ENVELOPES)


def identifiers(answer: Json) -> list[str]:
    """The ids it is called by, as text; the likeliest first."""
    found = []
    for name in (*_IDS, *_REQUEST_IDS):
        value = answer.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**100:
            value = str(value)
        if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_ID:
            found.append(text(value).strip())
    operation = answer.get("name")  # as Google calls what takes long
    if not found and re.fullmatch(r"[\w./-]{0,500}operations/[\w.-]{1,400}", str(operation)[:1000]):
        found.append(str(operation))
    return found


def _error_code(answer: Json) -> int | None:
    """The HTTP status of an error that came as a 200."""
    codes = [str(answer.get(name)) for name in _CODES]
    return next((int(code) for code in codes if re.fullmatch(r"[45][0-9]{2}", code)), None)


def words(answer: Json) -> list[str]:
    """The words that tell how far it is, its own and those of what it envelops."""
    inside = [answer[name] for name in _ENVELOPES if isinstance(answer.get(name), dict)]
    return [word for part in (answer, *inside) for word in _words(part)]


def _words(answer: Json) -> list[str]:
    said = [answer.get(name) for name in _WORDS]
    stripped = [word.strip().lower() for word in said if isinstance(word, str)]
    return [word for word in stripped if word and not word.isdigit()]


def videos(answer: Json, *, sure: bool = True) -> list[dict[str, Any]]:
    """The finished videos: `url`, and `content_type` and `file_size` where they are told.

    Unless it is `sure` that there is one, only what is called a video is taken for one.
    """
    for name in (*_VIDEOS, *_OUTPUTS) if sure else _VIDEOS:
        if found := list(_videos(answer.get(name), _DEPTH)):
            return list({video["url"]: video for video in found}.values())
    return []


def _videos(value: object, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, str) and _may_be_video(value.strip()):
        yield {"url": text(value.strip())}
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _videos(item, depth - 1)
    elif isinstance(value, dict) and depth and not _is_other(value):
        inner = (list(_videos(value.get(name), depth - 1)) for name in _LINKS)
        told = {
            name: value[name]
            for name, kind in (("content_type", str), ("file_size", int))
            if type(value.get(name)) is kind
        }
        for video in next(filter(None, inner), []):
            yield {**told, **video}


def _may_be_video(url: str) -> bool:
    if not url[:8].lower().startswith(("https://", "http://")):
        return False
    try:
        return not _NO_VIDEO.search(urlsplit(url).path[-5:])
    except ValueError:
        return True


def _is_other(item: Json) -> bool:
    """Whether it says of itself that it is something else, such as a thumbnail."""
    return any(_OTHER_KIND.fullmatch(str(item.get(name))) for name in ("type", "content_type"))


def error(answer: Json) -> str | None:
    """Why it failed, in one line."""
    return next(filter(None, (_reason(answer.get(name)) for name in _REASONS)), None)


def _reason(value: object, depth: int = _DEPTH) -> str | None:
    """Out of a string, `{"name", "message"}` or `{"detail": [{"loc", "msg", "type"}]}`."""
    if isinstance(value, str):
        return text(value).strip() or None
    if isinstance(value, list) and depth:
        return "; ".join(filter(None, [_reason(item, depth - 1) for item in value])) or None
    if isinstance(value, dict) and depth:
        told = (_reason(value.get(name), depth - 1) for name in _REASONS)
        message = next(filter(None, told), None)
        loc = value.get("loc")
        where = text(str(loc[-1])) if isinstance(loc, list) and loc else None
        kind = value.get("type") or value.get("name")
        said = f"{where}: {message}" if where and message else message or where
        kind = text(kind) if isinstance(kind, str) else None
        return f"{said} ({kind})" if said and kind else said or kind
    return None


def progress(answer: Json) -> float | None:
    """How far it is by the server's own number, from 0 to 1, whether told as 0.45, 45 or "45%"."""
    told = answer.get("progress")
    percent = isinstance(told, int)  # a whole 1 too: who counts from 0 to 1 would be done
    if isinstance(told, str) and re.fullmatch(r"\d{1,3}(\.\d{1,9})?\s?%?", told.strip()):
        percent = told.strip().endswith("%") or "." not in told
        told = float(told.strip(" %"))
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= 100:
        return None
    return told / 100 if percent or told > 1 else told


def usage(answer: object) -> dict[str, Any]:
    """What it cost, as far as it is told."""
    if not isinstance(answer, dict):
        return {}
    meta = answer.get("meta")
    inner = meta.get("usage") if isinstance(meta, dict) else None
    for place in (inner, meta, answer.get("usage")):
        if isinstance(place, dict):
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
