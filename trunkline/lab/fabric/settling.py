"""Wait until the network follows everything that the policy API has been told, deletions included.

Of a document that is gone nobody can ask how far the network is.  But documents are realised in the order in which they were
written: when one that was written last is REALIZED, everything before it is.  So a document that says nothing is written, and
taken away again.
"""

from __future__ import annotations

import secrets

from trunkline.adapters import nsx
from trunkline.lab import openvswitch
from trunkline.lab.fabric import attaching
from trunkline.lab.state import Lab
from trunkline.lab.together import together
from trunkline.lab.topology import Topology

_PROFILES = "/infra/spoofguard-profiles"
"""A profile that nobody names has no rows anywhere."""


async def settled(lab: Lab, drawn: Topology, api: nsx.Nsx) -> None:
    """Return when hypervisors do what is stored now, and nothing else.

    Raises:
        RemoteError: the policy API refused, or the network does not follow in time.
    """
    path = f"{_PROFILES}/lab-{secrets.token_hex(8)}"
    await api.put(path, {"display_name": "the last document before this moment"})
    try:
        await attaching.realised(api, path)
    finally:
        await api.delete(path)
    await looked_again(lab, drawn)


async def looked_again(lab: Lab, drawn: Topology) -> None:
    """Return when every hypervisor's switch has held what it decided for earlier packets to the flows that it has now.

    Raises:
        RemoteError: a hypervisor's Open vSwitch does not answer.
    """
    await together(*(openvswitch.appctl(lab, each, "revalidator/wait") for each in drawn.hypervisors))
