"""ADD, DEL, CHECK, GC and STATUS against a node with real Open vSwitch and OVN: twice, half done, half gone, refused."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import run, until
from trunkline.intent.attachment import Attachment
from trunkline.kit.problems import Problem

pytestmark = pytest.mark.lab


@pytest.fixture
def node(site: Any) -> Iterator[Any]:
    """A node with OVN, an agent, and pods web-0 and web-1 bound to it."""
    site.vlan("v19", 19)
    node = site.node("n1", "10.77.0.11")
    node.start_controller()
    node.start_agent()
    site.bind(node, "v19", "web-0", "172.16.19.11/24")
    site.bind(node, "v19", "web-1", "172.16.19.12/24")
    return node


def state(node: Any) -> tuple[set[str], set[str]]:
    """The ports of br-int and the host ends of cables that containers have; not those that wait for one."""
    links = {link["ifname"] for link in json.loads(node.ip("-j", "link")) if link["ifname"].startswith("trkp")}
    rows = json.loads(node.vsctl("-f", "json", "--columns=name,external_ids", "list", "interface"))["data"]
    pods = {name: "trunkline-container" in dict(pairs) for name, (_map, pairs) in rows if name.startswith("trkp")}
    return {name for name in pods if pods[name]}, {name for name in links if pods.get(name, True)}


def interfaces(site: Any, pod: str) -> list[tuple[Any, ...]]:
    """A pod's interfaces and addresses, without what settles in time (link state, duplicate address detection)."""
    found = json.loads(run("ip", "-n", f"{site.prefix}-{pod}", "-j", "addr"))
    return [(each["ifindex"], each["address"], [held["local"] for held in each["addr_info"]]) for each in found]


def pings(site: Any, pod: str, address: str) -> bool:
    command = ["ip", "netns", "exec", f"{site.prefix}-{pod}", "ping", "-c", "1", "-W", "1", address]
    return subprocess.run(command, capture_output=True, timeout=10).returncode == 0


def take_out_of_ovn(site: Any, node: Any, pod: str) -> None:
    """Let OVN have no port of the pod; what ovn-controller said of it, if it was quick enough, is taken back."""
    site.nbctl("--wait=hv", "lsp-del", f"shop/{pod}/uid")
    ids = ("--bare", "--columns=external_ids", "find", "interface", f"external_ids:iface-id=shop/{pod}/uid")
    until(lambda: "ovn-installed=" not in node.vsctl(*ids))


def test_the_same_add_twice_gives_the_same_answer_and_changes_nothing(site: Any, node: Any) -> None:
    path = site.pod("web-0")
    first = node.cni("ADD", "web-0", netns=path)
    before = interfaces(site, "web-0")
    assert node.cni("ADD", "web-0", netns=path) == first
    assert interfaces(site, "web-0") == before
    assert first[0] == 0


def test_an_add_repairs_what_was_left_half_made(site: Any, node: Any) -> None:
    path = site.pod("web-0")
    answer = node.cni("ADD", "web-0", netns=path)
    port = answer[1]["interfaces"][0]["name"]
    run("ip", "-n", f"{site.prefix}-web-0", "addr", "flush", "dev", "eth0")
    assert node.cni("ADD", "web-0", netns=path) == answer
    node.ip("link", "del", port)
    assert node.cni("ADD", "web-0", netns=path) == answer
    node.vsctl("del-port", port)
    assert node.cni("ADD", "web-0", netns=path) == answer
    assert node.cni("ADD", "web-1", netns=site.pod("web-1"))[0] == 0
    assert pings(site, "web-0", "172.16.19.12")


def test_a_new_sandbox_of_the_same_pod_takes_the_port_over_and_the_late_del_of_the_old_one_does_no_harm(
    site: Any, node: Any
) -> None:
    assert node.cni("ADD", "web-0", netns=site.pod("old"), container="old")[0] == 0
    assert node.cni("ADD", "web-0", netns=site.pod("new"), container="new")[0] == 0
    assert node.cni("DEL", "web-0", netns=f"/run/netns/{site.prefix}-old", container="old") == (0, None)
    assert node.cni("ADD", "web-1", netns=site.pod("web-1"))[0] == 0
    assert pings(site, "new", "172.16.19.12")
    assert len(state(node)[0]) == 2


