"""Projects: tenants with a tree of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View


def _complete(draft: Draft, view: View) -> None:
    draft.body["default"] = draft.target.id == "default"
    draft.body.setdefault("short_id", draft.target.id[:8])


RULES = Rules(complete=_complete)
