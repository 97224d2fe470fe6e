"""What the API server serves, asked from it: from the words people type and the kinds in manifests to resources.

Facts: `/api/v1` and `/apis` with `/apis/GROUP/VERSION` are Kubernetes' discovery documents; the first version that a
group names as preferred answers for a bare word, core and built-in groups come before custom ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from trunkline.adapters.kube.client import Kube
from trunkline.adapters.kube.resources import Resource
from trunkline.kit import problems

UNKNOWN_WORD = problems.register("TRK-0253", "The API server serves no such resource.")
UNKNOWN_KIND = problems.register("TRK-0254", "The API server does not know this apiVersion and kind.")


class Served(msgspec.Struct, frozen=True):
    """A resource with all the words that mean it."""

    resource: Resource
    words: frozenset[str]
    preferred: bool


class Catalogue:
    """All served resources at one moment."""

    def __init__(self, served: Iterable[Served]) -> None:
        self._served = tuple(served)

    def find(self, word: str) -> Resource:
        """The resource that a person means by "pods", "po", "pod" or "ippools.crd.antrea.io".

        Raises:
            IntentError: none; with the nearest word there is.
        """
        name = word.lower()
        found = [item for item in self._served if name in item.words]
        if found:
            return max(found, key=lambda item: item.preferred).resource
        known = sorted({known for item in self._served for known in item.words})
        raise problems.IntentError(
            problems=[
                problems.Problem(
                    code=UNKNOWN_WORD,
                    object=word,
                    found="a resource type the server does not have",
                    hint=problems.did_you_mean(name, known) or "`kubectl api-resources` lists what there is",
                )
            ]
        )

    def kind(self, api_version: str, kind: str) -> Resource:
        """The resource whose objects carry this apiVersion and kind.

        Raises:
            IntentError: none; with the versions in which the kind is served.
        """
        for item in self._served:
            if (item.resource.api_version, item.resource.kind) == (api_version, kind):
                return item.resource
        versions = sorted(item.resource.api_version for item in self._served if item.resource.kind == kind)
        kinds = {item.resource.kind for item in self._served}
        raise problems.IntentError(
            problems=[
                problems.Problem(
                    code=UNKNOWN_KIND,
                    object=f"{api_version} {kind}",
                    field="apiVersion" if versions else "kind",
                    found=api_version if versions else kind,
                    allowed=f"served as {', '.join(versions)}" if versions else "",
                    hint=problems.did_you_mean(kind, kinds) if not versions else "",
                )
            ]
        )


async def catalogue(kube: Kube) -> Catalogue:
    """Ask the server for everything it serves."""
    core, groups = await asyncio.gather(kube.read("/api/v1"), kube.read("/apis"))
    paths = [
        (f"/apis/{version['groupVersion']}", version == group["preferredVersion"])
        for group in groups["groups"]
        for version in group["versions"]
    ]
    lists = await asyncio.gather(*(kube.read(path) for path, _ in paths))
    served = _served(core, preferred=True)
    for (_, preferred), document in zip(paths, lists, strict=True):
        served += _served(document, preferred=preferred)
    return Catalogue(served)


def _served(document: dict[str, Any], *, preferred: bool) -> list[Served]:
    group, _, version = document["groupVersion"].rpartition("/")
    return [
        Served(
            Resource(group, version, item["name"], item["kind"], item["namespaced"]),
            frozenset(
                {
                    item["name"],
                    item["kind"].lower(),
                    item.get("singularName") or item["kind"].lower(),
                    *item.get("shortNames", ()),
                    *([f"{item['name']}.{group}"] if group else ()),
                }
            ),
            preferred,
        )
        for item in document["resources"]
        if "/" not in item["name"]
    ]
