"""Durations as people read them: "45s", "3m12s", "5h", "2d3h", "1y20d"."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY

_STEPS = (
    # below (seconds), main unit, its letter, second unit, its letter
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Where kubectl changes units; the second unit is left out when it would be zero."""


def human(seconds: float) -> str:
    """A duration in at most two units; clocks that differ by a second or so still read "0s"."""
    total = int(seconds)
    if total < 0:
        return "0s" if total >= -1 else "<invalid>"
    for below, unit, letter, small, small_letter in _STEPS:
        if total < below:
            rest = total % unit // small if small else 0
            return f"{total // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")
    return f"{total // _YEAR}y"


def since(timestamp: str | None, now: datetime) -> str:
    """The age of an RFC 3339 timestamp; "<unknown>" when there is none."""
    if not timestamp:
        return "<unknown>"
    try:
        return human((now - datetime.fromisoformat(timestamp)).total_seconds())
    except (ValueError, TypeError):
        return "<invalid>"
