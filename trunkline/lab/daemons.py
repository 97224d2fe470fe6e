"""What Trunkline's own programs have in common: a settings file in their host's directory, and a socket on this machine."""

from __future__ import annotations

import socket
import sys
from typing import Literal

import msgspec

from trunkline.lab import settings
from trunkline.lab.processes import Unit
from trunkline.lab.state import Lab

TRUNKLINE = (sys.executable, "-m", "trunkline.cli.main")


def program(lab: Lab, host: str, name: str, config: msgspec.Struct, *words: str) -> Unit:
    """A unit for one of Trunkline's programs, its settings written."""
    path = settings.write(lab.home(host) / f"{name}.toml", config)
    return Unit(host=host, name=name, argv=(*TRUNKLINE, *words, f"--config={path}"))


def listen(lab: Lab, purpose: Literal["api_port", "policy_port"]) -> socket.socket:
    """A listening socket on 127.0.0.1, on the port that the lab had before for this purpose if that is free."""
    record = lab.read()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", getattr(record, purpose)))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    setattr(record, purpose, listener.getsockname()[1])
    lab.update(record)
    return listener
