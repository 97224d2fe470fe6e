"""A lab of one's own: the program, in a state directory that no other run knows, taken down whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline.lab.state import Lab

ROOT = Path(__file__).parents[2]

TWO_HOSTS = """\
name: two-hosts
vlans:
  red: {id: 19, prefix: 10.19.0.0/24}
  blue: {id: 20, prefix: 10.20.0.0/24}
switches:
  s1: {}
  s2: {trunks: [s1]}
routers:
  r1:
    links:
      red: {switch: s1, vlan: red, address: 10.19.0.254}
      blue: {switch: s1, vlan: blue, address: 10.20.0.254}
hosts:
  left: {gateway: 10.19.0.254, links: {eth0: {switch: s1, vlan: red, address: 10.19.0.1}}}
  right: {gateway: 10.20.0.254, links: {eth0: {switch: s2, vlan: blue, address: 10.20.0.2}}}
"""


class Program:
    """`trunkline` with its labs below one state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.environment = {**os.environ, "TRUNKLINE_STATE": str(state)}
        self.topology = state.parent / "two-hosts.yaml"
        self.topology.write_text(TWO_HOSTS)

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "trunkline.cli.main", "lab", *map(str, words)]

    def run(self, *words: str | Path, code: int = 0) -> str:
        """Standard output; the exit code must be `code`."""
        done = subprocess.run(
            self.command(*words), env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if code else "")

    def lab(self, name: str) -> Lab:
        return Lab(name, root=self.state)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path / "state")
    try:
        yield made
    finally:
        for lab in {path.name for path in made.state.glob("*") if path.is_dir()} | {"two-hosts"}:
            made.run("down", "--name", lab)
