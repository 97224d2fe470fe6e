"""`python -m bench [NAME...]`: run benchmarks and write their sections into `bench/results.md`."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bench import cni_add, fabric, lab_up, policy_api

BENCHMARKS: dict[str, Callable[[], str]] = {
    "lab-up": lab_up.run,
    "cni-add": cni_add.run,
    "policy-api": policy_api.run,
    "fabric": fabric.run,
}
RESULTS = Path(__file__).with_name("results.md")
_HEAD = """# Results

Written by `make bench`; each section says how its numbers were taken. The machines these are taken on are small, shared
and noisy: take ratios, not milliseconds.
"""


def _sections() -> dict[str, str]:
    """The sections of the last results, by their benchmark."""
    text = RESULTS.read_text() if RESULTS.exists() else ""
    return dict(re.findall(r"<!-- (\S+) -->\n(.*?)(?=\n<!-- |\Z)", text, re.DOTALL))


def main(names: list[str]) -> None:
    """Run the named benchmarks (all of them, without a name)."""
    sections = _sections()
    for name in names or BENCHMARKS:
        print(f"running {name} ...", file=sys.stderr, flush=True)
        sections[name] = f"{BENCHMARKS[name]()}\n\nPython {platform.python_version()}, Linux {platform.release()}.\n"
        print(sections[name], flush=True)
        body = "\n".join(f"<!-- {key} -->\n{sections[key]}" for key in BENCHMARKS if key in sections)
        RESULTS.write_text(f"{_HEAD}\n{body}")


if __name__ == "__main__":
    main(sys.argv[1:])
