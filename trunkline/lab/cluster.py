"""Start a lab's cluster: everything at once that does not need something else first."""

from __future__ import annotations

from trunkline.lab import central, node, openvswitch, processes, programs, readiness, status
from trunkline.lab.pki import Authority
from trunkline.lab.progress import Progress
from trunkline.lab.state import Lab
from trunkline.lab.together import together
from trunkline.lab.topology import CONTROL_PLANE, Topology


async def start(lab: Lab, drawn: Topology, progress: Progress) -> None:
    """Start switches, control plane and nodes, as far as they do not run, and wait until the nodes are ready.

    Raises:
        RemoteError: something does not start, does not become ready, or has ended meanwhile.
    """
    authority = Authority(lab.directory / "pki")
    await together(
        openvswitch.start_switches(lab, drawn, progress),
        _control_plane(lab, drawn, authority, progress),
        *(openvswitch.start(lab, name) for name in drawn.nodes),
    )
    # Nodes last: nothing on them makes sense before the wires carry frames and the API server answers.
    with progress.step("nodes are started"):
        await together(*(_node(lab, drawn, authority, name) for name in drawn.nodes))
    with progress.step("controller and nodes are ready"):
        await together(readiness.controller(lab, drawn.nodes), readiness.nodes(lab, drawn.nodes))
    _expect_all_alive(lab, drawn)


def _expect_all_alive(lab: Lab, drawn: Topology) -> None:
    """A program that was ready and then ended must not pass for a lab that is up."""
    for host in status.status(lab, drawn).hosts:
        for name, pid in host.programs.items():
            if not pid:
                raise processes.failed(lab, host.name, name, "it ended")


async def _control_plane(lab: Lab, drawn: Topology, authority: Authority, progress: Progress) -> None:
    with progress.step("databases and ovn-northd are up"):
        await central.start(lab, drawn, CONTROL_PLANE, authority)
    with progress.step("the API server answers"):
        await programs.start_api_server(lab, drawn, authority)
        await readiness.api_server(lab)
    await programs.start_workloads(lab, drawn, authority)
    await programs.start_controller(lab, drawn, authority)


async def _node(lab: Lab, drawn: Topology, authority: Authority, name: str) -> None:
    await programs.start_agent(lab, drawn, authority, name, drawn.nodes[name])
    await node.start_controller(lab, name)
    await programs.start_kubelet(lab, drawn, authority, name, drawn.nodes[name])
