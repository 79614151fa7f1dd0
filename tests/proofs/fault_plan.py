"""What the fault proof plays: a seed decides what goes wrong when, and what the user does."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from langchain_apilaplas import Budget
from langchain_apilaplas.sandbox import (
    dripping,
    dropped,
    endless,
    expired_link,
    failed_generation,
    garbage,
    http_error,
    no_video,
    redirect,
    repeated_id,
    slow,
    truncated,
    unknown_status,
    unreachable,
)

MODELS: dict[str, dict[str, Any]] = {
    "runway/gen4_turbo": {"image": "https://example.com/a.jpg"},
    "kling-video/v1.6/pro/text-to-video": {"prompt": "A fox"},
    "video-01": {"prompt": "A fox"},
    "veo2": {"prompt": "A fox"},
    "luma-ai/v2": {"prompt": "A fox", "aspect_ratio": "16:9"},
}
"""One of each dialect: kinds of ids, words, and a server that holds requests."""

CERTAIN = (400, 401, 402, 403, 404, 413, 422, 429)
"""The statuses by which a gateway says that it has accepted nothing."""
UNCERTAIN = (500, 502, 503, 504, 500, 502, 503, 504, 405, 408, 409, 425, 501, 520)
PAGE = "<html><head><title>Just a moment</title></head><body>…</body></html>"
NONSENSE = (
    '{"a": 1}', "[]", "[[]]", "null", "7", '"queued"', '{"status": "queued"}', '{"data": []}',
    '{"id": null, "status": "queued"}', '{"id": "", "status": "queued"}', '{"data": {}}',
    '{"statusCode": 503, "message": "busy"}', '{"error": {"code": 500}}', "[" * 5000, "\x00", "",
)  # fmt: skip
"""JSON, or nearly, that tells neither an id nor an end."""


@dataclass(frozen=True)
class Jump:
    """A clock jumps: the gateway's, or the one on the user's wall."""

    whose: Literal["gateway", "wall"]
    seconds: float


@dataclass(frozen=True)
class Raised:
    """The transport raises something odd."""

    error: Exception
    accepted: bool


Make = Callable[[random.Random, Any], Any]
"""Makes a trouble, at random, for a create or a fetch."""


def _jump(whose: Literal["gateway", "wall"]) -> Make:
    return lambda r, _: Jump(whose, r.choice((-86_400 if whose == "wall" else -60, -30, 45, 9e6)))


TROUBLES: dict[str, Make] = {
    "429": lambda r, on: http_error(429, on=on, html=r.random() < 0.3),
    "429, Retry-After": lambda r, on: http_error(
        429, on=on, retry_after=r.choice((0, 0.5, 7, 59, 61, 3600))
    ),
    "refused": lambda r, on: http_error(r.choice(CERTAIN[:-1]), on=on, html=r.random() < 0.3),
    "5xx and the like": lambda r, on: http_error(
        r.choice(UNCERTAIN), on=on, html=r.random() < 0.5, retry_after=r.choice((None, 3))
    ),
    "never connected": lambda _, on: unreachable(on=on),
    "reset": lambda _, on: dropped(on=on),
    "read timeout": lambda r, on: slow(r.choice((4, 20, 100)), on=on, accepted=False),
    "slow answer": lambda r, on: slow(r.choice((4, 20, 100)), on=on),
    "answer breaks off": lambda r, on: truncated(r.random(), on=on, resets=True),
    "truncated JSON": lambda r, on: truncated(r.random() * 0.97, on=on),
    "wrong JSON": lambda r, on: garbage(r.choice(NONSENSE), on=on),
    "HTML page": lambda _, on: garbage(PAGE, on=on),
    "unknown status": lambda r, on: unknown_status(r.choice(("pondering", "None", "7")), on=on),
    "slow drip": lambda r, on: dripping(r.choice((3, 20, 100)), on=on),
    "redirect": lambda r, on: redirect(
        r.choice(("/", "https://elsewhere.example/", "", "http://[")),
        r.choice((300, 301, 302, 303, 304, 307, 308)),
        on=on,
    ),
    "odd exception": lambda r, _: Raised(
        r.choice((OSError("odd"), ValueError("odd"), RuntimeError("odd"), KeyError("odd"))), False
    ),
    "gateway's clock jumps": _jump("gateway"),
    "wall clock jumps": _jump("wall"),
}
AFTERWARDS: dict[str, Make] = {
    "5xx, accepted": lambda r, on: http_error(r.choice(UNCERTAIN), on=on, accepted=True),
    "reset, accepted": lambda _, on: dropped(on=on, accepted=True),
    "odd exception, accepted": lambda _, __: Raised(OSError("odd"), True),
}
"""Of creates only: to a fetch it makes no difference."""

ENDS = {
    "fails": failed_generation,
    "no video": no_video,
    "endless": endless,
    "link expired": expired_link,
    "duplicate id": repeated_id,
}
ACTS = ("again", "again", "restart", "jobs", "get", "wait", "resume_all", "pass")


@dataclass
class Plan:
    """A run.

    Attributes:
        model: What is asked for, likewise `values`.
        key: The job's key; None for one that the client makes.
        client: Arguments of the client.
        timeout: Of each call.
        in_file: Whether the ledger is in a file.
        submits_first: Whether the first call is `submit`.
        follows: Whether the HTTP client would follow redirects.
        creates: The troubles of the first creates, each with its name; None for none.
        fetches: Those of the first fetches.
        end: How the generation ends, if not well.
        acts: What the user does next.
        before: Seconds between a generation made before and the one that is given its id.
    """

    seed: int
    model: str
    values: dict[str, Any]
    key: str | None
    client: dict[str, Any]
    timeout: float
    in_file: bool
    submits_first: bool
    follows: bool
    end: str | None
    before: float
    acts: list[str]
    creates: list[tuple[str, Any] | None] = field(default_factory=list)
    fetches: list[tuple[str, Any] | None] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> Self:
        """The run of a seed."""
        r = random.Random(seed)
        model = r.choice(list(MODELS))
        plan = cls(
            seed=seed,
            model=model,
            values=MODELS[model],
            key=r.choice((None, f"k-{seed}")),
            client={
                "timeout": r.choice((5, 30)),
                "poll_interval": r.choice((None, None, 2, 10)),
                "universal": r.random() < 0.2,
                "on_unknown": "resubmit" if r.random() < 0.25 else "report",
            },
            timeout=r.choice((0, 20, 64, 70, 120, 300, 600, 600)),
            in_file=r.random() < 0.5,
            submits_first=r.random() < 0.15,
            follows=r.random() < 0.3,
            end=r.choice(list(ENDS)) if r.random() < 0.3 else None,
            before=r.choice((0, 30, 100)),
            acts=r.choices(ACTS, k=r.choice((0, 0, 1, 2, 3, 4))),
        )
        if plan.end != "duplicate id" and r.random() < 0.15:
            plan.client["budget"] = Budget(generations=1)
        plan.creates = _in_turn(r, seed, "submit", "create", {**TROUBLES, **AFTERWARDS})
        plan.fetches = _in_turn(r, seed - 1, "poll", "fetch", TROUBLES)
        return plan


def _in_turn(
    r: random.Random, seed: int, when: str, on: str, troubles: dict[str, Make]
) -> list[tuple[str, Any] | None]:
    """Any troubles, after calls that go well or not; with an even seed, each has its turn first."""
    names = list(troubles)
    row: list[tuple[str, Any] | None] = []
    if seed % 2 == 0:
        name = names[seed // 2 % len(names)]
        row += [(f"{when}: {name}", troubles[name](r, on))]
    for name in r.choices(names, k=r.choice((0, 0, 1, 2, 4))):
        row += [None] * r.choice((0, 0, 0, 1, 3))
        row += [(f"{when}: {name}", troubles[name](r, on)) for _ in range(r.choice((1, 1, 2, 4)))]
    return row
