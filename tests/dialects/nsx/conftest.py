"""A manager in memory: requests are planned against a tree and the plan is put into it at once."""

from __future__ import annotations

import itertools

import pytest

from trunkline.dialects.nsx import change, compose, hierarchy, seeds
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Entry


class Manager:
    def __init__(self) -> None:
        self.tree = Tree()
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self._revisions = itertools.count(1)
        self.now_ms = 1712718210160
        self.do(*seeds.steps(self.tree, ["edges"]))

    def do(self, *steps: change.Step, user: str = "admin") -> change.Plan:
        for claim in self.tree.rested(self.now_ms):
            self.tree.rest(claim, "")
        stamp = compose.Stamp(user=user, now_ms=self.now_ms, owner_id="210584d9-6329-452e-bb01-0133945ab675")
        plan = change.plan(self.tree, steps, stamp, new_id=lambda: next(self._ids))
        revision = next(self._revisions)
        for removed in plan.removed:
            self.tree.remove(removed.path)
        for stored in plan.stored:
            self.tree.put(Entry(stored.path, stored.kind, stored.raw, revision))
        for claim, (_, after) in plan.claims.items():
            self.tree.rest(claim, after)
        return plan

    def put(self, path: str, **body: object) -> dict[str, object]:
        self.do(change.Write(path=path, body=body, revision="required"))
        return self.get(path)

    def patch(self, path: str, *, merge: bool = False, **body: object) -> dict[str, object]:
        self.do(change.Write(path=path, body=body, merge=merge))
        return self.get(path)

    def delete(self, path: str, *, force: bool = False) -> None:
        self.do(change.Erase(path=path, force=force))

    def hierarchy(
        self, *children: object, merge: bool = False, check: bool = False, root: str = "/infra"
    ) -> change.Plan:
        body = {"resource_type": "Infra", "children": list(children)}
        return self.do(*hierarchy.steps(root, body, merge=merge, check_revision=check))

    def get(self, path: str) -> dict[str, object]:
        entry = self.tree.entry(path)
        assert entry is not None, f"{path} is not there"
        return entry.body

    def has(self, path: str) -> bool:
        return self.tree.entry(path) is not None

    def segment(self, name: str, *, under: str = "/infra", **body: object) -> str:
        path = f"{under}/segments/{name}"
        self.patch(path, **body)
        return path

    def bind(self, child: str, parent: str, tag: object, name: str = "map") -> dict[str, object]:
        path = f"{child}/segment-connection-binding-maps/{name}"
        return self.put(path, vlan_traffic_tag=tag, segment_path=parent)


@pytest.fixture
def manager() -> Manager:
    return Manager()
