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


Place = Hashable
"""What can be looked at: a document by its path (text), a `Topic`, a fact (as a topic of its own), an answer (`Question`)."""


def _fact(name: str) -> Topic:
    return "fact", name


class _Failure(NamedTuple):
    """Instead of an answer: what went wrong when it was looked for."""

    error: Exception


class Look:
    """What one question may see; it notes what was seen."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.seen: dict[Place, None] = {}

    def document(self, path: str, kind: type[D]) -> D | None:
        """The document at the path, None if there is none of that type."""
        self.seen[path] = None
        found = self._memory.documents.get(path)
        return found if isinstance(found, kind) else None

    def under(self, topic: str, about: str) -> list[str]:
        """The paths of the documents found under a topic, sorted."""
        self.seen[topic, about] = None
        return sorted(self._memory.topics.get((topic, about), ()))

    def fact(self, name: str) -> Any:
        """Something that is known from elsewhere, None if it is not."""
        self.seen[_fact(name)] = None
        return self._memory.facts.get(name)

    def ask(self, question: Callable[Concatenate[Look, ...], T], *about: str) -> T:
        """The answer to another question."""
        asked = Question(question, about)
        self.seen[asked] = None
        answer: T = self._memory.answer(asked)
        return answer


class Memory:
    """Documents by path and topic, facts by name, and the answers found so far.

    After changes, `follow` comes before any new question, which might otherwise be answered from old answers.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.topics: defaultdict[Topic, set[str]] = defaultdict(set)
        self.facts: dict[str, Any] = {}
        self._answers: dict[Question, Any] = {}
        self._seen: dict[Question, tuple[Place, ...]] = {}
        self._readers: dict[Place, set[Question]] = {}
        self._demanded: set[Question] = set()
        self._doubtful: dict[Place, None] = {}

    def put(self, path: str, document: Document | None) -> None:
        """Add, replace or (None) remove a document."""
        before = self.documents.get(path)
        if before == document:
            return
        if document is None:
            del self.documents[path]
        else:
            self.documents[path] = document
        self._doubtful[path] = None
        old = set(before.topics(path)) if before else set()
        new = set(document.topics(path)) if document else set()
        for topic in old - new:
            self.topics[topic].discard(path)
            if not self.topics[topic]:
                del self.topics[topic]
        for topic in new - old:
            self.topics[topic].add(path)
        self._doubtful.update(dict.fromkeys(old ^ new))

    def know(self, facts: Mapping[str, Any]) -> None:
        """Replace all facts."""
        for name in {*self.facts, *facts}:
            if self.facts.get(name) != facts.get(name):
                self._doubtful[_fact(name)] = None
        self.facts = dict(facts)

    def demand(self, question: Question) -> Any:
        """The answer, which is kept up to date from now on.  Raises what its function raised, as `answer` does."""
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
        found = self._answers[question]
        if isinstance(found, _Failure):
            raise found.error
        return found

    def follow(self) -> Iterable[Question]:
        """Ask again whatever rests on what changed; answers the demanded questions whose answer is another now."""
        changed: dict[Question, None] = {}
        doubtful, self._doubtful = self._doubtful, {}
        waiting = deque(dict.fromkeys(reader for place in doubtful for reader in self._readers.get(place, ())))
        queued = set(waiting)
        while waiting:
            queued.discard(question := waiting.popleft())
            if question not in self._answers:
                continue
            before = self._answers[question]
            self._find(question)
            if self._answers[question] != before:
                more = self._readers.get(question, set()) - queued
                waiting.extend(more)
                queued |= more
                if question in self._demanded:
                    changed[question] = None
        return changed

    def _find(self, question: Question) -> None:
        look = Look(self)
        try:
            self._answers[question] = question.ask(look, *question.about)
        except Exception as error:
            # Kept like an answer, so that it is looked for again when something that was seen changes.
            self._answers[question] = _Failure(error)
        before = self._seen.get(question, ())
        self._seen[question] = tuple(look.seen)
        for place in look.seen:
            if (readers := self._readers.get(place)) is None:
                self._readers[place] = {question}
            else:
                readers.add(question)
        for place in before:
            if place not in look.seen:
                self._unread(place, question)

    def _unread(self, place: Place, reader: Question) -> None:
        readers = self._readers[place]
        readers.discard(reader)
        if not readers:
            del self._readers[place]
            if isinstance(place, Question):
                self._forget_if_unread(place)

    def _forget_if_unread(self, question: Question) -> None:
        if question in self._demanded or question in self._readers or question not in self._answers:
            return
        del self._answers[question]
        for place in self._seen.pop(question):
            self._unread(place, question)
