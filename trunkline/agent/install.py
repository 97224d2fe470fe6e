"""What a container runtime looks for: the CNI program and a network configuration list.

The list is written last, once the agent can serve: runtimes take its presence for the node's readiness.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from trunkline.cni import plugin

PROGRAM = "trunkline"
CONFIGURATION = "10-trunkline.conflist"
NETWORK = "trunkline"
_INTERPRETER = "/usr/bin/python3"


def install_program(directory: Path) -> Path:
    """Put the CNI program into a runtime's directory of plugins, replacing an older one in one step."""
    source = Path(plugin.__file__).read_text()
    interpreter = _INTERPRETER if Path(_INTERPRETER).exists() else os.path.realpath(sys.executable)
    target = directory / PROGRAM
    _replace(target, source.replace(f"#!{_INTERPRETER}", f"#!{interpreter}", 1), mode=0o755)
    return target


def write_configuration(directory: Path, socket: str, *, version: str = "1.0.0") -> Path:
    """Write the network configuration list, in one step."""
    configuration = {
        "cniVersion": version,
        "name": NETWORK,
        "plugins": [{"type": PROGRAM, "agentSocket": socket}],
    }
    target = directory / CONFIGURATION
    _replace(target, msgspec.json.format(msgspec.json.encode(configuration)).decode() + "\n", mode=0o644)
    return target


def _replace(target: Path, content: str, *, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_text(content)
    fresh.chmod(mode)
    fresh.replace(target)
