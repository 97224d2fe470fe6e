"""YAML text to documents that remember where everything stood.

Three things differ from a plain YAML loader, each because of what people really write:

* A key that stands twice in one mapping is an error; YAML readers keep the last one and lose the first in silence.
* Text that YAML cannot read, or reads as something nobody meant, is looked at by `pasted`, which knows what web pages
  and word processors do to manifests, and answers with the repair instead of a parser's trace.
* Scalars mean what Kubernetes' own reader takes them for: dates stay text, and so does 10:20:30:40:50:11, which YAML 1.1
  reads as a number to base 60 (a MAC address, to us).

Size, depth and aliases are bounded before anything is expanded, so no text can exhaust memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from trunkline.kit import problems
from trunkline.kit.manifests import pasted, repairs
from trunkline.kit.manifests.document import Document, Path, Place, dotted
from trunkline.kit.problems import IntentError, Problem

UNREADABLE = problems.register("TRK-0010", "A text is not YAML.")
DUPLICATE_KEY = problems.register("TRK-0011", "A key stands twice in one mapping.")
TOO_BIG = problems.register("TRK-0012", "A text exceeds a size limit.")
NOT_A_MAPPING = problems.register("TRK-0013", "A document is not a mapping of keys to values.")
NOT_ONE = problems.register("TRK-0014", "A text holds no document, or more than one, where one is wanted.")

MAX_CHARACTERS = 8 * 1024 * 1024  # chosen: five times what etcd takes for one object (1.5 MiB)
MAX_DEPTH = 64  # chosen: the deepest Kubernetes schema we know (a CRD of a PodSpec) nests about 30
MAX_ALIASES = 200  # chosen: more than a person writes
MAX_NODES = 200_000  # chosen: after aliases are expanded

_TAG = "tag:yaml.org,2002:"
_SCALARS = {_TAG + kind for kind in ("str", "int", "float", "bool", "null")}
_INT = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?[0-9]+[eE][-+]?[0-9]+$|[-+]?\.inf$|\.nan$", re.I
)


class DamagedText(IntentError):
    """The text was damaged on its way here; `repaired` is how it probably read, when that can be known."""

    def __init__(self, found: Iterable[Problem], repaired: str | None) -> None:
        super().__init__(problems=found)
        self.repaired = repaired


def load(text: str, *, name: str = "<text>") -> list[Document]:
    """Every document of the text, in order; empty documents are left out.

    Raises:
        DamagedText: the text carries the marks of a web page or word processor.
        IntentError: the text is not YAML, has a duplicate key, or is beyond a limit.
        Both carry every problem found.
    """
    try:
        return _read(text, name)
    except IntentError as error:
        if not any(problem.code in pasted.CODES for problem in error.problems):
            raise
        raise DamagedText(error.problems, _proposal(text)) from error.__cause__


def _proposal(text: str) -> str | None:
    """The repaired text, if it can be read without any complaint."""
    candidate = repairs.repaired(text)
    try:
        return candidate if candidate is not None and _read(candidate, "") else None
    except IntentError:
        return None


def _read(text: str, name: str) -> list[Document]:
    if len(text) > MAX_CHARACTERS:
        raise IntentError(problems=[_limit(Place(name, 1, 1), f"{len(text)} characters", MAX_CHARACTERS, "characters")])
    try:
        loader = _Loader(text)
        reader = _Reader(loader, name)
        documents = reader.documents()
    except _BeyondLimit as error:
        raise IntentError(problems=[error.problem(name)]) from None
    except yaml.YAMLError as error:
        raise IntentError(problems=_explained(error, text, name)) from error
    if found := [*reader.problems, *pasted.misplaced(documents)]:
        raise IntentError(problems=found)
    return documents


def _explained(error: yaml.YAMLError, text: str, name: str) -> list[Problem]:
    """What the parser could not read: the damage we recognise, else the parser's own words."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return pasted.in_text(text, name, mark.line + 1 if mark else 0) or [_unreadable(error, text, name)]


def single(text: str, *, name: str = "<text>") -> Document:
    """The text's only document.

    Raises:
        IntentError: as for `load`, or there is not exactly one document.
    """
    documents = load(text, name=name)
    if len(documents) == 1:
        return documents[0]
    place = documents[1].place(()) if documents else Place(name, 1, 1)
    found = f"{len(documents)} documents" if documents else "no document"
    raise IntentError(
        problems=[Problem(code=NOT_ONE, object=str(place), found=found, allowed="exactly one is wanted here")]
    )


