"""Events have two APIs over one store: core/v1 is what is kept, events.k8s.io/v1 renames its fields."""

from __future__ import annotations

from trunkline.standin.apiserver.objects import Json

_NEW_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_CORE_NAMES = {new: core for core, new in _NEW_NAMES.items()}


def to_core(event: Json) -> Json:
    """The event as core/v1 has it."""
    return {**{_CORE_NAMES.get(key, key): value for key, value in event.items()}, "apiVersion": "v1"}


def from_core(event: Json) -> Json:
    """The event as events.k8s.io/v1 has it."""
    return {**{_NEW_NAMES.get(key, key): value for key, value in event.items()}, "apiVersion": "events.k8s.io/v1"}