def test_del_is_content_twice_without_a_namespace_and_half_gone(site: Any, node: Any) -> None:
    nothing = state(node)
    assert node.cni("DEL", "web-0", netns="/run/netns/never") == (0, None)
    for destroy in (
        lambda port: None,
        lambda port: run("ip", "netns", "del", f"{site.prefix}-web-0"),
        lambda port: node.ip("link", "del", port),
        lambda port: node.vsctl("del-port", port),
    ):
        path = (
            f"/run/netns/{site.prefix}-web-0" if Path(f"/run/netns/{site.prefix}-web-0").exists() else site.pod("web-0")
        )
        code, answer = node.cni("ADD", "web-0", netns=path)
        assert code == 0, answer
        destroy(answer["interfaces"][0]["name"])
        assert node.cni("DEL", "web-0", netns=path) == (0, None)
        assert node.cni("DEL", "web-0") == (0, None)
        assert state(node) == nothing


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
def test_check_sees_every_difference(site: Any, node: Any, version: str) -> None:
    path = site.pod("web-0")
    inside = f"{site.prefix}-web-0"
    answer = node.cni("ADD", "web-0", netns=path, version=version)[1]
    port = answer["interfaces"][0]["name"]

    def check() -> tuple[int, Any]:
        return node.cni("CHECK", "web-0", netns=path, version=version, prevResult=answer)

    assert check() == (0, None)
    for harm, cure, said in (
        (("-n", inside, "route", "del", "default"), ("-n", inside, "route", "add", "default", "via", "172.16.19.254", "dev", "eth0"), "route"),
        (("-n", inside, "addr", "add", "10.1.1.1/32", "dev", "eth0"), None, ""),
        (("-n", node.namespace, "link", "set", port, "down"), ("-n", node.namespace, "link", "set", port, "up"), "is down"),
    ):  # fmt: skip
        run("ip", *harm)
        code, error = check()
        assert (code == 1) == bool(said), error
        if cure:
            assert said in error["msg"]
            run("ip", *cure)
    assert check() == (0, None)
    run("ip", "-n", inside, "addr", "flush", "dev", "eth0")
    assert "172.16.19.11/24" in check()[1]["msg"]
    node.vsctl("del-port", port)
    assert check()[1]["code"] == 102
    assert node.cni("CHECK", "web-0", netns=path, version=version)[1]["code"] == 7


def test_gc_removes_what_the_runtime_does_not_know_and_nothing_else(site: Any, node: Any) -> None:
    node.vsctl("add-port", "br-int", "foreign", "--", "set", "interface", "foreign", "type=internal")
    for pod in ("web-0", "web-1"):
        assert node.cni("ADD", pod, netns=site.pod(pod))[0] == 0
    valid = [{"containerID": "c-web-1", "ifname": "eth0"}]
    assert node.cni("GC", "", version="1.1.0", **{"cni.dev/valid-attachments": valid}) == (0, None)
    (kept,) = state(node)[0]
    assert node.vsctl("get", "interface", kept, "external_ids:trunkline-container").strip() == "c-web-1"
    assert node.vsctl("port-to-br", "foreign").strip() == "br-int"
    assert node.cni("GC", "", version="1.1.0")[1]["code"] == 7


def test_errors_carry_the_specifications_codes(site: Any, node: Any) -> None:
    path = site.pod("web-0")
    environment = node.cni_environment("ADD", "web-0", path)
    good = node.configuration("1.0.0")

    def code(change: dict[str, str | None], configuration: Any = good) -> int:
        variables = {key: value for key, value in {**environment, **change}.items() if value is not None}
        exit_code, output = node.cni_raw(variables, configuration)
        assert exit_code == 1
        error = json.loads(output)
        assert set(error) >= {"cniVersion", "code", "msg"}
        return int(error["code"])

    assert code({}, {**good, "cniVersion": "0.2.0"}) == 1
    assert code({"CNI_COMMAND": "CHECK"}, {**good, "cniVersion": "0.3.1"}) == 1
    assert code({"CNI_COMMAND": "STATUS"}) == 1
    assert code({"CNI_NETNS": "/run/netns/nowhere"}) == 3
    assert code({"CNI_NETNS": f"/run/netns/{node.namespace}"}) == 4
    assert code({"CNI_CONTAINERID": None}) == 4
    assert code({"CNI_IFNAME": "a-name-that-is-too-long"}) == 4
    assert code({"CNI_IFNAME": "lo"}) == 4
    assert code({"CNI_COMMAND": "EXPLODE"}) == 4
    assert code({"CNI_ARGS": "K8S_POD_NAMESPACE=shop"}) == 4
    socket = str(node.directory / "cni.sock").encode()
    assert code({}, b'{"agentSocket": "%s", "cniVersion": ' % socket) == 6
    assert code({}, {**good, "name": 7}) == 7
    assert code({}, {**good, "name": "not a name"}) == 7
    assert state(node) == (set(), set())


