"""What lies inside a body at a dotted path, through arrays as searches and rules mean it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def values(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    """Every value at the end of the path, objects and null among them; an array stands for each of its items."""
    if isinstance(value, list):
        for item in value:
            yield from values(item, steps)
    elif not steps:
        yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from values(value[steps[0]], steps[1:])
