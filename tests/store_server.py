"""A real ovsdb-server with a Trunkline database, which tests may kill and start again."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import support
from trunkline.adapters import store

OVSDB_SERVER = shutil.which("ovsdb-server") or "/usr/sbin/ovsdb-server"


class StoreServer:
    """The server in a directory of its own; it runs from the start."""

    def __init__(self, home: Path) -> None:
        self._socket, self._file = home / "sock", home / "db"
        self.remote = f"unix:{self._socket}"
        self._private = (
            "-vconsole:off",
            "-vsyslog:off",
            "--no-chdir",
            f"--log-file={home}/log",
            f"--unixctl={home}/ctl",
        )
        store.create_database(self._file)
        self.start()

    def start(self) -> None:
        """Start it, again after `kill`, and return when it listens."""
        self._socket.unlink(missing_ok=True)
        argv = [OVSDB_SERVER, str(self._file), f"--remote=p{self.remote}", *self._private]
        self._process = subprocess.Popen(argv)
        support.wait_for_listener(self._socket)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def running(name: str) -> Iterator[StoreServer]:
    """A server for as long as the block runs; `name` is part of its directory's."""
    with support.short_home(name) as home:
        server = StoreServer(home)
        try:
            yield server
        finally:
            server.kill()
