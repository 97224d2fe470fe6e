"""Where a trace stands: the `Traceflow` that `.../status` answers, and the list of its observations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from trunkline.dialects.nsx.traceflow.observed import Observation, Remark, Sees
from trunkline.dialects.nsx.view import Body, Entry

Operation = Literal["IN_PROGRESS", "FINISHED", "FAILED"]
Request = Literal["SUCCESS", "TIMEOUT", "SOURCE_PORT_NOT_FOUND", "DATA_PATH_NOT_READY", "CONNECTION_ERROR", "UNKNOWN"]

_COUNTERS = {
    "delivered_count": "Delivered",
    "dropped_count": "Dropped",
    "forwarded_count": "Forwarded",
    "received_count": "Received",
    "protected_count": "Protected",
}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one run; `lport` is the NSX id of the port at which the packet came in."""

    operation: Operation = "IN_PROGRESS"
    request: Request = "UNKNOWN"
    lport: str = ""
    observations: tuple[Observation, ...] = ()
    analysis: tuple[Remark, ...] = ()


def status(entry: Entry, outcome: Outcome, sees: Sees) -> Body:
    """The `Traceflow` of a traceflow; its timeout is in milliseconds where the configuration's is in seconds."""
    body = entry.body
    observed = [each.seen_by(sees) for each in outcome.observations]
    kinds = [_kind(each) for each in observed]
    result: Body = {
        "resource_type": "Traceflow",
        "id": body["id"],
        "display_name": body["display_name"],
        "operation_state": outcome.operation,
        "request_status": outcome.request,
        "timeout": body["timeout"] * 1000,
        "result_overflowed": False,
        "counters": _counted(kinds, ""),
        "logical_counters": _counted(kinds, "Logical"),
        "analysis": [each.text for each in outcome.analysis if each.seen_by(sees)],
    }
    return result | ({"lport_id": outcome.lport} if outcome.lport else {})


def observations(outcome: Outcome, sees: Sees) -> Body:
    """The list of observations: one page, in the order of the story."""
    results = [each.seen_by(sees) for each in outcome.observations]
    return {"results": results, "result_count": len(results)}


def _kind(observed: Body) -> str:
    """The word that is counted; what is protected counts as that, on the side on which it would have."""
    word = str(observed["resource_type"]).removeprefix("TraceflowObservation")
    logical = word == "Protected" and str(observed["original_type"]).endswith("Logical")
    return f"{word}Logical" if logical else word


def _counted(kinds: Iterable[str], ending: str) -> Body:
    found = list(kinds)
    return {name: found.count(word + ending) for name, word in _COUNTERS.items()}
