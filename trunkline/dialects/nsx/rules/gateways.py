"""Gateways: a project's Tier-1 hangs on a Tier-0 that the project was given, if it was given any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors, scopes
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View


def _check(draft: Draft, view: View) -> None:
    project = view.body(scopes.scope(draft.path)) or {}
    given, wanted = project.get("tier_0s") or [], draft.body.get("tier0_path")
    if wanted and given and wanted not in given:
        allowed = f"one of the project's Tier-0s, path=[{', '.join(given)}]"
        raise errors.wrong(draft.path, "tier0_path", wanted, allowed, trk=errors.OTHER_PROJECT)


TIER1 = Rules(check=_check)
