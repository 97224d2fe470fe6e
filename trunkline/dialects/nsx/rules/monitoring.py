"""Mirroring profiles: fields that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

TYPES = (
    "REMOTE_L3_SPAN",
    "LOGICAL_SPAN",
    "LOCAL_UPLINK_SPAN",
    "LOCAL_SPAN",
    "REMOTE_SPAN_SOURCE",
    "REMOTE_SPAN_DESTINATION",
)


def _check(draft: Draft, view: View) -> None:
    body = draft.body
    if body["encapsulation_type"] != "GRE" and "erspan_id" not in body:
        allowed = f"{body['encapsulation_type']} needs a session id, 0 to 1023"
        raise errors.wrong(draft.path, "erspan_id", None, allowed)
    if "filter_action" in body and not body.get("port_mirroring_filters"):
        allowed = "there are no port_mirroring_filters that it could be about"
        raise errors.wrong(draft.path, "filter_action", body["filter_action"], allowed)


NONE = Rules()
RULES: Mapping[str, Rules] = {"PortMirroringProfile": Rules(check=_check)}
