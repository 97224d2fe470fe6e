"""A virtual machine's card on its hypervisor: plugged into the integration bridge, unplugged, carried to another one.

The far end of a card's cable is in the namespace of exactly one hypervisor, and that is the only record of where the machine
runs.  To migrate a machine is to move this end: its own end stays what it was, as a real machine's card does.
"""

from __future__ import annotations

import uuid

from trunkline.adapters.netlink import links, offload
from trunkline.adapters.netlink.connection import Connection
from trunkline.kit import problems
from trunkline.lab import layout, namespaces, openvswitch, wiring
from trunkline.lab.state import Lab
from trunkline.lab.together import together
from trunkline.lab.topology import VIF, Topology

INTEGRATION_BRIDGE = "br-int"

UNPLUGGED = problems.register("TRK-0640", "A virtual machine's card is on no hypervisor.")
_HAS_FLOWS = "external_ids:ovn-installed-ts>0"
"""Not `ovn-installed`, which ovn-controller 23.03 takes from a card when one of its tags is released, and does not give back."""

_INSTALLED = "--timeout=30"  # seconds; chosen: many times what a loaded machine needs for a chassis to take a port


def identity(lab: Lab, machine: str) -> str:
    """The UUID of a machine's card; the same from one `up` to the next."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"trunkline-lab:{lab.id}:{machine}"))


def where(lab: Lab, drawn: Topology, machine: str) -> str:
    """The hypervisor that a machine is on.

    Raises:
        RemoteError: it is on none; something outside of the lab took its cable away.
    """
    port = layout.vif_port(machine)
    for hypervisor in drawn.hypervisors:
        if wiring.inside(lab, hypervisor, lambda: _present(port)):
            return hypervisor
    problem = problems.Problem(
        code=UNPLUGGED,
        object=machine,
        found=f"no {port} anywhere",
        hint="`trunkline lab up` makes it anew",
    )
    raise problems.RemoteError(problems=[problem])


async def plug(lab: Lab, machine: str, hypervisor: str) -> None:
    """Plug a card into a hypervisor's integration bridge; return when its flows are installed.

    Raises:
        RemoteError: they are not within 30 s: no segment port with this card is realised.
    """
    port = layout.vif_port(machine)
    identities = (f"iface-id={identity(lab, machine)}", f'attached-mac="{wiring.mac(lab, machine, VIF)}"')
    words = ["--may-exist", "add-port", INTEGRATION_BRIDGE, port, "--", "set", "interface", port]
    await openvswitch.vsctl(lab, hypervisor, *words, *(f"external_ids:{each}" for each in identities))
    await openvswitch.vsctl(lab, hypervisor, _INSTALLED, "wait-until", "interface", port, _HAS_FLOWS)


async def forget_elsewhere(lab: Lab, drawn: Topology, machine: str) -> None:
    """Have no hypervisor claim a card whose cable it has not: one that was cut is made anew where the machine is drawn.

    Raises:
        RemoteError: a database refused.
    """
    here = where(lab, drawn, machine)
    await together(*(unplug(lab, machine, each) for each in drawn.hypervisors if each != here))


async def unplug(lab: Lab, machine: str, hypervisor: str) -> None:
    """Take a card out of a hypervisor's integration bridge; its cable stays there.

    Raises:
        RemoteError: the database refused.
    """
    await openvswitch.vsctl(lab, hypervisor, "--if-exists", "del-port", INTEGRATION_BRIDGE, layout.vif_port(machine))


def carry(lab: Lab, machine: str, origin: str, to: str) -> None:
    """Move the far end of a card's cable to another hypervisor.

    Raises:
        OSError: the kernel refused.
    """
    port = layout.vif_port(machine)

    def leave() -> None:
        with Connection() as kernel, namespaces.path(lab.namespace(to)).open() as handle:
            found = links.find(kernel, port)
            assert found is not None, "its place was looked up"
            links.move(kernel, found.index, handle.fileno())

    def arrive() -> None:
        with Connection() as kernel:
            found = links.find(kernel, port)
            assert found is not None, "it has been moved here"
            links.change(kernel, found.index, up=True)
        offload.disable_tx_checksum(port)

    wiring.inside(lab, origin, leave)
    wiring.inside(lab, to, arrive)


def _present(port: str) -> bool:
    with Connection() as kernel:
        return links.find(kernel, port) is not None
