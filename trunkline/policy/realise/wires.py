"""What OVN knows of one segment at this moment, asked for when somebody wants to see it.

Neighbours and learned MACs are as many as machines and change with every one; nothing else here needs them, so they are read,
not followed.  Source: ovn-sb(5), tables Port_Binding, FDB, MAC_Binding, Encap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.adapters import ovsdb
from trunkline.dialects.nsx.tables import Host, Wire

_BINDING = ("logical_port", "type", "mac", "tunnel_key", "chassis", "options")
_ROUTED = ("patch", "l3gateway")
_MAC = re.compile(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")

Rows = list[dict[str, Any]]


async def look(client: ovsdb.Client, network: str) -> Wire:
    """The segment whose network has this id; nothing if OVN has no such network."""
    named = (("external_ids", "includes", {"name": network}),)
    chassis, encaps, datapaths = await _rows(
        client,
        ovsdb.select("Chassis", (), ["_uuid", "name"]),
        ovsdb.select("Encap", (), ["chassis_name", "ip"]),
        ovsdb.select("Datapath_Binding", named, ["_uuid", "tunnel_key", "external_ids"]),
    )
    switch = next((row for row in datapaths if "logical-switch" in row["external_ids"]), None)
    if switch is None:
        return Wire()
    bindings, learned = await _rows(
        client,
        ovsdb.select("Port_Binding", ovsdb.by("datapath", switch["_uuid"]), _BINDING),
        ovsdb.select("FDB", ovsdb.by("dp_key", switch["tunnel_key"]), ["mac", "port_key"]),
    )
    gateways = [row["options"].get("peer", "") for row in bindings if row["type"] in _ROUTED]
    neighbours = await _rows(
        client, *(ovsdb.select("MAC_Binding", ovsdb.by("logical_port", each), ["ip", "mac"]) for each in gateways)
    )
    at = {row["chassis_name"]: row["ip"] for row in encaps}
    tunnels = {row["_uuid"]: at[row["name"]] for row in chassis if row["name"] in at}
    return _wire(bindings, learned, [row for each in neighbours for row in each], tunnels)


async def _rows(client: ovsdb.Client, *selected: ovsdb.Operation) -> list[Rows]:
    return [found["rows"] for found in await client.transact(selected)] if selected else []


def _wire(bindings: Rows, learned: Rows, neighbours: Rows, tunnels: Mapping[Any, str]) -> Wire:
    machines = [row for row in bindings if row["type"] == ""]
    hosts = [*_bound(machines, tunnels), *_learned(bindings, learned, tunnels)]
    return Wire(
        hosts=tuple(sorted(hosts)),
        neighbours=tuple((row["ip"], row["mac"]) for row in neighbours),
        tunnels=tuple(sorted({tunnels[row["chassis"]] for row in machines if row["chassis"] in tunnels})),
        routed=any(row["type"] in _ROUTED for row in bindings),
    )


def _bound(machines: Rows, tunnels: Mapping[Any, str]) -> Iterator[Host]:
    """The addresses that ports are said to have; a port may also be said to have unknown ones."""
    for row in machines:
        for each in row["mac"]:
            mac, *found = each.split()
            if _MAC.fullmatch(mac):
                yield _host(row, tunnels, mac, tuple(found))


def _learned(bindings: Rows, learned: Rows, tunnels: Mapping[Any, str]) -> Iterator[Host]:
    by_key = {row["tunnel_key"]: row for row in bindings}
    for each in learned:
        if row := by_key.get(each["port_key"]):
            yield _host(row, tunnels, each["mac"], (), learned=True)


def _host(
    row: dict[str, Any], tunnels: Mapping[Any, str], mac: str, found: tuple[str, ...], *, learned: bool = False
) -> Host:
    tunnel = tunnels.get(row["chassis"], "")
    return Host(mac=mac.lower(), port=row["logical_port"], addresses=found, tunnel=tunnel, learned=learned)
