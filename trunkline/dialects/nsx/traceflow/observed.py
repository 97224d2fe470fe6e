"""Whose an observation is: what a caller is told of it who may not see everything that the packet met.

A project's trace may lead through the provider's gateways and cards, or through another project.  Of what the caller may not
see there remains that something was observed there, as `TraceflowObservationProtected` without any name; of what they may
see, only that which names nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

PROVIDER = "/infra"
"""Whose all that is which no policy object stands for: network cards, tunnels, rows of others."""

Sees = Callable[[str], bool]
"""Whether a caller may see what lies at a policy path."""

_COMMON = (
    "sequence_no",
    "transport_node_type",
    "timestamp",
    "timestamp_micro",
    "component_type",
    "component_sub_type",
)
"""What says neither who nor where."""


class Observation(msgspec.Struct, frozen=True):
    """One observation: what was said of the object at `path`, and, by path, what it says of others."""

    said: dict[str, Any]
    path: str
    about: dict[str, dict[str, Any]] = {}

    def seen_by(self, sees: Sees) -> dict[str, Any]:
        """The observation in NSX's words, as far as it is for those eyes."""
        if not sees(self.path):
            common = {name: self.said[name] for name in _COMMON if name in self.said}
            kind = {"resource_type": "TraceflowObservationProtected", "original_type": self.said["resource_type"]}
            return kind | common
        found = dict(self.said)
        for path, facts in self.about.items():
            found |= facts if sees(path) else {}
        return found


class Remark(msgspec.Struct, frozen=True):
    """One line of the analysis; `path` is of what it is about, "" for the trace itself."""

    text: str
    path: str = ""

    def seen_by(self, sees: Sees) -> bool:
        """Whether it is for those eyes."""
        return not self.path or sees(self.path)
