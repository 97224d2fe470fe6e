"""Teaming policies: what the bridge of the cards is told, and that it is told again."""

from __future__ import annotations

import signal

import pytest

from tests.agent.conftest import Site, run, until
from trunkline.agent import teams
from trunkline.agent.settings import Teaming

ONE = (Teaming("trunk", ("eth1", "eth2")),)
TWO = (*ONE, Teaming("second", ("eth2", "eth1")))


def test_a_network_leaves_by_the_first_live_card_and_listens_to_that_one_only() -> None:
    assert teams.group_lines(ONE) == [
        "group_id=1,type=fast_failover,"
        "bucket=watch_port:eth1,actions=output:eth1,bucket=watch_port:eth2,actions=output:eth2",
        "group_id=2,type=fast_failover,"
        "bucket=watch_port:eth1,actions=drop,bucket=watch_port:eth2,actions=output:trunk-team",
    ]
    assert teams.flow_lines(ONE) == [
        "in_port=trunk-team,actions=group:1",
        "in_port=eth1,actions=output:trunk-team",
        "in_port=eth2,actions=group:2",
    ]


def test_two_policies_share_the_cards_each_in_its_own_order() -> None:
    assert teams.flow_lines(TWO)[2:] == [
        "in_port=eth1,actions=output:trunk-team,group:258",
        "in_port=eth2,actions=group:2,output:second-team",
    ]


def test_a_single_card_needs_nobody_to_stand_in() -> None:
    alone = (Teaming("trunk", ("eth1",)),)

    assert len(teams.group_lines(alone)) == 1
    assert teams.flow_lines(alone) == ["in_port=trunk-team,actions=group:1", "in_port=eth1,actions=output:trunk-team"]


@pytest.mark.lab
def test_the_flows_are_back_after_open_vswitch_has_started_again(site: Site) -> None:
    policies = [{"physical_network": each.physical_network, "interfaces": each.interfaces} for each in TWO]
    node = site.node("n1", "10.77.0.11", uplinks=[], teaming=policies)
    site.cable(node.namespace, "eth2")
    node.start_agent()

    def flows() -> int:
        shown = run("ovs-ofctl", "dump-flows", f"unix:{node.directory}/br-uplinks.mgmt", check=False)
        return shown.count("actions=")

    assert flows() == 4
    mappings = node.vsctl("get", "open_vswitch", ".", "external_ids:ovn-bridge-mappings")
    assert mappings.strip() == '"trunk:br-trunk,second:br-second"'

    node.daemons.stop("ovs-vswitchd", signal.SIGKILL)
    node.start_vswitchd()
    until(lambda: flows() == 4, 15)
