"""What a fork copies and must not: an open database, a lock that another thread holds, an owner."""

import os
import threading
from abc import ABC, abstractmethod
from weakref import WeakSet


class Forkable(ABC):
    """Something that is told of a fork, in the parent and in the child."""

    def __init__(self) -> None:
        with _registering:
            _all.add(self)

    @abstractmethod
    def _before_fork(self) -> None:
        """Come to rest. No other thread may have anything under way."""

    @abstractmethod
    def _after_fork(self, *, in_child: bool) -> None:
        """Go on; in a child, as somebody else."""


_all: WeakSet[Forkable] = WeakSet()
_registering = threading.RLock()
_resting: list[Forkable] = []


def _before() -> None:
    _registering.acquire()
    _resting.extend(_all)
    for one in _resting:
        one._before_fork()


def _after(*, in_child: bool) -> None:
    for one in _resting:
        one._after_fork(in_child=in_child)
    _resting.clear()
    _registering.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(in_child=False),
        after_in_child=lambda: _after(in_child=True),
    )
