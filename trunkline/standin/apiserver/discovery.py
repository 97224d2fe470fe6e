"""What is served, told to clients: the group and resource lists, in the old form and in one piece."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.registry import Registry
from trunkline.standin.apiserver.resources import ALL_VERBS, Resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"

VERSION: Json = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+trunkline",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
"""The Kubernetes release whose API this server follows; what a client makes of it is its own affair."""

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_SUBRESOURCE_KINDS = {"scale": ("autoscaling", "v1", "Scale"), "binding": ("", "v1", "Binding")}
_SUBRESOURCE_VERBS = {"binding": ("create",), "finalize": ("update",)}


def rank(version: str) -> tuple[Any, ...]:
    """Sorts versions as clients prefer them: stable before beta before alpha, newer before older, others last by name."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (1, 0, 0, 0, version)
    stability = {"alpha": 2, "beta": 1}.get(found[2] or "", 0)
    return (0, stability, -int(found[1]), -int(found[3] or 0), version)


def groups(registry: Registry) -> dict[str, list[str]]:
    """The named groups and their versions, the preferred version first."""
    found: dict[str, set[str]] = {}
    for resource in registry.all():
        if resource.group:
            found.setdefault(resource.group, set()).add(resource.version)
    return {group: sorted(versions, key=rank) for group, versions in found.items()}


def versions() -> Json:
    """The answer to /api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def group_list(registry: Registry) -> Json:
    """The answer to /apis."""
    found = [group(name, known) for name, known in groups(registry).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(name: str, known: Sequence[str]) -> Json:
    """The answer to /apis/NAME."""
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in known]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(registry: Registry, group_name: str, version: str) -> Json | None:
    """The answer to /api/v1 and /apis/GROUP/VERSION; None when nothing is served there."""
    found = [each for each in registry.all() if (each.group, each.version) == (group_name, version)]
    if not found:
        return None
    listed = [entry for resource in found for entry in _entries(resource)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found[0].api_version, "resources": listed}


def _entries(resource: Resource) -> list[Json]:
    main: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(ALL_VERBS),
    }
    if resource.short_names:
        main["shortNames"] = list(resource.short_names)
    if resource.categories:
        main["categories"] = list(resource.categories)
    return [main, *(_subentry(resource, name) for name in sorted(resource.subresources))]


def _subentry(resource: Resource, name: str) -> Json:
    kind = _response_kind(resource, name)
    entry: Json = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": kind["kind"],
        "verbs": _verbs(name),
    }
    if name in _SUBRESOURCE_KINDS and kind["group"]:
        entry.update(group=kind["group"], version=kind["version"])
    return entry


def _verbs(subresource: str) -> list[str]:
    return list(_SUBRESOURCE_VERBS.get(subresource, ("get", "patch", "update")))


def _response_kind(resource: Resource, subresource: str = "") -> Json:
    own = (resource.group, resource.version, resource.kind)
    return dict(zip(("group", "version", "kind"), _SUBRESOURCE_KINDS.get(subresource, own), strict=True))


def aggregated(registry: Registry, *, core: bool, version: str) -> Json:
    """All groups with all their resources in one answer: /api (`core`) or /apis, in apidiscovery.k8s.io/`version`."""
    wanted = {"": ["v1"]} if core else groups(registry)
    found = list(registry.all())
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name} if name else {},
                "versions": [
                    {
                        "version": each,
                        "freshness": "Current",
                        "resources": [_discovered(one) for one in found if (one.group, one.version) == (name, each)],
                    }
                    for each in known
                ],
            }
            for name, known in wanted.items()
        ],
    }


def _discovered(resource: Resource) -> Json:
    entry: Json = {
        "resource": resource.plural,
        "responseKind": _response_kind(resource),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(ALL_VERBS),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {"subresource": name, "responseKind": _response_kind(resource, name), "verbs": _verbs(name)}
            for name in sorted(resource.subresources)
        ]
    return entry
