"""A manager in a dictionary that enforces what the child-segment document demands, and refuses like a real one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from trunkline.adapters.nsx import errors
from trunkline.controller.segments.documents import BINDING, MAPS, SEGMENT
from trunkline.controller.segments.plan import Observed

Document = dict[str, Any]


class Crash(Exception):
    """The program was killed at this call."""


class Manager:
    """Stands where `Nsx` stands.  `writes_left` is how many writes it takes before the caller is killed."""

    def __init__(self, *documents: Document) -> None:
        self.documents = {each["path"]: each for each in documents}
        self.writes: list[tuple[str, str]] = []
        self.writes_left = -1

    def observed(self) -> Observed:
        return Observed(tuple(copy.deepcopy(each) for each in self.documents.values()))

    async def get(self, path: str) -> Document | None:
        return copy.deepcopy(self.documents.get(path))

    async def members(self, path: str) -> list[Document]:
        return [each for each in self.documents.values() if each["path"].rsplit("/", 1)[0] == path]

    async def revise(self, path: str, change: Callable[[Document | None], Document | None]) -> Document | None:
        now = await self.get(path)
        wanted = change(now)
        if wanted is None:
            return now
        self._write("PUT", path)
        wanted = {**wanted, "path": path, "_revision": now["_revision"] + 1 if now else 0}
        if wanted["resource_type"] == BINDING:
            self._check_binding(path, wanted)
        self.documents[path] = wanted
        return wanted

    async def delete(self, path: str) -> None:
        self._write("DELETE", path)
        below = [other for other in self.documents if other.startswith(f"{path}/")]
        onto = [each["path"] for each in self.documents.values() if each.get("segment_path") == path]
        if below or onto:
            raise errors.ApiError(400, 500030, f"cannot be deleted path=[{below + onto}]", path)
        del self.documents[path]

    def _write(self, method: str, path: str) -> None:
        if self.writes_left == 0:
            raise Crash
        self.writes_left -= 1
        self.writes.append((method, path))

    def _check_binding(self, path: str, wanted: Document) -> None:
        child, parent, tag = path.rsplit("/", 2)[0], wanted["segment_path"], wanted["vlan_traffic_tag"]
        if child not in self.documents or parent not in self.documents:
            raise errors.NotFound(404, 600, "could not be found", path)
        for other in self.documents.values():
            if other["path"] != path and other.get("segment_path") == parent:
                if other["vlan_traffic_tag"] == tag:
                    raise errors.TagTaken(400, 8327, f"taken by path=[{other['path']}]", path)
                if other["path"].rsplit("/", 2)[0] == child:
                    raise errors.ApiError(400, 255, f"already bound by path=[{other['path']}]", path)


def segment(path: str, **more: Any) -> Document:
    """A segment as it is stored."""
    return {"resource_type": SEGMENT, "path": path, "_revision": 0, **more}


def binding(child: str, name: str, parent: str, tag: int, **more: Any) -> Document:
    """A binding map as it is stored."""
    place = {"path": f"{child}/{MAPS}/{name}", "segment_path": parent, "vlan_traffic_tag": tag}
    return {"resource_type": BINDING, "_revision": 0, **place, **more}
