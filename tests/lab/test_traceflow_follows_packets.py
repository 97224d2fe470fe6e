"""The child-segment document's traceflow on the fabric lab: real packets of containers and machines, followed to their end."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import fabric_lab
from tests.lab.fabric_lab import CHILD, PARENT, FabricLab
from tests.support import wait_until
from trunkline.lab.fabric import access

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces"),
]

ROOT = Path(__file__).parents[2]
SDK = os.environ.get("TRUNKLINE_VCF_NSX_PYTHON") or str(ROOT / ".tools" / "vcf-nsx" / "bin" / "python")
WEB_A, WEB_B, PLAIN, NODE_A, NODE_B = (
    "192.168.100.11",
    "192.168.100.12",
    "192.168.100.50",
    "192.168.10.11",
    "192.168.10.12",
)
GATEWAY_MAC = "0a:58:c0:a8:64:01"


class Fabric(FabricLab):
    """The lab, and traces in it."""

    def trace(self, ends: tuple[str, str], macs: tuple[str, str], **changed: Any) -> Trace:
        """The document's request with these addresses, run to its end; changes with a dot are inside the packet."""
        request = document(self.port("node-a"), ends, macs)
        for name, value in changed.items():
            within = request["packet"]["ip_header"] if name == "ttl" else request
            within[name] = value
        path = f"/infra/traceflows/{secrets.token_hex(4)}"
        self.call("PUT", path, {name: value for name, value in request.items() if value is not None})
        return self.ended(path)

    def ended(self, path: str) -> Trace:
        deadline = time.monotonic() + 25
        while (status := self.call("GET", f"{path}/status"))["operation_state"] == "IN_PROGRESS":
            assert time.monotonic() < deadline, status
            time.sleep(0.1)  # clients poll
        return Trace(path, status, self.call("GET", f"{path}/observations")["results"])


class Trace:
    """A run that is over."""

    def __init__(self, path: str, status: Any, observations: list[Any]) -> None:
        self.path, self.status, self.observations = path, status, observations

    @property
    def ended(self) -> tuple[str, str]:
        return self.status["operation_state"], self.status["request_status"]

    @property
    def hops(self) -> list[tuple[int, str, str, str]]:
        """Sequence number, hypervisor, what, at which component."""
        return [
            (
                each["sequence_no"],
                each["transport_node_name"],
                each["resource_type"].removeprefix("TraceflowObservation"),
                each["component_name"],
            )
            for each in self.observations
        ]

    @property
    def last(self) -> Any:
        return self.observations[-1]


def document(port: str, ends: tuple[str, str], macs: tuple[str, str]) -> dict[str, Any]:
    return {
        "segment_port_path": port,
        "connected_segment_path_as_source": CHILD,
        "packet": {
            "eth_header": {"src_mac": macs[0], "dst_mac": macs[1], "eth_type": 2048},
            "ip_header": {"src_ip": ends[0], "dst_ip": ends[1], "protocol": 1, "ttl": 64, "flags": 0},
            "transport_header": {"icmp_echo_request_header": {"id": 0, "sequence": 0}},
            "payload": "",
            "resource_type": "FieldsPacketData",
            "frame_size": 128,
            "routed": False,
            "transport_type": "UNICAST",
        },
        "timeout": 10,
        "is_transient": True,
    }


@pytest.fixture(scope="module")
def fabric() -> Iterator[Fabric]:
    with fabric_lab.running(Fabric) as made:
        bind = f"{CHILD}/segment-connection-binding-maps"
        made.call("PUT", f"{bind}/first", {"vlan_traffic_tag": "1002", "segment_path": PARENT})
        made.call("PUT", f"{bind}/second", {"vlan_traffic_tag": 2002, "segment_path": "/infra/segments/second-parent"})
        # MACs and neighbours are known from now on, as among machines that talk with each other.
        for place, target in (("vm/node-a/web", WEB_B), ("vm/node-a/web", PLAIN), ("node-a", NODE_B)):
            made.inside(place, "ping", "-c", "3", "-i", "0.3", "-W", "1", target)
        made.inside("vm/node-a/web", "ping", "-c", "3", "-i", "0.3", "-W", "1", NODE_B)
        made.inside("vm/node-a/web", "ping", "-c", "3", "-i", "0.3", "-W", "1", "172.29.161.50")
        yield made


@pytest.fixture(scope="module")
def web_a(fabric: Fabric) -> str:
    return fabric.mac("vm/node-a/web")


@pytest.fixture(scope="module")
def web_b(fabric: Fabric) -> str:
    return fabric.mac("vm/node-b/web")


