"""Segment ports: an interface of a VM, or of a container behind one, on a segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View


def attached(segment: str, view: View) -> list[str]:
    """Paths of the segment's ports that have an interface attached, sorted."""
    members = sorted(view.members(f"{segment}/ports"))
    return [path for path in members if (view.body(path) or {}).get("attachment", {}).get("id")]


def _check(draft: Draft, view: View) -> None:
    attachment = draft.body.get("attachment", {})
    kind = attachment.get("type")
    if kind == "PARENT" and not attachment.get("id"):
        raise errors.wrong(draft.path, "attachment.id", None, "a PARENT attachment needs the interface's id")
    if kind == "CHILD" and not attachment.get("context_id"):
        raise errors.wrong(draft.path, "attachment.context_id", None, "a CHILD attachment names its parent")
    if kind == "CHILD" and not attachment.get("traffic_tag"):
        raise errors.wrong(draft.path, "attachment.traffic_tag", None, "a CHILD attachment needs a tag, 1 to 4094")
    if kind != "CHILD" and "traffic_tag" in attachment:
        found = attachment["traffic_tag"]
        raise errors.wrong(draft.path, "attachment.traffic_tag", found, "only CHILD attachments have a tag")


RULES = Rules(check=_check)
