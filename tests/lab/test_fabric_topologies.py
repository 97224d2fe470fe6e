"""What a topology may say of a fabric, and what follows from it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from trunkline.kit.problems import IntentError
from trunkline.lab import layout, reading, status, topology

LABS = Path(__file__).parents[2] / "labs"

SMALL = """\
name: small
vlans:
  transport: {id: 30, prefix: 10.30.0.0/24, mtu: 1700}
  uplink: {id: 31, prefix: 10.31.0.0/24}
switches:
  tor: {}
fabric:
  links: {eth0: {switch: tor, vlan: transport, address: 10.30.0.1}}
hypervisors:
  hv-1:
    links:
      eth0: {switch: tor, vlan: transport, address: 10.30.0.11}
      eth1: {switch: tor, tagged: [uplink]}
    teaming: {trunk: {active: eth1}}
vms:
  node:
    vif: {hypervisor: hv-1, segment: /infra/segments/web, address: 10.1.0.2/24}
    gateway: 10.1.0.1
    containers:
      web: {tag: 1002, address: 10.2.0.2/24, gateway: 10.2.0.1}
  plain:
    vif: {hypervisor: hv-1, segment: /infra/segments/web, address: 10.1.0.3/24, mtu: 1600}
"""


def test_a_card_is_a_cable_to_the_hypervisor_and_a_container_is_behind_an_access_port() -> None:
    drawn = reading.parse(SMALL, name="t.yaml")

    assert layout.interfaces(drawn, "plain") == (
        layout.Interface(host="plain", name="eth0", mtu=1600, address=IPv4Interface("10.1.0.3/24")),
    )
    # The address of a machine with a switch is on the switch.
    assert layout.interfaces(drawn, "node") == (layout.Interface(host="node", name="eth0", mtu=1500),)
    assert layout.ports(drawn, "node") == (layout.Port(switch="node", name="web", untagged=1002),)
    assert {port.name for port in layout.ports(drawn, "hv-1")} == {"vif-node", "vif-plain"}


def test_everybody_has_a_role_and_the_address_that_others_know() -> None:
    drawn = reading.parse(SMALL, name="t.yaml")

    roles = status.roles(drawn)
    assert roles["manager"] == "manager"
    assert (roles["hv-1"], roles["node"], roles["plain"], roles["node.web"]) == (
        "hypervisor",
        "node vm",
        "vm",
        "container",
    )
    assert topology.management_address(drawn.machines()["node"]) == IPv4Address("10.1.0.2")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("node:\n    vif: {hypervisor: hv-1", "node:\n    vif: {hypervisor: hv-9", "vms.node.vif.hypervisor"),
        ("segment: /infra/segments/web, address: 10.1.0.2", "segment: web, address: 10.1.0.2", "vms.node.vif.segment"),
        ("tag: 1002", "tag: 4095", "vms.node.containers.web.tag"),
        ("gateway: 10.2.0.1", "gateway: 10.9.0.1", "vms.node.containers.web.gateway"),
        ("gateway: 10.1.0.1", "gateway: 10.9.0.1", "vms.node.gateway"),
        ("mtu: 1600", "mtu: 16", "vms.plain.vif.mtu"),
        ("active: eth1", "active: eth2", "hypervisors.hv-1.teaming.trunk"),
        ("active: eth1", "active: eth0", "hypervisors.hv-1.teaming.trunk"),
        ("  plain:", "  hv-1:", "vms.hv-1"),
        ("      web: {tag", "      eth0: {tag", "vms.node.containers.eth0"),
        (", address: 10.30.0.11", "", "hypervisors.hv-1"),
        (", address: 10.30.0.1}", "}", "fabric"),
        ("vms:", "cluster: {policy-api: {}}\nvms:", "cluster.policy-api"),
    ],
)
def test_each_mistake_is_named_by_its_field(old: str, new: str, expected: str) -> None:
    assert old in SMALL

    with pytest.raises(IntentError) as caught:
        reading.parse(SMALL.replace(old, new, 1), name="t.yaml")

    assert [problem.field for problem in caught.value.problems] == [expected]


def test_hypervisors_need_a_manager() -> None:
    before, _, rest = SMALL.partition("fabric:")

    with pytest.raises(IntentError, match="add the section fabric"):
        reading.parse(before + rest[rest.index("hypervisors:") :], name="t.yaml")


def test_no_switch_of_the_datacenter_carries_the_pools_vlans() -> None:
    drawn = reading.load(LABS / "datacenter.yaml")

    carried = {vlan for port in layout.ports(drawn, "tor") for vlan in (port.untagged, *port.tagged)}
    assert not carried & {19, 20}
    assert {node.vif.segment for node in drawn.nodes.values() if node.vif} == {"/infra/segments/nodes"}
