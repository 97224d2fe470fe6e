"""The members of a group to which copies of frames go: addresses, and interfaces of segment ports.

A destination is named, not found: addresses and paths count, conditions on names and tags do not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import msgspec

from trunkline.dialects.nsx.realisation import documents, made, ports
from trunkline.dialects.nsx.realisation.memory import Look
from trunkline.kit.problems import Problem


class Members(msgspec.Struct, frozen=True):
    """Addresses, ids of interfaces, and what could not be followed."""

    addresses: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    remarks: tuple[Problem, ...] = ()


def members(look: Look, group: str) -> Members:
    """What a group names, groups in it included."""
    addresses: dict[str, None] = {}
    interfaces: dict[str, None] = {}
    remarks: list[Problem] = []
    for path in _groups(look, group):
        found = look.document(path, documents.Group)
        for each in found.expression if found else ():
            match each.resource_type:
                case "IPAddressExpression":
                    addresses |= dict.fromkeys(_addresses(path, each, remarks))
                case "PathExpression":
                    interfaces |= dict.fromkeys(_interfaces(look, each))
                case "ConjunctionOperator":
                    pass
                case other:
                    allowed = "a destination is named by address or path"
                    remarks.append(made.unsupported("Group", path, "expression", other, allowed))
    return Members(tuple(addresses), tuple(interfaces), tuple(remarks))


def _groups(look: Look, first: str) -> list[str]:
    """The group and those in it, each once."""
    found = [first]
    for path in found:  # grows while it is walked
        group = look.document(path, documents.Group)
        for each in group.expression if group else ():
            named = [path for path in each.paths if look.document(path, documents.Group) and path not in found]
            found += dict.fromkeys(named)
    return found


def _addresses(group: str, expression: documents.Expression, remarks: list[Problem]) -> Iterator[str]:
    for text in expression.ip_addresses:
        try:
            yield str(ipaddress.ip_address(text))
        except ValueError:
            allowed = "copies go to single addresses"
            remarks.append(made.unsupported("Group", group, "ip_addresses", text, allowed))


def _interfaces(look: Look, expression: documents.Expression) -> Iterator[str]:
    """Those attached to the ports that are named, and to the ports of the segments that are."""
    for path in expression.paths:
        inside = look.under("in", f"{path}/ports") if look.document(path, documents.Segment) else [path]
        for port in inside:
            behind = look.ask(ports.interface_of, port)
            if behind and behind.id:
                yield behind.id
