"""What can be wrong between entries of a topology: the kinds, and one finding of a kind.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from trunkline.kit import problems

WRONG_VALUE = problems.register("TRK-0603", "A value in a topology file is missing or contradicts another.")
DANGLING = problems.register("TRK-0604", "A topology file names something that it does not define.")
DUPLICATE = problems.register("TRK-0605", "A topology file uses a name, VLAN or address twice.")
OUT_OF_RANGE = problems.register("TRK-0606", "A value in a topology file is outside what is possible.")
LOOP = problems.register("TRK-0607", "The switches of a topology form a loop.")

NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
INTERFACE = re.compile(r"[a-z][a-z0-9.-]{0,14}")

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    """One thing that cannot be: the entry at fault, its kind, what was found, what is allowed, a hint."""

    path: Path
    code: str
    found: str
    allowed: str
    hint: str = ""


def missing(path: Path, kind: str, name: str, known: Mapping[str, object]) -> Finding:
    """An entry names something that is not defined."""
    allowed = f"known are {', '.join(known)}" if known else "none is defined"
    found = f"the {kind} {name!r}, which does not exist"
    return Finding(path, DANGLING, found, allowed, problems.did_you_mean(name, known))
