"""Statistics of segments, ports and binding maps, with the accounting that the documentation of child segments lays down.

A port counts what its machine sends and gets without a tag.  What comes from containers with a tag is, besides, part of what
came in by the parent's port and segment, and what goes to containers is not part of what went out there.  A child segment
counts the machines that are attached to it, never containers.

rx is what entered the network from a port, tx what left it to a port.

Beyond the original: `trunkline_containers` of a parent tells, for each tag, what containers sent and got; a binding map has
statistics, which are the sum over all interfaces on its parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from trunkline.dialects.nsx.view import Body, Entry


class Traffic(msgspec.Struct, frozen=True):
    """What entered the network (rx) and left it (tx) at some ports."""

    rx_packets: int = 0
    rx_bytes: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.rx_packets + other.rx_packets,
            self.rx_bytes + other.rx_bytes,
            self.tx_packets + other.tx_packets,
            self.tx_bytes + other.tx_bytes,
        )


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One network port of a segment port: its own (`binding` "") or that of the containers behind a binding map's tag."""

    port: str
    binding: str = ""
    tag: int = 0
    traffic: Traffic


def of(entry: Entry, counted: Iterable[Counted], now_ms: int) -> Body:
    """The statistics of a segment, a port or a binding map; `counted` are the network ports that follow from it."""
    found = list(counted)
    if entry.kind == "SegmentConnectionBindingMap":
        return _counters(_sum(found)) | {"last_update_timestamp": now_ms}
    own = _sum(each for each in found if not each.binding)
    tagged = [each for each in found if each.binding]
    inside = _sum(tagged)
    total = Traffic(own.rx_packets + inside.rx_packets, own.rx_bytes + inside.rx_bytes, own.tx_packets, own.tx_bytes)
    kind = "logical_switch_id" if entry.kind == "Segment" else "logical_port_id"
    body = _counters(total) | {kind: entry.body["realization_id"], "last_update_timestamp": now_ms}
    return body | ({"trunkline_containers": [_container(each) for each in tagged]} if tagged else {})


def of_gateway(entry: Entry, operation: str) -> Body:
    """What passed the gateway's interface on a segment: nothing is said, because hypervisors count machines' ports only."""
    if operation.endswith("/summary"):
        return {"interface_policy_path": entry.path}
    return {"per_node_statistics": []}


def _sum(found: Iterable[Counted]) -> Traffic:
    return sum((each.traffic for each in found), Traffic())


def _container(each: Counted) -> Body:
    child = each.binding.rsplit("/", 2)[0]
    names = {"segment_port_path": each.port, "connected_segment_path": child, "vlan_traffic_tag": each.tag}
    return names | _counters(each.traffic)


def _counters(traffic: Traffic) -> dict[str, Any]:
    return {name: {"total": getattr(traffic, name)} for name in traffic.__struct_fields__}
