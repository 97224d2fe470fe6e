"""OVN's databases, Trunkline's store and ovn-northd on the control-plane host.

Two database servers, so that nodes (which may talk to the southbound one, over TLS and with the rights of an
ovn-controller) never share a process with what only the controller may touch.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from trunkline.lab import openvswitch, processes, shell, topology
from trunkline.lab.pki import Authority
from trunkline.lab.state import Lab
from trunkline.lab.topology import CONTROL_PLANE, Topology

SCHEMAS = Path("/usr/share/ovn")
SOUTHBOUND_PORT = 6642

ROLE = "ovn-controller"
"""What a node may do with the southbound database: ovn-northd fills in the rights of this name."""


def northbound_remote(lab: Lab) -> str:
    """Where `OVN_Northbound` and `Trunkline` are."""
    return f"unix:{lab.home(CONTROL_PLANE)}/ovnnb_db.sock"


def southbound_remote(drawn: Topology) -> str:
    """Where nodes find `OVN_Southbound`."""
    assert drawn.control_plane is not None
    return f"ssl:{topology.management_address(drawn.control_plane)}:{SOUTHBOUND_PORT}"


async def start(lab: Lab, drawn: Topology, authority: Authority) -> None:
    """Start the databases and ovn-northd, as far as they do not run.

    Raises:
        RemoteError: one of them does not start.
    """
    home = lab.home(CONTROL_PLANE)
    await _create(home / "ovnnb.db", SCHEMAS / "ovn-nb.ovsschema")
    await _create(home / "ovnsb.db", SCHEMAS / "ovn-sb.ovsschema")
    with resources.as_file(resources.files("trunkline.adapters.store") / "trunkline.ovsschema") as schema:
        await _create(home / "trunkline.db", schema)
    await _start_northbound(lab, home)
    await _start_southbound(lab, drawn, home, authority)
    northd = ("ovn-northd", f"--ovnnb-db=unix:{home}/ovnnb_db.sock", f"--ovnsb-db=unix:{home}/ovnsb_db.sock")
    await processes.ensure(lab, openvswitch.daemon(lab, CONTROL_PLANE, "ovn-northd", *northd))


async def _create(database: Path, schema: Path) -> None:
    if not database.exists():
        await shell.run(["ovsdb-tool", "create", str(database), str(schema)])


async def _start_northbound(lab: Lab, home: Path) -> None:
    server = ("ovsdb-server", f"{home}/ovnnb.db", f"{home}/trunkline.db", f"--remote=punix:{home}/ovnnb_db.sock")
    await processes.ensure(lab, openvswitch.daemon(lab, CONTROL_PLANE, "ovnnb", *server))


async def _start_southbound(lab: Lab, drawn: Topology, home: Path, authority: Authority) -> None:
    assert drawn.control_plane is not None
    address = topology.management_address(drawn.control_plane)
    pair = authority.issue("southbound", "ovn-southbound", names=tuple(filter(None, [address])))
    server = (
        "ovsdb-server",
        f"{home}/ovnsb.db",
        f"--remote=punix:{home}/ovnsb_db.sock",
        "--remote=db:OVN_Southbound,SB_Global,connections",
        f"--private-key={pair.key}",
        f"--certificate={pair.certificate}",
        f"--ca-cert={authority.certificate}",
    )
    await processes.ensure(lab, openvswitch.daemon(lab, CONTROL_PLANE, "ovnsb", *server))
    connection = f"pssl:{SOUTHBOUND_PORT}:{address}"
    sbctl = ["ovn-sbctl", "--timeout=10", f"--db=unix:{home}/ovnsb_db.sock"]
    if connection not in await shell.run([*sbctl, "get-connection"]):
        await shell.run([*sbctl, "set-connection", f"role={ROLE}", connection])
