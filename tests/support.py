"""What the tests of several packages need of the machine: a place for sockets, and to know that a daemon listens."""

import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def short_home(name: str) -> Iterator[Path]:
    """A directory of its own for as long as the block runs; `TRUNKLINE_KEEP` in the environment keeps it.

    Not `tmp_path`: a Unix socket's path may have 107 bytes.
    """
    home = Path(tempfile.mkdtemp(prefix=f"trunkline-{name}-"))
    try:
        yield home
    finally:
        if "TRUNKLINE_KEEP" not in os.environ:
            shutil.rmtree(home)


def wait_until(fact: Callable[[], bool], failure: str, seconds: float = 10) -> None:
    """Return when something that nobody announces is so.

    Raises:
        AssertionError: It was not so in time; says `failure`.
    """
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, failure
        time.sleep(0.01)


def wait_for_listener(path: Path) -> None:
    """Return when somebody listens on a Unix socket; the file is there before that.

    Raises:
        AssertionError: Nobody did in time.
    """
    wait_until(lambda: listens(path), f"nobody listens on {path}")


def listens(path: Path) -> bool:
    """Whether somebody accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
