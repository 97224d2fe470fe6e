"""Why a packet ended, in NSX's words, told from the stage of OVN's pipeline in which it did.

Source: ovn-northd(8) for the stages, NSX's `TraceflowObservationDropped` for the words.
"""

from __future__ import annotations

import re

import msgspec

from trunkline.trace.walk import Stage


class Reason(msgspec.Struct, frozen=True):
    """NSX's word, and the component that ended the packet if it is not the segment or gateway itself."""

    word: str
    component: str = ""


_GROUP = re.compile(r"inport == @(\w+)")

_SPOOFGUARD, _FIREWALL = Reason("SPOOFGUARD", "SPOOFGUARD"), Reason("FW_RULE", "DFW")
_EDGE_FIREWALL = Reason("FW_RULE", "EDGE_FW")
_STAGES = {
    "ls_in_check_port_sec": _SPOOFGUARD,
    "ls_in_apply_port_sec": _SPOOFGUARD,
    "ls_out_check_port_sec": _SPOOFGUARD,
    "ls_out_apply_port_sec": _SPOOFGUARD,
    "ls_in_acl": _FIREWALL,
    "ls_in_acl_after_lb": _FIREWALL,
    "ls_out_acl": _FIREWALL,
    "ls_in_l2_lkup": Reason("LSWITCH"),
    "ls_in_l2_unknown": Reason("LSWITCH"),
    "lr_in_admission": Reason("LROUTER"),
    "lr_in_ip_input": Reason("IP"),
    "lr_in_unsnat": Reason("NAT", "NAT"),
    "lr_in_dnat": Reason("NAT", "NAT"),
    "lr_out_snat": Reason("NAT", "NAT"),
    "lr_in_ip_routing": Reason("NO_ROUTE"),
    "lr_in_policy": _EDGE_FIREWALL,
    "lr_in_arp_resolve": Reason("ARP_FAIL"),
    "lr_in_arp_request": Reason("ARP_FAIL"),
}
UNKNOWN = Reason("UNKNOWN")
SECURITY = Reason("LSWITCH")
"""A segment security profile's; NSX has no word of its own for it, and the segment is what looks at frames."""
SPOOFGUARD = _SPOOFGUARD
NOT_PLUGGED = Reason("IFACE")


def of(stage: Stage | None) -> Reason:
    """Why a packet ended in a stage."""
    if stage is None:
        return UNKNOWN
    if stage.name == "lr_in_ip_input" and "ip.ttl ==" in stage.match:
        return Reason("TTL_ZERO")
    return _STAGES.get(stage.name, UNKNOWN)


def group(stage: Stage | None) -> str:
    """The port group whose lists a stage applied to a packet that came in, "" if none."""
    found = _GROUP.search(stage.match) if stage else None
    return found[1] if found else ""


def words(stage: Stage | None) -> str:
    """Where that was, for people who read OVN."""
    if stage is None:
        return "the packet met no flow"
    return f"{stage.name} ({stage.source}): {stage.match}, priority {stage.priority}, uuid {stage.uuid}"
