"""The tables of a segment: which MACs are where, whom its gateway knows, which hypervisors take part in its tunnels.

A `Wire` is what OVN knows of the segment at one moment.  What OVN does not know (labels of tunnel ends, the MACs of
hypervisors' cards) is left out of the answers, not made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from trunkline.dialects.nsx.view import Body, Entry

ENFORCEMENT_POINT = "/infra/sites/default/enforcement-points/default"
WORDS = frozenset({"mac-table", "arp-table", "gateway-interface-arp-table", "tep-table"})
"""What is answered from a `Wire`."""


class Host(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A MAC on a segment, and the addresses known of it.

    `port` is the logical port behind which it is, `tunnel` the address at which the hypervisor of that port takes tunnels, ""
    if the port is on none; `learned`: from a frame, not bound to the port.
    """

    mac: str
    port: str
    addresses: tuple[str, ...] = ()
    tunnel: str = ""
    learned: bool = False


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a segment: its hosts, the neighbours (address, MAC) that gateways on it have found, its tunnel ends.

    `routed`: whether there is a gateway on it.
    """

    hosts: tuple[Host, ...] = ()
    neighbours: tuple[tuple[str, str], ...] = ()
    tunnels: tuple[str, ...] = ()
    routed: bool = False


def answer(entry: Entry, operation: str, wire: Wire, now_ms: int) -> Body:
    """The table of a segment or a port that an operation asks for."""
    match operation:
        case "mac-table" if entry.kind == "SegmentPort":
            attachment = entry.body.get("attachment", {}).get("id")
            found = _unique(_typed(host) for host in wire.hosts if attachment and host.port == attachment)
        case "mac-table":
            overlay = "overlay_id" in entry.body
            found = _unique(_located(host, tunnelled=overlay) for host in wire.hosts)
        case "tep-table":
            overlay = "overlay_id" in entry.body
            segment = entry.body["realization_id"]
            found = [{"tep_ip": each, "segment_id": segment} for each in sorted(wire.tunnels) if overlay]
        case _:
            found = [{"ip": ip, "mac_address": mac} for ip, mac in sorted(_neighbours(wire).items())]
            envelope = {"enforcement_point_path": ENFORCEMENT_POINT}
            return {"results": found, "result_count": len(found), **envelope}
    return {"results": found, "result_count": len(found), "last_update_timestamp": now_ms}


def _located(host: Host, *, tunnelled: bool) -> Body:
    if not (tunnelled and host.tunnel):
        return {"mac_address": host.mac}
    return {"mac_address": host.mac, "vtep_ipv6" if ":" in host.tunnel else "vtep_ip": host.tunnel}


def _typed(host: Host) -> Body:
    return {"mac_address": host.mac, "mac_type": "LEARNED" if host.learned else "STATIC"}


def _unique(rows: Iterable[Body]) -> list[Body]:
    """Rows by MAC; what is bound and has been learned besides stands once, as bound."""
    found: dict[str, Body] = {}
    for row in sorted(rows, key=lambda row: (row["mac_address"], row.get("mac_type") == "LEARNED")):
        found.setdefault(row["mac_address"], row)
    return list(found.values())


def _neighbours(wire: Wire) -> dict[str, str]:
    """Addresses that the gateway need not ask for: those bound to ports, which it is told, and those it has found."""
    return dict([*wire.neighbours, *_bound(wire)]) if wire.routed else {}


def _bound(wire: Wire) -> Iterator[tuple[str, str]]:
    return ((ip, host.mac) for host in wire.hosts for ip in host.addresses)
