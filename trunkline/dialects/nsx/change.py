"""One request as one all-or-nothing change: stage every step, then judge the state they would leave together.

Steps need no order of their own: references and rules are checked when everything is staged, so a hierarchical body may
create a child before its parent, or delete an object together with the one that refers to it.  Nothing is stored here; the
answer is a list of `Stored`, `Removed` and claim moves that must be committed atomically.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec

from trunkline.dialects.nsx import born, catalogue, compose, errors, inline, paths, scopes
from trunkline.dialects.nsx.overlay import Overlay
from trunkline.dialects.nsx.rules import bindings
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import LINGERS, Body, Draft, Entry


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """Create or change the object at `path`.

    `merge`: absent fields keep their value, else they fall back to defaults.  `revision`: "required" for PUT, "given" where
    one is checked if it is there, "ignored" for PATCH.
    """

    path: str
    body: dict[str, Any]
    merge: bool = False
    revision: Literal["required", "given", "ignored"] = "ignored"


class Erase(msgspec.Struct, frozen=True, kw_only=True):
    """Delete the object at `path`: with all below it if `whole`, whatever refers to it if `force`."""

    path: str
    whole: bool = False
    force: bool = False
    missing_ok: bool = False


class Touch(msgspec.Struct, frozen=True):
    """The object at `path` must exist; it is not changed."""

    path: str


Step = Write | Erase | Touch


class Stored(msgspec.Struct, frozen=True):
    """The object at `path` becomes `body`; `expect` is its store revision now, 0 if it is new."""

    path: str
    kind: str
    body: Body
    raw: bytes
    expect: int
    before: Body | None


class Removed(msgspec.Struct, frozen=True):
    """The object at `path` goes."""

    path: str
    expect: int
    before: Body


class Plan(msgspec.Struct, frozen=True):
    """What to commit.  `claims` maps a unique value to its holder before and after ("" for nobody, or when it is free again)."""

    stored: tuple[Stored, ...]
    removed: tuple[Removed, ...]
    claims: dict[str, tuple[str, str]]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.stored or self.removed or self.claims)


class Guard(msgspec.Struct, frozen=True):
    """What the caller may do.  All raise Refused: `permits` for a target that is to be written, `owns` for a stored object that is
    not theirs, `sees` for a path of which they may not even know whether there is something."""

    permits: Callable[[paths.Target], None]
    owns: Callable[[Entry], None]
    sees: Callable[[str], None]


def plan(
    tree: Tree,
    steps: Iterable[Step],
    stamp: compose.Stamp,
    *,
    new_id: Callable[[], str],
    guard: Guard | None = None,
) -> Plan:
    """What the steps amount to on the stored tree; without a guard they are the manager's own.

    Raises:
        Refused: any step cannot be done, or they would leave a state that breaks a rule; nothing is to be stored then.
    """
    overlay = Overlay(tree)
    stage = _Stage(overlay, guard)
    for step in steps:
        stage.take(step)
    for path in stage.touched:
        _must_exist(overlay, path)
    for draft in overlay.drafts.values():
        # Before completion, which may look at what a body refers to.
        _check_links(overlay, draft)
    _complete(overlay)
    for draft in overlay.drafts.values():
        _judge(overlay, draft)
    for path in overlay.erased:
        if path not in stage.forced and (left := sorted(overlay.referrers(path))):
            raise errors.in_use(path, left)
    return _result(overlay, stamp, new_id)


class _Stage:
    """Takes steps into an overlay, one by one; what needs the whole request is judged afterwards."""

    def __init__(self, overlay: Overlay, guard: Guard | None) -> None:
        self._overlay, self._guard = overlay, guard
        self.forced: set[str] = set()
        self.touched: list[str] = []

    def take(self, step: Step) -> None:
        match step:
            case Touch(path):
                if self._guard is not None:
                    self._guard.sees(path)
                self.touched.append(path)
            case Write():
                self._write(step)
            case Erase():
                self._erase(step)

    def _write(self, step: Write) -> None:
        target = self._may_write(step.path, "PUT")
        before = self._overlay.tree.entry(target.path)
        if before is not None:
            self._owned(before)
        once = before is not None and target.resource.once
        checked, required = step.revision != "ignored" and not once, step.revision == "required"
        compose.check_revision(target.path, step.body, before, checked=checked, required=required)
        if once:
            compose.draft(target, step.body, before, merge=step.merge)  # what is wrong is refused all the same
            return
        own = self._write_inline(target, step)
        self._overlay.draft(compose.draft(target, own, before, merge=step.merge))
        self._bear(target)

    def _write_inline(self, target: paths.Target, step: Write) -> Body:
        """Write the objects that the body holds; answers the body without them.  PUT replaces them, PATCH leaves the others."""
        body = dict(step.body)
        for resource in catalogue.children(target.resource.type).values():
            if not resource.inline or (sent := body.pop(resource.inline, None)) is None:
                continue
            inside = dict(inline.children(target.path, resource, sent))
            if step.revision == "required":
                for entry in [*self._overlay.tree.entries(f"{target.path}/{resource.collection}")]:
                    if entry.path not in inside:
                        self._remove(entry, whole=True)
            for path, child in inside.items():
                self._write(Write(path=path, body=child, merge=step.merge))
        return body

    def _bear(self, target: paths.Target) -> None:
        """Make what comes into being with an object: a project's infra, a gateway's NAT sections."""
        for path in born.below(target):
            child = paths.object_at(path)
            if self._overlay.body(path) is None:
                self._overlay.draft(compose.draft(child, {}, None, merge=False))
                self._bear(child)

    def _erase(self, step: Erase) -> None:
        target = self._may_write(step.path, "DELETE")
        entry = self._overlay.tree.entry(target.path)
        if entry is None:
            if step.missing_ok:
                return
            raise errors.not_found(target.path)
        if step.force:
            self.forced.add(target.path)
        elif not step.whole and (release := target.resource.rules.release):
            release(target.path, self._overlay)
        self._remove(entry, whole=step.whole or step.force)

    def _remove(self, entry: Entry, *, whole: bool) -> None:
        self._owned(entry)
        below = list(_below(self._overlay.tree, entry.path, entry.kind))
        if not whole and (blocking := sorted(self._blocking(below))):
            raise errors.in_use(entry.path, blocking)
        self._overlay.erase(entry)
        for child in below:
            self._remove(child, whole=True)

    def _blocking(self, entries: Iterable[Entry]) -> Iterator[str]:
        """The objects that do not go by themselves with what they hang on."""
        for entry in entries:
            if catalogue.BY_TYPE[entry.kind].cascades:
                yield from self._blocking(_below(self._overlay.tree, entry.path, entry.kind))
            else:
                yield entry.path

    def _may_write(self, path: str, method: str) -> paths.Target:
        target = paths.object_at(path)
        if self._guard is not None:
            self._guard.permits(target)
            if target.resource.read_only:
                raise errors.method(method, target.path, ", ".join(target.methods))
        return target

    def _owned(self, entry: Entry) -> None:
        if self._guard is not None:
            self._guard.owns(entry)


def claimed(claim: str, path: str, holder: str) -> errors.Refused:
    """What to answer when the object at `path` wants a unique value that `holder` has."""
    if holder.startswith(LINGERS):
        allowed = "it was given back a moment ago and rests, as long as ip_release_delay of its pool says"
        return errors.wrong(path, claim, holder, allowed, "take another one, or wait", trk=errors.TAKEN)
    if scopes.scope(holder) != scopes.scope(path):
        return errors.wrong(path, claim, "in use", "it is in use in another project", trk=errors.TAKEN)
    refused = bindings.refused_claim(claim, path, holder)
    return refused or errors.wrong(path, claim, holder, f"it is in use by path=[{holder}]", trk=errors.TAKEN)


def _complete(overlay: Overlay) -> None:
    # Values that clients chose are noted first, so that the server's own choices go around them.
    for draft in overlay.drafts.values():
        overlay.index(draft)
    for draft in overlay.drafts.values():
        draft.resource.rules.complete(draft, overlay)
        overlay.index(draft)


def _check_links(overlay: Overlay, draft: Draft) -> None:
    _must_exist(overlay, paths.parent_of(draft.path))
    for reference, kinds in draft.resource.shape.references(draft.body):
        if kinds:
            _check_reference(overlay, draft.path, reference, kinds)


def _judge(overlay: Overlay, draft: Draft) -> None:
    for claim in draft.resource.rules.claims(draft.path, draft.body):
        if rival := overlay.rival(claim, draft.path):
            raise claimed(claim, draft.path, rival)
    draft.resource.rules.check(draft, overlay)


def _must_exist(overlay: Overlay, path: str) -> None:
    if path and not overlay.kind(path):
        raise errors.not_found(path)


def _check_reference(overlay: Overlay, path: str, reference: str, kinds: tuple[str, ...]) -> None:
    target = paths.resolve(reference)
    if target is None or target.kind != "object" or target.path != reference or target.resource.type not in kinds:
        raise errors.bad_path(reference, f"path=[{path}] needs a {' or '.join(kinds)} there")
    if not scopes.may_refer(path, reference, shared=target.resource.shared):
        raise errors.bad_path(reference, "it belongs to another project", trk=errors.OTHER_PROJECT)
    if not overlay.kind(reference):
        raise errors.not_found(reference, named_by=path)


def _result(overlay: Overlay, stamp: compose.Stamp, new_id: Callable[[], str]) -> Plan:
    stored = []
    for draft in overlay.drafts.values():
        body = compose.finish(draft, stamp, "" if draft.before else new_id())
        if body is not None:
            expect, before = (draft.before.revision, draft.old) if draft.before else (0, None)
            raw = msgspec.json.encode(body)
            stored.append(Stored(draft.path, draft.resource.type, body, raw, expect, before))
    removed = [Removed(path, entry.revision, entry.body) for path, entry in overlay.erased.items()]
    return Plan(tuple(stored), tuple(removed), _claim_moves(overlay, stamp.now_ms))


def _claim_moves(overlay: Overlay, now_ms: int) -> dict[str, tuple[str, str]]:
    gone = [*overlay.erased.values(), *(draft.before for draft in overlay.drafts.values() if draft.before)]
    before = {claim: entry.path for entry in gone for claim in entry.claims}
    after = {
        claim: draft.path
        for draft in overlay.drafts.values()
        for claim in draft.resource.rules.claims(draft.path, draft.body)
    }
    changed = [claim for claim in {**before, **after} if before.get(claim) != after.get(claim)]
    rests = {claim: _rest(overlay, entry, now_ms) for entry in overlay.erased.values() for claim in entry.claims}
    return {claim: (before.get(claim, ""), after.get(claim) or rests.get(claim, "")) for claim in changed}


def _rest(overlay: Overlay, entry: Entry, now_ms: int) -> str:
    """What stands in the place of the holder once the object is gone; "" if its values are free at once."""
    lingers_ms = catalogue.BY_TYPE[entry.kind].rules.lingers(entry.path, overlay)
    return f"{LINGERS}{now_ms + lingers_ms}" if lingers_ms else ""


def _below(tree: Tree, path: str, kind: str) -> Iterator[Entry]:
    """The objects directly under one, seen through singletons, which have no life of their own."""
    for resource in catalogue.children(kind).values():
        at = f"{path}/{resource.collection}"
        if resource.singleton:
            entry = tree.entry(at)
            yield from [entry] if entry else []
            yield from _below(tree, at, resource.type)
        else:
            yield from tree.entries(at)
