"""Garbage collection in a program that keeps one large tree for ever.

A full collection walks everything that is kept: 90 ms at 60,000 objects, in the middle of some request.  So what has survived
one is set aside (`gc.freeze`), and the next one walks only what has come since.  Cycles that died after they were set aside
are found when the set has grown to twice its size, by walking all of it once: rarely, and the more rarely the larger it is.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

_GROWTH = 2
_LEAST = 100_000
"""Objects set aside below which nothing is walked again; chosen: a manager that has just started holds about as many."""


class Collector:
    """Decides after each full collection what becomes of the survivors."""

    def __init__(self) -> None:
        self._walked = _LEAST

    def begin(self) -> None:
        """Everything is loaded: set it aside, and collect from now on."""
        gc.freeze()
        self._walked = max(gc.get_freeze_count(), _LEAST)
        gc.callbacks.append(self)
        _resume()

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if phase != "stop" or info["generation"] < 2:
            return
        if gc.get_freeze_count() > _GROWTH * self._walked:
            # The next full collection walks it all, and sets aside what is left.
            gc.unfreeze()
            self._walked = 0
            return
        gc.freeze()
        self._walked = self._walked or max(gc.get_freeze_count(), _LEAST)


@contextlib.contextmanager
def settled() -> Iterator[Collector]:
    """For the block: nothing is collected until `begin`, since what is loaded stays; then full collections walk what is new."""
    collector = Collector()
    gc.collect()
    _pause()
    try:
        yield collector
    finally:
        if collector in gc.callbacks:
            gc.callbacks.remove(collector)
        else:
            _resume()
        gc.unfreeze()


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """For the block nothing is collected, whoever else begins to; what is there at its end is set aside."""
    _pause()
    try:
        yield
    finally:
        gc.freeze()
        _resume()


_pauses = 0
"""The interpreter has one collector, and several parts of the program load at once."""


def _pause() -> None:
    global _pauses
    _pauses += 1
    gc.disable()


def _resume() -> None:
    global _pauses
    _pauses -= 1
    if not _pauses:
        gc.enable()
