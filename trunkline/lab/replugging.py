"""Cables that somebody cut are handed to Open vSwitch again, once they are made anew.

With the userspace datapath ovs-vswitchd goes on listening at an interface that is gone, and tells of the new one of that name
that all is well.  The kernel knows better: Open vSwitch makes every interface at which it listens promiscuous.
"""

from __future__ import annotations

import time

from trunkline.adapters.netlink import links
from trunkline.adapters.netlink.connection import Connection
from trunkline.lab import openvswitch, processes, wiring
from trunkline.lab.state import Lab
from trunkline.lab.together import together
from trunkline.lab.topology import Topology

_DATAPATH = "netdev@ovs-netdev"


async def replug(lab: Lab, drawn: Topology) -> None:
    """Have every Open vSwitch that runs take the interfaces which it has not noticed to be others; safe to repeat.

    Raises:
        RemoteError: a database or a daemon refused.
    """
    hosts = (*drawn.switches, *drawn.machines())
    await together(*(_replug(lab, host) for host in hosts if processes.running(lab, host, "ovs-vswitchd")))


async def _replug(lab: Lab, host: str) -> None:
    listed = await openvswitch.vsctl(lab, host, "--bare", "--columns=name", "list", "interface")
    unheard = wiring.inside(lab, host, _unheard) & set(listed.split())
    if not unheard:
        return
    present = await openvswitch.appctl(lab, host, "dpctl/show", _DATAPATH)
    for name in sorted(unheard):
        if f": {name}\n" in present:
            await openvswitch.appctl(lab, host, "dpctl/del-if", _DATAPATH, name)
    # Any change makes ovs-vswitchd look for what its datapath lacks; a port keeps its number and all that is said of it.
    await openvswitch.vsctl(lab, host, "set", "open_vswitch", ".", f"external_ids:lab-replugged={time.time_ns()}")


def _unheard() -> set[str]:
    with Connection() as kernel:
        return {link.name for link in links.listed(kernel) if link.kind == "veth" and not link.promiscuous}