def test_documents_request_follows_a_containers_packet_to_a_container_behind_another_hypervisor(
    fabric: Fabric, web_a: str, web_b: str
) -> None:
    found = fabric.trace((WEB_A, WEB_B), (web_a, web_b))

    assert found.ended == ("FINISHED", "SUCCESS")
    assert found.hops == [
        (0, "hv-1", "ReceivedLogical", "test2"),
        (0, "hv-1", "ForwardedLogical", "test2"),
        (0, "hv-1", "Forwarded", "eth0"),
        (1, "hv-2", "Received", "eth0"),
        (1, "hv-2", "Delivered", "test2"),
    ]
    received, _, forwarded, _, delivered = found.observations
    assert (received["lport_name"], received["vlan"]) == ("node-a", 1002)
    assert (forwarded["local_ip_address"], forwarded["remote_ip_address"]) == ("172.16.30.11", "172.16.30.12")
    assert (delivered["lport_name"], delivered["vlan_id"]) == ("node-b", 1002)
    assert found.status["counters"]["delivered_count"] == 1
    assert found.status["timeout"] == 10_000


def test_packet_was_a_real_one_and_came_to_the_container(fabric: Fabric, web_a: str, web_b: str) -> None:
    """Counted by the receiving container's own kernel, which the manager cannot ask."""

    def echoes() -> int:
        lines = [line.split() for line in fabric.inside("vm/node-b/web", "cat", "/proc/net/snmp").splitlines()]
        names, values = [line for line in lines if line[0] == "Icmp:"]
        return int(values[names.index("InEchos")])

    before = echoes()
    fabric.trace((WEB_A, WEB_B), (web_a, web_b))

    assert echoes() == before + 1


def test_container_reaches_a_regular_port_of_the_child_segment(fabric: Fabric, web_a: str) -> None:
    found = fabric.trace((WEB_A, PLAIN), (web_a, fabric.mac("plain")))

    assert found.ended == ("FINISHED", "SUCCESS")
    assert (found.last["lport_name"], found.last["transport_node_name"]) == ("plain", "hv-3")
    assert "vlan_id" not in found.last


def test_container_reaches_a_machine_on_the_parent_by_the_gateway(fabric: Fabric, web_a: str) -> None:
    found = fabric.trace((WEB_A, NODE_B), (web_a, GATEWAY_MAC))

    assert found.ended == ("FINISHED", "SUCCESS")
    assert [(each["component_type"], each["component_name"]) for each in found.observations[:6]] == [
        ("LS", "test2"),
        ("LS", "test2"),
        ("LR", "t1"),
        ("LR", "t1"),
        ("LS", "openshift-segment"),
        ("LS", "openshift-segment"),
    ]
    assert (found.last["lport_name"], found.hops[-1]) == ("node-b", (1, "hv-2", "Delivered", "openshift-segment"))


@pytest.mark.skipif(not Path(SDK).exists(), reason="no interpreter with vcf-nsx (.tools/vcf-nsx)")
def test_official_sdk_traces_and_reads_what_was_observed(fabric: Fabric, web_a: str, web_b: str) -> None:
    walk = ROOT / "tests" / "policy" / "sdk" / "traceflow_walk.py"
    password = access.password_file(fabric.lab).read_text().strip()
    authority = str(access.authority_file(fabric.lab))
    words = [SDK, str(walk), access.url(fabric.lab), authority, password, fabric.port("node-a"), web_a, web_b]
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    environment = {name: value for name, value in os.environ.items() if name not in bundles}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]

    assert json.loads(done.stdout) == {
        "made": ["sdk", "/infra/traceflows/sdk", 10, CHILD],
        "status": ["FINISHED", "SUCCESS", 1, 10_000],
        "observations": [
            f"TraceflowObservation{kind}"
            for kind in ("ReceivedLogical", "ForwardedLogical", "Forwarded", "Received", "Delivered")
        ],
        "delivered": ["node-b", 1002, "hv-2", 1],
        "again": "FINISHED",
        "listed": True,
        "gone": ["ApiError", 404],
    }


def test_routed_packet_needs_no_gateways_mac(fabric: Fabric, web_a: str, web_b: str) -> None:
    request = document(fabric.port("node-a"), (WEB_A, NODE_B), (web_a, web_b))
    request["packet"]["routed"] = True
    fabric.call("PUT", "/infra/traceflows/routed", request)

    assert fabric.ended("/infra/traceflows/routed").last["lport_name"] == "node-b"


def test_container_leaves_by_the_tier_0_with_the_uplinks_vlan(fabric: Fabric, web_a: str) -> None:
    found = fabric.trace((WEB_A, "172.29.161.50"), (web_a, GATEWAY_MAC))

    assert found.ended == ("FINISHED", "SUCCESS")
    assert (found.last["component_type"], found.last["vlan_id"]) == ("PHYSICAL", 310)
    assert "t0" in [each["component_name"] for each in found.observations]


