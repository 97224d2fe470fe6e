"""The parts of policy documents that the network follows, as typed values.

Only what some rule reads is here, so a document whose description, tags or `_revision` change reads the same as before and
costs nothing.

A document is found by its path, or under a topic: the collection it lies in, or a name by which rules look for it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import msgspec

from trunkline.kit import addresses
from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork

Topic = tuple[str, str]
"""A word that says what kind of question it answers, and what the question is about."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all documents; one of a kind that no rule reads is this and nothing else."""

    def topics(self, path: str) -> Iterator[Topic]:
        """Under what the document is found besides its path."""
        yield "in", path.rpartition("/")[0]


class SegmentSubnet(msgspec.Struct, frozen=True):
    """A prefix of a segment; the gateway's address with its prefix length."""

    gateway_address: IPInterface | None = None


class AdvancedConfig(msgspec.Struct, frozen=True):
    """`connectivity` OFF takes the segment from its gateway; the named teaming policy picks the physical network."""

    connectivity: str = "ON"
    uplink_teaming_policy_name: str = ""


class Segment(Document, frozen=True, kw_only=True):
    """A layer-2 domain."""

    transport_zone_path: str = ""
    connectivity_path: str = ""
    vlan_ids: tuple[str, ...] = ()
    subnets: tuple[SegmentSubnet, ...] = ()
    admin_state: str = "UP"
    advanced_config: AdvancedConfig = AdvancedConfig()


class PolicyTransportZone(Document, frozen=True, kw_only=True):
    """Whether segments of a zone travel in tunnels or on VLANs."""

    transport_zone_type: str = "OVERLAY"


class AddressBinding(msgspec.Struct, frozen=True):
    """An address that is known to be behind a port; with a VLAN, behind that tag."""

    ip_address: IPAddress | None = None
    mac_address: str = ""
    vlan_id: int = 0


class Attachment(msgspec.Struct, frozen=True):
    """The interface behind a port; a CHILD is the frames with `traffic_tag` of the interface `context_id`."""

    id: str = ""
    type: str = ""
    context_id: str = ""
    traffic_tag: int = 0


class SegmentPort(Document, frozen=True, kw_only=True):
    """A place on a segment where an interface may be attached."""

    attachment: Attachment = Attachment()
    address_bindings: tuple[AddressBinding, ...] = ()
    admin_state: str = "UP"


class SegmentConnectionBindingMap(Document, frozen=True, kw_only=True):
    """Frames with the tag from interfaces on `segment_path` belong to the segment that holds the map."""

    segment_path: str
    vlan_traffic_tag: int

    def topics(self, path: str) -> Iterator[Topic]:
        yield from super().topics(path)
        yield "bound to", self.segment_path


class Tier0(Document, frozen=True, kw_only=True):
    """A gateway to the outside; the links to its Tier-1s take addresses of `transit_subnets`."""

    transit_subnets: tuple[IPNetwork, ...] = ()


class AdvertisementRule(msgspec.Struct, frozen=True):
    """What is let through to the Tier-0, or held back, of the prefixes that equal (EQ) or lie in (GE) the subnets."""

    action: str = "PERMIT"
    subnets: tuple[IPNetwork, ...] = ()
    prefix_operator: str = "GE"
    route_advertisement_types: frozenset[str] = frozenset()


class Tier1(Document, frozen=True, kw_only=True):
    """A tenant's gateway.  `created` is milliseconds since the epoch."""

    tier0_path: str = ""
    route_advertisement_types: frozenset[str] = frozenset()
    route_advertisement_rules: tuple[AdvertisementRule, ...] = ()
    created: int = msgspec.field(name="_create_time", default=0)

    def topics(self, path: str) -> Iterator[Topic]:
        yield from super().topics(path)
        if self.tier0_path:
            yield "tier-1 of", self.tier0_path


class LocaleServices(Document, frozen=True, kw_only=True):
    """Where a gateway's uplinks may be."""

    edge_cluster_path: str = ""
    preferred_edge_paths: tuple[str, ...] = ()


class InterfaceSubnet(msgspec.Struct, frozen=True):
    """Addresses of an interface in one prefix."""

    ip_addresses: tuple[IPAddress, ...] = ()
    prefix_len: int = 0


class Interface(Document, frozen=True, kw_only=True):
    """A gateway's leg on a segment: a Tier-0's uplink, or a service interface of either tier."""

    segment_path: str = ""
    subnets: tuple[InterfaceSubnet, ...] = ()
    type: str = "SERVICE"
    edge_path: str = ""
    admin_state: str = "UP"


class NextHop(msgspec.Struct, frozen=True):
    """Where to; without an address and a scope, nowhere."""

    ip_address: IPAddress | None = None
    admin_distance: int = 1
    scope: tuple[str, ...] = ()


class StaticRoutes(Document, frozen=True, kw_only=True):
    """One prefix and the ways to it."""

    network: IPNetwork
    next_hops: tuple[NextHop, ...]

    def topics(self, path: str) -> Iterator[Topic]:
        yield from super().topics(path)
        if self.network.prefixlen == 0:
            yield f"IPv{self.network.version} default of", path.rsplit("/", 2)[0]


class PolicyNatRule(Document, frozen=True, kw_only=True):
    """One translation of a gateway."""

    action: str
    source_network: str = ""
    destination_network: str = ""
    translated_network: str = ""
    translated_ports: str = ""
    service: str = ""
    scope: tuple[str, ...] = ()
    sequence_number: int = 0
    enabled: bool = True


class SpoofGuardProfile(Document, frozen=True, kw_only=True):
    """Whether a port may send only from addresses that are bound to it."""

    address_binding_allowlist: bool = False


