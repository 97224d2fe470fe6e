"""What a hypervisor manager does: attach a machine's card to a segment, detach it, migrate the machine.

The segment port comes first and by the policy API alone, as any manager of virtual machines would make it; then the card is
plugged.  Each verb returns when the network has followed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from trunkline.adapters import nsx
from trunkline.kit import problems
from trunkline.lab import wiring
from trunkline.lab.fabric import vifs
from trunkline.lab.state import Lab
from trunkline.lab.topology import VIF, Topology

NOT_REALISED = problems.register("TRK-0641", "The fabric did not realise what the lab asked of the policy API.")

_REALISED_SECONDS = 30.0
_PAUSE = 0.05  # between two questions; the policy API tells nobody


def port_path(lab: Lab, drawn: Topology, machine: str, segment: str = "") -> str:
    """The segment port of a machine, on its own segment of the topology unless told."""
    return f"{segment or drawn.vifs()[machine].segment}/ports/default:{vifs.identity(lab, machine)}"


async def attach(lab: Lab, drawn: Topology, api: nsx.Nsx, machine: str, *, segment: str = "") -> str:
    """Attach a machine to its segment, or to another one; answers the segment port's path.

    Raises:
        RemoteError: the policy API refused, or the network does not follow in time.
    """
    path = port_path(lab, drawn, machine, segment)
    card = vifs.identity(lab, machine)
    wanted = {"display_name": machine, "attachment": {"id": card}, **_addresses(lab, drawn, machine)}
    await api.revise(path, lambda present: wanted if present is None else None)
    await vifs.plug(lab, machine, vifs.where(lab, drawn, machine))
    await realised(api, path)
    return path


async def segment_of(lab: Lab, api: nsx.Nsx, machine: str) -> str:
    """The segment that a machine's card is attached to, wherever somebody has put it; "" when to none.

    Raises:
        RemoteError: the policy API cannot be asked.
    """
    card = nsx.escaped(vifs.identity(lab, machine))
    found = await api.search(f"resource_type:SegmentPort AND attachment.id:{card}")
    return next((str(port["parent_path"]) for port in found), "")


def _addresses(lab: Lab, drawn: Topology, machine: str) -> dict[str, Any]:
    """A cluster finds the segments of its nodes by their addresses; managers of machines tell those of cards they look after."""
    address = drawn.vifs()[machine].address
    if machine not in drawn.nodes or address is None:
        return {}
    mac = wiring.mac(lab, machine, VIF)
    return {"address_bindings": [{"ip_address": str(address.ip), "mac_address": mac}]}


async def detach(lab: Lab, drawn: Topology, api: nsx.Nsx, machine: str, *, segment: str = "") -> None:
    """Unplug a machine and delete its segment port; content if that has been done.

    Raises:
        RemoteError: the policy API or a database refused.
    """
    await vifs.unplug(lab, machine, vifs.where(lab, drawn, machine))
    await api.delete(port_path(lab, drawn, machine, segment))


async def migrate(lab: Lab, drawn: Topology, machine: str, to: str) -> None:
    """Carry a machine that is attached to another hypervisor; its segment port, and what is inside, stay as they are.

    Raises:
        RemoteError: the network does not follow in time.
    """
    origin = vifs.where(lab, drawn, machine)
    if origin == to:
        return
    await vifs.unplug(lab, machine, origin)
    await asyncio.to_thread(vifs.carry, lab, machine, origin, to)
    await vifs.plug(lab, machine, to)


async def realised(api: nsx.Nsx, path: str) -> None:
    """Return when the network does what the document says.

    Raises:
        RemoteError: it cannot, or does not in time.
    """
    root = path.partition("/infra")[0] + "/infra"
    state, why = "", ""
    try:
        async with asyncio.timeout(_REALISED_SECONDS):
            while state != "REALIZED":
                state, why = await api.realized(path, root=root)
                if state == "ERROR":
                    break
                if state != "REALIZED":
                    await asyncio.sleep(_PAUSE)
            else:
                return
    except TimeoutError:
        pass
    found = why or f"{state} after {_REALISED_SECONDS:.0f} s"
    raise problems.RemoteError(problems=[problems.Problem(code=NOT_REALISED, object=path, found=found)])
