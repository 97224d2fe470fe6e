"""The OVS and OVN daemons of one node.  What they are told is the agent's business, here they only run."""

from __future__ import annotations

from trunkline.lab import openvswitch, processes
from trunkline.lab.state import Lab


async def start_controller(lab: Lab, node: str) -> None:
    """Start ovn-controller; it waits by itself until the agent has written `ovn-remote`.

    Raises:
        RemoteError: it does not start.
    """
    unit = openvswitch.daemon(lab, node, "ovn-controller", "ovn-controller", f"unix:{lab.home(node)}/db.sock")
    await processes.ensure(lab, unit)