def test_parent_port_without_a_child_segment_stays_on_the_parent(fabric: Fabric) -> None:
    macs = (fabric.mac("node-a", "br0"), fabric.mac("node-b", "br0"))
    found = fabric.trace((NODE_A, NODE_B), macs, connected_segment_path_as_source=None)

    assert found.ended == ("FINISHED", "SUCCESS")
    assert {each["component_name"] for each in found.observations} == {"openshift-segment", "eth0"}
    assert found.last["lport_name"] == "node-b"
    assert "vlan_id" not in found.last


def test_containers_packet_without_the_parameter_does_not_enter_the_child(
    fabric: Fabric, web_a: str, web_b: str
) -> None:
    found = fabric.trace((WEB_A, WEB_B), (web_a, web_b), connected_segment_path_as_source=None)

    assert "test2" not in {each["component_name"] for each in found.observations}
    assert not [each for each in found.observations if each.get("vlan_id")]


def test_name_that_nsx_9_has_for_the_parameter_leads_through_the_child_as_well(
    fabric: Fabric, web_a: str, web_b: str
) -> None:
    named = {"connected_segment_path_as_source": None, "connected_parent_path_as_source": CHILD}
    found = fabric.trace((WEB_A, WEB_B), (web_a, web_b), **named)

    assert found.ended == ("FINISHED", "SUCCESS")
    assert (found.last["component_name"], found.last["lport_name"], found.last["vlan_id"]) == ("test2", "node-b", 1002)


def test_stored_trace_is_run_again_on_request_and_stays_until_it_is_deleted(
    fabric: Fabric, web_a: str, web_b: str
) -> None:
    found = fabric.trace((WEB_A, WEB_B), (web_a, web_b), is_transient=False)
    first = [each["timestamp"] for each in found.observations]

    fabric.call("POST", f"{found.path}?action=restart")
    again = fabric.ended(found.path)

    assert again.hops == found.hops
    assert min(each["timestamp"] for each in again.observations) > max(first)
    fabric.call("DELETE", found.path)
    assert fabric.http.get(found.path).status_code == 404


def test_packet_whose_time_to_live_is_over_ends_at_the_gateway(fabric: Fabric, web_a: str) -> None:
    found = fabric.trace((WEB_A, NODE_B), (web_a, GATEWAY_MAC), ttl=1)

    assert found.ended == ("FINISHED", "SUCCESS")
    assert found.hops[-1] == (0, "hv-1", "DroppedLogical", "t1")
    assert found.last["reason"] == "TTL_ZERO"
    assert found.status["logical_counters"]["dropped_count"] == 1


def test_packet_to_an_address_that_nobody_has_ends_at_the_gateway(fabric: Fabric, web_a: str) -> None:
    found = fabric.trace((WEB_A, "192.168.10.99"), (web_a, GATEWAY_MAC))

    assert (found.last["component_name"], found.last["reason"]) == ("t1", "ARP_FAIL")


def test_packet_to_an_unknown_mac_is_flooded_to_the_whole_child_and_to_nobody_else(fabric: Fabric, web_a: str) -> None:
    found = fabric.trace((WEB_A, "192.168.100.99"), (web_a, "02:00:00:00:00:99"))

    delivered = [each for each in found.observations if each["resource_type"].endswith("Delivered")]
    assert {(each["lport_name"], each.get("vlan_id")) for each in delivered} == {
        ("node-b", 1002),
        ("node-c", 2002),
        ("plain", None),
    }


def test_segment_that_is_not_bound_to_the_ports_segment_is_refused(fabric: Fabric, web_a: str, web_b: str) -> None:
    request = document(fabric.port("node-a"), (WEB_A, WEB_B), (web_a, web_b))
    request["connected_segment_path_as_source"] = "/infra/segments/elsewhere"

    response = fabric.http.put("/infra/traceflows/unbound", json=request)

    assert response.status_code == 400
    assert PARENT in response.json()["error_message"]


def test_machine_that_is_plugged_in_nowhere_does_not_get_the_packet(fabric: Fabric, web_a: str, web_b: str) -> None:
    home = fabric.lab.home("hv-2")
    vsctl = ["ovs-vsctl", f"--db=unix:{home}/db.sock", "--timeout=10"]
    subprocess.run([*vsctl, "del-port", "br-int", "vif-node-b"], check=True)
    try:
        found = fabric.trace((WEB_A, WEB_B), (web_a, web_b))
    finally:
        fabric.command("attach", "--name", fabric.name, "node-b")

    assert found.ended == ("FINISHED", "SUCCESS")
    assert (found.last["lport_name"], found.last["reason"]) == ("node-b", "IFACE")


