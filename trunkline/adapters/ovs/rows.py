"""The rows of the `Open_vSwitch` database that the agent looks at, and only those columns.

Statistics are left out on purpose: ovs-vswitchd rewrites them every few seconds, for every port.
Source: ovs-vswitchd.conf.db(5).
"""

from __future__ import annotations

from trunkline.adapters import ovsdb


class OpenVSwitch(ovsdb.Row, table="Open_vSwitch"):
    """The one row that everything else hangs from.

    ovs-vswitchd writes `next_cfg` to `cur_cfg` when it has taken everything that was there with it.
    """

    next_cfg: int
    cur_cfg: int
    bridges: frozenset[ovsdb.RowUuid]
    datapaths: dict[str, ovsdb.RowUuid]
    external_ids: dict[str, str]
    ssl: ovsdb.RowUuid | None


class Bridge(ovsdb.Row, table="Bridge"):
    """A bridge; `datapath_type` is "netdev" or "system"."""

    name: str
    ports: frozenset[ovsdb.RowUuid]
    mirrors: frozenset[ovsdb.RowUuid]
    datapath_type: str
    fail_mode: str | None
    external_ids: dict[str, str]
    other_config: dict[str, str]


class Port(ovsdb.Row, table="Port"):
    """A port of a bridge; ours have one interface each."""

    name: str
    interfaces: frozenset[ovsdb.RowUuid]


class Interface(ovsdb.Row, table="Interface"):
    """A network device in a bridge; `ofport` is set by ovs-vswitchd, -1 when it could not open the device."""

    name: str
    type: str
    ofport: int | None
    error: str | None
    mtu_request: int | None
    external_ids: dict[str, str]


class Datapath(ovsdb.Row, table="Datapath"):
    """What one kind of datapath can do; written by ovs-vswitchd at start, read by ovn-controller."""

    capabilities: dict[str, str]


class Ssl(ovsdb.Row, table="SSL"):
    """Key files for every TLS connection that OVS programs make."""

    private_key: str
    certificate: str
    ca_cert: str


class Mirror(ovsdb.Row, table="Mirror"):
    """Copies of what enters (`select_src_port`) and leaves (`select_dst_port`) a bridge by some ports, on some VLANs."""

    name: str
    select_src_port: frozenset[ovsdb.RowUuid]
    select_dst_port: frozenset[ovsdb.RowUuid]
    select_vlan: frozenset[int]
    snaplen: int | None
    output_port: ovsdb.RowUuid | None
    external_ids: dict[str, str]


class Ipfix(ovsdb.Row, table="IPFIX"):
    """Where a bridge tells of flows."""

    targets: frozenset[str]
    cache_active_timeout: int | None
    cache_max_flows: int | None


class CollectorSet(ovsdb.Row, table="Flow_Sample_Collector_Set"):
    """A number by which `sample` actions of a bridge name an exporter."""

    id: int
    bridge: ovsdb.RowUuid
    ipfix: ovsdb.RowUuid | None
    external_ids: dict[str, str]


ALL = (OpenVSwitch, Bridge, Port, Interface, Datapath, Ssl, Mirror, Ipfix, CollectorSet)
