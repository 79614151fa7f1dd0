"""How the camera moves: as the request says, else as the prompt says."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Camera:
    """Where the camera is at the start and at the end of the video.

    `zoom` is how many times closer than the whole picture, below 1 further away; `x` and `y` run
    from -1 (left, top) to 1 (right, bottom) of what can be moved at that zoom; `roll` is in
    degrees. It starts with the whole picture: an image is the video's first frame.
    """

    zoom: tuple[float, float] = (1.0, 1.3)
    x: tuple[float, float] = (0.0, 0.0)
    y: tuple[float, float] = (0.0, 0.0)
    roll: tuple[float, float] = (0.0, 0.0)


_MOVES = (
    (r"static|still|fixed|locked", Camera((1.0, 1.0))),
    (r"zoom\w* out|pull\w* (back|out)|reveal\w*", Camera((1.0, 0.7))),
    (r"pan\w* left|to the left", Camera(x=(0.0, -1.0))),
    (r"pan\w*|to the right|track\w*", Camera(x=(0.0, 1.0))),
    (r"tilt\w* down|land\w*|fall\w*|sink\w*", Camera(y=(0.0, 1.0))),
    (r"tilt\w*|lift\w*|ris\w+|launch\w*|take\w* off|fl\w+|upward\w*", Camera(y=(0.0, -1.0))),
)
"""What the prompt says → how the camera moves; the first that matches. Else it moves closer."""

_NAMED = {
    "down_back": Camera((1.5, 0.85), y=(-0.7, 0.0)),
    "forward_up": Camera((1.0, 1.5), y=(0.0, -1.0)),
    "right_turn_forward": Camera((1.0, 1.5), x=(0.0, 1.0)),
    "left_turn_forward": Camera((1.0, 1.5), x=(0.0, -1.0)),
}
"""Kling's `camera_control`."""

_MEASURED = {
    "horizontal": Camera((1.4, 1.4), x=(-1.0, 1.0)),
    "vertical": Camera((1.4, 1.4), y=(1.0, -1.0)),
    "pan": Camera((1.0, 1.4), x=(0.0, 1.0)),
    "tilt": Camera((1.0, 1.4), y=(0.0, -1.0)),
    "roll": Camera((1.0, 1.0), roll=(0.0, 30.0)),
    "zoom": Camera((1.0, 1.6)),
}
"""Kling's `advanced_camera_control`, each as far as it goes."""


def camera(prompt: str, seed: int) -> Camera:
    """The prompt's camera move; the seed bends its end a little, so that seeds differ."""
    move = next((m for words, m in _MOVES if re.search(rf"\b({words})\b", prompt, re.I)), Camera())
    drift = random.Random(seed).uniform(-0.4, 0.4)  # noqa: S311 - reproducible, not secret
    if move.x == (0.0, 0.0):
        return replace(move, x=(0.0, drift))
    return replace(move, y=(0.0, drift))


def ordered(said: Mapping[str, Any]) -> Camera | None:
    """The move that a request names, by the catalog's names; None when it names none."""
    if isinstance(own := said.get("advanced_camera_control"), dict):
        move, much = _MEASURED.get(str(own.get("movement_type"))), own.get("movement_value")
        if move is None or not isinstance(much, int | float):
            return None
        return _part(move, max(-10, min(much, 10)) / 10)
    return _NAMED.get(str(said.get("camera_control")))


def _part(move: Camera, much: float) -> Camera:
    """A part of a move, from -1 (the whole of it the other way) to 1."""
    zoom = move.zoom
    if move == _MEASURED["zoom"]:
        zoom = (1.0, 1 + much * (0.6 if much > 0 else 0.3))
    x, y, roll = (tuple(end * much for end in ends) for ends in (move.x, move.y, move.roll))
    return Camera(zoom, x, y, roll)  # type: ignore[arg-type]
