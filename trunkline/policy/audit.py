"""The audit log: one JSON line for every attempt to change something, with what was there before and what is there after.

Every call that is denied (403) has a line too, reads included.  No line holds a password, a token or a private key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import structlog

from trunkline.dialects.nsx import change
from trunkline.kit import clock

_log = structlog.get_logger(__name__)


class Audit:
    """Appends to a file that nobody else may read."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def write(self, *, user: str, address: str, proof: str, deed: str, status: int, **facts: Any) -> None:
        """Add a line.  A full disk is reported, but does not undo what is done."""
        line = {
            "time": clock.now().isoformat(),
            "user": user,
            "address": address,
            "proof": proof,
            "deed": deed,
            "status": status,
            **facts,
        }
        try:
            os.write(self._file, msgspec.json.encode(line) + b"\n")
        except OSError as error:
            _log.error("audit log cannot be written", error=str(error), user=user, deed=deed, status=status)


def changes(plan: change.Plan) -> list[dict[str, Any]]:
    """Before and after of every object that a plan changes."""
    stored = [{"path": one.path, "before": one.before, "after": one.body} for one in plan.stored]
    return stored + [{"path": one.path, "before": one.before, "after": None} for one in plan.removed]