class _BeyondLimit(yaml.YAMLError):
    """A text is deeper, or repeats itself more, than anything a person writes."""

    def __init__(self, mark: yaml.Mark | None, found: str, limit: int, unit: str) -> None:
        self.mark, self.found, self.limit, self.unit = mark, found, limit, unit

    def problem(self, name: str) -> Problem:
        return _limit(_place(self.mark, name), self.found, self.limit, self.unit)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, bounded in depth and aliases, with Kubernetes' idea of what a scalar is."""

    depth = 0
    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _BeyondLimit(mark, f"nesting deeper than {MAX_DEPTH}", MAX_DEPTH, "levels")
        if self.aliases > MAX_ALIASES:
            raise _BeyondLimit(mark, f"more than {MAX_ALIASES} aliases", MAX_ALIASES, "aliases")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The loader's table of "what does this plain scalar mean", by first character, without dates and base 60."""
    replaced = {_TAG + kind for kind in ("int", "float", "timestamp")}
    table = {
        first: [rule for rule in rules if rule[0] not in replaced]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for first in "-+.0123456789":
        table.setdefault(first, []).extend([(_TAG + "int", _INT), (_TAG + "float", _FLOAT)])
    return table


_Loader.yaml_implicit_resolvers = _resolvers()


class _Reader:
    """Walks composed nodes into plain values, noting places; gathers what is wrong without stopping."""

    def __init__(self, loader: _Loader, name: str) -> None:
        self.problems: list[Problem] = []
        self._loader = loader
        self._name = name
        self._nodes = 0
        self._places: dict[Path, Place] = {}

    def documents(self) -> list[Document]:
        found = []
        while self._loader.check_node():
            node = self._loader.get_node()
            if node is None or node.tag == _TAG + "null":
                continue
            self._places = {(): _place(node.start_mark, self._name)}
            value = self._value(node, (), 0)
            if isinstance(value, dict):
                found.append(Document(value, self._name, self._places))
            elif not self.problems:
                self._complain(
                    NOT_A_MAPPING, node, (), _described(value), "a document is a mapping such as `kind: Pod`"
                )
        return found

    def _value(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise _BeyondLimit(node.start_mark, "aliases that expand without end", MAX_NODES, "values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(child, (*path, index), depth) for index, child in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALARS:
            self._complain(UNREADABLE, node, path, f"the tag {node.tag.replace(_TAG, '!!')}", "plain values are wanted")
            return None
        self._check_plain(node)
        return self._loader.construct_object(node)

    def _check_plain(self, node: yaml.ScalarNode) -> None:
        if node.style is None:
            self.problems += pasted.in_scalar(node.value, _place(node.start_mark, self._name))

    def _item(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self._places[path] = _place(node.start_mark, self._name)
        return self._value(node, path, depth + 1)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        self._check_duplicates(node, path)
        self._loader.flatten_mapping(node)
        value: dict[str, Any] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(UNREADABLE, key_node, path, "a list or mapping as key", "a key is text")
                continue
            self._check_plain(key_node)
            key = str(key_node.value)
            self._places[(*path, key)] = _place(key_node.start_mark, self._name)
            value[key] = self._value(child, (*path, key), depth + 1)
        return value

    def _check_duplicates(self, node: yaml.MappingNode, path: Path) -> None:
        first: dict[str, yaml.Node] = {}
        for key_node, _child in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _TAG + "merge":
                continue
            earlier = first.setdefault(key_node.value, key_node)
            if earlier is not key_node:
                found = f"the key a second time; the first is on line {earlier.start_mark.line + 1}"
                hint = "keep one of the two, or put `---` between two documents"
                self._complain(DUPLICATE_KEY, key_node, (*path, key_node.value), found, hint=hint)

    def _complain(self, code: str, node: yaml.Node, path: Path, found: str, allowed: str = "", hint: str = "") -> None:
        place = _place(node.start_mark, self._name)
        field = dotted(path)
        self.problems.append(
            Problem(code=code, object=str(place), field=field, found=found, allowed=allowed, hint=hint)
        )


def _place(mark: yaml.Mark | None, name: str) -> Place:
    return Place(name, mark.line + 1, mark.column + 1) if mark else Place(name, 1, 1)


def _described(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"the text {str(value)[:40]!r}"


def _limit(place: Place, found: str, limit: int, unit: str) -> Problem:
    return Problem(code=TOO_BIG, object=str(place), found=found, allowed=f"at most {limit} {unit} are read")


def _unreadable(error: yaml.YAMLError, text: str, name: str) -> Problem:
    """The parser's complaint in our shape; `context` says what it was reading, `problem` what stopped it."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        place = Place(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        found = f"a control character (U+{ord(text[error.position]):04X})"
        return Problem(code=UNREADABLE, object=str(place), found=found, allowed="YAML allows none", hint="remove it")
    assert isinstance(error, yaml.MarkedYAMLError)
    if error.context == "while scanning a quoted scalar":
        place, found = _place(error.context_mark, name), "a quote that is never closed"
        return Problem(code=UNREADABLE, object=str(place), found=found, hint="close it at the end of the value")
    context = f" ({error.context})" if error.context else ""
    return Problem(
        code=UNREADABLE,
        object=str(_place(error.problem_mark or error.context_mark, name)),
        found=(error.problem or "text that is not YAML").removeprefix("found ") + context,
        hint="check the indentation and the quotes on this line and the one above",
    )
