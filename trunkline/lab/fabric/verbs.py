"""Attach, detach and migrate by name, as people type them and as cases say them."""

from __future__ import annotations

import time
from collections.abc import Iterable

from trunkline.kit import problems
from trunkline.lab import namespaces
from trunkline.lab.fabric import api, attaching, settling, vifs
from trunkline.lab.state import Lab
from trunkline.lab.topology import Topology

UNKNOWN = problems.register("TRK-0642", "The lab has no machine, or no hypervisor, of this name.")


async def attach(lab: Lab, drawn: Topology, machine: str, *, segment: str = "") -> str:
    """Attach a machine; answers what has been done.

    Raises:
        IntentError: there is no such machine.
        RemoteError: the policy API refused, or the network does not follow in time.
    """
    _known(machine, drawn.vifs())
    async with api.connect(lab) as policy:
        path = await attaching.attach(lab, drawn, policy, machine, segment=segment)
    return f"{machine} on {vifs.where(lab, drawn, machine)} is attached: {path}"


async def detach(lab: Lab, drawn: Topology, machine: str, *, segment: str = "") -> str:
    """Detach a machine; answers what has been done.

    Raises:
        IntentError: there is no such machine.
        RemoteError: the policy API or a database refused, or the network does not follow in time.
    """
    _known(machine, drawn.vifs())
    async with api.connect(lab) as policy:
        await attaching.detach(lab, drawn, policy, machine, segment=segment)
        await settling.settled(lab, drawn, policy)
    return f"{machine} on {vifs.where(lab, drawn, machine)} is detached"


async def migrate(lab: Lab, drawn: Topology, machine: str, hypervisor: str) -> str:
    """Carry a machine to a hypervisor; answers what has been done, and how long it took.

    Raises:
        IntentError: there is no such machine or hypervisor.
        RemoteError: the network does not follow in time.
    """
    _known(machine, drawn.vifs())
    _known(hypervisor, drawn.hypervisors)
    origin = vifs.where(lab, drawn, machine)
    began = time.monotonic()
    await attaching.migrate(lab, drawn, machine, hypervisor)
    return f"{machine} went from {origin} to {hypervisor} in {time.monotonic() - began:.2f} s"


def _known(name: str, names: Iterable[str]) -> None:
    namespaces.require_root()
    known = list(names)
    if name not in known:
        problem = problems.Problem(
            code=UNKNOWN,
            object=name,
            found="nothing of that name",
            allowed=f"known are {', '.join(known)}" if known else "this lab has no fabric",
            hint=problems.did_you_mean(name, known),
        )
        raise problems.IntentError(problems=[problem])
