"""Segment security profiles: what ports may not send.

Source: NSX 4.2 Administration Guide, "Create a Segment Security Segment Profile", and the API's descriptions of the fields.
A profile looks at what enters the segment from a port, and at nothing else.  DHCP is told by the UDP port it goes to, so that
the answers of a server to a relay are not a server's to a client.  All that is not IP, ARP or a BPDU can be blocked; whether
a BPDU passes is the BPDU filter's matter alone.
"""

from __future__ import annotations

from trunkline.dialects.nsx.realisation import documents, made
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.intent import model
from trunkline.intent.model import Traffic

_BPDUS = frozenset(
    [
        *(f"01:80:c2:00:00:{last:02x}" for last in range(16)),
        *(f"01:00:0c:cc:cc:{last:02x}" for last in (*range(0xC0, 0xC8), 0xCC, 0xCD)),
        *(f"00:e0:2b:00:00:{last:02x}" for last in (0, 4, 6)),
        "01:00:0c:00:00:00",
        "01:00:0c:cd:cd:cd",
    ]
)
"""The destinations that NSX counts among BPDUs: those that `bpdu_filter_allow` may name."""


def security_profile(look: Look, path: str) -> Made | None:
    """The filter that a profile stands for, whether or not there is a port for it."""
    found = look.document(path, documents.SegmentSecurityProfile)
    if found is None:
        return None
    allowed = {mac.lower() for mac in found.bpdu_filter_allow}
    blocked = _BPDUS - allowed if found.bpdu_filter_enable else frozenset()
    item = model.Filter(
        id=made.identity(path),
        drops=_drops(found),
        blocked_macs=tuple(sorted(blocked)),
        spared_macs=tuple(sorted(_BPDUS - blocked)) if found.non_ip_traffic_block_enabled else (),
        source=made.source("SegmentSecurityProfile", path),
    )
    return Made((item,))


def filter_of(look: Look, path: str) -> str:
    """The filter of the profile at a path, "" if there is none; another answer only when the profile comes or goes."""
    return made.identity(path) if look.document(path, documents.SegmentSecurityProfile) else ""


def _drops(profile: documents.SegmentSecurityProfile) -> tuple[Traffic, ...]:
    asked = {
        Traffic.DHCP_SERVER: profile.dhcp_server_block_enabled,
        Traffic.DHCP_CLIENT: profile.dhcp_client_block_enabled,
        Traffic.DHCPV6_SERVER: profile.dhcp_server_block_v6_enabled,
        Traffic.DHCPV6_CLIENT: profile.dhcp_client_block_v6_enabled,
        Traffic.NON_IP: profile.non_ip_traffic_block_enabled,
    }
    return tuple(traffic for traffic, wanted in asked.items() if wanted)
