"""What monitoring asks: how full the manager is, and what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import realized
from trunkline.dialects.nsx.view import Body, Entry
from trunkline.kit import clock
from trunkline.policy.api import answers

_SIZES = {
    "Segment": ("NUMBER_OF_LOGICAL_SWITCHES", "Logical Switches", 10_000),
    "SegmentConnectionBindingMap": ("NUMBER_OF_SEGMENT_CONNECTION_BINDING_MAPS", "Child segment bindings", 50_000),
    "StaticRoutes": ("NUMBER_OF_STATIC_ROUTES", "Static routes", 4_000),
}
"""By type: its names, and how many the benchmarks hold the manager to."""

_WARN, _CRITICAL = 70, 100  # per cent (NSX's defaults)
_PIECE = 500
"""Objects looked at without a pause; chosen: some ten milliseconds."""


async def capacity(request: Request) -> Response:
    """How many of the counted objects there are, against how many the manager is made for."""
    manager, caller = answers.manager(request), answers.caller(request)
    caller.must("read")
    usage = [_usage(kind, len([*manager.repository.tree.of_kind(kind)])) for kind in _SIZES]
    return answers.json({"capacity_usage": usage, "meta_info": {"last_updated_timestamp": _now_ms()}})


async def alarms(request: Request) -> Response:
    """Every object that the network does not honour, in whole or in part, and why, as NSX's alarms."""
    caller = answers.caller(request)
    caller.must("read")
    return answers.listed([_alarm(entry, found) async for entry, found in _wrong(request, "")])


async def policy_alarms(request: Request) -> Response:
    """The same below one tree, as alarms of policy objects."""
    root = answers.tree(request, "/realized-state/")
    return answers.listed([_policy_alarm(entry, found) async for entry, found in _wrong(request, root)])


async def _wrong(request: Request, root: str) -> AsyncIterator[tuple[Entry, realized.Realisation]]:
    manager = answers.manager(request)
    entries = [entry for entry in manager.repository.tree.everything() if entry.path.startswith(root)]
    for number, entry in enumerate(sorted(entries, key=lambda each: each.path)):
        if number % _PIECE == _PIECE - 1:
            await asyncio.sleep(0)
        found = manager.realisation(entry)
        if found.problem:
            yield entry, found


def _usage(kind: str, count: int) -> Body:
    name, shown, most = _SIZES[kind]
    share = 100 * count / most
    return {
        "usage_type": name,
        "display_name": shown,
        "current_usage_count": count,
        "max_supported_count": most,
        "current_usage_percentage": round(share, 2),
        "min_threshold_percentage": _WARN,
        "max_threshold_percentage": _CRITICAL,
        "severity": "CRITICAL" if share >= _CRITICAL else "WARNING" if share >= _WARN else "INFO",
    }


def _alarm(entry: Entry, found: realized.Realisation) -> Body:
    shown, wrong = entry.body, found.state == "ERROR"
    return {
        "id": shown["realization_id"],
        "feature_name": "policy",
        "event_type": "realization_failed" if wrong else "realization_partial",
        "feature_display_name": "Policy",
        "event_type_display_name": "Not realized" if wrong else "Realized in part",
        "severity": "HIGH" if wrong else "MEDIUM",
        "status": "OPEN",
        "summary": f"{entry.kind} {shown['display_name']} is {'not realized' if wrong else 'realized in part'}.",
        "description": found.problem,
        "entity_id": shown["realization_id"],
        "entity_resource_type": entry.kind,
        "policy_paths": [entry.path],
        "last_reported_time": shown["_last_modified_time"],
    }


def _policy_alarm(entry: Entry, found: realized.Realisation) -> Body:
    details = {"error_code": 0, "module_name": "policy", "error_message": found.problem}
    return {
        "resource_type": "PolicyAlarmResource",
        "id": entry.body["realization_id"],
        "source_reference": entry.path,
        "message": found.problem,
        "severity": realized.severity(found),
        "error_details": details,
    }


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)
