"""What a policy object asks for and this network does not do, told from the object alone.

Nothing is silently ignored: a field that is taken and not honoured shows as an alarm of the object.  Here are the fields for
which that needs nothing but their value; what depends on other objects is told by the realisation's rules.  A value that asks for
nothing, or for what is done anyway, makes no alarm; those are listed with the field.

Some defaults of NSX are answered, as clients compare them, and not honoured: `urpf_mode` STRICT (no reverse path is checked),
`failover_mode` NON_PREEMPTIVE (the best hypervisor takes over again), `ha_mode` ACTIVE_ACTIVE (each interface is served by one
hypervisor at a time), DHCP snooping and VM tools as sources of IPv4 addresses, and what the default profiles say.  They make no alarm, because nobody asked for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from trunkline.dialects.nsx import inside
from trunkline.dialects.nsx.catalogue import BY_TYPE
from trunkline.dialects.nsx.compose import SERVER_FIELDS
from trunkline.dialects.nsx.realisation.made import unsupported
from trunkline.dialects.nsx.resource import COMMON
from trunkline.dialects.nsx.view import Body, Entry
from trunkline.kit.problems import Problem

_NOTHING: tuple[Any, ...] = (None, "", False, [], {})
_EVERYWHERE = frozenset({*SERVER_FIELDS, *(field.name for field in COMMON.fields), "id", "resource_type"})
"""What every object has."""


class Field(msgspec.Struct, frozen=True):
    """A field, by dotted path through objects and arrays; `why` it is not honoured, and values that ask for nothing."""

    path: str
    why: str
    harmless: tuple[object, ...] = ()


_DHCP = "addresses are not handed out here"
_FEDERATION = "there is one site"
_FIREWALL = "gateways have no firewall"
_IPV6 = "routers are not advertised to IPv6 hosts"
_EVPN = "there is no EVPN"
_DISCOVERY = "addresses are discovered by ARP and neighbour discovery alone"
_LEARNING = "MACs are learned, without limit, on ports that SpoofGuard does not guard"
_ADVERTISEMENTS = "OVN lets IPv6 neighbour discovery pass before any list is asked, router advertisements with it"
_PACKETS = "OVN limits kilobits, and counts no packets; QoS profiles limit ports"

_NO_RSPAN = "copies go to an address or an interface, never into a VLAN"

_GATEWAY = (
    Field("dhcp_config_paths", _DHCP),
    Field("ipv6_profile_paths", _IPV6),
    Field("force_whitelisting", _FIREWALL),
    Field("default_rule_logging", _FIREWALL),
    Field("arp_limit", "neighbours are not counted"),
    Field("intersite_config", _FEDERATION),
    Field("federation_config", _FEDERATION),
)
_INTERFACE = (
    Field("mtu", "packets are not fragmented at interfaces"),
    Field("ipv6_profile_paths", _IPV6),
    Field("dhcp_relay_path", "requests are not relayed"),
    Field("access_vlan_id", "the segment's own VLAN is used"),
)

_FIELDS: dict[str, tuple[Field, ...]] = {
    "Segment": (
        Field("dhcp_config_path", _DHCP),
        Field("subnets.dhcp_config", _DHCP),
        Field("subnets.dhcp_ranges", _DHCP),
        Field("domain_name", "names are given by DHCP, and addresses are not handed out here"),
        Field("metadata_proxy_paths", "there are no metadata proxies"),
        Field("address_bindings", "addresses are bound to ports"),
        Field("advanced_config.address_pool_paths", "ports are given no addresses"),
        Field("advanced_config.hybrid", "there is one kind of segments"),
        Field("advanced_config.inter_router", "it is like any other segment"),
        Field("advanced_config.local_egress", _FEDERATION),
        Field("advanced_config.local_egress_routing_policies", _FEDERATION),
        Field("advanced_config.multicast", "multicast is not routed"),
        Field("advanced_config.node_local_switch", "a segment spans all hypervisors"),
        Field("advanced_config.ndra_profile_path", _IPV6),
        Field("extra_configs", "there is nothing that they would configure"),
        Field("bridge_profiles", "there are no edge bridges; use a VLAN segment"),
        Field("l2_extension", "there are no layer-2 VPNs"),
        Field("evpn_tenant_config_path", _EVPN),
        Field("mac_pool_id", "machines bring their MACs"),
        Field("federation_config", _FEDERATION),
    ),
    "SegmentPort": (
        Field("init_state", "a port begins like any other"),
        Field("extra_configs", "there is nothing that they would configure"),
        Field("attachment.allocate_addresses", "ports are given no addresses", ("NONE", "DHCP", "DHCPV6", "SLAAC")),
        Field("attachment.evpn_vlans", _EVPN),
        Field("attachment.hyperbus_mode", "there is no hyperbus", ("DISABLE",)),
    ),
    "Tier0": (
        *_GATEWAY,
        Field("internal_transit_subnets", "a gateway is one router", ("169.254.0.0/24", "169.254.0.0/28")),
        Field("vrf_transit_subnets", "there are no VRFs", ("169.254.2.0/23",)),
        Field("vrf_config", "there are no VRFs"),
        Field("rd_admin_field", _EVPN),
        Field("stateful_services", "translations are the only service"),
        Field("multi_vrf_inter_sr_routing", "there are no VRFs"),
    ),
    "Tier1": (
        *_GATEWAY,
        Field("enable_standby_relocation", "the candidates are those of the edge cluster"),
        Field("pool_allocation", "there are no load balancers to make room for", ("ROUTING",)),
        Field("ha_mode", "one hypervisor serves an interface at a time", ("ACTIVE_STANDBY",)),
        Field("qos_profile", "limits are set on segments and ports"),
    ),
    "LocaleServices": (
        Field("bfd_profile_path", "there are no BFD sessions of the gateway's own"),
        Field("route_redistribution_types", "there is no BGP and no OSPF to redistribute to"),
        Field("route_redistribution_config", "there is no BGP and no OSPF to redistribute to"),
        Field("ha_vip_configs", "an interface moves with its addresses"),
    ),
    "StaticRoutes": (Field("enabled_on_secondary", _FEDERATION),),
    "Tier0Interface": _INTERFACE,
    "Tier1Interface": _INTERFACE,
    "PolicyNatRule": (
        Field("logging", "translations are not logged"),
        Field("policy_based_vpn_mode", "there are no VPNs"),
    ),
    "PortMirroringProfile": (
        Field("tcp_ip_stack", "hypervisors have one network stack", ("Default",)),
        Field("port_mirroring_filters.filter_action", "the profile's filter_action holds for all of its filters"),
        Field("preserve_original_vlan", _NO_RSPAN),
        Field("destination_pnics", _NO_RSPAN),
        Field("encapsulation_vlan_id", _NO_RSPAN),
        Field("source_vlan_ids", _NO_RSPAN),
    ),
    "IPFIXL2Profile": (
        Field("idle_timeout", "a flow is told when active_timeout is over, quiet or not"),
        Field("export_overlay_flow", "records are of the frames inside of tunnels"),
    ),
    "PolicyTransportZone": (
        Field("nested_nsx", "hypervisors are not told apart by it"),
        Field("authorized_vlans", "any VLAN may be used"),
        Field("transport_zone_profile_paths", "hypervisors have no such profiles"),
    ),
    "IPDiscoveryProfile": (
        Field("ip_v6_discovery_options.dhcp_snooping_v6_enabled", _DISCOVERY),
        Field("ip_v6_discovery_options.vmtools_v6_enabled", _DISCOVERY),
    ),
    "MacDiscoveryProfile": (
        Field("mac_change_enabled", _LEARNING),
        Field("mac_limit", _LEARNING, (4096,)),
        Field("mac_limit_policy", _LEARNING, ("ALLOW",)),
        Field("remote_overlay_mac_limit", _LEARNING, (2048,)),
    ),
    "SegmentSecurityProfile": (
        Field("ra_guard_enabled", _ADVERTISEMENTS),
        Field("rate_limits_enabled", _PACKETS),
    ),
    "QoSProfile": (
        Field("class_of_service", "802.1p priorities are not set", (0,)),
        Field("dscp.priority", "marks are set in mode UNTRUSTED only", (0,)),
    ),
    "Project": (Field("external_ipv4_blocks", "addresses are not taken from blocks by themselves"),),
}

_MAPPED = {
    "mac_discovery_profile_path": _LEARNING,
}
"""Profiles that are kept and not enforced: whoever binds one is told."""


def remarks(entry: Entry) -> list[Problem]:
    """What is not honoured of an object, as far as the object alone tells."""
    body, kind = entry.body, entry.kind
    if kind == "QoSProfile" and body.get("dscp", {}).get("mode") == "UNTRUSTED":
        body = {**body, "dscp": {}}
    found = [
        unsupported(kind, entry.path, field.path, _shown(values), field.why)
        for field in _FIELDS.get(kind, ())
        if (values := [value for value in inside.values(body, field.path.split(".")) if _asks(value, field)])
    ]
    return [*found, *_bound(entry, body), *_unknown(entry, body)]


def _bound(entry: Entry, body: Body) -> Iterator[Problem]:
    """A binding map that names a profile which is not enforced; the ones that every manager has ask for nothing."""
    for name, why in _MAPPED.items():
        profile = body.get(name, "") if entry.kind.endswith("ProfileBindingMap") else ""
        if profile and not profile.rpartition("/")[2].startswith("default-"):
            yield unsupported(entry.kind, entry.path, name, profile, why)


def _unknown(entry: Entry, body: Body) -> Iterator[Problem]:
    """Fields of a newer client: they are kept and answered, and nobody here knows what they mean."""
    known = {field.name for field in BY_TYPE[entry.kind].fields}
    told = {field.path.partition(".")[0] for field in _FIELDS.get(entry.kind, ())}
    for name in sorted(body.keys() - known - told - _EVERYWHERE):
        if body[name] not in _NOTHING:
            yield unsupported(entry.kind, entry.path, name, _shown([body[name]]), "this field is not known here")


def _asks(value: Any, field: Field) -> bool:
    return value not in _NOTHING and value not in field.harmless


def _shown(values: list[Any]) -> str:
    return ", ".join(value if isinstance(value, str) else msgspec.json.encode(value).decode() for value in values)
