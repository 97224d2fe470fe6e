"""Whether a daemon can be talked to."""

from __future__ import annotations

import socket
from pathlib import Path


def listens(path: Path) -> bool:
    """Whether somebody accepts connections; the file is there a moment before, and after a kill without anybody."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0
