"""Who is in a group, as far as policy objects tell: segments, ports, addresses, other groups.

Nothing is known here of guests (machines, their names and systems), nor of Kubernetes objects, so conditions on those have no
members.  A group with a parent segment does not hold the child segments bound to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from trunkline.dialects.nsx import scopes
from trunkline.dialects.nsx.discovery import Binding
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Body, Entry


class Members(msgspec.Struct, frozen=True):
    """Paths of the objects in a group, and addresses that it lists."""

    paths: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    def __or__(self, other: Members) -> Members:
        return Members(self.paths | other.paths, self.addresses | other.addresses)

    def __and__(self, other: Members) -> Members:
        return Members(self.paths & other.paths, self.addresses & other.addresses)


_KINDS = {"Segment": "Segment", "SegmentPort": "SegmentPort", "LogicalSwitch": "Segment", "LogicalPort": "SegmentPort"}
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda found, value: found == value,
    "NOTEQUALS": lambda found, value: found != value,
    "CONTAINS": lambda found, value: value in found,
    "STARTSWITH": lambda found, value: found.startswith(value),
    "ENDSWITH": lambda found, value: found.endswith(value),
    "IN": lambda found, value: found in value.split(","),
    "NOTIN": lambda found, value: found not in value.split(","),
}
_NEGATIVE = ("NOTEQUALS", "NOTIN")


def members(tree: Tree, group: str) -> Members:
    """The direct and nested members of a group."""
    return _group(tree, group, frozenset())


def segments(tree: Tree, found: Members) -> list[Entry]:
    """The segments among members, by path."""
    return _of_kind(tree, found, "Segment")


def ports(tree: Tree, found: Members) -> list[Entry]:
    """The ports among members, and those on the segments among them, by path."""
    inside = {port.path: port for segment in segments(tree, found) for port in tree.entries(f"{segment.path}/ports")}
    own = {port.path: port for port in _of_kind(tree, found, "SegmentPort")}
    return [port for _, port in sorted({**inside, **own}.items())]


def groups(tree: Tree, found: Members) -> list[Entry]:
    """The groups among members, by path."""
    return _of_kind(tree, found, "Group")


def addresses(tree: Tree, found: Members, realized: Callable[[Entry], Iterable[Binding]]) -> list[str]:
    """The addresses that members list, and those that are realised at ports among them, sorted as text."""
    bound = {each.address for port in ports(tree, found) for each in realized(port)}
    return sorted({*found.addresses, *bound} - {""})


def _of_kind(tree: Tree, found: Members, kind: str) -> list[Entry]:
    entries = (tree.entry(path) for path in sorted(found.paths))
    return [entry for entry in entries if entry is not None and entry.kind == kind]


def _group(tree: Tree, path: str, above: frozenset[str]) -> Members:
    body = tree.body(path) or {}
    return _sequence(tree, body.get("expression", []), path, above | {path})


def _sequence(tree: Tree, expressions: Sequence[Body], group: str, above: frozenset[str]) -> Members:
    """AND binds closer than OR."""
    result, term = Members(), Members()
    for index in range(0, len(expressions), 2):
        operand = _operand(tree, expressions[index], group, above)
        if index and expressions[index - 1]["conjunction_operator"] == "AND":
            term = term & operand
        else:
            result, term = result | term, operand
    return result | term


def _operand(tree: Tree, expression: Body, group: str, above: frozenset[str]) -> Members:
    match expression["resource_type"]:
        case "PathExpression":
            named = frozenset(expression["paths"])
            inner = [path for path in named if tree.kind(path) == "Group" and path not in above]
            return _joined([Members(named), *(_group(tree, path, above) for path in inner)])
        case "IPAddressExpression":
            return Members(addresses=frozenset(expression["ip_addresses"]))
        case "NestedExpression":
            return _sequence(tree, expression["expressions"], group, above)
        case "Condition" if expression["member_type"] in _KINDS:
            return Members(frozenset(_matching(tree, expression, group)))
    return Members()


def _joined(parts: Iterable[Members]) -> Members:
    result = Members()
    for part in parts:
        result = result | part
    return result


def _matching(tree: Tree, condition: Body, group: str) -> Iterator[str]:
    test, own = _test(condition), scopes.scope(group)
    for entry in tree.of_kind(_KINDS[condition["member_type"]]):
        if scopes.scope(entry.path) == own and test(entry.body):
            yield entry.path


def _test(condition: Body) -> Callable[[Body], bool]:
    operator, value = condition["operator"], condition["value"].casefold()
    compare = _compare(operator, value)
    if condition["key"] == "Name":
        return lambda body: compare(str(body["display_name"]).casefold())
    if condition["key"] == "ALL":
        return lambda body: True
    if condition["key"] != "Tag":
        return lambda body: False
    return _tag_test(operator, value)


def _tag_test(operator: str, value: str) -> Callable[[Body], bool]:
    """Tag values read `scope|tag`; an empty half, or no bar at all, leaves the scope open."""
    scope, bar, tag = value.partition("|")
    scope, tag = (scope, tag) if bar else ("", value)
    compare = _compare("EQUALS" if operator in _NEGATIVE else operator, tag)

    def has(body: Body) -> bool:
        found: list[dict[str, Any]] = body.get("tags", [])
        pairs = ((str(each.get("scope", "")).casefold(), str(each.get("tag", "")).casefold()) for each in found)
        return any(scope in ("", own) and (not tag or compare(name)) for own, name in pairs)

    return (lambda body: not has(body)) if operator in _NEGATIVE else has


def _compare(operator: str, value: str) -> Callable[[str], bool]:
    if operator == "MATCHES":
        # Only the wildcard of the search language: expressions of clients must not be able to keep the manager busy.
        pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")), re.S)
        return lambda found: pattern.fullmatch(found) is not None
    test = _TESTS[operator]
    return lambda found: test(found, value)
