"""The card that carries a machine's tunnels.

Userspace Open vSwitch finds the way of what is in tunnels among its own ports only: out of a card that is in no bridge they
never leave, and nobody says so.  So the card with the address goes into a bridge, too, also where it carries nothing else.
"""

from __future__ import annotations

from trunkline.agent.settings import Uplink
from trunkline.lab.topology import VIF, Hypervisor, Node

TRANSPORT = "transport"
"""The physical network of a card that carries the tunnels and no VLANs."""


def card(host: Node | Hypervisor) -> str:
    """The card with the address that other machines know this one by."""
    if isinstance(host, Node) and host.vif:
        return VIF
    return next(name for name, link in host.links.items() if link.address)


def uplinks(host: Node | Hypervisor, *others: Uplink) -> tuple[Uplink, ...]:
    """The uplinks that a machine has anyhow, and the one for its tunnels if it is none of them."""
    tunnels = Uplink(interface=card(host), physical_network=TRANSPORT)
    return others if tunnels.interface in {each.interface for each in others} else (*others, tunnels)
