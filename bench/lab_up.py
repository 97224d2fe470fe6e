"""A lab of ten nodes: seconds until it is ready, and memory; beside it, the bare daemons that it cannot do without."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bench import labs, statistics

TOPOLOGY = "labs/ten-nodes.yaml"


def _memory(pid: int) -> float:
    """Proportional memory of a process, MiB: pages shared between processes count in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def run() -> str:
    """Run the benchmark; a section for `bench/results.md`."""
    began = time.perf_counter()
    with labs.lab("bench-ten", TOPOLOGY) as lab:
        up = time.perf_counter() - began
        programs: dict[str, list[float]] = {}
        for (_host, name), pid in lab.processes.items():
            programs.setdefault(name, []).append(_memory(pid))
        began = time.perf_counter()
    down = time.perf_counter() - began
    total = sum(map(sum, programs.values()))
    rows = [[name, str(len(each)), f"{sum(each):.0f}"] for name, each in sorted(programs.items())]
    cpus = subprocess.run(["nproc"], check=True, capture_output=True, text=True).stdout.strip()
    return "\n\n".join(
        [
            "## A lab of ten nodes",
            f"`{TOPOLOGY}` on {cpus} cores: up in **{up:.1f} s** (towards 20), **{total:.0f} MiB** in all (towards 4096), "
            f"down in {down:.1f} s. Memory is proportional (PSS), read just after `up` came back.",
            statistics.table(["program", "processes", "MiB"], [*rows, ["all", "", f"{total:.0f}"]]),
        ]
    )
