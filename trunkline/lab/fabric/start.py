"""Start a lab's fabric: switches, manager and hypervisors, then what the topology's policy says, then the machines on it."""

from __future__ import annotations

from trunkline.adapters import nsx
from trunkline.lab import openvswitch
from trunkline.lab.fabric import api, attaching, hypervisors, machines, manager, vifs
from trunkline.lab.pki import Authority
from trunkline.lab.progress import Progress
from trunkline.lab.state import Lab
from trunkline.lab.together import together
from trunkline.lab.topology import Topology


async def start(lab: Lab, drawn: Topology, progress: Progress) -> None:
    """Start what does not run, and wait until every machine is attached to its segment.

    Raises:
        RemoteError: something does not start, or the network does not follow.
    """
    authority = Authority(lab.directory / "pki")
    with_switch = [name for name, vm in drawn.vms.items() if vm.containers]
    await together(
        openvswitch.start_switches(lab, drawn, progress),
        _manager(lab, drawn, authority, progress),
        *(hypervisors.start(lab, drawn, name, authority) for name in drawn.hypervisors),
        *(machines.start(lab, drawn, name) for name in with_switch),
    )
    with progress.step(f"{len(drawn.vifs())} machines are attached to their segments"):
        await _populate(lab, drawn)


async def _manager(lab: Lab, drawn: Topology, authority: Authority, progress: Progress) -> None:
    with progress.step("the policy API answers"):
        await manager.start(lab, drawn, authority)


async def _populate(lab: Lab, drawn: Topology) -> None:
    assert drawn.fabric is not None
    async with api.connect(lab) as policy:
        for path, body in drawn.fabric.objects.items():
            await policy.revise(path, lambda present, body=body: dict(body) if present is None else None)  # type: ignore[misc]
        await together(*(_attach(lab, drawn, policy, machine) for machine in drawn.vifs()))


async def _attach(lab: Lab, drawn: Topology, policy: nsx.Nsx, machine: str) -> None:
    """Attach a machine to the segment where it is drawn, unless somebody has put it on another one since."""
    await vifs.forget_elsewhere(lab, drawn, machine)
    segment = await attaching.segment_of(lab, policy, machine)
    await attaching.attach(lab, drawn, policy, machine, segment=segment)