def test_port_that_is_switched_off_sends_nothing(fabric: Fabric, web_a: str, web_b: str) -> None:
    path = fabric.port("node-a")
    body = fabric.call("GET", path)
    fabric.call("PUT", path, body | {"admin_state": "DOWN"})
    # The port has no realised state while it is off.
    wait_until(lambda: not fabric.reaches("vm/node-a/web", WEB_B), "hypervisors have not followed", 20)
    try:
        found = fabric.trace((WEB_A, WEB_B), (web_a, web_b))
    finally:
        body = fabric.call("GET", path)
        fabric.call("PUT", path, body | {"admin_state": "UP"})
        wait_until(lambda: fabric.reaches("vm/node-a/web", WEB_B), "the port stays off", 20)

    assert found.ended == ("FAILED", "SOURCE_PORT_NOT_FOUND")
    assert "switched off" in found.status["analysis"][0]


def test_guarded_port_lets_no_foreign_sender_in(fabric: Fabric, web_a: str, web_b: str) -> None:
    """ovn-trace knows nothing of port security, so the logical walk alone would say that the packet arrives."""
    fabric.call("PUT", "/infra/spoofguard-profiles/strict", {"address_binding_allowlist": True})
    profile = {"spoofguard_profile_path": "/infra/spoofguard-profiles/strict"}
    security = f"{CHILD}/segment-security-profile-binding-maps/strict"
    path = fabric.port("node-a")
    bound = [{"ip_address": WEB_A, "mac_address": web_a, "vlan_id": 1002}]
    fabric.call("PUT", path, fabric.call("GET", path) | {"address_bindings": bound})
    fabric.call("PUT", security, profile)
    wait_until(lambda: fabric.realised(path) and fabric.realised(security), "hypervisors have not followed", 20)
    try:
        foreign = fabric.trace((WEB_A, WEB_B), ("02:00:00:00:00:77", web_b))
        own = fabric.trace((WEB_A, WEB_B), (web_a, web_b))
    finally:
        fabric.call("DELETE", security)

    assert (foreign.last["component_type"], foreign.last["reason"]) == ("SPOOFGUARD", "SPOOFGUARD")
    assert own.last["lport_name"] == "node-b"


def test_packet_that_a_security_profile_blocks_ends_at_its_segment_and_the_profile_is_named(
    fabric: Fabric, web_b: str
) -> None:
    """The default profile, which blocks what a DHCP server sends to a client."""
    request = document(fabric.port("plain", CHILD), (PLAIN, WEB_B), (fabric.mac("plain"), web_b))
    del request["connected_segment_path_as_source"]
    request["packet"]["ip_header"]["protocol"] = 17
    request["packet"]["transport_header"] = {"udp_header": {"src_port": 67, "dst_port": 68}}
    path = f"/infra/traceflows/{secrets.token_hex(4)}"
    fabric.call("PUT", path, request)
    found = fabric.ended(path)

    assert (found.last["component_type"], found.last["component_name"], found.last["reason"]) == (
        "LS",
        "test2",
        "LSWITCH",
    )
    profile = "/infra/segment-security-profiles/default-segment-security-profile"
    assert any(profile in line for line in found.status["analysis"])


def test_hypervisor_that_does_not_answer_fails_the_trace_in_time_and_by_name(
    fabric: Fabric, web_a: str, web_b: str
) -> None:
    fabric.kill("hv-1", "agent")
    try:
        found = fabric.trace((WEB_A, WEB_B), (web_a, web_b), timeout=5)
    finally:
        fabric.up()

    assert found.ended == ("FAILED", "TIMEOUT")
    assert "hv-1" in found.status["analysis"][0]

    fabric.call("POST", f"{found.path}?action=restart")
    assert fabric.ended(found.path).ended == ("FINISHED", "SUCCESS")


def test_destination_that_cannot_be_asked_is_never_said_to_have_got_the_packet(fabric: Fabric, web_a: str) -> None:
    fabric.kill("hv-3", "agent")
    try:
        found = fabric.trace((WEB_A, PLAIN), (web_a, fabric.mac("plain")), timeout=5)
    finally:
        fabric.up()

    assert found.ended == ("FAILED", "TIMEOUT")
    assert "hv-3" in found.status["analysis"][0]
    assert not [each for each in found.observations if each["resource_type"].endswith("Delivered")]


def test_restarted_manager_knows_what_was_found_and_traces_on(fabric: Fabric, web_a: str, web_b: str) -> None:
    before = fabric.trace((WEB_A, WEB_B), (web_a, web_b))
    fabric.kill("manager", "policy")
    fabric.up()

    assert fabric.ended(before.path).observations == before.observations
    assert fabric.trace((WEB_A, WEB_B), (web_a, web_b)).ended == ("FINISHED", "SUCCESS")