def test_a_pod_that_cannot_have_an_address_says_why_and_leaves_nothing(site: Any, node: Any) -> None:
    problem = Problem(
        code="TRK-0301", object="IPPool pool-ap", found="40 of 40 addresses used", hint="enlarge the pool"
    )
    node.attach("web-9", Attachment(uid="uid-web-9", problem=problem))
    code, error = node.cni("ADD", "web-9", netns=site.pod("web-9"))
    assert (code, error["code"]) == (1, 101)
    assert "IPPool pool-ap" in error["msg"]
    assert error["details"] == "enlarge the pool"


def test_a_note_for_a_former_pod_of_that_name_is_not_used(site: Any, node: Any) -> None:
    node.site.nodes["n1"].attachments["shop/web-0"]["uid"] = "uid-of-the-successor"
    node.write_attachments()
    started = time.monotonic()
    code, error = node.cni("ADD", "web-0", netns=site.pod("web-0"))
    assert (code, error["code"]) == (1, 11)
    assert time.monotonic() - started > 3.9


def test_a_port_that_ovn_does_not_know_ends_in_try_again_and_leaves_nothing(site: Any, node: Any) -> None:
    take_out_of_ovn(site, node, "web-0")
    code, error = node.cni("ADD", "web-0", netns=site.pod("web-0"))
    assert (code, error["code"]) == (1, 11)
    assert "TRK-0505" in error["msg"]
    assert state(node) == (set(), set())


def test_a_del_overtakes_an_add_that_waits(site: Any, node: Any) -> None:
    take_out_of_ovn(site, node, "web-0")
    path = site.pod("web-0")
    environment, configuration = node.cni_environment("ADD", "web-0", path), json.dumps(node.configuration("1.0.0"))
    plugin = [str(node.directory / "bin" / "trunkline")]
    with subprocess.Popen(plugin, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as add:
        assert add.stdin
        add.stdin.write(configuration)
        add.stdin.close()
        until(lambda: state(node)[0])
        assert node.cni("DEL", "web-0", netns=path) == (0, None)
        assert add.stdout
        answer = json.loads(add.stdout.read())
    assert (answer["code"], "deleted while it was being added" in str(answer)) == (11, True)
    assert state(node) == (set(), set())


def test_an_agent_killed_in_the_middle_of_an_add_leaves_what_a_del_or_the_next_add_can_handle(
    site: Any, node: Any
) -> None:
    take_out_of_ovn(site, node, "web-0")
    path = site.pod("web-0")
    plugin = [str(node.directory / "bin" / "trunkline")]
    environment, configuration = node.cni_environment("ADD", "web-0", path), json.dumps(node.configuration("1.0.0"))
    for what_next in ("DEL", "ADD"):
        with subprocess.Popen(plugin, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as add:
            assert add.stdin
            add.stdin.write(configuration)
            add.stdin.close()
            until(lambda: state(node)[0])
            node.daemons.stop("agent")
            assert add.stdout
            assert json.loads(add.stdout.read())["code"] == 11
        assert node.cni("DEL", "web-0", netns=path)[1]["code"] == 11, "a DEL without the agent must be repeated"
        assert node.cni("STATUS", "", version="1.1.0")[1]["code"] == 50
        node.start_agent()
        assert state(node)[0]
        if what_next == "DEL":
            assert node.cni("DEL", "web-0", netns=path) == (0, None)
            assert state(node) == (set(), set())
    site.bind(node, "v19", "web-0", "172.16.19.11/24")
    assert node.cni("ADD", "web-0", netns=path)[0] == 0
    assert node.cni("STATUS", "", version="1.1.0") == (0, None)


def test_an_agent_restart_interrupts_nothing_and_collects_orphans(site: Any, node: Any) -> None:
    for pod in ("web-0", "web-1"):
        assert node.cni("ADD", pod, netns=site.pod(pod))[0] == 0
    node.daemons.stop("agent")
    assert pings(site, "web-0", "172.16.19.12")
    node.forget("web-1")
    run("ip", "netns", "del", f"{site.prefix}-web-1")
    node.start_agent()
    until(lambda: len(state(node)[0]) == 1)
    assert (
        node.vsctl("get", "interface", *state(node)[0], "external_ids:trunkline-source").strip() == '"Pod shop/web-0"'
    )
