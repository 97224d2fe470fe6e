"""The network that a set of policy documents asks for, kept up to date change by change.

What comes out is always what the same documents would give from scratch; a test holds it to that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from trunkline.dialects.nsx.realisation import documents, made, rules
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Memory, Question
from trunkline.intent import model, monitors
from trunkline.kit import problems
from trunkline.kit.problems import Problem

BROKEN = problems.register("TRK-0959", "A stored policy object is one that its rule was not made for.")
TWICE = problems.register("TRK-0957", "Two policy objects ask for the same thing in the network.")

Key = tuple[str, str]
"""An intent object: the name of its class, and its id."""


_MONITORS = frozenset({monitors.Mirror.__name__, monitors.Export.__name__})


class Written(msgspec.Struct, frozen=True):
    """A document as it is stored."""

    path: str
    kind: str
    raw: bytes


class Change(msgspec.Struct, frozen=True):
    """What became of the network: objects that are new or different, keys of those that are gone.

    `documents` are the paths of all documents whose part of the network may be another now; `watched` says whether what is
    to be watched is another now.
    """

    changed: tuple[model.Object, ...]
    removed: tuple[Key, ...]
    documents: frozenset[str]
    watched: bool = False


class Carried(msgspec.Struct, frozen=True):
    """A network port, the segment port it follows from, and the binding map and tag if it is for containers.

    `interface` is what its frames come by: with the tag, if there is one.
    """

    id: str
    port: str
    binding: str = ""
    tag: int = 0
    interface: str = ""


class Fabric:
    """Takes documents, answers intent."""

    def __init__(self) -> None:
        self._memory = Memory()
        self._kinds: dict[str, str] = {}
        self._unreadable: dict[str, Problem] = {}
        self._made: dict[Question, Made] = {}
        self._questions: defaultdict[str, set[Question]] = defaultdict(set)  # by the documents they are about
        self._makers: defaultdict[Key, dict[Question, made.Object]] = defaultdict(dict)

    def take(
        self, written: Iterable[Written] = (), removed: Iterable[str] = (), facts: Mapping[str, Any] | None = None
    ) -> Change:
        """Take in documents that are new or changed, paths of those that are gone, and (if given) all facts."""
        if facts is not None:
            self._memory.know(facts)
        touched = self._put(written, removed)
        asked = {question: self._answer(self._memory.answer, question) for question in self._memory.follow()}
        asked |= {question: self._answer(self._memory.demand, question) for question in self._new(touched)}
        return self._enter(asked, touched)

    def objects(self) -> list[model.Object]:
        """The whole network."""
        return [item for item in self._winners() if not isinstance(item, monitors.Monitor)]

    def watched(self) -> list[monitors.Monitor]:
        """Everything that is to be watched, by id."""
        found = [item for item in self._winners() if isinstance(item, monitors.Monitor)]
        return sorted(found, key=lambda item: item.id)

    def watched_by(self, path: str) -> list[monitors.Monitor]:
        """The monitors that follow from the document at a path."""
        found = (item for question in self._asked(path) for item in self._made[question].objects)
        return [item for item in found if isinstance(item, monitors.Monitor)]

    def keys(self, path: str) -> frozenset[Key]:
        """The keys of the objects that follow from the document at a path."""
        return frozenset(_key(item) for question in self._asked(path) for item in self._made[question].objects)

    def carried(self, path: str) -> list[Carried]:
        """The network ports that follow from a segment port or a binding map."""
        return [
            Carried(
                id=item.id,
                port=question.about[-1],
                binding=question.about[0] if len(question.about) > 1 else "",
                tag=item.tag,
                interface=item.parent or item.id,
            )
            for question in self._asked(path)
            for item in self._made[question].objects
            if isinstance(item, model.Port)
        ]

    def problems(self, path: str) -> list[Problem]:
        """Why what the document at a path asks for cannot be."""
        found = [problem for question in self._asked(path) for problem in self._made[question].problems]
        found += [problem for question in self._asked(path) for problem in self._lost(question)]
        if path in self._unreadable:
            found.append(self._unreadable[path])
        if (kind := self._kinds.get(path, "")) in rules.IGNORED:
            found.append(made.unsupported(kind, path, "", "", rules.IGNORED[kind]))
        return list(dict.fromkeys(found))

    def remarks(self, path: str) -> list[Problem]:
        """What is done of it only in part, or otherwise."""
        found = [remark for question in self._asked(path) for remark in self._made[question].remarks]
        return list(dict.fromkeys(found))

    def paths(self) -> Iterable[str]:
        """The paths of all documents."""
        return self._kinds.keys()

    def _put(self, written: Iterable[Written], removed: Iterable[str]) -> set[str]:
        touched = set()
        for item in written:
            self._memory.put(item.path, self._read(item))
            self._kinds[item.path] = item.kind
            touched.add(item.path)
        for path in removed:
            if path in self._kinds:
                self._memory.put(path, None)
                self._unreadable.pop(path, None)
                del self._kinds[path]
                touched.add(path)
        return touched

    def _read(self, item: Written) -> documents.Document:
        """The document; one that cannot be read says nothing, and is a problem."""
        self._unreadable.pop(item.path, None)
        try:
            return documents.read(item.kind, item.raw)
        except ValueError as error:
            self._unreadable[item.path] = _broken(item.kind, item.path, error)
            return documents.Document()

    def _answer(self, ask: Callable[[Question], Made | None], question: Question) -> Made | None:
        """What follows from a question; one odd document does not stop the others."""
        try:
            return ask(question)
        except Exception as error:
            path = question.about[0]
            return Made(problems=(_broken(self._kinds.get(path, ""), path, error),))

    def _new(self, touched: Iterable[str]) -> list[Question]:
        found = (
            question
            for path in touched
            if path in self._kinds
            for question in rules.questions(self._memory, path, self._kinds[path])
        )
        return [question for question in dict.fromkeys(found) if question not in self._made]

    def _enter(self, asked: Mapping[Question, Made | None], touched: set[str]) -> Change:
        before: dict[Key, made.Object | None] = {}
        for question, answer in asked.items():
            touched.update(question.about)
            for item in self._made.pop(question, made.NOTHING).objects:
                self._note(before, _key(item))
                del self._makers[_key(item)][question]
            if answer is None:
                self._drop(question)
                continue
            self._made[question] = answer
            for path in question.about:
                self._questions[path].add(question)
            for item in answer.objects:
                self._note(before, _key(item))
                self._makers[_key(item)][question] = item
        return self._difference(before, touched)

    def _note(self, before: dict[Key, made.Object | None], key: Key) -> None:
        if key not in before:
            makers = self._makers[key]
            before[key] = _winner(makers) if makers else None

    def _drop(self, question: Question) -> None:
        for path in question.about:
            self._questions[path].discard(question)
            if not self._questions[path]:
                del self._questions[path]
        self._memory.release(question)

    def _difference(self, before: Mapping[Key, made.Object | None], touched: set[str]) -> Change:
        changed: list[made.Object] = []
        removed = []
        for key, old in before.items():
            makers = self._makers[key]
            if makers:
                if (new := _winner(makers)) != old:
                    changed.append(new)
                if len(makers) > 1 or old is not None:
                    touched.update(path for question in makers for path in question.about)
            else:
                del self._makers[key]
                if old is not None:
                    removed.append(key)
        network = tuple(item for item in changed if not isinstance(item, monitors.Monitor))
        gone = tuple(key for key in removed if key[0] not in _MONITORS)
        watched = len(network) < len(changed) or len(gone) < len(removed)
        return Change(network, gone, frozenset(touched), watched)

    def _winners(self) -> Iterator[made.Object]:
        return (_winner(makers) for makers in self._makers.values())

    def _asked(self, path: str) -> Iterable[Question]:
        return sorted(self._questions.get(path, ()), key=lambda question: question.about)

    def _lost(self, question: Question) -> Iterable[Problem]:
        """What this question made and another one made differently, and won."""
        for item in self._made[question].objects:
            makers = self._makers[_key(item)]
            first = _first(makers)
            if not _same(makers[first], item):
                yield Problem(
                    code=TWICE,
                    object=str(item.source),
                    found=f"{type(item).__name__} {item.id}",
                    allowed=f"{makers[first].source} has it already",
                    hint="change or delete one of the two",
                )


def _broken(kind: str, path: str, error: Exception) -> Problem:
    text = f"{type(error).__name__}: {error}"
    return Problem(code=BROKEN, object=f"{kind} {path}", found=text, hint="report it, with the object")


def _key(item: made.Object) -> Key:
    return type(item).__name__, item.id


def _same(one: made.Object, other: made.Object) -> bool:
    """Whether two objects are alike but for who asked for them."""
    return one == other or msgspec.structs.replace(other, source=one.source) == one


def _first(makers: Mapping[Question, made.Object]) -> Question:
    return min(makers, key=lambda question: (len(question.about), question.about))


def _winner(makers: Mapping[Question, made.Object]) -> made.Object:
    return makers[_first(makers)] if len(makers) > 1 else next(iter(makers.values()))
