"""What the entries of a fabric say about each other, or about reality, that cannot be.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.lab import topology
from trunkline.lab.findings import (
    DANGLING,
    DUPLICATE,
    INTERFACE,
    OUT_OF_RANGE,
    WRONG_VALUE,
    Finding,
    Path,
    missing,
)
from trunkline.lab.topology import VIF, Topology


def contradictions(drawn: Topology) -> Iterator[Finding]:
    """Everything that cannot be between manager, hypervisors and the machines on them."""
    if drawn.fabric and topology.management_address(drawn.fabric) is None:
        yield Finding(("fabric",), WRONG_VALUE, "no address", "the manager needs a link with an address")
    if drawn.cluster.policy_api and not (drawn.fabric and any(node.vif for node in drawn.nodes.values())):
        allowed = "a fabric, and nodes that are machines of it, are wanted"
        yield Finding(("cluster", "policy-api"), DANGLING, "no node on a fabric", allowed)
    for name, hypervisor in drawn.hypervisors.items():
        yield from _hypervisor(drawn, name, hypervisor)
    for name, node in drawn.nodes.items():
        if node.vif:
            yield from _vif(drawn, ("nodes", name), node.vif)
            if VIF in node.links:
                yield Finding(("nodes", name, "links", VIF), DUPLICATE, f"{VIF} again", "it is the card of vif")
    for name, vm in drawn.vms.items():
        yield from _vif(drawn, ("vms", name), vm.vif)
        for container, found in vm.containers.items():
            yield from _container(("vms", name, "containers", container), container, found)


def _hypervisor(drawn: Topology, name: str, hypervisor: topology.Hypervisor) -> Iterator[Finding]:
    path: Path = ("hypervisors", name)
    if drawn.fabric is None:
        yield Finding(path, DANGLING, "a hypervisor", "hypervisors need a manager", "add the section fabric")
    if topology.management_address(hypervisor) is None:
        yield Finding(path, WRONG_VALUE, "no address", "a hypervisor needs a link with an address, for its tunnels")
    for network, teaming in hypervisor.teaming.items():
        for card in (teaming.active, *teaming.standby):
            if card not in hypervisor.links:
                yield missing((*path, "teaming", network), "link", card, hypervisor.links)
            elif hypervisor.links[card].address:
                allowed = "a card without an address is wanted"
                yield Finding((*path, "teaming", network), WRONG_VALUE, f"{card}, which has an address", allowed)


def _vif(drawn: Topology, path: Path, vif: topology.Vif) -> Iterator[Finding]:
    if vif.hypervisor not in drawn.hypervisors:
        yield missing((*path, "vif", "hypervisor"), "hypervisor", vif.hypervisor, drawn.hypervisors)
    if not vif.segment.startswith(("/infra/", "/orgs/")):
        allowed = "a policy path is wanted (/infra/segments/web)"
        yield Finding((*path, "vif", "segment"), OUT_OF_RANGE, repr(vif.segment), allowed)
    if not 576 <= vif.mtu <= 9000:
        yield Finding((*path, "vif", "mtu"), OUT_OF_RANGE, str(vif.mtu), "an MTU is within 576-9000 bytes")


def _container(path: Path, name: str, container: topology.Container) -> Iterator[Finding]:
    if not INTERFACE.fullmatch(name) or name == VIF:
        allowed = f"at most 15 lower-case letters, digits, '.' or '-', and not {VIF}"
        yield Finding(path, OUT_OF_RANGE, repr(name), allowed)
    if not 0 <= container.tag <= 4094:
        yield Finding((*path, "tag"), OUT_OF_RANGE, str(container.tag), "a tag is within 1-4094; 0 is no tag")
    if container.gateway and container.gateway not in container.address.network:
        allowed = f"an address of {container.address.network} is wanted"
        yield Finding((*path, "gateway"), OUT_OF_RANGE, str(container.gateway), allowed)
