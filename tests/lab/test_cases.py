"""Every case in labs/cases, one test each, against one lab per topology that lasts for the whole run.

`TRUNKLINE_KEEP=1` leaves the lab up; its name and state directory are printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from trunkline.lab import reading
from trunkline.lab.cases import finding, running
from trunkline.lab.cases.model import Case
from trunkline.lab.state import Lab
from trunkline.lab.topology import Topology

ROOT = Path(__file__).parents[2]
CASES = [finding.load(path) for path in sorted((ROOT / finding.DIRECTORY).glob("*.yaml"))]
# One lab after the other, each with all its cases.
RUNS = sorted(((case, topology) for case in CASES for topology in case.topologies), key=lambda run: run[1])

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def lab_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[Lab, Topology]]]:
    """A running lab for a topology file, brought up when it is first asked for."""
    state = tmp_path_factory.mktemp("labs")
    environment = {**os.environ, "TRUNKLINE_STATE": str(state)}
    running_labs: dict[str, tuple[Lab, Topology]] = {}

    def lab(*words: str) -> None:
        command = [sys.executable, "-m", "trunkline.cli.main", "lab", *words]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr

    def lab_for(topology: str) -> tuple[Lab, Topology]:
        if topology not in running_labs:
            drawn = reading.load(ROOT / topology)
            running_labs[topology] = Lab(drawn.name, root=state), drawn
            lab("up", topology)
        return running_labs[topology]

    try:
        yield lab_for
    finally:
        for found, _ in running_labs.values():
            if os.environ.get("TRUNKLINE_KEEP"):
                print(f"kept: TRUNKLINE_STATE={state} trunkline lab status --name {found.name}")
            else:
                lab("down", "--name", found.name)


def _parameters() -> Iterator[ParameterSet]:
    for case, topology in RUNS:
        marks = [pytest.mark.slow] if case.slow else []
        yield pytest.param(case, topology, marks=marks, id=f"{case.name}@{Path(topology).stem}")


@pytest.mark.parametrize(("case", "topology"), list(_parameters()))
async def test_case(case: Case, topology: str, lab_of: Callable[[str], tuple[Lab, Topology]]) -> None:
    lab, drawn = lab_of(topology)

    outcome = await running.run(lab, drawn, case, root=ROOT)

    assert not outcome.failure, "\n".join([*outcome.lines, outcome.failure])
