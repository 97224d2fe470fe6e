"""What a lab's hosts are and which of their programs run, as the machine shows it now."""

from __future__ import annotations

import msgspec

from trunkline.lab import layout, namespaces, processes
from trunkline.lab.state import Lab
from trunkline.lab.topology import CONTROL_PLANE, MANAGER, Topology

PROGRAMS = {
    CONTROL_PLANE: ("ovnnb", "ovnsb", "ovn-northd", "apiserver", "workloads", "controller"),
    "node": ("ovsdb-server", "ovs-vswitchd", "ovn-controller", "agent", "kubelet"),
    MANAGER: ("ovnnb", "ovnsb", "ovn-northd", "policy"),
    "hypervisor": ("ovsdb-server", "ovs-vswitchd", "ovn-controller", "agent"),
    "node vm": ("ovsdb-server", "ovs-vswitchd"),
}
SWITCH_PROGRAMS = ("ovsdb-server", "ovs-vswitchd")
"""Which programs a host of each role runs, in the order in which they start."""


class HostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One host: `programs` maps names to process ids, 0 for one that should run and does not."""

    name: str
    role: str
    present: bool
    addresses: tuple[str, ...] = ()
    programs: dict[str, int] = {}

    @property
    def well(self) -> bool:
        """Whether everything that should be there is."""
        return self.present and all(self.programs.values())


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A whole lab."""

    name: str
    topology: str
    directory: str
    hosts: tuple[HostStatus, ...]

    @property
    def well(self) -> bool:
        """Whether every host is."""
        return all(host.well for host in self.hosts)


def status(lab: Lab, drawn: Topology) -> Status:
    """The state of every host, from /run/netns and /proc.

    Raises:
        IntentError: there is no such lab.
    """
    record = lab.read()
    members = {**dict.fromkeys(drawn.switches, "switch"), **roles(drawn)}
    hosts = [
        _host(lab, drawn, name, role, () if record.bare else PROGRAMS.get(role, ())) for name, role in members.items()
    ]
    return Status(name=lab.name, topology=record.topology, directory=str(lab.directory), hosts=tuple(hosts))


def roles(drawn: Topology) -> dict[str, str]:
    """Each machine's role, in the order of the table."""
    return {
        **dict.fromkeys(drawn.routers, "router"),
        **dict.fromkeys(drawn.hosts, "host"),
        **({MANAGER: MANAGER} if drawn.fabric else {}),
        **dict.fromkeys(drawn.hypervisors, "hypervisor"),
        **({CONTROL_PLANE: CONTROL_PLANE} if drawn.control_plane else {}),
        **dict.fromkeys(drawn.nodes, "node"),
        **{name: "node vm" if vm.containers else "vm" for name, vm in drawn.vms.items()},
        **{layout.container_host(*names): "container" for names in drawn.containers()},
    }


def _host(lab: Lab, drawn: Topology, name: str, role: str, programs: tuple[str, ...]) -> HostStatus:
    programs = SWITCH_PROGRAMS if role == "switch" else programs
    found = layout.interfaces(drawn, name) if role != "switch" else ()
    return HostStatus(
        name=name,
        role=role,
        present=namespaces.inode(lab.namespace(name)) is not None,
        addresses=tuple(str(interface.address.ip) for interface in found if interface.address),
        programs={program: processes.running(lab, name, program) or 0 for program in programs},
    )
