"""A lab's processes: start, find, stop.

A process belongs to a lab when its environment carries the lab's marker or when it runs in one of the lab's network
namespaces; /proc tells both, so nothing depends on a record that a crash could have left unwritten.  A program's pid file
is written by its own process before the program starts, so that `up` never starts a second one beside it.
Processes are signalled through a pidfd opened before they are identified: a pid that was reused meanwhile is never hit.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from trunkline.kit import problems
from trunkline.lab import namespaces
from trunkline.lab.state import MARKER, Lab

FAILED = problems.register("TRK-0614", "A program of the lab could not be started.")
NOT_READY = problems.register("TRK-0615", "A program of the lab did not become ready in time.")

_UNIT = "TRUNKLINE_UNIT"
"""Environment variable that says which unit a process is: a pid file's number may be another process by now."""

_RECORD_AND_EXEC = 'echo $$ >"$0" && exec "$@"'
_ROUNDS = 50
"""chosen: killing is repeated while processes fork, 50 times 20 ms."""

_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD among the flags of /proc/PID/stat; linux/sched.h."""

ReadyCheck = Callable[[], Awaitable[bool]]


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One program of one host.

    A unit that `detaches` goes to the background by itself once it serves, and writes its own pid file.
    """

    host: str
    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = {}
    detaches: bool = False


def pid_file(lab: Lab, host: str, name: str) -> Path:
    """Where a unit's process id stands."""
    return lab.home(host) / f"{name}.pid"


def log_file(lab: Lab, host: str, name: str) -> Path:
    """Where a unit writes what it has to say."""
    return lab.home(host) / f"{name}.log"


def running(lab: Lab, host: str, name: str) -> int | None:
    """The unit's process id, if its process is alive and this lab's."""
    pid = _recorded(lab, host, name)
    return pid if pid is not None and _is_unit(pid, lab, host, name) else None


def ended(lab: Lab, host: str, name: str) -> bool:
    """Whether the unit was started and its process is gone; not when it has yet to write its process id."""
    pid = _recorded(lab, host, name)
    return pid is not None and not _is_unit(pid, lab, host, name)


