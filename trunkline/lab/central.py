"""OVN's databases, Trunkline's store and ovn-northd: on the control-plane host for a cluster, on the manager for a fabric.

Two database servers, so that chassis (which may talk to the southbound one, over TLS and with the rights of an
ovn-controller) never share a process with what only the controller or the manager may touch.
"""

from __future__ import annotations

from importlib import resources
from ipaddress import IPv4Address
from pathlib import Path

from trunkline.adapters import tallies
from trunkline.lab import openvswitch, processes, shell, topology
from trunkline.lab.pki import Authority
from trunkline.lab.state import Lab
from trunkline.lab.topology import MANAGER, Topology

SCHEMAS = Path("/usr/share/ovn")
SOUTHBOUND_PORT = 6642

ROLE = "ovn-controller"
"""What a chassis may do with the southbound database: ovn-northd fills in the rights of this name."""


def northbound_remote(lab: Lab, host: str) -> str:
    """Where `OVN_Northbound` and `Trunkline` are, for programs of the same host."""
    return f"unix:{lab.home(host)}/ovnnb_db.sock"


def southbound_remote(lab: Lab, host: str) -> str:
    """Where `OVN_Southbound` is, for programs of the same host."""
    return f"unix:{lab.home(host)}/ovnsb_db.sock"


def chassis_remote(drawn: Topology, host: str) -> str:
    """Where chassis find `OVN_Southbound`."""
    return f"ssl:{_address(drawn, host)}:{SOUTHBOUND_PORT}"


async def start(lab: Lab, drawn: Topology, host: str, authority: Authority) -> None:
    """Start a host's databases and ovn-northd, as far as they do not run.

    Raises:
        RemoteError: one of them does not start.
    """
    home = lab.home(host)
    await _create(home / "ovnnb.db", SCHEMAS / "ovn-nb.ovsschema")
    await _create(home / "ovnsb.db", SCHEMAS / "ovn-sb.ovsschema")
    with resources.as_file(resources.files("trunkline.adapters.store") / "trunkline.ovsschema") as schema:
        await _create(home / "trunkline.db", schema)
    if host == MANAGER:
        await _create(_counted(lab, host), tallies.schema_path())
    await _start_northbound(lab, host)
    await _start_southbound(lab, host, _address(drawn, host), authority)
    remotes = (f"--ovnnb-db={northbound_remote(lab, host)}", f"--ovnsb-db={southbound_remote(lab, host)}")
    await processes.ensure(lab, openvswitch.daemon(lab, host, "ovn-northd", "ovn-northd", *remotes))


def _counted(lab: Lab, host: str) -> Path:
    """The database in which hypervisors tell what passed their ports; a cluster has none."""
    return lab.home(host) / "tallies.db"


def _address(drawn: Topology, host: str) -> IPv4Address:
    address = topology.management_address(drawn.machines()[host])
    assert address is not None, "reading has asked for it"
    return address


async def _create(database: Path, schema: Path) -> None:
    if not database.exists():
        await shell.run(["ovsdb-tool", "create", str(database), str(schema)])


async def _start_northbound(lab: Lab, host: str) -> None:
    home = lab.home(host)
    server = ("ovsdb-server", f"{home}/ovnnb.db", f"{home}/trunkline.db", f"--remote=punix:{home}/ovnnb_db.sock")
    await processes.ensure(lab, openvswitch.daemon(lab, host, "ovnnb", *server))


async def _start_southbound(lab: Lab, host: str, address: IPv4Address, authority: Authority) -> None:
    home = lab.home(host)
    counted = _counted(lab, host)
    pair = authority.issue(f"southbound-{host}", f"ovn-southbound-{host}", names=(address,))
    server = (
        "ovsdb-server",
        f"{home}/ovnsb.db",
        *([str(counted)] if counted.exists() else []),
        f"--remote=punix:{home}/ovnsb_db.sock",
        "--remote=db:OVN_Southbound,SB_Global,connections",
        f"--private-key={pair.key}",
        f"--certificate={pair.certificate}",
        f"--ca-cert={authority.certificate}",
    )
    await processes.ensure(lab, openvswitch.daemon(lab, host, "ovnsb", *server))
    connection = f"pssl:{SOUTHBOUND_PORT}:{address}"
    sbctl = ["ovn-sbctl", "--timeout=10", f"--db=unix:{home}/ovnsb_db.sock"]
    if connection not in await shell.run([*sbctl, "get-connection"]):
        await shell.run([*sbctl, "set-connection", f"role={ROLE}", connection])
