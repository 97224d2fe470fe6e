"""A real ovsdb-server in a private directory, that tests may kill, freeze and start again."""

from __future__ import annotations

import functools
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests import support
from trunkline.adapters import store

OVSDB_SERVER = shutil.which("ovsdb-server") or "/usr/sbin/ovsdb-server"
SWITCH_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


class Server:
    """One ovsdb-server with one database file."""

    def __init__(self, home: Path, name: str = "db", *, extra: Sequence[str] = ()) -> None:
        self.home, self.name = home, name
        self.file = home / f"{name}.db"
        self.socket = home / f"{name}.sock"
        self.control = home / f"{name}.ctl"
        self.log = home / f"{name}.log"
        self.remote = f"unix:{self.socket}"
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None

    def create(self, schema: Path) -> None:
        """Make a standalone database."""
        subprocess.run(["ovsdb-tool", "create", str(self.file), str(schema)], check=True)

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        options = (f"--remote=punix:{self.socket}", f"--unixctl={self.control}", *self._extra)
        quiet = ("-vconsole:off", "-vsyslog:off", f"--log-file={self.log}", "--no-chdir")
        self._process = subprocess.Popen([OVSDB_SERVER, str(self.file), *options, *quiet])
        support.wait_for_listener(self.socket)

    def kill(self) -> None:
        """End it at once, frozen or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def appctl(self, *argv: str) -> str:
        """Ask the running server; "" when it does not want to answer."""
        command = ["ovs-appctl", "--timeout=5", "-t", str(self.control), *argv]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout


class Cluster:
    """Servers that replicate one database; ports are chosen by the caller."""

    def __init__(self, home: Path, schema: Path, database: str, ports: Sequence[int]) -> None:
        raft = [f"tcp:127.0.0.1:{port}" for port in ports]
        self.database = database
        self.servers = [Server(home, f"s{number}") for number in range(len(raft))]
        self.remote = ",".join(server.remote for server in self.servers)
        first, *others = self.servers
        subprocess.run(["ovsdb-tool", "create-cluster", str(first.file), str(schema), raft[0]], check=True)
        for server, address in zip(others, raft[1:], strict=True):
            command = ["ovsdb-tool", "join-cluster", str(server.file), database, address, raft[0]]
            subprocess.run(command, check=True)
        try:
            self._start()
        except BaseException:
            self.kill()
            raise

    def _start(self) -> None:
        for server in self.servers:
            server.start()
        for server in self.servers:
            joined = functools.partial(self._says, server, "Status: cluster member")
            support.wait_until(joined, f"{server.name} did not join")

    def leader(self) -> Server:
        """The server that leads now."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for server in self.servers:
                if self._says(server, "Role: leader"):
                    return server
            time.sleep(0.05)  # elections are not announced
        raise AssertionError("the cluster has no leader")

    def kill(self) -> None:
        for server in self.servers:
            server.kill()

    def _says(self, server: Server, text: str) -> bool:
        return text in server.appctl("cluster/status", self.database)


@pytest.fixture
def home() -> Iterator[Path]:
    with support.short_home("ovsdb") as path:
        yield path


@pytest.fixture
def switch_server(home: Path) -> Iterator[Server]:
    """A running server with an empty Open_vSwitch database."""
    server = Server(home)
    server.create(SWITCH_SCHEMA)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def store_server(home: Path) -> Iterator[Server]:
    """A running server with an empty Trunkline database."""
    server = Server(home)
    store.create_database(server.file)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def cluster(home: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Callable[[Path, str], Cluster]]:
    """Makes a running cluster of three servers, given a schema and its database's name."""
    made: list[Cluster] = []

    def make(schema: Path, database: str) -> Cluster:
        made.append(Cluster(home, schema, database, free_ports(3)))
        return made[-1]

    yield make
    for running in made:
        running.kill()


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """TCP ports of the loopback address that nobody listens on at the moment."""

    def find(count: int) -> list[int]:
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        ports = [listening.getsockname()[1] for listening in sockets]
        for listening in sockets:
            listening.close()
        return ports

    return find
