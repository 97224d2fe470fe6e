"""Names of logical switches, routers and ports.

Switch ports and router ports share one name space (the southbound `Port_Binding.logical_port`).  A pod's port is named
exactly as its intent id, because the node's `iface-id` must equal it.  The ports that we add ourselves have a prefix with
a colon, which neither namespaces nor node names can contain, so that they never meet a pod's.  Where two ids stand in one
name, the bar between them is a character that no id has.
"""

from __future__ import annotations

import re

from trunkline.kit import ids

_TUNNEL_KEYS = 2**15 - 1
"""From 1; ports' keys end where those of multicast groups begin (ovn-architecture(7))."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,250}")


def is_safe(text: str) -> bool:
    """Whether an intent id or a chassis name can stand in OVN names, match expressions and option values unchanged.

    Commas and spaces separate list items in OVN's options; quotes, "$" and control characters mean something in a match.
    """
    return _SAFE.fullmatch(text) is not None


LOCALNET = "localnet:"
"""How the names of those ports begin by which VLAN networks leave machines."""


def localnet_port(network: str, physical_network: str) -> str:
    """The switch port by which a VLAN network leaves the machine.

    Another physical network is another port: ovn-controller 23.03 names its patch ports after it, cannot move them to
    another bridge, and until somebody helps writes nothing else to OVS.
    """
    return f"{LOCALNET}{network}|{physical_network}"


def router_port(leg: str, router: str) -> str:
    """The router's end of a router leg.

    A leg that goes to another router has other ports, at both ends: ovn-controller 23.03 remembers which port of which
    datapath is the peer of one that stays, and goes on sending to the router that was.
    """
    return f"router:{leg}|{router}"


def peer_port(leg: str, router: str) -> str:
    """The switch's end of a router leg."""
    return f"peer:{leg}|{router}"


def link_port(link: str, router: str, other: str) -> str:
    """A router's end of a link to another router; another one is another link, as with `router_port`."""
    return f"link:{link}|{router}|{other}"


def gateway_chassis(leg: str, router: str, chassis: str) -> str:
    """A machine's candidacy for a gateway."""
    return f"{router_port(leg, router)}|{chassis}"


def port_group(filter: str) -> str:
    """The group of the ports for which a filter holds.

    It stands in matches without quotes (ovn-sb(5)): letters, digits and underscores, with a hash for what they cannot tell.
    """
    return f"filter_{re.sub(r'[^A-Za-z0-9]', '_', filter)}_{ids.short_hash(filter)}"


def tunnel_key(port: str) -> int:
    """The number that a switch port asks to have on its switch: always the same, and most likely nobody else's."""
    return 1 + int(ids.short_hash(port), 16) % _TUNNEL_KEYS
