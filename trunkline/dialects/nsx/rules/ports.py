"""Segment ports: an interface of a VM, or of a container behind one, on a segment.

An interface is attached to one port of all projects: its id is a claim in the store, so that nobody can take another's frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View


def attached(segment: str, view: View) -> list[str]:
    """Paths of the segment's ports that have an interface attached, sorted."""
    members = sorted(view.members(f"{segment}/ports"))
    return [path for path in members if (view.body(path) or {}).get("attachment", {}).get("id")]


def interface_claim(identifier: str) -> str:
    """The store's claim on one interface."""
    return f"nsx/interface/{identifier}"


def _claims(path: str, body: Mapping[str, Any]) -> Iterator[str]:
    if identifier := body.get("attachment", {}).get("id"):
        yield interface_claim(identifier)


def _check(draft: Draft, view: View) -> None:
    attachment = draft.body.get("attachment", {})
    kind = attachment.get("type")
    if "/" in attachment.get("id", ""):
        # So are the containers behind an interface named: `<its id>/<tag>`.
        raise errors.wrong(draft.path, "attachment.id", attachment["id"], "an id without slashes is wanted")
    if kind == "PARENT" and not attachment.get("id"):
        raise errors.wrong(draft.path, "attachment.id", None, "a PARENT attachment needs the interface's id")
    if kind == "CHILD" and not attachment.get("context_id"):
        raise errors.wrong(draft.path, "attachment.context_id", None, "a CHILD attachment names its parent")
    if kind == "CHILD" and not attachment.get("traffic_tag"):
        raise errors.wrong(draft.path, "attachment.traffic_tag", None, "a CHILD attachment needs a tag, 1 to 4094")
    if kind != "CHILD" and "traffic_tag" in attachment:
        found = attachment["traffic_tag"]
        raise errors.wrong(draft.path, "attachment.traffic_tag", found, "only CHILD attachments have a tag")


RULES = Rules(check=_check, claims=_claims)
