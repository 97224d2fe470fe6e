"""Percentiles and the small tables that `bench/results.md` is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` (0..1) of all samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def milliseconds(samples: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 of samples in seconds, as milliseconds."""
    return percentile(samples, 0.50) * 1000, percentile(samples, 0.99) * 1000


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
