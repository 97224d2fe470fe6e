"""The verbs `apply` and `delete`: manifests into the cluster, and out of it again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trunkline.adapters.kube import errors, resources
from trunkline.adapters.kube.client import Object
from trunkline.adapters.kube.resources import Resource
from trunkline.dialects.antrea import admission
from trunkline.kit import manifests, problems
from trunkline.lab.cases.bench import Bench, StepFailed, key_of

NO_MANIFEST = problems.register("TRK-0634", "A manifest that a case applies is missing.")

Sources = str | tuple[str | dict[str, Any], ...]

_GONE_SECONDS = 60.0  # chosen: a namespace full of pods, each of which is given a grace period
_GIVEN_BACK_SECONDS = 15.0  # chosen: many times what the controller needs to see that pods are gone
_PAUSE = 0.1  # seconds between two questions


async def apply(bench: Bench, sources: Sources) -> list[str]:
    """Create each object, or change it to what the manifest says; one that was there is not the case's to remove."""
    done = []
    for obj in read(bench.root, sources):
        resource = await bench.resource(obj["kind"], obj["apiVersion"])
        meta = obj["metadata"]
        bench.applied.append(obj)
        try:
            await bench.kube.create(resource, dict(obj))
            bench.created.append(obj)
            verb = "created"
        except errors.AlreadyExists:
            verb = await _change(bench, resource, obj)
        done.append(f"{resource.label(meta['name'], meta.get('namespace'))} {verb}")
    return done


async def _change(bench: Bench, resource: Resource, obj: Object) -> str:
    meta = obj["metadata"]
    before = await bench.kube.get(resource, meta["name"], meta.get("namespace"))
    after = await bench.kube.patch(resource, meta["name"], obj, meta.get("namespace"), kind="merge")
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return "in place" if same else "changed to what the manifest says"


async def delete(bench: Bench, sources: Sources) -> list[str]:
    """Delete each object, in the reverse of the order in which it would be applied, and wait until all are gone."""
    return await remove(bench, read(bench.root, sources))


async def remove(bench: Bench, objects: Sequence[Object]) -> list[str]:
    """Delete the objects one after the other, last first, each gone (with its pods) before the next.

    Raises:
        StepFailed: one of them stays.
    """
    seen: dict[tuple[str, str], Object] = {(obj["kind"], key_of(obj)): obj for obj in objects}
    for obj in reversed(seen.values()):
        await _delete(bench, obj)
        try:
            async with asyncio.timeout(_GONE_SECONDS):
                while await _exists(bench, obj):  # noqa: ASYNC110 (the API server is asked; nothing here is told)
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise StepFailed(f"{obj['kind']} {key_of(obj)} is still there after {_GONE_SECONDS:.0f} s") from None
    return [f"{kind} {key} gone" for kind, key in reversed(seen)]


def read(root: Path, sources: Sources) -> list[Object]:
    """The objects in files, in folders of files, and inline, in that order.

    Raises:
        IntentError: a file is missing, or is not a manifest.
    """
    found: list[Object] = []
    for source in (sources,) if isinstance(sources, str) else sources:
        if isinstance(source, dict):
            found.append(source)
            continue
        path = root / source
        if not path.exists():
            problem = problems.Problem(code=NO_MANIFEST, object=source, found="no such file or folder")
            raise problems.IntentError(problems=[problem])
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            found += [document.value for document in manifests.load(file.read_text(), name=str(file))]
    return found


async def _delete(bench: Bench, obj: Object) -> None:
    """Delete an object; a pool is in use until the controller has given back the addresses of pods that are gone."""
    resource = await bench.resource(obj["kind"], obj["apiVersion"])
    meta = obj["metadata"]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _GIVEN_BACK_SECONDS
    while True:
        try:
            await bench.kube.delete(resource, meta["name"], meta.get("namespace"), propagation="Background")
            return
        except errors.NotFound:
            return
        except errors.Invalid as error:
            if admission.POOL_IN_USE not in error.message or loop.time() > deadline:
                raise
        await asyncio.sleep(_PAUSE)


async def _exists(bench: Bench, obj: Object) -> bool:
    resource = await bench.resource(obj["kind"], obj["apiVersion"])
    meta = obj["metadata"]
    try:
        await bench.kube.get(resource, meta["name"], meta.get("namespace"))
    except errors.NotFound:
        return resource == resources.NAMESPACES and bool(await bench.pods(meta["name"]))
    return True
