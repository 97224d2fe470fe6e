"""What a container runs: images are not pulled, commands come from the machine.

One image brings its own program: `trunkline/echo` (`echo.py`).  Any other image needs a `command` in the pod.
"""

from __future__ import annotations

import sys
from pathlib import Path

# -I -S: no environment, no site packages; the program needs neither, and starts three times as fast.
_ENTRYPOINTS = {"trunkline/echo": (sys.executable, "-I", "-S", str(Path(__file__).with_name("echo.py")))}


def entrypoint(image: str) -> tuple[str, ...] | None:
    """The command that an image brings along, or None when it brings none that we know."""
    name = image.split("@")[0]
    head, _, last = name.rpartition("/")
    name = f"{head}/{last.split(':')[0]}" if head else last.split(":")[0]
    return _ENTRYPOINTS.get(name.removeprefix("docker.io/"))
