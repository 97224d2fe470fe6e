"""Options of the whole test run, and OVN's central daemons in a private directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests import support

OVSDB_SERVER = shutil.which("ovsdb-server") or "/usr/sbin/ovsdb-server"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the expected files; then read the diff, it is the review"
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


class Central:
    """Real ovsdb-servers for OVN's two databases, and ovn-northd when asked; nothing of it leaves the directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.northd_log = home / "northd.log"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("nb", "sb"):
            schema = f"/usr/share/ovn/ovn-{name}.ovsschema"
            subprocess.run(["ovsdb-tool", "create", str(home / f"{name}.db"), schema], check=True)
            self.start_database(name)

    def remote(self, name: str) -> str:
        """Where "nb" or "sb" listens."""
        return f"unix:{self.home}/{name}.sock"

    def start_database(self, name: str) -> None:
        path = self.home / f"{name}.sock"
        self._start(name, OVSDB_SERVER, str(self.home / f"{name}.db"), f"--remote=punix:{path}")
        support.wait_for_listener(path)

    def start_northd(self, chassis: Sequence[str] = ()) -> None:
        """Start northd, with rows of chassis that exist in name only."""
        for number, name in enumerate(chassis, 1):
            self.sbctl("chassis-add", name, "geneve", f"127.0.0.{number}")
        remotes = (f"--ovnnb-db={self.remote('nb')}", f"--ovnsb-db={self.remote('sb')}")
        self._start("northd", "ovn-northd", *remotes, f"--log-file={self.northd_log}")

    def kill(self, name: str) -> None:
        """Kill -9, as a bad day would; the socket file is left behind as then, so a restart must not trust it."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        (self.home / f"{name}.sock").unlink(missing_ok=True)

    def nbctl(self, *argv: str) -> str:
        return self._ctl("ovn-nbctl", "nb", argv)

    def sbctl(self, *argv: str) -> str:
        return self._ctl("ovn-sbctl", "sb", argv)

    def trace(self, datapath: str, microflow: str) -> str:
        """What ovn-trace says of a packet."""
        command = ["ovn-trace", f"--db={self.remote('sb')}", "--ct=new", datapath, microflow]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(10)

    def _ctl(self, program: str, name: str, argv: tuple[str, ...]) -> str:
        command = [program, "--timeout=10", f"--db={self.remote(name)}", *argv]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _start(self, name: str, *argv: str) -> None:
        private = (f"--unixctl={self.home}/{name}.ctl", "-vconsole:off", "-vsyslog:off")
        environment = os.environ | {"OVN_RUNDIR": str(self.home), "OVS_RUNDIR": str(self.home)}
        self._processes[name] = subprocess.Popen([*argv, *private], env=environment)


@contextlib.contextmanager
def central() -> Iterator[Central]:
    """Both databases for as long as the block runs."""
    with support.short_home("central") as home:
        made = Central(home)
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def ovn_central() -> Iterator[Central]:
    with central() as made:
        yield made


@pytest.fixture(scope="module")
def ovn_central_of_module() -> Iterator[Central]:
    """One for all tests of a file, where what stands on it is dear."""
    with central() as made:
        yield made
