"""`labs/fabric.yaml` under a name of its own, for tests that do what cases cannot: read, kill, compare."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from trunkline.lab.fabric import access
from trunkline.lab.state import Lab

ROOT = Path(__file__).parents[2]
TOPOLOGY = "labs/fabric.yaml"
PARENT, CHILD = "/infra/segments/openshift-segment", "/infra/segments/test2"


class FabricLab:
    """The lab, and a client of its policy API."""

    def __init__(self, state: Path) -> None:
        self.environment = {**os.environ, "TRUNKLINE_STATE": str(state)}
        self.name = f"tf{secrets.token_hex(2)}"
        self.lab = Lab(self.name, root=state)
        self.up()
        context = ssl.create_default_context(cafile=str(access.authority_file(self.lab)))
        password = access.password_file(self.lab).read_text().strip()
        url = f"{access.url(self.lab)}/policy/api/v1"
        self.http = httpx2.Client(base_url=url, verify=context, auth=("admin", password), timeout=20)

    def up(self) -> None:
        """Bring the lab up, or what is missing of it."""
        self.command("up", TOPOLOGY, "--name", self.name)

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "trunkline.cli.main", "lab", *words]

    def command(self, *words: str) -> str:
        done = subprocess.run(
            self.argv(*words), env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def call(self, method: str, path: str, body: Any = None) -> Any:
        response = self.http.request(method, path, json=body)
        assert response.status_code == 200, response.text
        return response.json() if response.content else None

    def inside(self, place: str, *words: str) -> str:
        return self.command("exec", "--name", self.name, place, "--", *words)

    def reaches(self, place: str, address: str) -> bool:
        """Whether a ping is answered."""
        words = self.argv("exec", "--name", self.name, place, "--", "ping", "-q", "-c", "1", "-W", "1", address)
        return subprocess.run(words, env=self.environment, cwd=ROOT, capture_output=True, timeout=90).returncode == 0

    def realised(self, path: str) -> bool:
        """Whether hypervisors show the object as it is stored."""
        asked = f"/infra/realized-state/realized-entities?intent_path={path}"
        return all(each["state"] == "REALIZED" for each in self.call("GET", asked)["results"])

    def mac(self, place: str, interface: str = "eth0") -> str:
        found = re.search(r"ether ([0-9a-f:]{17})", self.inside(place, "ip", "-o", "link", "show", interface))
        assert found
        return found[1]

    def port(self, machine: str, segment: str = PARENT) -> str:
        """The policy path of a machine's segment port."""
        return next(
            each["path"] for each in self.call("GET", f"{segment}/ports")["results"] if each["display_name"] == machine
        )

    def kill(self, host: str, *programs: str) -> None:
        for program in programs:
            os.kill(int((self.lab.home(host) / f"{program}.pid").read_text()), signal.SIGKILL)


L = TypeVar("L", bound=FabricLab)


@contextlib.contextmanager
def running(kind: type[L]) -> Iterator[L]:
    """A lab of this kind for as long as the block runs."""
    state = Path(tempfile.mkdtemp(prefix="trunkline-fabric-"))
    made = None
    try:
        made = kind(state)
        yield made
    finally:
        if made is not None:
            made.http.close()
            made.command("down", "--name", made.name)
        if "TRUNKLINE_KEEP" not in os.environ:
            shutil.rmtree(state, ignore_errors=True)  # the lab itself removes the last of it
