"""Mirrors and IPFIX exporters in the database of Open vSwitch: those with our labels are as wanted, others are never touched.

Source: ovs-vswitchd.conf.db(5), tables Mirror, IPFIX and Flow_Sample_Collector_Set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from trunkline.adapters import ovsdb
from trunkline.adapters.ovs import rows
from trunkline.adapters.ovs.switch import Switch

MOST_MIRRORS = 32
"""Mirrors of one bridge; source: MAX_MIRRORS of ovs-vswitchd."""


class MirrorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A mirror; ports are named.  `entering` and `leaving` are as the bridge sees it; no VLANs means all of them."""

    name: str
    bridge: str
    entering: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    vlans: frozenset[int] = frozenset()
    length: int = 0
    output: str


class ExportSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An exporter for the `sample` actions of a bridge that name `id`."""

    id: int
    bridge: str
    targets: frozenset[str]
    active_timeout: int
    flows: int


async def ensure(
    switch: Switch, labels: Mapping[str, str], mirrors: Iterable[MirrorSpec], exports: Iterable[ExportSpec]
) -> bool:
    """Make of the labelled rows what is wanted, in one step; answers whether anything had to be changed.

    Ports and bridges must be there.

    Raises:
        RemoteError: the database refused.
    """
    operations = [*_mirrors(switch, labels, mirrors), *_exports(switch, labels, exports)]
    await switch.write(operations)
    return bool(operations)


def _mirrors(switch: Switch, labels: Mapping[str, str], wanted: Iterable[MirrorSpec]) -> Iterator[ovsdb.Operation]:
    bridges = {row.name: row for row in switch.replica.table(rows.Bridge).values()}
    holders = {uuid: bridge for bridge in bridges.values() for uuid in bridge.mirrors}
    ours = {
        row.name: row
        for row in switch.replica.table(rows.Mirror).values()
        if labels.items() <= row.external_ids.items() and row.uuid in holders
    }
    ports = {row.name: row.uuid for row in switch.replica.table(rows.Port).values()}
    for number, spec in enumerate(wanted):
        if spec.output not in ports or spec.bridge not in bridges:
            continue  # it has just gone, and who wants the mirror will notice
        columns = _columns(spec, ports)
        present = ours.pop(spec.name, None)
        if present is None:
            handle = f"mirror{number}"
            new = {"name": spec.name, "external_ids": dict(labels), **columns}
            yield ovsdb.insert("Mirror", new, handle)
            yield _change(bridges[spec.bridge], "insert", ovsdb.NamedUuid(handle))
        elif changed := {column: value for column, value in columns.items() if getattr(present, column) != value}:
            yield ovsdb.update("Mirror", ovsdb.by_uuid(present.uuid), changed)
    for row in ours.values():
        yield _change(holders[row.uuid], "delete", row.uuid)


def _columns(spec: MirrorSpec, ports: Mapping[str, ovsdb.RowUuid]) -> dict[str, object]:
    return {
        "select_src_port": frozenset(ports[name] for name in spec.entering if name in ports),
        "select_dst_port": frozenset(ports[name] for name in spec.leaving if name in ports),
        "select_vlan": spec.vlans,
        "snaplen": spec.length or None,
        "output_port": ports[spec.output],
    }


def _change(bridge: rows.Bridge, how: str, mirror: ovsdb.RowUuid | ovsdb.NamedUuid) -> ovsdb.Operation:
    return ovsdb.mutate("Bridge", ovsdb.by_uuid(bridge.uuid), [("mirrors", how, {mirror})])


def _exports(switch: Switch, labels: Mapping[str, str], wanted: Iterable[ExportSpec]) -> Iterator[ovsdb.Operation]:
    bridges = {row.name: row for row in switch.replica.table(rows.Bridge).values()}
    sets = switch.replica.table(rows.CollectorSet)
    ours = {row.id: row for row in sets.values() if labels.items() <= row.external_ids.items()}
    for spec in wanted:
        if spec.bridge not in bridges:
            continue  # as with mirrors
        columns = {
            "targets": spec.targets,
            "cache_active_timeout": spec.active_timeout,
            "cache_max_flows": spec.flows,
        }
        present = ours.pop(spec.id, None)
        exporter = switch.replica.table(rows.Ipfix).get(present.ipfix) if present and present.ipfix else None
        if exporter is not None:
            if changed := {column: value for column, value in columns.items() if getattr(exporter, column) != value}:
                yield ovsdb.update("IPFIX", ovsdb.by_uuid(exporter.uuid), changed)
            continue
        if present is not None:
            yield ovsdb.delete("Flow_Sample_Collector_Set", ovsdb.by_uuid(present.uuid))
        handle = f"ipfix{spec.id}"
        yield ovsdb.insert("IPFIX", columns, handle)
        bound = {"bridge": bridges[spec.bridge].uuid, "ipfix": ovsdb.NamedUuid(handle)}
        yield ovsdb.insert("Flow_Sample_Collector_Set", {"id": spec.id, "external_ids": dict(labels), **bound})
    for row in ours.values():
        yield ovsdb.delete("Flow_Sample_Collector_Set", ovsdb.by_uuid(row.uuid))
