"""Processes that may outlive their parent: started in a namespace, watched by pidfd, found again after a restart.

A process is named by its pid and its start time in clock ticks, so that a pid in use again by something else is never
taken for ours.  Every process leads a session of its own: signals go to the whole group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from trunkline.standin.kubelet import namespaces


class Handle(msgspec.Struct, frozen=True):
    """One process for as long as it lives, and never another one; `started` is field 22 of proc(5) stat."""

    pid: int
    started: int


def spawn(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    netns: str | None = None,
    hostname: str | None = None,
    cwd: str | None = None,
) -> Handle:
    """Start a process; blocks for about 1 ms, and nothing can come between the start and the answer.

    `netns` is the path of a network namespace to start it in; `hostname` gives it a UTS namespace of its own.

    Raises:
        OSError: the program is not there or cannot be run, or `cwd` is not there.
    """
    given = enumerate((stdin, stdout, stderr))
    files: list[tuple[object, ...]] = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in given if fd is not None]
    if stdin is None:
        files.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))

    def start() -> int:
        defaults = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores these, and children would inherit that
        return os.posix_spawnp(argv[0], list(argv), dict(env), file_actions=files, setsid=True, setsigdef=defaults)

    stays = netns is hostname is cwd is None
    pid = start() if stays else _elsewhere(start, netns, hostname, cwd or "/")
    return Handle(pid, _started(pid) or 0)


def _elsewhere(start: Callable[[], int], netns: str | None, hostname: str | None, cwd: str) -> int:
    """`start()` in a thread that has moved there first; the thread ends with it, for it cannot come back."""
    outcome: list[int | BaseException] = []

    def move_and_start() -> None:
        try:
            namespaces.check("unshare", namespaces.CLONE_FS | (namespaces.CLONE_NEWUTS if hostname else 0))
            if hostname:
                name = hostname.encode()
                namespaces.check("sethostname", name, len(name))
            if netns:
                namespaces.enter(netns)
            os.chdir(cwd)
            outcome.append(start())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=move_and_start)
    thread.start()
    thread.join()
    [result] = outcome
    if isinstance(result, BaseException):
        raise result
    return result


def is_alive(handle: Handle) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    return handle.started != 0 and _started(handle.pid) == handle.started


def send(handle: Handle, number: signal.Signals) -> None:
    """Signal the process' whole group, if it still lives."""
    if is_alive(handle):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(handle.pid, number)


async def wait(handle: Handle) -> int | None:
    """Wait for the end; answers the exit code (128 + n for signal n), or None when it is not our child to ask.

    What is left of its process group ends with it, as a container ends with its first process.
    """
    try:
        descriptor = os.pidfd_open(handle.pid)
    except ProcessLookupError:
        return None
    try:
        if _started(handle.pid) not in (handle.started, None):  # None: a zombie, whose end can be read at once
            return None
        await _readable(descriptor)
        if os.path.exists(f"/proc/{handle.pid}"):  # a zombie of ours: until it is reaped nothing else has its number
            with contextlib.suppress(ProcessLookupError):
                os.killpg(handle.pid, signal.SIGKILL)
        return _reap(handle.pid)
    finally:
        os.close(descriptor)


async def run(
    argv: Sequence[str], env: Mapping[str, str], stdin: bytes = b"", *, netns: str | None = None, cwd: str | None = None
) -> tuple[int, bytes, bytes]:
    """Run a program to its end; answers exit code, output and error output.  Cancelling kills it.

    Files in memory carry all three, so that neither side can block on a pipe.

    Raises:
        OSError: the program is not there or cannot be run.
    """
    given, out, err = (os.memfd_create(name) for name in ("stdin", "stdout", "stderr"))
    try:
        os.write(given, stdin)
        os.lseek(given, 0, os.SEEK_SET)
        handle = spawn(argv, env, stdin=given, stdout=out, stderr=err, netns=netns, cwd=cwd)
        try:
            code = await wait(handle)
        except asyncio.CancelledError:
            send(handle, signal.SIGKILL)
            await wait(handle)
            raise
        return code or 0, _content(out), _content(err)
    finally:
        for descriptor in (given, out, err):
            os.close(descriptor)


def in_namespace(path: str) -> list[Handle]:
    """Every process whose main thread is in the network namespace at `path`."""
    try:
        wanted = os.stat(path)
    except FileNotFoundError:
        return []
    found = []
    for pid in _pids():
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), wanted):
                found.append(Handle(pid, _started(pid) or 0))
        except OSError:  # it ended while we looked
            continue
    return found


def with_variable(name: str, prefix: str) -> list[Handle]:
    """Every process that was started with this environment variable set to something that begins so."""
    entry = f"{name}={prefix}".encode()
    found = []
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if any(variable.startswith(entry) for variable in file.read().split(b"\0")):
                    found.append(Handle(pid, _started(pid) or 0))
        except OSError:
            continue
    return found


def _pids() -> Iterable[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit())


def _started(pid: int) -> int | None:
    """The start time in clock ticks since boot; None when there is no such process or it is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in b"ZX" else int(fields[19])


def _reap(pid: int) -> int | None:
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, os.WNOHANG)[1])
    except ChildProcessError:
        return None
    return code if code >= 0 else 128 - code


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        loop.remove_reader(descriptor)
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, end)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
