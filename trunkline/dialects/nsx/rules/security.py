"""Security policies: five categories in their order of evaluation, and rules that must fit the category."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules
from trunkline.dialects.nsx.shapes import RANGE, Formatted

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Draft, View

ANY = "ANY"
CATEGORIES = ("Ethernet", "Emergency", "Infrastructure", "Environment", "Application")
"""In the order in which they are evaluated."""

GATEWAYS = ("ORACLE_TNS", "FTP", "SUN_RPC_TCP", "SUN_RPC_UDP", "MS_RPC_TCP", "MS_RPC_UDP", "NBNS_BROADCAST", "TFTP")
"""Protocols that open further connections."""

_RULE_FIRST, _RULE_COUNT = 1000, 2**28
_PARTIES = ("source_groups", "destination_groups", "services", "scope")


def _party(text: str) -> None:
    if text != ANY:
        RANGE.parse(text)


PARTY = Formatted(_party, "the path of a group, an address, a range, a prefix or ANY is wanted")


def policy_of(rule: str) -> str:
    """The policy that a rule belongs to."""
    return rule.rsplit("/", 2)[0]


def rule_claim(number: int) -> str:
    """The store's claim on the number by which the network knows a rule."""
    return f"nsx/rule/{number}"


def _complete_policy(draft: Draft, view: View) -> None:
    draft.body.setdefault("tcp_strict", draft.body["stateful"] and draft.body["category"] != "Ethernet")


def _check_policy(draft: Draft, view: View) -> None:
    _alone(draft, "scope")
    if draft.body["tcp_strict"] and not draft.body["stateful"]:
        raise errors.wrong(draft.path, "tcp_strict", True, "only stateful policies may be strict")
    if draft.before and draft.body["category"] != draft.old["category"]:
        raise errors.wrong(draft.path, "category", draft.body["category"], "it may not change", trk=errors.IMMUTABLE)


def _rules(path: str, view: View) -> Mapping[str, Any]:
    """The rules of a policy, in the order in which they are evaluated."""
    found = [view.body(rule) or {} for rule in view.members(f"{path}/rules")]
    found.sort(key=lambda rule: (rule["sequence_number"], rule["path"]))
    return {"rules": found, "rule_count": len(found)}


def _complete_rule(draft: Draft, view: View) -> None:
    body = draft.body
    if (view.body(policy_of(draft.path)) or {}).get("category") != "Ethernet":
        body.setdefault("ip_protocol", "IPV4_IPV6")
    if "rule_id" not in body:
        start = zlib.crc32(draft.path.encode())
        numbers = (_RULE_FIRST + (start + step) % _RULE_COUNT for step in range(_RULE_COUNT))
        body["rule_id"] = next(number for number in numbers if not view.claimant(rule_claim(number)))


def _check_rule(draft: Draft, view: View) -> None:
    body, path = draft.body, draft.path
    category = (view.body(policy_of(path)) or {}).get("category")
    for name in _PARTIES:
        _alone(draft, name)
    if category == "Ethernet" and body["action"] == "REJECT":
        raise errors.wrong(path, "action", "REJECT", "rules of the category Ethernet allow or drop")
    if category == "Ethernet" and "ip_protocol" in body:
        raise errors.wrong(path, "ip_protocol", body["ip_protocol"], "rules of the category Ethernet have none")
    if category != "Environment" and body["action"] == "JUMP_TO_APPLICATION":
        raise errors.wrong(path, "action", body["action"], "only rules of the category Environment may")
    _check_family(draft)


def _check_family(draft: Draft) -> None:
    wanted = {"IPV4": 4, "IPV6": 6}.get(draft.body.get("ip_protocol", ""))
    for name in ("source_groups", "destination_groups"):
        for each in draft.body[name]:
            if each == ANY or each.startswith("/"):
                continue
            version = ipaddress.ip_network(each.split("-")[0], strict=False).version
            if wanted and version != wanted:
                raise errors.wrong(draft.path, name, each, f"the rule is for {draft.body['ip_protocol']} only")


def _alone(draft: Draft, name: str) -> None:
    found = draft.body[name]
    if not found or (ANY in found and len(found) > 1):
        raise errors.wrong(draft.path, name, found, "ANY alone, or what is meant without ANY")


def _rule_claims(path: str, body: Mapping[str, Any]) -> Iterator[str]:
    if "rule_id" in body:
        yield rule_claim(body["rule_id"])


def _check_service(draft: Draft, view: View) -> None:
    names = [each.get("id") for each in draft.body["service_entries"] if each.get("id")]
    if len(names) != len(set(names)):
        raise errors.wrong(draft.path, "service_entries", names, "each entry has an id of its own")
    ethernet = {each["resource_type"] == "EtherTypeServiceEntry" for each in draft.body["service_entries"]}
    if len(ethernet) > 1:
        raise errors.wrong(draft.path, "service_entries", names, "Ethernet entries do not mix with others")
    if draft.path in _nested(draft.path, view):
        raise errors.wrong(draft.path, "service_entries", draft.path, "the service would contain itself")


def _nested(service: str, view: View) -> set[str]:
    """The services in a service, theirs too."""
    found: set[str] = set()
    waiting = [service]
    while waiting:
        entries = (view.body(waiting.pop()) or {}).get("service_entries", ())
        inner = {each["nested_service_path"] for each in entries if "nested_service_path" in each} - found
        found |= inner
        waiting += inner
    return found


POLICY = Rules(complete=_complete_policy, check=_check_policy, show=_rules)
RULE = Rules(complete=_complete_rule, check=_check_rule, claims=_rule_claims)
SERVICE = Rules(check=_check_service)
