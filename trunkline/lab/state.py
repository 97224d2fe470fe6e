"""Where a lab keeps its things, and how its things are recognised on the machine.

One directory per lab, `.lab/<name>/` beside the virtual environment.  It is written before anything is started.  Besides
it, everything a lab owns carries the lab's id: namespaces in their name, processes in their environment.  So `down` needs
no record of what was started, and is complete however `up` ended.

    lab.json        id, name, ports of the API server and the policy API on this machine
    topology.yaml   the topology as it was when the lab came up
    pki/            certificate authority, certificates and keys (0700)
    kubeconfig      for people on this machine
    hosts/<host>/   databases, settings, logs, and sockets of one host's daemons
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from trunkline.kit import durable, ids, problems

NO_LAB = problems.register("TRK-0610", "There is no such lab.")
BUSY = problems.register("TRK-0611", "Another command is changing this lab.")
UNREADABLE = problems.register("TRK-0612", "A lab's record cannot be read.")

MARKER = "TRUNKLINE_LAB"
"""Environment variable that every process of a lab carries; its value is the lab's id."""

UNIX_PATH_MAX = 107
"""Bytes in the path of a Unix socket, the closing NUL left out (sys/un.h)."""

LONGEST_SOCKET = "/ovs-vswitchd.4194304.ctl"
"""The longest socket name below a host's directory; 4194304 is the largest pid (proc(5), pid_max)."""


class Record(msgspec.Struct, kw_only=True):
    """What a lab remembers about itself; the ports on this machine (API server, policy API) are 0 until they are chosen.

    A `bare` lab has no cluster, whatever its topology says.
    """

    name: str
    topology: str
    bare: bool = False
    api_port: int = 0
    policy_port: int = 0


class Lab:
    """One lab's directory, names and record."""

    def __init__(self, name: str, *, root: Path | None = None) -> None:
        self.name = name
        self.root = root or state_root()
        self.directory = self.root / name
        self.id = ids.short_hash(str(self.directory), 4)
        self.prefix = f"tl-{self.id}-"
        self.pod_prefix = f"{self.prefix}pod"

    def exists(self) -> bool:
        """Whether this lab has been brought up, at least half-way."""
        return self.directory.is_dir()

    def namespace(self, host: str) -> str:
        """The name of a host's network namespace."""
        return self.prefix + host

    def home(self, host: str) -> Path:
        """The directory of one host's files, by a path short enough for sockets in it.

        Where the checkout's own path is too long, a link below /run stands for it; `down` removes the link.
        """
        longest = len(str(self.directory / "hosts" / host)) + len(LONGEST_SOCKET)
        base = self.directory if longest <= UNIX_PATH_MAX else self._short()
        home = base / "hosts" / host
        home.mkdir(parents=True, exist_ok=True)
        return home

    @property
    def short_link(self) -> Path:
        """The link that stands for a directory whose own path is too long for sockets."""
        return Path("/run") / f"trunkline-{self.id}"

    def _short(self) -> Path:
        if not self.short_link.is_symlink():
            self.short_link.symlink_to(self.directory)
        return self.short_link

    @property
    def kubeconfig(self) -> Path:
        """Credentials of the lab's administrator, for people and for the lab's own cases."""
        return self.directory / "kubeconfig"

    @property
    def topology_file(self) -> Path:
        """The topology as it was when the lab came up."""
        return self.directory / "topology.yaml"

    def environment(self) -> dict[str, str]:
        """The environment of every process of the lab: this one's, and the marker."""
        return {**os.environ, MARKER: self.id}

    def read(self) -> Record:
        """The lab's record.

        Raises:
            IntentError: there is no such lab, or its record is damaged.
        """
        try:
            return msgspec.json.decode((self.directory / "lab.json").read_bytes(), type=Record)
        except FileNotFoundError:
            others = [lab.name for lab in known(self.root)]
            hint = f"labs here: {', '.join(others)}" if others else "bring one up with `trunkline lab up`"
            raise _wrong(NO_LAB, self.name, f"nothing in {self.directory}", hint) from None
        except (OSError, msgspec.DecodeError) as error:
            raise _wrong(UNREADABLE, self.name, str(error), "take it down with `trunkline lab down`") from error

    def write(self, record: Record, *, topology: str) -> None:
        """Make the directory and write the record durably, before anything is started."""
        self.directory.mkdir(parents=True, exist_ok=True)
        durable.write(self.topology_file, topology.encode())
        self.update(record)

    def update(self, record: Record) -> None:
        """Replace the record."""
        durable.write(self.directory / "lab.json", msgspec.json.format(msgspec.json.encode(record)))

    def forget(self, *, keep_logs: bool) -> None:
        """Remove the directory (logs may stay) and the short link."""
        self.short_link.unlink(missing_ok=True)
        if not keep_logs:
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for path in sorted(self.directory.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.suffix != ".log":
                path.unlink()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lab while it is being changed; afterwards neither the lock nor an empty state directory stays.

        Raises:
            IntentError: another command holds it.
        """
        path = self.root / f".{self.name}.lock"
        with _locked(path) as held:
            if not held:
                raise _wrong(BUSY, self.name, "a running `lab up` or `lab down`", "wait for it to end")
            try:
                yield
            finally:
                path.unlink()
                with suppress(OSError):  # other labs live there
                    self.root.rmdir()


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether the file is ours now.  One that was removed by its last holder is made anew and tried again."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("w")
        except FileNotFoundError:
            continue
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                yield True
                return


def state_root() -> Path:
    """The directory that holds all labs: `TRUNKLINE_STATE`, else `.lab` beside the virtual environment, else here."""
    if chosen := os.environ.get("TRUNKLINE_STATE"):
        return Path(chosen).resolve()
    return (Path(sys.prefix).parent if sys.prefix != sys.base_prefix else Path.cwd()) / ".lab"


def known(root: Path | None = None) -> list[Lab]:
    """Every lab that has a record below the state directory."""
    root = root or state_root()
    return [Lab(path.parent.name, root=root) for path in sorted(root.glob("*/lab.json"))]


def choose(name: str | None, *, default: str) -> Lab:
    """The lab that a command means: the named one, else the only one there is, else the default one."""
    if name:
        return Lab(name)
    labs = known()
    return labs[0] if len(labs) == 1 else Lab(default)


def _wrong(code: str, name: str, found: str, hint: str) -> problems.IntentError:
    return problems.IntentError(problems=[problems.Problem(code=code, object=f"lab {name}", found=found, hint=hint)])
