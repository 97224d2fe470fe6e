"""Group expressions: operands at the even places, conjunctions between them, and no group inside itself.

AND joins conditions of one member type; what lists its members (paths, addresses, identifiers) is joined by OR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Body, Draft, View

MEMBER_TYPES = (
    "VirtualMachine",
    "Segment",
    "SegmentPort",
    "IPSet",
    "LogicalPort",
    "LogicalSwitch",
    "VirtualNetworkInterface",
    "Pod",
    "Service",
    "Namespace",
    "Group",
    "TransportNode",
    "CloudNativeServiceInstance",
    "PhysicalServer",
    "DVPG",
    "DVPort",
    "KubernetesCluster",
    "KubernetesNamespace",
    "KubernetesNode",
    "KubernetesService",
    "AntreaEgress",
    "AntreaIPPool",
    "VpcSubnet",
    "VpcSubnetPort",
)
KEYS = ("Tag", "Name", "OSName", "ComputerName", "NodeType", "GroupType", "ALL", "IPAddress", "PodCidr")
OPERATORS = ("EQUALS", "CONTAINS", "STARTSWITH", "ENDSWITH", "NOTEQUALS", "NOTIN", "MATCHES", "IN")

_MOST_CONDITIONS = 5
_JOINABLE = ("Condition", "NestedExpression")


def paths_in(expressions: Iterable[Body]) -> Iterator[str]:
    """The paths that expressions name."""
    for each in expressions:
        yield from each.get("paths", ())


def _check(draft: Draft, view: View) -> None:
    expressions = draft.body["expression"]
    _check_sequence(draft, expressions, "expression")
    if sum(each["resource_type"] in _JOINABLE for each in expressions) > _MOST_CONDITIONS:
        raise _wrong(draft, "expression", f"at most {_MOST_CONDITIONS} conditions and nested expressions")
    for index, each in enumerate(expressions):
        if each["resource_type"] == "NestedExpression":
            _check_sequence(draft, each["expressions"], f"expression[{index}].expressions")
    if draft.path in _inside(draft.path, view):
        raise _wrong(draft, "expression", "the group would contain itself")


def _check_sequence(draft: Draft, expressions: Sequence[Body], where: str) -> None:
    if expressions and len(expressions) % 2 == 0:
        raise _wrong(draft, where, "operands with one conjunction between each two are wanted")
    for index, each in enumerate(expressions):
        if (each["resource_type"] == "ConjunctionOperator") != (index % 2 == 1):
            raise _wrong(draft, f"{where}[{index}]", "operands stand at even places, conjunctions at odd ones")
    for index in range(1, len(expressions), 2):
        sides = (expressions[index - 1], expressions[index + 1])
        if expressions[index]["conjunction_operator"] == "AND" and not _may_and(*sides):
            raise _wrong(draft, f"{where}[{index}]", "AND joins conditions of one member type only")


def _may_and(left: Body, right: Body) -> bool:
    if not all(each["resource_type"] in _JOINABLE for each in (left, right)):
        return False
    types = {each["member_type"] for each in (left, right) if "member_type" in each}
    return len(types) < 2


def _inside(group: str, view: View) -> set[str]:
    """The groups in a group, theirs too."""
    found: set[str] = set()
    waiting = [group]
    while waiting:
        expressions = (view.body(waiting.pop()) or {}).get("expression", ())
        inner = {path for path in paths_in(expressions) if view.kind(path) == "Group"} - found
        found |= inner
        waiting += inner
    return found


def _wrong(draft: Draft, field: str, allowed: str) -> errors.Refused:
    return errors.wrong(draft.path, field, None, allowed, trk=errors.EXPRESSION)


RULES = Rules(check=_check)
