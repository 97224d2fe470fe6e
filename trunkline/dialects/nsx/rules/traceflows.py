"""Traceflows: where the packet comes in, and what a packet may look like.

The source is always a port of an ordinary or parent segment, because containers run inside the machine behind it.  With a
child segment the packet comes in as a container's, with the tag by which the child is bound to the port's segment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors, scopes
from trunkline.dialects.nsx.resource import Rules
from trunkline.dialects.nsx.rules import bindings
from trunkline.dialects.nsx.traceflow import packets
from trunkline.kit import problems

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

SOURCE = problems.register("TRK-0680", "A traceflow does not say where its packet comes in.")
NOT_BOUND = problems.register("TRK-0681", "A traceflow's child segment is not bound to the segment of its port.")

KIND = "TraceflowConfig"
_PORT_FIELDS = ("segment_port_path", "source_id")
_CHILD_FIELDS = ("connected_segment_path_as_source", "connected_parent_path_as_source")
"""Each thing has the name of NSX 4 and the one of NSX 9; either is taken, and answered as it came."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def source(body: Mapping[str, Any]) -> str:
    """The port that the packet comes in by: a path or a UUID."""
    return next((str(body[name]) for name in _PORT_FIELDS if body.get(name)), "")


def child(body: Mapping[str, Any]) -> str:
    """The child segment that the packet comes from, "" if it stays on the port's own."""
    return next((str(body[name]) for name in _CHILD_FIELDS if body.get(name)), "")


def tag(child: str, parent: str, view: View) -> int:
    """The tag by which a child segment is bound to a parent; 0 if it is not."""
    for path in bindings.maps_of(child, view):
        body = view.body(path) or {}
        if body["segment_path"] == parent:
            return int(body["vlan_traffic_tag"])
    return 0


def _check(draft: Draft, view: View) -> None:
    _one_of(draft, _PORT_FIELDS)
    _one_of(draft, _CHILD_FIELDS)
    port = source(draft.body)
    if not port:
        allowed = "required property segment_port_path (or source_id) is missing"
        raise errors.wrong(draft.path, "segment_port_path", None, allowed, trk=SOURCE)
    if not _UUID.fullmatch(port):
        _check_port(draft, port, view)
    packets.read(draft.path, draft.body["packet"])


def _one_of(draft: Draft, names: tuple[str, str]) -> None:
    given = {str(draft.body[name]) for name in names if draft.body.get(name)}
    if len(given) > 1:
        allowed = f"{' and '.join(names)} are two names of one thing"
        raise errors.wrong(draft.path, names[0], sorted(given), allowed, "give one of them")


def _check_port(draft: Draft, port: str, view: View) -> None:
    if not port.startswith("/"):
        raise errors.wrong(draft.path, "segment_port_path", port, "a segment port's path or UUID", trk=SOURCE)
    if not scopes.may_refer(draft.path, port, shared=False):
        raise errors.bad_path(port, "it belongs to another project", trk=errors.OTHER_PROJECT)
    if view.kind(port) != "SegmentPort":
        raise errors.not_found(port, named_by=draft.path)
    segment, parent = child(draft.body), port.rpartition("/ports/")[0]
    if not segment:
        return
    if view.kind(segment) != "Segment":
        raise errors.not_found(segment, named_by=draft.path)
    if not tag(segment, parent, view):
        name = next(name for name in _CHILD_FIELDS if draft.body.get(name))
        allowed = f"no connection binding map binds it to path=[{parent}], the segment of the port"
        raise errors.wrong(draft.path, name, segment, allowed, trk=NOT_BOUND)


RULES = Rules(check=_check)
