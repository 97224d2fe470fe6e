"""Open vSwitch on a lab's hosts: the two daemons, and the configuration of the topology's switches.

Each host has its own daemons, its own database and its own sockets, all in the host's directory; OVS finds them by three
environment variables.  `--monitor` keeps a parent that starts a daemon again when it crashes.
"""

from __future__ import annotations

from pathlib import Path

from trunkline.lab import layout, processes, shell
from trunkline.lab.processes import Unit
from trunkline.lab.progress import Progress
from trunkline.lab.state import Lab
from trunkline.lab.together import together
from trunkline.lab.topology import Topology

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
BRIDGE = "br0"
"""The one bridge of a topology's switch."""


def environment(lab: Lab, host: str) -> dict[str, str]:
    """What OVS and OVN programs read to find one host's sockets, databases and logs."""
    home = str(lab.home(host))
    return {
        "OVS_RUNDIR": home,
        "OVS_LOGDIR": home,
        "OVS_DBDIR": home,
        "OVS_SYSCONFDIR": home,
        "OVN_RUNDIR": home,
        "OVN_LOGDIR": home,
        "OVN_DBDIR": home,
    }


def daemon(lab: Lab, host: str, name: str, *argv: str) -> Unit:
    """A unit for an OVS or OVN daemon: private files, in the background, under its own watchman."""
    home = lab.home(host)
    return Unit(
        host=host,
        name=name,
        argv=(
            *argv,
            f"--pidfile={home}/{name}.pid",
            f"--log-file={home}/{name}.log",
            "-vconsole:off",
            "-vsyslog:off",
            "-vfile:info",
            "--detach",
            "--no-chdir",
            "--monitor",
        ),
        environment=environment(lab, host),
        detaches=True,
    )


async def start(lab: Lab, host: str) -> None:
    """Start ovsdb-server and ovs-vswitchd on a host, as far as they do not run.

    Raises:
        RemoteError: one of them does not start.
    """
    home = lab.home(host)
    database = home / "conf.db"
    if not database.exists():
        await shell.run(["ovsdb-tool", "create", str(database), str(SCHEMA)])
    server = daemon(lab, host, "ovsdb-server", "ovsdb-server", str(database), f"--remote=punix:{home}/db.sock")
    await processes.ensure(lab, server)
    await vsctl(lab, host, "--no-wait", "init")
    await processes.ensure(lab, daemon(lab, host, "ovs-vswitchd", "ovs-vswitchd", f"unix:{home}/db.sock"))


async def vsctl(lab: Lab, host: str, *argv: str) -> str:
    """What `ovs-vsctl` answers on a host.

    Raises:
        RemoteError: it failed, or ovs-vswitchd did not take the change within 10 s.
    """
    command = ["ovs-vsctl", "--timeout=10", f"--db=unix:{lab.home(host)}/db.sock", *argv]
    return await shell.run(command)


async def appctl(lab: Lab, host: str, *argv: str) -> str:
    """What `ovs-appctl` answers on a host.

    Raises:
        RemoteError: it failed.
    """
    return await shell.run(["ovs-appctl", *argv], environment={**lab.environment(), **environment(lab, host)})


async def start_switches(lab: Lab, drawn: Topology, progress: Progress) -> None:
    """Start every switch of the topology.

    Raises:
        RemoteError: a daemon does not start or does not take the configuration.
    """
    with progress.step("switches are up"):
        await together(*(start_switch(lab, drawn, name) for name in drawn.switches))


async def start_switch(lab: Lab, drawn: Topology, switch: str) -> None:
    """Start a switch of the topology and plug its ports.

    Raises:
        RemoteError: a daemon does not start or does not take the configuration.
    """
    await start(lab, switch)
    await vsctl(lab, switch, *switch_configuration(layout.ports(drawn, switch)))


def switch_configuration(ports: tuple[layout.Port, ...]) -> list[str]:
    """The `ovs-vsctl` commands that make a learning switch with these ports; safe to repeat."""
    words = [
        "--may-exist",
        "add-br",
        BRIDGE,
        "--",
        "set",
        "bridge",
        BRIDGE,
        "datapath_type=netdev",
        "fail_mode=standalone",
    ]
    for port in ports:
        words += ["--", "--may-exist", "add-port", BRIDGE, port.name, "--", "set", "port", port.name, *_vlans(port)]
    return words


def _vlans(port: layout.Port) -> list[str]:
    trunks = "[" + ",".join(str(vlan) for vlan in port.tagged) + "]"
    if port.trunk:
        return ["vlan_mode=trunk", "trunks=[]"]
    if port.untagged is None:
        return ["vlan_mode=trunk", f"trunks={trunks}"]
    if not port.tagged:
        return ["vlan_mode=access", f"tag={port.untagged}"]
    return ["vlan_mode=native-untagged", f"tag={port.untagged}", f"trunks={trunks}"]
