"""A small site of real parts: OVN central, nodes with their own Open vSwitch and ovn-controller, a wire, a neighbour.

    site = Site(tmp_path)                  # NB, SB, northd on Unix sockets; a wire (a Linux bridge) in a namespace
    node = site.node("n1", "10.77.0.11")   # eth0 with the address, eth1 a bare trunk; ovsdb-server, vswitchd, controller
    pod = site.pod("web-0")                # an empty network namespace
    node.start_agent()                     # the agent in a process of its own, attachments from a file
    node.cni("ADD", pod)                   # the installed plugin, exactly as a container runtime starts it

Everything carries a prefix unique to the run; `close` ends what was started here, by process id, and nothing else.
"""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import support
from trunkline.agent import install
from trunkline.intent.attachment import Attachment
from trunkline.kit.addresses import mac_of
from trunkline.kit.ids import PortId

AGENT = Path(__file__).with_name("agent_process.py")
SCHEMAS = {
    "ovs": "/usr/share/openvswitch/vswitch.ovsschema",
    "nb": "/usr/share/ovn/ovn-nb.ovsschema",
    "sb": "/usr/share/ovn/ovn-sb.ovsschema",
}


def run(*command: str | Path, check: bool = True, **options: Any) -> str:
    """A command's standard output; its standard error is part of the failure."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **options)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stderr or done.stdout}")
    return done.stdout


def until(predicate: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true answer of `predicate`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds} s: {predicate}")
        time.sleep(0.02)


class Daemons:
    """Processes started here; each is a direct child, so its id cannot be somebody else's."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | (env or {}),
            )
        self.running[name] = process
        return process

    def stop(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        process = self.running.pop(name)
        process.send_signal(how)
        process.wait(20)

    def close(self) -> None:
        for name in reversed(list(self.running)):
            self.stop(name)


class Site:
    """OVN central, a wire, and whatever nodes and pods a test adds."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.prefix = f"tk{secrets.token_hex(2)}"
        self.daemons = Daemons(directory)
        self.namespaces: list[str] = []
        self.nodes: dict[str, Node] = {}
        self.wire = self.namespace("wire")
        run("ip", "-n", self.wire, "link", "add", "br0", "up", "type", "bridge", "forward_delay", "0")
        run("ip", "netns", "exec", self.wire, "sysctl", "-qw", "net.ipv6.conf.br0.disable_ipv6=1")
        self._central()

    def namespace(self, name: str) -> str:
        full = f"{self.prefix}-{name}"
        run("ip", "netns", "add", full)
        self.namespaces.append(full)
        run("ip", "-n", full, "link", "set", "lo", "up")
        return full

    def cable(self, namespace: str, name: str, *, mtu: int = 1500) -> None:
        """An interface in a namespace whose other end is on the wire."""
        far = f"w{secrets.token_hex(4)}"
        run(
            "ip",
            "-n",
            self.wire,
            "link",
            "add",
            far,
            "mtu",
            str(mtu),
            "type",
            "veth",
            "peer",
            name,
            "mtu",
            str(mtu),
            "netns",
            namespace,
        )
        run("ip", "-n", self.wire, "link", "set", far, "master", "br0", "up")
        run("ip", "-n", namespace, "link", "set", name, "up")
        for where, end in ((self.wire, far), (namespace, name)):
            run("ip", "netns", "exec", where, "ethtool", "-K", end, "tx", "off")

    def neighbour(self, name: str, address: str) -> str:
        """A plain host on the wire."""
        namespace = self.namespace(name)
        self.cable(namespace, "eth0")
        run("ip", "-n", namespace, "addr", "add", address, "dev", "eth0")
        return namespace

    def node(self, name: str, address: str, **settings: Any) -> Node:
        self.nodes[name] = Node(self, name, address, **settings)
        return self.nodes[name]

    def pod(self, name: str) -> str:
        """An empty namespace; answers its path."""
        return f"/run/netns/{self.namespace(name)}"

    def nbctl(self, *command: str) -> str:
        return run("ovn-nbctl", f"--db=unix:{self.directory}/nb.sock", *command)

    def sbctl(self, *command: str) -> str:
        return run("ovn-sbctl", f"--db=unix:{self.directory}/sb.sock", *command)

    def vlan(self, name: str, tag: int) -> None:
        """A logical switch that leaves the node tagged, on the physical network `trunk`."""
        port = f"{name}-localnet"
        self.nbctl("ls-add", name, "--", "lsp-add", name, port, "--", "lsp-set-type", port, "localnet",
                   "--", "lsp-set-addresses", port, "unknown", "--", "lsp-set-options", port, "network_name=trunk",
                   "--", "set", "logical_switch_port", port, f"tag_request={tag}")  # fmt: skip

    def bind(self, node: Node, switch: str, pod: str, address: str, **more: Any) -> Attachment:
        """What the controller does when pod shop/`pod` is bound to a node: its port in OVN, its annotation."""
        value = ipaddress.ip_interface(address)
        last = value.network.broadcast_address - 1
        note = Attachment(
            uid=f"uid-{pod}",
            port=PortId(f"shop/{pod}/uid"),
            mac=mac_of(value.ip),
            addresses=(value,),
            gateways=(last,),
            **more,
        )
        owner = f"{note.mac} {value.ip}"
        self.nbctl("lsp-add", switch, note.port, "--", "lsp-set-addresses", note.port, owner,
                   "--", "lsp-set-port-security", note.port, owner)  # fmt: skip
        node.attach(pod, note)
        return note

    def close(self) -> None:
        for node in self.nodes.values():
            node.daemons.close()
        self.daemons.close()
        for namespace in reversed(self.namespaces):
            run("ip", "netns", "del", namespace, check=False)

    def _central(self) -> None:
        for name, schema in (("nb", SCHEMAS["nb"]), ("sb", SCHEMAS["sb"])):
            serve_database(self.daemons, self.directory, name, schema)
        self.daemons.start(
            "northd", "ovn-northd", f"--ovnnb-db=unix:{self.directory}/nb.sock", f"--ovnsb-db=unix:{self.directory}/sb.sock",
            f"--unixctl={self.directory}/northd.ctl",
        )  # fmt: skip


def serve_database(daemons: Daemons, directory: Path, name: str, schema: str) -> None:
    database = directory / f"{name}.db"
    if not database.exists():
        run("ovsdb-tool", "create", database, schema)
    remote = directory / f"{name}.sock"
    daemons.start(
        name, "ovsdb-server", database, f"--remote=punix:{remote}", f"--unixctl={directory}/{name}.ctl", "--no-chdir"
    )
    support.wait_for_listener(remote)


class Node:
    """One node: its namespace, its daemons, its agent."""

    def __init__(self, site: Site, name: str, address: str, **settings: Any) -> None:
        self.site, self.name, self.address = site, name, address
        self.directory = site.directory / name
        self.directory.mkdir()
        self.daemons = Daemons(self.directory)
        self.namespace = site.namespace(name)
        site.namespaces.append(f"{site.prefix}-{name}-waiting")  # the agent makes it
        self.settings = settings
        self.attachments: dict[str, Any] = {}
        site.cable(self.namespace, "eth0")
        site.cable(self.namespace, "eth1")
        self.ip("addr", "add", f"{address}/24", "dev", "eth0")
        self.environment = dict.fromkeys(
            ("OVS_RUNDIR", "OVS_DBDIR", "OVN_RUNDIR", "OVS_LOGDIR", "OVN_LOGDIR"), str(self.directory)
        )
        serve_database(self.daemons, self.directory, "db", SCHEMAS["ovs"])
        # ovn-controller 23.03 crashes on a database without its root row; every packaging makes the row first.
        self.vsctl("--no-wait", "init")
        self.start_vswitchd()

    # What runs on it

    def start_vswitchd(self) -> None:
        self._start("ovs-vswitchd", f"unix:{self.directory}/db.sock", "--no-chdir", "--pidfile")

    def start_controller(self) -> None:
        self._start("ovn-controller", f"unix:{self.directory}/db.sock", "--no-chdir", "--pidfile")

    def start_agent(self, *, ready: bool = True, env: dict[str, str] | None = None) -> None:
        """Start the agent as a process in the node's namespace; `ready` waits until runtimes may call it."""
        settings = self.agent_settings()
        (self.directory / "agent.json").write_bytes(msgspec.json.encode(settings))
        self.write_attachments()
        (self.conf_dir / install.CONFIGURATION).unlink(missing_ok=True)
        self._start(
            "agent",
            sys.executable,
            AGENT,
            self.directory / "agent.json",
            self.directory / "attachments.json",
            program=False,
            env=env,
        )
        if ready:
            until(self._agent_is_ready, 40)

    def _agent_is_ready(self) -> bool:
        ended = self.daemons.running["agent"].poll()
        assert ended is None, (self.daemons.logs / "agent.log").read_text()
        return (self.conf_dir / install.CONFIGURATION).exists()

    def restore(self) -> None:
        """Give the cards back; the agent must not run."""
        settings = self.directory / "agent.json"
        run("ip", "netns", "exec", self.namespace, sys.executable, AGENT, settings, "-", "restore")

    def _start(
        self, name: str, *arguments: str | Path, program: bool = True, env: dict[str, str] | None = None
    ) -> None:
        command = (name, *arguments) if program else arguments
        # Not `ip netns exec`: that makes a mount namespace, too, and what the agent mounts must outlive it.
        enter = ("nsenter", f"--net=/run/netns/{self.namespace}", "--")
        self.daemons.start(name, *enter, *command, env=self.environment | (env or {}))

    # What one asks of it

    @property
    def conf_dir(self) -> Path:
        return self.directory / "net.d"

    def agent_settings(self) -> dict[str, Any]:
        return {
            "node": self.name, "kubeconfig": "", "ovs": f"unix:{self.directory}/db.sock",
            "ovn_remote": f"unix:{self.site.directory}/sb.sock", "encap_ip": self.address,
            "cni_socket": str(self.directory / "cni.sock"), "cni_bin_dir": str(self.directory / "bin"),
            "cni_conf_dir": str(self.conf_dir), "state_dir": str(self.directory / "state"),
            "waiting_namespace": f"/run/netns/{self.site.prefix}-{self.name}-waiting",
            "uplinks": [{"interface": "eth1", "physical_network": "trunk"}], "attach_timeout": 4.0,
        } | self.settings  # fmt: skip

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.namespace, *arguments)

    def vsctl(self, *arguments: str) -> str:
        return run("ovs-vsctl", f"--db=unix:{self.directory}/db.sock", "--timeout=15", *arguments)

    def alive(self, daemon: str) -> bool:
        return self.daemons.running[daemon].poll() is None

    def attach(self, pod: str, attachment: Attachment, *, namespace: str = "shop") -> None:
        """Let the controller's word on a pod arrive."""
        self.attachments[f"{namespace}/{pod}"] = {"uid": attachment.uid, "note": attachment.encode()}
        self.write_attachments()

    def forget(self, pod: str, *, namespace: str = "shop") -> None:
        """Let the pod be gone from the API."""
        self.attachments.pop(f"{namespace}/{pod}", None)
        self.write_attachments()

    def write_attachments(self) -> None:
        fresh = self.directory / "attachments.new"
        fresh.write_text(json.dumps(self.attachments))
        fresh.replace(self.directory / "attachments.json")

    def cni(self, command: str, pod: str, *, netns: str = "", version: str = "1.0.0", container: str = "", uid: str = "",
            ifname: str = "eth0", **extra: Any) -> tuple[int, Any]:  # fmt: skip
        """Call the installed plugin as a stock runtime does; answers exit code and decoded output."""
        code, output = self.cni_raw(
            self.cni_environment(command, pod, netns, container, uid, ifname), self.configuration(version, **extra)
        )
        return code, json.loads(output) if output else None

    def cni_environment(
        self, command: str, pod: str, netns: str, container: str = "", uid: str = "", ifname: str = "eth0"
    ) -> dict[str, str]:
        arguments = (
            f"IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME={pod};K8S_POD_INFRA_CONTAINER_ID={container or pod}"
        )
        return {
            "CNI_COMMAND": command, "CNI_CONTAINERID": container or f"c-{pod}", "CNI_NETNS": netns, "CNI_IFNAME": ifname,
            "CNI_ARGS": arguments + (f";K8S_POD_UID={uid}" if uid else ""), "CNI_PATH": str(self.directory / "bin"),
        }  # fmt: skip

    def configuration(self, version: str, **extra: Any) -> dict[str, Any]:
        """What a runtime makes of the list for its one plugin."""
        whole = json.loads((self.conf_dir / install.CONFIGURATION).read_text())
        return {**whole["plugins"][0], "cniVersion": version, "name": whole["name"], **extra}

    def cni_raw(self, environment: dict[str, str], configuration: dict[str, Any] | bytes) -> tuple[int, bytes]:
        data = configuration if isinstance(configuration, bytes) else json.dumps(configuration).encode()
        plugin = self.directory / "bin" / install.PROGRAM
        done = subprocess.run(
            [plugin], input=data, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, timeout=60
        )
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that leaves nothing behind."""
    # Unix socket paths are limited to 107 bytes; pytest's own directories come close.
    directory = Path(tmp_path_factory.getbasetemp().parent, f"s{secrets.token_hex(3)}")
    directory.mkdir()
    made = None
    try:
        made = Site(directory)
        yield made
    finally:
        if made:
            made.close()
        if not os.environ.get("TRUNKLINE_KEEP"):
            shutil.rmtree(directory, ignore_errors=True)
