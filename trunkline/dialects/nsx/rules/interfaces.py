"""Interfaces of gateways: only Tier-0 gateways have any here; a Tier-1's segments are connected to it instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View


def _check(draft: Draft, view: View) -> None:
    if "/tier-1s/" in draft.path:
        allowed = "a Tier-1 has no interfaces of its own; connect the segment to it (connectivity_path)"
        raise errors.wrong(draft.path, "path", draft.path, allowed)


RULES = Rules(check=_check)
