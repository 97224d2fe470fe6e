"""A lab of its own for a benchmark, brought up and taken down with the program that people use."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TRUNKLINE = str(Path(sys.executable).with_name("trunkline"))


class Lab:
    """A running lab."""

    def __init__(self, name: str) -> None:
        self.name = name

    def call(self, verb: str, *words: str, fine: tuple[int, ...] = (0,)) -> str:
        """Run `trunkline lab VERB --name NAME WORDS`; what it printed.

        Raises:
            RuntimeError: it ended with none of the exit codes that are `fine`.
        """
        command = [TRUNKLINE, "lab", verb, "--name", self.name, *words]
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        if done.returncode not in fine:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """What `lab env` exports."""
        found: dict[str, str] = json.loads(self.call("env", "-o", "json"))
        return found

    @property
    def status(self) -> dict[str, Any]:
        """What `lab status` knows."""
        found: dict[str, Any] = json.loads(self.call("status", "-o", "json", fine=(0, 1)))  # 1: something is down
        return found

    @property
    def processes(self) -> dict[tuple[str, str], int]:
        """Process ids by host and program."""
        return {(host["name"], name): pid for host in self.status["hosts"] for name, pid in host["programs"].items()}

    def agent_settings(self, node: str) -> dict[str, Any]:
        """The settings file of a node's agent."""
        return tomllib.loads(Path(self.status["directory"], "hosts", node, "agent.toml").read_text())

    def log(self, host: str, program: str) -> str:
        """What a program has logged so far."""
        return Path(self.status["directory"], "hosts", host, f"{program}.log").read_text()


@contextlib.contextmanager
def lab(name: str, topology: str) -> Iterator[Lab]:
    """A lab for the length of a block."""
    found = Lab(name)
    found.call("up", topology)
    try:
        yield found
    finally:
        found.call("down")
