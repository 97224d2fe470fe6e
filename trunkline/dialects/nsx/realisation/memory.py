"""Answers that are remembered together with what was looked at to find them.

A question is a function and its arguments; the function sees documents, facts and other answers through a `Look`, which
notes everything it is asked for.  When something changes, exactly the questions that looked at it are asked again, and
further ones only if an answer became another.  So nobody keeps lists of who depends on whom, and an answer after any
history of changes is the answer that would be found from scratch.

Invariants: questions are functions of what they look at, and never lead back to themselves; an answer that nobody looks
at any more is forgotten, unless it was demanded.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from trunkline.dialects.nsx.realisation.documents import Document, Topic

D = TypeVar("D", bound=Document)
T = TypeVar("T")
P = ParamSpec("P")


class Question(NamedTuple):
    """`ask(look, *about)`."""

    ask: Callable[..., Any]
    about: tuple[str, ...]


class _Place(NamedTuple):
    """Something that can be looked at and is no answer."""

    shelf: str
    name: Hashable


class Look:
    """What one question may see; it notes what was seen."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.seen: set[Hashable] = set()

    def document(self, path: str, kind: type[D]) -> D | None:
        """The document at the path, None if there is none of that type."""
        self.seen.add(_Place("document", path))
        found = self._memory.documents.get(path)
        return found if isinstance(found, kind) else None

    def under(self, topic: str, about: str) -> list[str]:
        """The paths of the documents found under a topic, sorted."""
        self.seen.add(_Place("topic", (topic, about)))
        return sorted(self._memory.topics.get((topic, about), ()))

    def fact(self, name: str) -> Any:
        """Something that is known from elsewhere, None if it is not."""
        self.seen.add(_Place("fact", name))
        return self._memory.facts.get(name)

    def ask(self, question: Callable[Concatenate[Look, ...], T], *about: str) -> T:
        """The answer to another question."""
        asked = Question(question, about)
        self.seen.add(asked)
        answer: T = self._memory.answer(asked)
        return answer


class Memory:
    """Documents by path and topic, facts by name, and the answers found so far."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.topics: defaultdict[Topic, set[str]] = defaultdict(set)
        self.facts: dict[str, Any] = {}
        self._answers: dict[Question, Any] = {}
        self._seen: dict[Question, set[Hashable]] = {}
        self._readers: defaultdict[Hashable, set[Question]] = defaultdict(set)
        self._demanded: set[Question] = set()
        self._doubtful: deque[Hashable] = deque()

    def put(self, path: str, document: Document | None) -> None:
        """Add, replace or (None) remove a document."""
        before = self.documents.get(path)
        if before == document:
            return
        if document is None:
            del self.documents[path]
        else:
            self.documents[path] = document
        self._doubtful.append(_Place("document", path))
        old = set(before.topics(path)) if before else set()
        new = set(document.topics(path)) if document else set()
        for topic in old - new:
            self.topics[topic].discard(path)
            if not self.topics[topic]:
                del self.topics[topic]
        for topic in new - old:
            self.topics[topic].add(path)
        self._doubtful.extend(_Place("topic", topic) for topic in old ^ new)

    def know(self, facts: Mapping[str, Any]) -> None:
        """Replace all facts."""
        for name in {*self.facts, *facts}:
            if self.facts.get(name) != facts.get(name):
                self._doubtful.append(_Place("fact", name))
        self.facts = dict(facts)

    def demand(self, question: Question) -> Any:
        """The answer, which is kept up to date from now on."""
        self._demanded.add(question)
        return self.answer(question)

    def release(self, question: Question) -> None:
        """Nobody demands the answer any more."""
        self._demanded.discard(question)
        self._forget_if_unread(question)

    def answer(self, question: Question) -> Any:
        """The answer as far as the changes have been followed."""
        if question not in self._answers:
            self._find(question)
        return self._answers[question]

    def follow(self) -> Iterable[Question]:
        """Ask again whatever rests on what changed; answers the demanded questions whose answer is another now."""
        changed: dict[Question, None] = {}
        while self._doubtful:
            for reader in list(self._readers.get(self._doubtful.popleft(), ())):
                if reader not in self._answers:
                    continue
                before = self._answers[reader]
                self._find(reader)
                if self._answers[reader] != before:
                    self._doubtful.append(reader)
                    if reader in self._demanded:
                        changed[reader] = None
        return changed

    def _find(self, question: Question) -> None:
        look = Look(self)
        self._answers[question] = question.ask(look, *question.about)
        before = self._seen.get(question, set())
        self._seen[question] = look.seen
        for place in look.seen - before:
            self._readers[place].add(question)
        for place in before - look.seen:
            self._unread(place, question)

    def _unread(self, place: Hashable, reader: Question) -> None:
        self._readers[place].discard(reader)
        if not self._readers[place]:
            del self._readers[place]
        if isinstance(place, Question):
            self._forget_if_unread(place)

    def _forget_if_unread(self, question: Question) -> None:
        if question in self._demanded or question in self._readers or question not in self._answers:
            return
        del self._answers[question]
        for place in self._seen.pop(question):
            self._unread(place, question)
