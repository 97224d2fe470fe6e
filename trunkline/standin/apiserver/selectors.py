"""Label and field selectors: text or `metav1.LabelSelector` in, a predicate out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from trunkline.standin.apiserver import objects, statuses
from trunkline.standin.apiserver.objects import Json

_LABEL_TERM = re.compile(
    r"""\s*(?:
        (?P<absent>!)\s*(?P<key_absent>[^\s=!,()<>]+)
      | (?P<key_set>[^\s=!,()<>]+)\s+(?P<set>in|notin)\s*\((?P<values>[^)]*)\)
      | (?P<key_eq>[^\s=!,()<>]+)\s*(?P<eq>==|!=|=|>|<)\s*(?P<value>[^\s,()]*)
      | (?P<key_exists>[^\s=!,()<>]+)
    )\s*(?:,|$)""",
    re.VERBOSE,
)
_FIELD_SPLIT = re.compile(r"(?<!\\),")
_FIELD_TERM = re.compile(r"^\s*(?P<field>[^=!]+?)\s*(?P<op>==|!=|=)(?P<value>.*)$", re.DOTALL)


class Requirement(msgspec.Struct, frozen=True):
    """One term over labels; `op` is in, notin, exists, absent, gt or lt."""

    key: str
    op: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy this term (`notin` is also true when the key is absent, as in Kubernetes)."""
        value = labels.get(self.key)
        match self.op:
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
        return _compares(value, self.op, next(iter(self.values)))


Labels = tuple[Requirement, ...]
"""A conjunction of terms; the empty one matches everything."""


def matches(selector: Labels, labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy every term."""
    return all(requirement.matches(labels) for requirement in selector)


def parse_labels(text: str) -> Labels:
    """The terms of "app=web,tier in (a,b),!legacy".

    Raises:
        StatusError: 400, naming the rest of the text that cannot be read.
    """
    terms: list[Requirement] = []
    position = 0
    while position < len(text):
        found = _LABEL_TERM.match(text, position)
        if found is None or found.end() == position:
            raise statuses.bad_request(f"unable to parse requirement: {text[position:]!r}")
        terms.append(_requirement(found))
        position = found.end()
    return tuple(terms)


def from_selector(selector: Json) -> Labels:
    """The terms of a `metav1.LabelSelector` (`matchLabels` and `matchExpressions`)."""
    terms = [
        Requirement(key, "in", frozenset([value]))
        for key, value in objects.dig(selector, "matchLabels", default={}).items()
    ]
    operators = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}
    for expression in objects.items(selector, "matchExpressions"):
        operator = operators.get(expression.get("operator", ""), "in")
        terms.append(Requirement(expression.get("key", ""), operator, frozenset(expression.get("values") or ())))
    return tuple(terms)


def _requirement(found: re.Match[str]) -> Requirement:
    if found["absent"]:
        return Requirement(found["key_absent"], "absent")
    if found["set"]:
        return Requirement(
            found["key_set"], found["set"], frozenset(part.strip() for part in found["values"].split(","))
        )
    if found["eq"]:
        op = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}[found["eq"]]
        return Requirement(found["key_eq"], op, frozenset([found["value"]]))
    return Requirement(found["key_exists"], "exists")


def _compares(value: str | None, op: str, bound: str) -> bool:
    try:
        left, right = int(value or ""), int(bound)
    except ValueError:
        return False
    return left > right if op == "gt" else left < right


FieldReader = Callable[[Json], str]
"""Reads one selectable field as text; absent fields read as ""."""


class FieldTerm(msgspec.Struct, frozen=True):
    """One term over a selectable field."""

    field: str
    equal: bool
    value: str


def parse_fields(text: str, supported: Iterable[str]) -> tuple[FieldTerm, ...]:
    """The terms of "spec.nodeName=n1,status.phase!=Failed".

    Raises:
        StatusError: 400 for text that is no selector, or a field that the resource does not select by.
    """
    known = set(supported)
    terms = []
    for part in filter(None, _FIELD_SPLIT.split(text)):
        found = _FIELD_TERM.match(part)
        if found is None:
            raise statuses.bad_request(f"invalid field selector: {text!r}: {part!r} is no comparison")
        if found["field"] not in known:
            raise statuses.bad_request(f"field label not supported: {found['field']}")
        terms.append(FieldTerm(found["field"], found["op"] != "!=", re.sub(r"\\([,=\\])", r"\1", found["value"])))
    return tuple(terms)


def field_at(path: str) -> FieldReader:
    """A reader for a dotted path; booleans read as "true" and "false"."""
    steps = path.split(".")

    def read(obj: Json) -> str:
        value = objects.dig(obj, *steps, default="")
        return str(value).lower() if isinstance(value, bool) else str(value)

    return read


class Selection(msgspec.Struct, frozen=True):
    """Both selectors of one request."""

    labels: Labels = ()
    fields: tuple[FieldTerm, ...] = ()
    readers: Mapping[str, FieldReader] = {}

    @property
    def is_everything(self) -> bool:
        """Whether no object is left out."""
        return not self.labels and not self.fields

    def admits(self, obj: Json) -> bool:
        """Whether the object is selected."""
        if self.labels and not matches(self.labels, objects.dig(obj, "metadata", "labels", default={})):
            return False
        return all((self.readers[term.field](obj) == term.value) is term.equal for term in self.fields)

    def name(self) -> str | None:
        """The one object name that can match, when the field selector says so."""
        return next((term.value for term in self.fields if term.field == "metadata.name" and term.equal), None)
