"""The policy manager as a program on real databases, with northd and hypervisors that have a datapath in name only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import support
from trunkline.adapters import store

OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
BASE = "/policy/api/v1"


class Hypervisor:
    """OVS with the dummy datapath and ovn-controller, in a directory of their own: no privileges, no namespaces."""

    def __init__(self, home: Path, name: str, southbound: str, number: int) -> None:
        self.name, self.home = name, home / name
        self.home.mkdir()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        subprocess.run(["ovsdb-tool", "create", str(self.home / "conf.db"), OVS_SCHEMA], check=True)
        self._start("ovsdb-server", f"{self.home}/conf.db", f"--remote=punix:{self.home}/db.sock")
        ids = {
            "system-id": name,
            "ovn-remote": southbound,
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": f"127.0.1.{number}",
            "ovn-bridge-mappings": "trunk:br-trunk",
        }
        self.vsctl("--no-wait", "init", "--", "set", "open", ".", *(f'external_ids:{k}="{v}"' for k, v in ids.items()))
        dummy = ("--enable-dummy=override", "--disable-system", f"unix:{self.home}/db.sock")
        self._start("ovs-vswitchd", *dummy)
        for bridge in ("br-int", "br-trunk"):
            self.vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=dummy", "fail_mode=secure")
        self.start_controller()

    def start_controller(self) -> None:
        self._start("ovn-controller", f"unix:{self.home}/db.sock")

    def freeze(self) -> None:
        self._processes["ovn-controller"].send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._processes["ovn-controller"].send_signal(signal.SIGCONT)

    def plug(self, vif: str) -> None:
        """An interface of a machine appears."""
        name = f"v-{vif}"[:15]
        self.vsctl("add-port", "br-int", name, "--", "set", "interface", name, f"external_ids:iface-id={vif}")

    def unplug(self, vif: str) -> None:
        self.vsctl("--if-exists", "del-port", "br-int", f"v-{vif}"[:15])

    def send(self, vif: str, flow: str) -> None:
        """A frame of a machine enters by its interface; `flow` is in the words of ovs-dpctl(8)."""
        command = ["ovs-appctl", "-t", self._control("ovs-vswitchd"), "netdev-dummy/receive", f"v-{vif}"[:15], flow]
        subprocess.run(command, check=True, capture_output=True, text=True)

    def _control(self, program: str) -> str:
        return f"{self.home}/{program}.{self._processes[program].pid}.ctl"

    def vsctl(self, *argv: str) -> str:
        command = ["ovs-vsctl", f"--db=unix:{self.home}/db.sock", "--timeout=10", *argv]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def stop(self) -> None:
        self.thaw()
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()

    def _start(self, program: str, *argv: str) -> None:
        names = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVN_RUNDIR", "OVN_LOGDIR", "OVN_DBDIR")
        environment = os.environ | dict.fromkeys(names, str(self.home))
        quiet = ("-vconsole:off", "-vsyslog:off", f"--log-file={self.home}/{program}.log")
        self._processes[program] = subprocess.Popen([program, *argv, *quiet], env=environment)
        if program == "ovsdb-server":
            support.wait_for_listener(self.home / "db.sock")


class Manager:
    """`trunkline policy` as a process, and a client of it."""

    def __init__(self, home: Path, central: Any, database: str) -> None:
        self.home, self.central = home, central
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        (home / "policy.toml").write_text(
            f'store = "{database}"\nstate_dir = "{home}/state"\nlisten = "127.0.0.1:{port}"\n'
            f'admin_password_file = "{home}/password"\n'
            f'northbound = "{central.remote("nb")}"\nsouthbound = "{central.remote("sb")}"\n'
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._http: httpx2.AsyncClient | None = None

    async def start(self) -> None:
        process = self._spawn()
        authority = self.home / "state" / "ca.pem"
        async with asyncio.timeout(30):
            while True:
                if authority.exists() and (self.home / "password").exists() and await self._answers(authority):
                    return
                assert process.poll() is None, (self.home / "log").read_text()
                await asyncio.sleep(0.02)  # no event tells that a server listens

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "trunkline.cli.main", "policy", "--config", str(self.home / "policy.toml")]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        return self._process

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx2.Response:
        assert self._http is not None
        return await self._http.request(method, BASE + path, json=body, params=query)

    async def put(self, path: str, /, **body: Any) -> Any:
        response = await self.call("PUT", path, body)
        assert response.status_code == 200, response.text
        return response.json()

    async def delete(self, path: str) -> None:
        response = await self.call("DELETE", path)
        assert response.status_code == 200, response.text

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.call("GET", path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    async def entity(self, path: str) -> Any:
        root = path.partition("/infra")[0] + "/infra"
        return (await self.get(f"{root}/realized-state/realized-entities", intent_path=path))["results"][0]

    async def becomes(self, path: str, state: str, seconds: float = 10) -> Any:
        """The realised entity of the intent once it is in this state."""
        async with asyncio.timeout(seconds):
            while (entity := await self.entity(path))["state"] != state:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # clients poll
        return entity

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
        self.kill()

    async def _answers(self, authority: Path) -> bool:
        if self._http is not None:
            await self._http.aclose()
        context = ssl.create_default_context(cafile=str(authority))
        auth = ("admin", (self.home / "password").read_text().strip())
        self._http = httpx2.AsyncClient(base_url=self.url, verify=context, auth=auth, timeout=10)
        try:
            return (await self.call("GET", "/infra")).status_code == 200
        except httpx2.TransportError:
            return False


def wait_until(fact: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def private() -> Iterator[Path]:
    """A directory with a short path, because Unix sockets live in it."""
    with support.short_home("fabric") as home:
        yield home


@pytest.fixture
async def empty_database(database: str) -> str:
    """The Trunkline database of the test run without anything in it."""
    async with store.Store(database, role="policy", holder="tests") as opened:
        gone: list[store.Change] = [store.Delete(document.path) for document in opened.list("")]
        gone += [store.Release(claim.key, claim.owner) for claim in opened.claims("")]
        if gone:
            await opened.commit(*gone)
    return database


@pytest.fixture
def ovn(ovn_central: Any) -> Any:
    """OVN's databases with northd, which has made the rows that ovn-controller (23.03) dies without."""
    ovn_central.start_northd()
    wait_until(lambda: bool(ovn_central.sbctl("--bare", "--columns=_uuid", "list", "SB_Global").strip()))
    return ovn_central


@pytest.fixture
async def manager(private: Path, ovn: Any, empty_database: str) -> AsyncIterator[Manager]:
    """A manager above OVN's databases and northd, without hypervisors."""
    made = Manager(private, ovn, empty_database)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def hypervisors(private: Path, ovn: Any) -> Iterator[list[Hypervisor]]:
    """Two hypervisors."""
    with contextlib.ExitStack() as stack:
        made = []
        for number in (1, 2):
            made.append(Hypervisor(private, f"hv{number}", ovn.remote("sb"), number))
            stack.callback(made[-1].stop)
        yield made
