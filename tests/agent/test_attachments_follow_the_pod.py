"""The agent's source of attachments, fed by a scripted API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from trunkline.adapters.kube import resources
from trunkline.adapters.kube.informer import Informer
from trunkline.agent import spec
from trunkline.agent.attachments import KubeAttachments, PodRef
from trunkline.intent.attachment import ANNOTATION, Attachment
from trunkline.kit.problems import Problem


class ScriptedKube:
    """Lists nothing, then tells what the test puts in the queue."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def list(self, *_args: Any, **_kwargs: Any) -> tuple[list[Any], str]:
        return [], "1"

    async def watch(self, *_args: Any, **_kwargs: Any) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        while True:
            yield await self.events.get()


def pod(uid: str, note: str = "", name: str = "web-0") -> dict[str, Any]:
    meta = {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": "2"}
    return {"metadata": {**meta, "annotations": {ANNOTATION: note} if note else {}}}


@asynccontextmanager
async def watching() -> AsyncIterator[tuple[ScriptedKube, KubeAttachments]]:
    kube = ScriptedKube()
    pods, nodes = Informer(kube, resources.PODS), Informer(ScriptedKube(), resources.NODES)  # type: ignore[arg-type]
    task = asyncio.create_task(pods.run())
    source = KubeAttachments(pods, nodes)
    try:
        await source.synced()
        yield kube, source
    finally:
        task.cancel()


async def heard(source: KubeAttachments, uids: set[str]) -> None:
    """Return when these are the pods of the node."""
    while source.uids() != uids:  # noqa: ASYNC110 - what is waited for is what the source says, not an event behind it
        await asyncio.sleep(0.01)


async def test_an_attachment_that_comes_later_is_waited_for() -> None:
    async with watching() as (kube, source):
        waiting = asyncio.create_task(source.wait(PodRef("shop", "web-0", "u2"), 5.0))
        for uid, note in (("u1", "u1"), ("u2", ""), ("u2", "u1"), ("u2", "u2")):
            assert not waiting.done()
            await kube.events.put(("MODIFIED", pod(uid, Attachment(uid=note).encode() if note else "")))
            await asyncio.sleep(0.01)
        assert (await waiting).uid == "u2"
        assert source.uids() == {"u2"}


async def test_without_a_uid_from_the_runtime_the_pod_of_that_name_counts() -> None:
    async with watching() as (kube, source):
        await kube.events.put(("ADDED", pod("u7", Attachment(uid="u7").encode())))
        assert (await source.wait(PodRef("shop", "web-0"), 5.0)).uid == "u7"


async def test_a_problem_is_told_at_once() -> None:
    async with watching() as (kube, source):
        problem = Problem(code="TRK-0301", object="IPPool p", found="full")
        await kube.events.put(("ADDED", pod("u1", Attachment(uid="u1", problem=problem).encode())))
        with pytest.raises(spec.Failure, match="IPPool p") as caught:
            await source.wait(PodRef("shop", "web-0"), 5.0)
        assert caught.value.code == spec.NO_ADDRESS


@pytest.mark.parametrize(("objects", "code"), [([], "TRK-0502"), ([pod("u1")], "TRK-0503"), ([pod("u9")], "TRK-0502")])
async def test_what_does_not_come_is_named(objects: list[dict[str, Any]], code: str) -> None:
    async with watching() as (kube, source):
        for each in objects:
            await kube.events.put(("ADDED", each))
        async with asyncio.timeout(10):
            await heard(source, {each["metadata"]["uid"] for each in objects})
        with pytest.raises(spec.Failure, match=code) as caught:
            await source.wait(PodRef("shop", "web-0", "u1"), 0.1)
        assert caught.value.code == spec.TRY_AGAIN_LATER


async def test_a_pod_that_has_ended_is_on_the_node_but_does_not_last() -> None:
    async with watching() as (kube, source):
        leaving = pod("u2", name="web-1")
        leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        ended = {**pod("u3", name="web-2"), "status": {"phase": "Failed"}}
        for each in (pod("u1"), leaving, ended):
            await kube.events.put(("ADDED", each))
        async with asyncio.timeout(10):
            await heard(source, {"u1", "u2", "u3"})
        assert source.lasting() == {"u1", "u2"}, "what is leaving may still speak"


async def test_an_unreadable_annotation_is_named() -> None:
    async with watching() as (kube, source):
        await kube.events.put(("ADDED", pod("u1", '{"uid": 7}')))
        with pytest.raises(spec.Failure, match="TRK-0504"):
            await source.wait(PodRef("shop", "web-0"), 5.0)


async def test_a_pod_is_bound_from_its_attachment_to_its_end_and_a_namesake_is_another() -> None:
    async with watching() as (kube, source):
        batches = source.bound()
        assert await anext(batches) == []
        problem = Problem(code="TRK-0301", object="IPPool p", found="full")
        ended, leaving = pod("u2", Attachment(uid="u2").encode()), pod("u2", Attachment(uid="u2").encode())
        ended["status"] = {"phase": "Succeeded"}
        leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        seen = []
        for kind, obj in (
            ("ADDED", pod("u1")),
            ("MODIFIED", pod("u1", Attachment(uid="u1", problem=problem).encode())),
            ("MODIFIED", pod("u1", "no attachment at all")),
            ("MODIFIED", pod("u1", Attachment(uid="u1").encode())),
            ("MODIFIED", pod("u2", Attachment(uid="u2").encode())),
            ("MODIFIED", leaving),
            ("MODIFIED", ended),
            ("DELETED", pod("u2")),
        ):
            await kube.events.put((kind, obj))
            seen.append([(each.pod.uid, each.attachment is not None) for each in await anext(batches)])
        assert seen == [
            [("u1", False)],
            [("u1", False)],
            [("u1", False)],
            [("u1", True)],
            [("u1", False), ("u2", True)],
            [("u2", False)],
            [("u2", False)],
            [("u2", False)],
        ]
