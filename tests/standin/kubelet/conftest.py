"""A kubelet in this process, and a CNI plugin that can be told to fail."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import uuid
from pathlib import Path

import pytest

from tests import support
from trunkline.adapters.kube import resources
from trunkline.lab import credentials
from trunkline.standin.kubelet import main
from trunkline.standin.kubelet.settings import Settings

PLUGIN = """#!/bin/sh
# Writes down every call, fails as told, and on ADD puts an address on the namespace's loopback.
home=$(dirname "$0")/..
input=$(cat)
call="{\\"command\\": \\"$CNI_COMMAND\\", \\"plugin\\": \\"$(basename "$0")\\", \\"netns\\": \\"$CNI_NETNS\\", \\"id\\": \\"$CNI_CONTAINERID\\", \\"args\\": \\"$CNI_ARGS\\", \\"input\\": $input}"
echo "$call" >> "$home/calls"
if [ -f "$home/fail-$CNI_COMMAND" ]; then cat "$home/fail-$CNI_COMMAND"; exit 1; fi
[ "$CNI_COMMAND" = ADD ] || exit 0
address=$(cat "$home/address")
nsenter --net="$CNI_NETNS" ip address replace "$address/32" dev lo
echo "{\\"cniVersion\\": \\"1.0.0\\", \\"ips\\": [{\\"address\\": \\"$address/32\\"}]}"
"""


class Plugins:
    """The folder of the node's CNI configuration and plugins."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.conf_dir, self.bin_dir = home / "net.d", home / "bin"
        self.bin_dir.mkdir(parents=True)
        self.conf_dir.mkdir()
        self.give("192.0.2.7")
        for name in ("first", "second"):
            (self.bin_dir / name).write_text(PLUGIN)
            (self.bin_dir / name).chmod(0o755)

    def configure(self, *types: str) -> None:
        conflist = {"cniVersion": "1.0.0", "name": "tests", "plugins": [{"type": kind, "mtu": 1400} for kind in types]}
        (self.conf_dir / "10-tests.conflist").write_text(json.dumps(conflist))

    def give(self, address: str) -> None:
        (self.home / "address").write_text(address)

    def fail(self, command: str, message: str) -> None:
        (self.home / f"fail-{command}").write_text(json.dumps({"cniVersion": "1.0.0", "code": 100, "msg": message}))

    def succeed(self, command: str) -> None:
        (self.home / f"fail-{command}").unlink()

    def calls(self, command: str | None = None) -> list[dict]:
        path = self.home / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        calls = [json.loads(line) for line in lines]
        return [call for call in calls if command in (None, call["command"])]


@pytest.fixture
def home():
    with support.short_home("kubelet") as path:
        yield path


@pytest.fixture
def plugins(home):
    return Plugins(home)


class Kubelet:
    """One node's kubelet; `stop` is what a signal does: pods stay."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._task: asyncio.Task | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(main.run(self.settings))

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


@pytest.fixture
async def kubelet(apiserver, kube, namespace, plugins, home):
    """A kubelet that is not started yet; whatever it makes is gone after the test.

    It asks for `namespace` only to be sure that the server answers.
    """
    node = f"n{uuid.uuid4().hex[:6]}"
    settings = Settings(
        node=node,
        kubeconfig=str(apiserver.kubeconfig(credentials.kubelet(apiserver.authority, node))),
        internal_ip=ipaddress.IPv4Address("192.0.2.1"),
        state_dir=str(home / "state"),
        netns_prefix=f"tk-{node}",
        cni_conf_dir=str(plugins.conf_dir),
        cni_bin_dir=str(plugins.bin_dir),
    )
    running = Kubelet(settings)
    yield running
    await running.stop()
    await main.teardown(settings)
    await kube.delete(resources.NODES, node)
    assert not list(Path("/run/netns").glob(f"tk-{node}-*"))
