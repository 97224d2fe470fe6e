"""From a name that people type to a place to be: a host of the topology, `pod/NAMESPACE/NAME`, `vm/NAME/CONTAINER`, or
`port/NAME`, the far end of a virtual machine's card on whichever hypervisor it is.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from pathlib import Path

import msgspec

from trunkline.adapters.netlink.namespace import run_inside
from trunkline.kit import problems
from trunkline.lab import layout, namespaces, openvswitch
from trunkline.lab.fabric import access, vifs
from trunkline.lab.state import Lab
from trunkline.lab.topology import CONTROL_PLANE, MANAGER, VIF, Node, Topology

UNKNOWN = problems.register("TRK-0620", "The lab has no host or pod of this name.")
WHICH_INTERFACE = problems.register("TRK-0621", "A host has several interfaces, and one has to be chosen.")

POD, CONTAINER, PORT = "pod/", "vm/", "port/"
POD_INTERFACE = "eth0"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command runs: a network namespace, and the host whose daemons it may talk to."""

    name: str
    namespace: str
    host: str = ""
    interfaces: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()


def find(lab: Lab, drawn: Topology, name: str) -> Target:
    """What `name` stands for in a lab that is up.

    Raises:
        IntentError: there is no such host or pod, or it has no namespace yet.
    """
    target = _target(lab, drawn, name)
    if target is None or namespaces.inode(target.namespace) is None:
        known = [*drawn.switches, *drawn.machines(), *container_names(drawn), "pod/NAMESPACE/NAME"]
        hint = (
            problems.did_you_mean(name, known)
            or "`trunkline lab status` shows the hosts, `kubectl get pods -A` the pods"
        )
        found = "nothing of that name" if target is None else "no network namespace of that name"
        raise problems.IntentError(
            problems=[
                problems.Problem(
                    code=UNKNOWN, object=name, found=found, allowed=f"known are {', '.join(known)}", hint=hint
                )
            ]
        )
    return target


def listening_places(target: Target, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The interfaces to listen on: the chosen ones, else those that a person would mean (a switch's trunks).

    Raises:
        IntentError: the host has no such interface, or several and none was chosen.
    """
    unknown = [name for name in chosen if name not in target.interfaces]
    if not unknown and (chosen or target.usual):
        return chosen or target.usual
    hint = problems.did_you_mean(unknown[0], target.interfaces) if unknown else ""
    problem = problems.Problem(
        code=WHICH_INTERFACE,
        object=target.name,
        found=f"the interface {unknown[0]!r}" if unknown else "no interface chosen",
        allowed=f"interfaces are {', '.join(target.interfaces)}",
        hint=hint or "choose one with --interface",
    )
    raise problems.IntentError(problems=[problem])


def command(target: Target, argv: tuple[str, ...]) -> list[str]:
    """The command line that runs `argv` there."""
    return ["nsenter", f"--net={namespaces.path(target.namespace)}", "--", *argv]


def environment(lab: Lab, drawn: Topology, target: Target) -> dict[str, str]:
    """The environment in which OVS and OVN tools find the target's own daemons, and kubectl the cluster."""
    found = {**lab.environment(), **exports(lab, drawn)}
    return {**found, **openvswitch.environment(lab, target.host)} if target.host else found


def container_names(drawn: Topology) -> list[str]:
    """What containers are called by people."""
    return [f"{CONTAINER}{machine}/{name}" for machine, name in drawn.containers()]


def exports(lab: Lab, drawn: Topology) -> dict[str, str]:
    """What a person's shell needs to talk to the lab; PATH only where kubectl or this program is not on it already.

    OVN's databases are the cluster's, if the lab has one, else the fabric's.
    """
    home = lab.home(MANAGER if drawn.fabric and not drawn.control_plane else CONTROL_PLANE)
    found = {
        "KUBECONFIG": str(lab.kubeconfig),
        "OVN_NB_DB": f"unix:{home}/ovnnb_db.sock",
        "OVN_SB_DB": f"unix:{home}/ovnsb_db.sock",
    }
    if drawn.fabric:
        found |= access.exports(lab)
    places = (("trunkline", Path(sys.prefix) / "bin"), ("kubectl", Path(sys.prefix).parent / ".tools" / "bin"))
    missing = [str(place) for name, place in places if shutil.which(name) is None and (place / name).exists()]
    if missing:  # at the end, for what else is there must not get in the way of the machine's own
        found["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *missing])
    return found


def _target(lab: Lab, drawn: Topology, name: str) -> Target | None:
    if name.startswith(POD):
        return _pod(lab, name)
    if name.startswith(CONTAINER):
        return _container(lab, drawn, name)
    if name.startswith(PORT):
        return _port(lab, drawn, name)
    return _host(lab, drawn, name)


def _container(lab: Lab, drawn: Topology, name: str) -> Target | None:
    machine, _, container = name.removeprefix(CONTAINER).partition("/")
    if (machine, container) not in drawn.containers():
        return None
    namespace = lab.namespace(layout.container_host(machine, container))
    return Target(name=name, namespace=namespace, interfaces=_present(namespace), usual=(VIF,))


def _port(lab: Lab, drawn: Topology, name: str) -> Target | None:
    machine = name.removeprefix(PORT)
    if machine not in drawn.vifs():
        return None
    hypervisor = vifs.where(lab, drawn, machine)
    port = (layout.vif_port(machine),)
    return Target(name=name, namespace=lab.namespace(hypervisor), host=hypervisor, interfaces=port, usual=port)


def _host(lab: Lab, drawn: Topology, name: str) -> Target | None:
    usual: tuple[str, ...]
    if name in drawn.switches:
        ports = layout.ports(drawn, name)
        named = tuple(port.name for port in ports)
        usual = tuple(port.name for port in ports if port.tagged or port.trunk)
    elif name in drawn.machines():
        machine = drawn.machines()[name]
        named = (*((VIF,) if name in drawn.vifs() else ()), *machine.links)
        usual = (machine.uplink,) if isinstance(machine, Node) else named if len(named) == 1 else ()
    else:
        return None
    others = tuple(found for found in _present(lab.namespace(name)) if found not in named)
    return Target(name=name, namespace=lab.namespace(name), host=name, interfaces=(*named, *others), usual=usual)


def _pod(lab: Lab, name: str) -> Target | None:
    """Kubelets name a pod's namespace after its namespace, its name and the beginning of its UID."""
    wanted = re.compile(re.escape(f"{lab.pod_prefix}-{name.removeprefix(POD).replace('/', '-')}-") + "[0-9a-f]{8}")
    for namespace in namespaces.matching(lab.pod_prefix):
        if wanted.fullmatch(namespace):
            present = _present(namespace)
            return Target(name=name, namespace=namespace, interfaces=present, usual=(POD_INTERFACE,))
    return None


def _present(namespace: str) -> tuple[str, ...]:
    """The interfaces that are in the namespace now."""

    def work() -> tuple[str, ...]:
        return tuple(name for _, name in socket.if_nameindex() if name != "lo")

    return run_inside(str(namespaces.path(namespace)), work) if namespaces.inode(namespace) is not None else ()
