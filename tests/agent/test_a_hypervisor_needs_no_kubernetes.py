"""The agent in the role of a hypervisor: the same Open vSwitch, nobody to serve."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.agent.conftest import Site, until

pytestmark = pytest.mark.lab

AGENT = """
import asyncio, sys
from pathlib import Path
from trunkline.agent import main
from trunkline.agent.settings import Settings
from trunkline.kit import settings
asyncio.run(main.run(settings.decode(Path(sys.argv[1]).read_text(), Settings, name="agent.toml")))
"""


def test_bridges_mappings_identity_and_guard_are_kept_and_no_runtime_is_told(site: Site) -> None:
    host = site.node("hv1", "10.77.0.11")
    settings = {key: value for key, value in host.agent_settings().items() if key not in ("uplinks", "attach_timeout")}
    text = "".join(f'{key} = "{value}"\n' for key, value in {**settings, "role": "hypervisor"}.items())
    path = host.directory / "agent.toml"
    path.write_text(text + 'uplinks = [{interface = "eth1", physical_network = "trunk"}]\n')

    host.daemons.start("agent", "ip", "netns", "exec", host.namespace, sys.executable, "-c", AGENT, path)

    until(lambda: "ovn-remote" in host.vsctl("get", "open_vswitch", ".", "external_ids"), 20)
    told = host.vsctl("get", "open_vswitch", ".", "external_ids")
    assert "trunk:br-trunk" in told
    assert "system-id=hv1" in told
    assert "eth1" in host.vsctl("list-ports", "br-trunk").split()
    datapath = host.vsctl("get", "open_vswitch", ".", "datapaths:netdev").strip()
    assert '"false"' in host.vsctl("get", "datapath", datapath, "capabilities:ct_zero_snat")
    assert not host.conf_dir.exists()
    assert not (host.directory / "cni.sock").exists()

    host.vsctl("del-br", "br-int")
    until(lambda: "br-int" in host.vsctl("list-br").split(), 10)
    host.daemons.stop("agent", signal.SIGTERM)
