"""The network around one walk: where its ports are, and which policy objects stand behind its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trunkline.adapters import ovsdb
from trunkline.dialects.nsx.realisation import made
from trunkline.dialects.nsx.traceflow.scene import Component, Lport
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Entry
from trunkline.ovn import names

_KINDS = {"Segment": ("LS", ""), "Tier0": ("LR", "LR_TIER0"), "Tier1": ("LR", "LR_TIER1")}


class Network:
    """A `Scene`; made by `look`."""

    def __init__(self, tree: Tree, names: Mapping[str, str], ports: Mapping[str, dict[str, Any]], chassis: Any) -> None:
        self._tree, self._names, self._ports, self._chassis = tree, names, ports, chassis

    def component(self, datapath: str) -> Component:
        """The segment or gateway whose row it is; a row that is not ours keeps its name."""
        name = self._names.get(datapath, datapath)
        entry = self._tree.entry(f"/{name}")
        if entry is None or entry.kind not in _KINDS:
            return Component(type="UNKNOWN", name=name)
        kind, sub_type = _KINDS[entry.kind]
        body = entry.body
        vlans = body.get("vlan_ids") or ["0"]
        return Component(
            type=kind,
            name=entry.name,
            path=entry.path,
            id=body["realization_id"],
            sub_type=sub_type,
            vni=body.get("overlay_id", 0),
            vlan=int(vlans[0]) if vlans[0].isdecimal() else 0,
        )

    def lport(self, port: str) -> Lport:
        """The segment port of a machine's interface; with a tag, that of the machine around the containers."""
        attachment, tag = interface(port)
        entry = segment_port(self._tree, attachment)
        if entry is None:
            return Lport(port)
        return Lport(entry.name, entry.body["realization_id"], attachment, tag, entry.path)

    def profile(self, group: str) -> str:
        """The segment security profile (policy path) that stands behind a port group, "" if none."""
        profiles = (entry.path for entry in self._tree.of_kind("SegmentSecurityProfile"))
        return next((path for path in profiles if names.port_group(made.identity(path)) == group), "")

    def place(self, port: str) -> str:
        """The hypervisor that has a port, "" if none."""
        row = self._ports.get(port)
        return self._chassis.get(row["chassis"], "") if row and row["chassis"] else ""

    def guarded(self, port: str) -> bool:
        """Whether a port may send only from known addresses."""
        row = self._ports.get(port)
        return bool(row and row["port_security"])


async def look(southbound: str, tree: Tree, ports: Iterable[str]) -> Network:
    """The network as the southbound database has it now, as far as these ports go.

    Raises:
        RemoteError: the database does not answer.
    """
    wanted = list(dict.fromkeys(ports))
    columns = ("logical_port", "chassis", "port_security")
    async with ovsdb.Client(southbound, "OVN_Southbound") as client:
        datapaths, chassis, *found = await client.transact(
            [
                ovsdb.select("Datapath_Binding", (), ["external_ids"]),
                ovsdb.select("Chassis", (), ["_uuid", "name"]),
                *(ovsdb.select("Port_Binding", ovsdb.by("logical_port", name), columns) for name in wanted),
            ]
        )
    ids = [row["external_ids"] for row in datapaths["rows"]]
    rows = {row["logical_port"]: row for each in found for row in each["rows"]}
    known = {each.get("logical-switch") or each.get("logical-router", ""): each.get("name", "") for each in ids}
    return Network(tree, known, rows, {row["_uuid"]: row["name"] for row in chassis["rows"]})


def interface(port: str) -> tuple[str, int]:
    """The machine's interface and the tag that a logical port stands for."""
    attachment, slash, tag = port.rpartition("/")
    return (attachment, int(tag)) if slash and tag.isdecimal() else (port, 0)


def segment_port(tree: Tree, attachment: str) -> Entry | None:
    """The segment port with an attachment."""
    wanted = b'"id":' + msgspec.json.encode(attachment)  # decoding thousands of ports would hold up every request
    for entry in tree.of_kind("SegmentPort"):
        if wanted in entry.raw and entry.body.get("attachment", {}).get("id") == attachment:
            return entry
    return None
