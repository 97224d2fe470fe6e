"""Where the time of a CNI call goes: named phases, each measured once, logged together and counted in a histogram.

Phases may overlap (the pod's namespace is dressed while OVN installs flows), so their sum may exceed the total.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client

_SECONDS = prometheus_client.Histogram(
    "trunkline_cni_phase_seconds",
    "Duration of one phase of a CNI call; the phase `total` is the whole call as the agent sees it.",
    ("command", "phase"),
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 20),
)


class Phases:
    """The stopwatch of one call."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        """Time what happens inside."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - began

    def finish(self) -> dict[str, float]:
        """Count the phases and answer them in milliseconds, for the log."""
        self._seconds["total"] = time.perf_counter() - self._began
        for phase, seconds in self._seconds.items():
            _SECONDS.labels(self._command, phase).observe(seconds)
        return {f"{phase}_ms": round(seconds * 1000, 2) for phase, seconds in self._seconds.items()}