class SegmentSecurityProfile(Document, frozen=True, kw_only=True):
    """What ports may not send; router advertisements and limits of broadcasts are read by nobody."""

    bpdu_filter_enable: bool = True
    bpdu_filter_allow: tuple[str, ...] = ()
    dhcp_server_block_enabled: bool = True
    dhcp_client_block_enabled: bool = False
    dhcp_server_block_v6_enabled: bool = True
    dhcp_client_block_v6_enabled: bool = False
    non_ip_traffic_block_enabled: bool = False


class Shaper(msgspec.Struct, frozen=True):
    """A limit in one direction: Mb/s, and the burst in bytes."""

    resource_type: str = ""
    enabled: bool = False
    average_bandwidth: int = 0
    peak_bandwidth: int = 0
    burst_size: int = 0


class Dscp(msgspec.Struct, frozen=True):
    """UNTRUSTED: every packet of the port is marked with `priority`."""

    mode: str = "TRUSTED"
    priority: int = 0


class QoSProfile(Document, frozen=True, kw_only=True):
    """Limits and marks."""

    class_of_service: int = 0
    dscp: Dscp = Dscp()
    shaper_configurations: tuple[Shaper, ...] = ()


class ProfileMap(Document, frozen=True, kw_only=True):
    """The profiles that hold for a segment or a port."""

    spoofguard_profile_path: str = ""
    segment_security_profile_path: str = ""
    qos_profile_path: str = ""


class IPAddresses(msgspec.Struct, frozen=True):
    """Addresses and prefixes."""

    ip_addresses: tuple[str, ...] = ()


class MirrorFilter(msgspec.Struct, frozen=True):
    """Which frames are meant."""

    src_ips: IPAddresses = IPAddresses()
    dst_ips: IPAddresses = IPAddresses()
    ip_protocol: str = ""
    src_ports: str = ""
    dst_ports: str = ""


class PortMirroringProfile(Document, frozen=True, kw_only=True):
    """Where copies of frames go, and how."""

    destination_group: str
    profile_type: str = "REMOTE_L3_SPAN"
    direction: str = "BIDIRECTIONAL"
    encapsulation_type: str = "GRE"
    gre_key: int = -1
    erspan_id: int = 0
    snap_length: int = 0
    filter_action: str = "INCLUDE"
    port_mirroring_filters: tuple[MirrorFilter, ...] = ()


class IPFIXL2Profile(Document, frozen=True, kw_only=True):
    """How flows are told: `packet_sample_probability` is in per cent, times are in seconds."""

    ipfix_collector_profile_path: str
    observation_domain_id: int
    packet_sample_probability: float = 0.1
    active_timeout: int = 300
    max_flows: int = 16384
    priority: int = 0


class Collector(msgspec.Struct, frozen=True):
    """Who listens for records."""

    collector_ip_address: IPAddress
    collector_port: int = 4739


class IPFIXL2CollectorProfile(Document, frozen=True, kw_only=True):
    """Where records of flows go."""

    ipfix_l2_collectors: tuple[Collector, ...] = ()


class Expression(msgspec.Struct, frozen=True):
    """A part of a group's description."""

    resource_type: str = ""
    ip_addresses: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class Group(Document, frozen=True, kw_only=True):
    """A set of objects and addresses."""

    expression: tuple[Expression, ...] = ()


class MonitoringMap(Document, frozen=True, kw_only=True):
    """How a segment or a port is watched."""

    port_mirroring_profile_path: str = ""
    ipfix_l2_profile_path: str = ""


_TYPES: dict[str, type[Document]] = {
    "Segment": Segment,
    "PolicyTransportZone": PolicyTransportZone,
    "SegmentPort": SegmentPort,
    "SegmentConnectionBindingMap": SegmentConnectionBindingMap,
    "Tier0": Tier0,
    "Tier1": Tier1,
    "LocaleServices": LocaleServices,
    "Tier0Interface": Interface,
    "Tier1Interface": Interface,
    "StaticRoutes": StaticRoutes,
    "PolicyNatRule": PolicyNatRule,
    "SpoofGuardProfile": SpoofGuardProfile,
    "SegmentSecurityProfile": SegmentSecurityProfile,
    "QoSProfile": QoSProfile,
    "SegmentSecurityProfileBindingMap": ProfileMap,
    "SegmentQoSProfileBindingMap": ProfileMap,
    "PortSecurityProfileBindingMap": ProfileMap,
    "PortQoSProfileBindingMap": ProfileMap,
    "PortMirroringProfile": PortMirroringProfile,
    "IPFIXL2Profile": IPFIXL2Profile,
    "IPFIXL2CollectorProfile": IPFIXL2CollectorProfile,
    "Group": Group,
    "SegmentMonitoringProfileBindingMap": MonitoringMap,
    "PortMonitoringProfileBindingMap": MonitoringMap,
}
_DECODERS = {
    kind: msgspec.json.Decoder(type, dec_hook=addresses.dec_hook, strict=False) for kind, type in _TYPES.items()
}
_OTHER = Document()


def read(kind: str, raw: bytes) -> Document:
    """A stored document.

    Raises:
        ValueError: it is not what the validation lets through.
    """
    decoder = _DECODERS.get(kind)
    return decoder.decode(raw) if decoder else _OTHER


def networks(text: str) -> list[IPNetwork]:
    """The prefixes of a comma-separated list; a lone address is a prefix of full length."""
    return [ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()]


def networks_in(text: str) -> list[IPNetwork]:
    """The prefixes that make up an address, a prefix or a range "a-b"."""
    first, _, last = text.partition("-")
    if not last:
        return [ipaddress.ip_network(first, strict=False)]
    bounds = ipaddress.ip_address(first), ipaddress.ip_address(last)
    return list(ipaddress.summarize_address_range(*bounds))
