"""Virtual machines with containers: an Open vSwitch of their own, which tags what containers send.

The machine's card is the switch's trunk, its own address is on the switch itself (untagged), and each container is behind an
access port.  The switch wears the card's MAC, so that the machine looks the same from outside with and without it.
"""

from __future__ import annotations

import asyncio

from trunkline.adapters.netlink import offload, seclusion
from trunkline.lab import layout, openvswitch, processes, shell, wiring
from trunkline.lab.layout import Interface, Port
from trunkline.lab.state import Lab
from trunkline.lab.topology import VIF, Topology


async def start(lab: Lab, drawn: Topology, name: str) -> None:
    """Start a machine's switch and give the machine its address on it.

    Raises:
        RemoteError: a daemon does not start, or does not take the configuration.
        OSError: the kernel refused the address.
    """
    await openvswitch.start(lab, name)
    ports = (Port(switch=name, name=VIF, trunk=True), *layout.ports(drawn, name))
    words = openvswitch.switch_configuration(ports)
    mac = wiring.mac(lab, name, VIF)
    bridge = ("--", "set", "bridge", openvswitch.BRIDGE, f'other_config:hwaddr="{mac}"')
    await openvswitch.vsctl(lab, name, *words, *bridge)
    await asyncio.to_thread(_dress, lab, drawn, name)
    # The kernel would answer for the machine once more by the card itself.
    rules = seclusion.ruleset(port.name for port in ports)
    await shell.run([*processes.enter(lab, name), "nft", "-f", "-"], text=rules)


def _dress(lab: Lab, drawn: Topology, name: str) -> None:
    vif = drawn.vms[name].vif
    own = Interface(host=name, name=openvswitch.BRIDGE, mtu=vif.mtu, address=vif.address)
    wiring.inside(lab, name, lambda: offload.disable_tx_checksum(own.name))
    wiring.dress(lab, drawn, name, (own,))
