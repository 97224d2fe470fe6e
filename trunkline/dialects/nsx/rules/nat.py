"""NAT rules: which addresses each action needs, and in which section it may stand."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

NEEDS: dict[str, tuple[str, ...]] = {
    "SNAT": ("source_network", "translated_network"),
    "DNAT": ("destination_network", "translated_network"),
    "REFLEXIVE": ("source_network", "translated_network"),
    "NO_SNAT": ("source_network",),
    "NO_DNAT": ("destination_network",),
    "NAT64": ("source_network", "translated_network"),
}
"""The networks that an action cannot do without."""

_NETWORKS = ("source_network", "destination_network", "translated_network")
_INWARD = ("DNAT", "NO_DNAT")


def _check(draft: Draft, view: View) -> None:
    body, action = draft.body, draft.body["action"]
    section = draft.path.rsplit("/", 3)[1]
    if section != ("NAT64" if action == "NAT64" else "USER"):
        raise errors.wrong(draft.path, "action", action, f"it does not belong to the section {section}")
    for name in NEEDS[action]:
        if not body.get(name):
            raise errors.wrong(draft.path, name, None, f"required property {name} is missing: {action} needs it")
    for name, only in (
        ("translated_network", [each for each, needed in NEEDS.items() if "translated_network" in needed]),
        ("translated_ports", ["DNAT"]),
        ("policy_based_vpn_mode", _INWARD),
    ):
        if name in body and action not in only:
            raise errors.wrong(draft.path, name, body[name], f"only {', '.join(only)} may have it, not {action}")
    if action != "NAT64":
        _check_family(draft)


def _check_family(draft: Draft) -> None:
    named = {name: draft.body[name] for name in _NETWORKS if draft.body.get(name)}
    versions = {
        ipaddress.ip_network(one.strip(), strict=False).version for text in named.values() for one in text.split(",")
    }
    if len(versions) > 1:
        raise errors.wrong(draft.path, ", ".join(named), list(named.values()), "IPv4 and IPv6 do not mix")


def _complete_section(draft: Draft, view: View) -> None:
    draft.body["nat_type"] = draft.target.id


SECTION = Rules(complete=_complete_section)
RULE = Rules(check=_check)
