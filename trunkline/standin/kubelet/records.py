"""What a kubelet must remember of its pods over a restart, one small JSON file per pod.

A file is written before the thing it tells of is made, and removed after it is undone; so nothing of ours is ever on the
machine without a record.  Files are replaced whole: a reader sees the old one or the new one.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec

from trunkline.standin.kubelet import cni, processes

Json = dict[str, Any]


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one run of a container ended; times as Kubernetes prints them."""

    exit_code: int
    reason: str
    started_at: str
    finished_at: str
    message: str = ""


class Container(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One container of a pod.

    Exactly one of these is so: it runs (`process`), it has ended for good (`ended`), or it waits (`waiting`, a reason
    and a message).  `last` is how the run before this state ended.
    """

    process: processes.Handle | None = None
    started_at: str = ""
    restarts: int = 0
    last: Ended | None = None
    ended: Ended | None = None
    waiting: tuple[str, str] = ("ContainerCreating", "")
    ready: bool = False


class Sandbox(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One pod on this machine.

    `netns` is the name of its network namespace, "" for a pod in the node's own.  `conflist` is set before the first
    ADD and unset after DEL; `result` is set when ADD has answered, and stays: an ended pod's status keeps its address.
    """

    uid: str
    namespace: str
    pod: str
    container_id: str
    netns: str
    started_at: str
    conflist: Json | None = None
    result: Json | None = None
    containers: dict[str, Container] = {}

    def container(self, name: str) -> Container:
        """The container of that name, made when it is asked for first."""
        return self.containers.setdefault(name, Container())

    def attachment(self, netns: str) -> cni.Attachment:
        """Whom CNI plugins are called for; `netns` is the namespace's path, "" when it is gone."""
        return cni.Attachment(
            container_id=self.container_id, netns=netns, namespace=self.namespace, pod=self.pod, uid=self.uid
        )


class Records:
    """The files under one folder."""

    def __init__(self, state_dir: Path | str) -> None:
        self._folder = Path(state_dir) / "sandboxes"

    def load(self) -> dict[str, Sandbox]:
        """Every record, by pod UID."""
        if not self._folder.is_dir():
            return {}
        found = [msgspec.json.decode(path.read_bytes(), type=Sandbox) for path in self._folder.glob("*.json")]
        return {record.uid: record for record in found}

    def save(self, record: Sandbox) -> None:
        """Write a record, over the pod's earlier one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{record.uid}.json"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(record))
        os.replace(fresh, path)

    def forget(self, uid: str) -> None:
        """Remove a pod's record, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder / f"{uid}.json").unlink()
