"""The move of a node's network card is a trial: whoever heard the node before must hear it afterwards, or the move is undone.

The judge is a program of its own (`watchdog.py`), because the agent may be dead, or cut off itself, when judging is due.
The trial's file is its record: written before anything moves, locked as long as a watchdog lives, gone when the card may
stay.  A refusal is written before the card is given back and keeps the agent from trying again, until somebody says so.
"""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from trunkline.adapters.kube import client
from trunkline.adapters.netlink import outfit
from trunkline.agent import witnesses
from trunkline.agent.settings import Settings
from trunkline.agent.witnesses import Endpoint, Gateway, Witness
from trunkline.kit import durable, problems

CUT_OFF = problems.register("TRK-0524", "A network card was given back because its move cut the node off")

_LOOK_SECONDS = 0.02
"""How often to look whether the watchdog has judged; chosen: it is another process and rarely takes longer than that."""

StructT = TypeVar("StructT", bound=msgspec.Struct)

_log = structlog.get_logger(__name__)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that is open.  `ends` is in seconds since boot, time asleep included."""

    boot: str
    ends: float
    witnesses: tuple[Witness, ...]
    settings: Settings


class Refusal(msgspec.Struct, frozen=True):
    """Who did not hear the node any more."""

    silent: tuple[str, ...]


class Trial:
    """At most one trial of one machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = path_of(settings)
        self._refusal = refusal_of(settings)
        self._watchdog: subprocess.Popen[bytes] | None = None

    async def begin(self, gateways: Iterable[Gateway]) -> None:
        """Find out who hears the node, and let a watchdog see to it that they still do when the card has moved.

        Raises:
            IntentError: the kubeconfig cannot be used.
        """
        if self._watchdog:
            return
        asked: set[Witness] = {*gateways, *_endpoints(self._settings)}
        heard = asked - await witnesses.silent(asked)
        if not heard:
            _log.warning("nobody hears this node, so nobody can tell whether a move cuts it off", asked=_names(asked))
            return
        record = Record(
            boot=outfit.boot_id(),
            ends=now() + self._settings.uplink_trial,
            witnesses=tuple(sorted(heard, key=str)),
            settings=self._settings,
        )
        durable.write(self._path, msgspec.json.encode(record))
        self._watchdog = _let_watch(self._path)

    async def settle(self) -> None:
        """Wait until no trial is open; the card may stay, or there has never been one.

        Raises:
            RemoteError: the card was given back, now or earlier.
        """
        while self._path.exists():
            if self._watchdog is None and not _locked(self._path):
                self._take_over()
            elif self._watchdog and self._watchdog.stdin and not self._watchdog.stdin.closed:
                self._watchdog.stdin.close()  # from now on it judges
            elif self._watchdog and self._watchdog.poll() is not None:
                self._watchdog = None
            await asyncio.sleep(_LOOK_SECONDS)
        self._reap()
        if refusal := _read(self._refusal, Refusal):
            raise problems.RemoteError(problems=[_problem(refusal, self._settings)])

    def _take_over(self) -> None:
        """Go on with a trial whose watchdog died with it undecided."""
        record = _read(self._path, Record)
        if record is None or record.boot != outfit.boot_id():
            self._path.unlink(missing_ok=True)  # the card has been dressed anew since
            return
        self._watchdog = _let_watch(self._path)

    def _reap(self) -> None:
        if self._watchdog:
            with self._watchdog:  # closes its input, too
                self._watchdog = None


def forgive(settings: Settings) -> None:
    """Let the card move again although it was given back."""
    refusal_of(settings).unlink(missing_ok=True)


def end(settings: Settings) -> None:
    """Close the trial that is open, if any: the card is where it was before, so there is nothing to judge."""
    path_of(settings).unlink(missing_ok=True)


def path_of(settings: Settings) -> Path:
    """The record of the trial that is open."""
    return Path(settings.state_dir, "uplink-trial.json")


def refusal_of(settings: Settings) -> Path:
    """Why the card was given back."""
    return Path(settings.state_dir, "uplink-refused.json")


def now() -> float:
    """Seconds since boot, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _let_watch(path: Path) -> subprocess.Popen[bytes]:
    """A watchdog that holds the trial's lock from its first moment, and judges when its input ends, as it does with us."""
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        argv = [sys.executable, "-m", "trunkline.agent.watchdog", str(path)]
        return subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=[held.fileno()], start_new_session=True)


def _locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _endpoints(settings: Settings) -> frozenset[Endpoint]:
    """The endpoints that a machine with these settings has business with."""
    found = [("southbound database", remote) for remote in settings.ovn_remote.split(",")]
    if settings.kubeconfig:
        found.append(("API server", client.server(settings.kubeconfig)))
    if settings.manager:
        found.append(("policy manager", settings.manager.url))
    return frozenset(endpoint for what, where in found if (endpoint := witnesses.endpoint(what, where)))


def _problem(refusal: Refusal, settings: Settings) -> problems.Problem:
    cards = ", ".join(uplink.interface for uplink in settings.uplinks)
    return problems.Problem(
        code=CUT_OFF,
        object=f"node {settings.node}",
        field=f"uplinks ({cards})",
        found=f"after the move no answer from {', '.join(refusal.silent)}",
        allowed="a switch port that accepts several MAC addresses, and frames with the VLAN tags in use",
        hint="check the switch port, then start the agent with --retry",
    )


def _names(asked: Iterable[Witness]) -> list[str]:
    return sorted(map(str, asked))


def _read(path: Path, kind: type[StructT]) -> StructT | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:  # written by another version
        _log.warning("a file of the agent's state cannot be read", file=str(path), error=str(error))
        return None
