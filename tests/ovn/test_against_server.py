"""Golden rows on a real northbound database, under a real ovn-northd."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from trunkline import ovn
from trunkline.adapters import ovsdb
from trunkline.intent import model
from trunkline.ovn import diff
from trunkline.sync import transaction

CHASSIS = ("node1", "node2", "edge1", "edge2")
NODE = ("overlay/node1", "node/node1", "0a:58:0a:f4:01:02", "0a:58:0a:f4:01:01")
POD = ("overlay/node1", "shop/web-0/11112222", "0a:58:0a:f4:01:03", "0a:58:0a:f4:01:01")
VLAN = "vlan/trunk/20/172.16.20.0-24"
LOCALNET = (VLAN, f"localnet:{VLAN}|trunk", "0a:58:00:00:00:09", "0a:58:ac:10:14:01")
COMPLAINT = re.compile(r"\|(WARN|ERR|EMER)\|")


async def write(central: Any, intent: model.Intent) -> None:
    """One plan on an empty database, in one transaction."""
    plan = ovn.plan(ovn.compile_rows(intent).rows, ovn.Observed())
    async with ovsdb.Client(central.remote("nb"), "OVN_Northbound", connect_timeout=10) as client:
        await client.transact(transaction.operations(plan))


async def realised(central: Any) -> None:
    """Wait until northd has taken in what is written."""
    central.nbctl("--wait=sb", "sync")


def complaints(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if COMPLAINT.search(line)]


async def test_golden_rows_are_accepted_by_the_database_and_by_northd(
    golden_case: str, intent_of_case: Any, ovn_central: Any
) -> None:
    intent = intent_of_case(golden_case)
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, intent)
    await realised(ovn_central)

    bound = set(ovn_central.sbctl("--bare", "--columns=logical_port", "list", "port_binding").split())
    rows = ovn.compile_rows(intent).rows.values()
    ports = {row.columns["name"] for row in rows if row.key.table.endswith("_Port")}
    # Northd adds one for each gateway: where its packets go from other machines.
    legs = {row.columns["name"]: row.key for row in rows if row.key.table == "Logical_Router_Port"}
    gateways = {row.parent for row in rows if row.key.table == "Gateway_Chassis"}
    assert ports == {name for name in bound if not name.startswith("cr-")}
    assert gateways == {legs[name.removeprefix("cr-")] for name in bound if name.startswith("cr-")}
    assert complaints(ovn_central.northd_log) == []


async def test_complaint_of_northd_would_be_seen(ovn_central: Any) -> None:
    ovn_central.start_northd(CHASSIS)
    ovn_central.nbctl("lr-add", "r", "--", "lr-route-add", "r", "10.0.0.0/8", "192.0.2.1")
    await realised(ovn_central)

    assert complaints(ovn_central.northd_log)


@pytest.mark.parametrize(
    ("source", "destination", "next_hop"),
    [
        pytest.param("10.244.1.3", "8.8.8.8", "10.244.1.2", id="pod-to-outside-goes-to-its-node"),
        pytest.param("10.244.1.77", "172.16.20.5", "10.244.1.9", id="narrower-source-wins"),
        pytest.param("10.244.1.77", "8.8.8.8", "10.244.1.2", id="narrower-source-only-for-its-destination"),
    ],
)
async def test_source_route_decides_the_next_hop(
    source: str, destination: str, next_hop: str, intent_of_case: Any, ovn_central: Any
) -> None:
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, intent_of_case("node-egress-by-source-route"))
    await realised(ovn_central)

    assert f"reg0 = {next_hop};" in trace(ovn_central, source, destination)


async def test_source_route_leaves_traffic_between_the_routers_own_networks_alone(
    intent_of_case: Any, ovn_central: Any
) -> None:
    intent = intent_of_case("overlay-of-two-nodes")
    egress = intent_of_case("node-egress-by-source-route").routes["egress/node1"]
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, model.Intent.of([*intent.objects(), egress]))
    await realised(ovn_central)

    assert 'output to "node/node2"' in trace(ovn_central, "10.244.1.3", "10.244.2.2", POD)


async def test_port_may_not_send_from_an_address_of_another(intent_of_case: Any, ovn_central: Any) -> None:
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, intent_of_case("overlay-of-two-nodes"))
    await realised(ovn_central)

    text = trace(ovn_central, "10.244.1.99", "10.244.2.2", POD)

    assert "output to" not in text
    assert "ls_in_apply_port_sec" in text.splitlines()[-2]


async def test_match_with_every_kind_of_term_is_parsed_by_ovn(intent_of_case: Any, ovn_central: Any) -> None:
    """Only ovn-controller and ovn-trace read matches; a trace through the switch makes the latter do so."""
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, intent_of_case("router-leg-on-a-vlan"))
    await realised(ovn_central)

    flows = ovn_central.sbctl("lflow-list")

    assert 'match=(inport == "localnet:vlan/trunk/20/172.16.20.0-24|trunk" && ip)' in flows
    assert "error parsing" not in trace(ovn_central, "172.16.20.9", "172.16.20.1", LOCALNET)


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        pytest.param("tier-1-on-a-tier-0", r"ip4.dst == 0.0.0.0/0.*select\(1, 2\)", id="equal-routes-share"),
        pytest.param("tier-1-on-a-tier-0", r"ip4.dst == 10.66.0.0/16.*action=\(drop;\)", id="route-without-hop-drops"),
        pytest.param("limits-of-ports", r'inport == "vif-a".*set_meter\(10000, 5000\)', id="limit-and-its-burst"),
        pytest.param("limits-of-ports", r'inport == "vif-a".*ip.dscp = 46', id="mark"),
        pytest.param("limits-of-ports", r'outport == "vif-a/1002".*ip.dscp = 0', id="mark-of-a-nested-port"),
        pytest.param(
            "filters-of-ports",
            r"ls_in_acl_after_lb +\).*priority=2002 .*inport == @filter_infra\w+_usual_\w+ && ip4 && udp.dst == 68\), "
            r"action=\(/\* drop \*/\)",
            id="filter-in-the-stage-after-the-firewalls",
        ),
        pytest.param(
            "translations-at-two-gateways",
            r'ip4.src == 10.2.0.11 .*is_chassis_resident\("cr-router:up/320\|t0"\).*192.168.32.77',
            id="translation-at-the-gateway-it-names",
        ),
    ],
)
async def test_northd_understands_the_row_as_we_do(
    case: str, wanted: str, intent_of_case: Any, ovn_central: Any
) -> None:
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, intent_of_case(case))
    await realised(ovn_central)

    assert re.search(wanted, ovn_central.sbctl("lflow-list"))


async def test_nested_port_is_bound_by_parent_and_tag(intent_of_case: Any, ovn_central: Any) -> None:
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, intent_of_case("containers-behind-tags"))
    await realised(ovn_central)

    columns = ("--bare", "--columns=parent_port,tag", "find", "port_binding")
    assert ovn_central.sbctl(*columns, 'logical_port="vif-b/1003"').split() == ["vif-b", "1003"]
    assert ovn_central.sbctl(*columns, 'logical_port="vif-b"').split() == []


USUAL, STRICT, NONE = (
    ("infra/segments/parent", "vif-a"),
    ("infra/segments/web", "vif-b"),
    ("infra/segments/web", "vif-c"),
)
MACHINE = "02:00:00:00:00:01"
ANYBODY = "eth.dst == 02:00:00:00:00:99"
DHCP_OFFER = f"{ANYBODY} && ip4 && udp && udp.src == 67 && udp.dst == 68"
DHCPV6_REQUEST = f"{ANYBODY} && ip6 && udp && udp.src == 546 && udp.dst == 547"
ADVERTISEMENT = "eth.dst == 33:33:00:00:00:01 && ip6 && icmp6.type == 134 && icmp6.code == 0 && ip.ttl == 255"
BPDU, LLDP = "eth.dst == 01:80:c2:00:00:00 && eth.type == 0x5ff", "eth.dst == 01:80:c2:00:00:0e && eth.type == 0x88cc"
LOOP = f"{ANYBODY} && eth.type == 0x9000"


BLOCKED = [
    (USUAL, DHCP_OFFER),
    (USUAL, BPDU),
    (("infra/segments/web", "vif-a/1002"), DHCP_OFFER),
    (STRICT, DHCPV6_REQUEST),
    (STRICT, LOOP),
]
PASSING = [
    (USUAL, LLDP),
    (USUAL, LOOP),
    (STRICT, DHCP_OFFER),
    (STRICT, LLDP),
    (STRICT, ADVERTISEMENT),
    (STRICT, f"{ANYBODY} && arp"),
    (STRICT, f"{ANYBODY} && ip4 && tcp"),
    (NONE, DHCP_OFFER),
    (("infra/segments/web", "localnet:infra/segments/web|trunk"), DHCP_OFFER),
]


async def test_filter_holds_back_what_it_names_and_nothing_else(intent_of_case: Any, ovn_central: Any) -> None:
    ovn_central.start_northd(CHASSIS)
    await write(ovn_central, intent_of_case("filters-of-ports"))
    await realised(ovn_central)
    walks = {
        (sender, frame): ovn_central.trace(sender[0], f'inport == "{sender[1]}" && eth.src == {MACHINE} && {frame}')
        for sender, frame in [*BLOCKED, *PASSING]
    }

    dropped = {tried for tried, walk in walks.items() if re.search("ls_in_acl.*@filter_", walk.splitlines()[-2])}

    assert dropped == set(BLOCKED)
    assert all(("egress(" in walk) is (tried in PASSING) for tried, walk in walks.items())
    assert not any(re.search("ct_next|ct_commit", walk) for walk in walks.values()), "nothing is tracked"


def trace(central: Any, source: str, destination: str, entry: tuple[str, str, str, str] = NODE) -> str:
    """What ovn-trace says of a packet that comes in at `entry`: switch, port, sender's and router's MAC."""
    switch, port, sender, router = entry
    link = f'inport == "{port}" && eth.src == {sender} && eth.dst == {router}'
    return str(central.trace(switch, f"{link} && ip4.src == {source} && ip4.dst == {destination} && ip.ttl == 64"))


def test_wire_form_of_a_plan_names_rows_that_it_inserts(intent_of_case: Any) -> None:
    plan = ovn.plan(ovn.compile_rows(intent_of_case("pods-on-a-vlan")).rows, ovn.Observed())

    kinds = [(op.kind, op.table) for op in transaction.operations(plan)]

    assert kinds[0] == ("wait", "Logical_Switch")
    assert sum(isinstance(op, diff.Attach) for op in plan.operations) == 1