def _recorded(lab: Lab, host: str, name: str) -> int | None:
    """What the pid file says; it is there for a moment before the number is in it."""
    try:
        return int(pid_file(lab, host, name).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_unit(pid: int, lab: Lab, host: str, name: str) -> bool:
    """Whether the process is this unit's; in the middle of execve(2) its environment is empty for an instant."""
    for _ in range(_ROUNDS):
        if found := _environment(pid):
            return _holds(found, {MARKER: lab.id, _UNIT: f"{host}/{name}"}) and not _zombie(pid)
        if not _executes(pid):
            break
        time.sleep(0.02)
    return False


async def ensure(lab: Lab, unit: Unit, *, fds: tuple[int, ...] = ()) -> bool:
    """Start the unit unless it runs; True when it was started.

    Raises:
        RemoteError: a unit that detaches did not come up; carries the end of its log.
    """
    if running(lab, unit.host, unit.name) is not None:
        return False
    pid = pid_file(lab, unit.host, unit.name)
    pid.unlink(missing_ok=True)
    recorded = () if unit.detaches else ("sh", "-c", _RECORD_AND_EXEC, str(pid))
    process = _spawn(lab, unit, [*enter(lab, unit.host), *recorded, *unit.argv], fds)
    if unit.detaches and await asyncio.to_thread(process.wait) != 0:
        raise failed(lab, unit.host, unit.name, f"exit code {process.returncode}")
    return True


def _spawn(lab: Lab, unit: Unit, argv: list[str], fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """A process that outlives this one (asyncio's would be killed with the event loop)."""
    with log_file(lab, unit.host, unit.name).open("ab") as log:
        return subprocess.Popen(
            argv,
            env={**lab.environment(), **unit.environment, _UNIT: f"{unit.host}/{unit.name}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            pass_fds=fds,
        )


async def ready(lab: Lab, host: str, name: str, check: ReadyCheck, *, seconds: float) -> None:
    """Wait until `check` says that a unit is ready.

    Raises:
        RemoteError: its process ended, or `seconds` passed; carries the end of its log.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while not await check():
        if ended(lab, host, name):
            raise failed(lab, host, name, "it ended")
        if asyncio.get_running_loop().time() > deadline:
            raise failed(lab, host, name, f"not ready after {seconds:.0f} s", code=NOT_READY)
        await asyncio.sleep(0.05)  # the pace of asking, not the wait: the fact ends it


def failed(lab: Lab, host: str, name: str, found: str, *, code: str = FAILED) -> problems.RemoteError:
    """The error that says what a unit last wrote."""
    log = log_file(lab, host, name)
    hint = f"its log is {log}; when the cause is gone, `trunkline lab up` goes on from here"
    problem = problems.Problem(code=code, object=f"{host}/{name}", found=found, hint=hint)
    return problems.RemoteError("\n".join([str(problem), *tail(log)]), problems=[problem])


def tail(log: Path, lines: int = 8) -> list[str]:
    """The last lines of a log, indented."""
    try:
        return ["    " + line for line in log.read_text(errors="replace").splitlines()[-lines:]]
    except FileNotFoundError:
        return []


def enter(lab: Lab, host: str) -> tuple[str, ...]:
    """The beginning of a command line that runs a program in a host's network namespace, and only that namespace.

    `ip netns exec` would give the program a mount namespace of its own as well; what a kubelet mounts in /run/netns
    there would be invisible outside.
    """
    return ("nsenter", f"--net={namespaces.path(lab.namespace(host))}", "--")


def owned(lab: Lab) -> set[int]:
    """The process ids of everything that is this lab's, this command and its parents left out."""
    ours = _ownership(lab)
    return {pid for pid in _pids() if ours(pid)}


async def kill_all(lab: Lab) -> int:
    """Kill everything that is this lab's, and wait until it is gone; answers how many there were.

    Raises:
        RemoteError: something does not die.
    """
    killed: set[int] = set()
    ours = _ownership(lab)
    for _ in range(_ROUNDS):
        found = owned(lab)
        if not found:
            return len(killed)
        killed |= found
        for pid in found:
            _signal(pid, ours, signal.SIGKILL)
        await asyncio.sleep(0.02)  # the kernel needs a moment to let go; /proc is asked again right after
    raise problems.RemoteError(f"processes of lab {lab.name} do not end: {sorted(owned(lab))}")


def _ownership(lab: Lab) -> Callable[[int], bool]:
    inodes = {namespaces.inode(name) for name in namespaces.matching(lab.prefix)} - {None}
    spared = set(_ancestry(os.getpid()))
    return lambda pid: (
        pid not in spared and not _zombie(pid) and (_carries(pid, {MARKER: lab.id}) or _netns(pid) in inodes)
    )


def in_namespaces(names: list[str]) -> set[int]:
    """The ids of processes that run in one of the namespaces."""
    inodes = {namespaces.inode(name) for name in names} - {None}
    return {pid for pid in _pids() if _netns(pid) in inodes}


def _signal(pid: int, is_meant: Callable[[int], bool], number: signal.Signals) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if is_meant(pid):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _carries(pid: int, variables: Mapping[str, str]) -> bool:
    """Whether the process was started with these environment variables."""
    return _holds(_environment(pid), variables)


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _holds(environment: bytes, variables: Mapping[str, str]) -> bool:
    found = environment.split(b"\0")
    return all(f"{key}={value}".encode() in found for key, value in variables.items())


def _executes(pid: int) -> bool:
    """Whether it is a process with a program: neither gone, nor a zombie, nor a thread of the kernel."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX" and not int(fields[6]) & _KERNEL_THREAD


def _netns(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on (state, parent, ...); proc(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _zombie(pid: int) -> bool:
    return _stat(pid)[:1] == ["Z"]


def _ancestry(pid: int) -> list[int]:
    parents = []
    while pid > 1:
        parents.append(pid)
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0
    return parents
