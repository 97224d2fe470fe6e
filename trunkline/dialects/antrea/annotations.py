"""The two annotations by which a pod asks for addresses of pools.

`ipam.antrea.io/ippools` names pools, in the order in which they are tried; a pod's own replaces its namespace's whole.
`ipam.antrea.io/pod-ips` names the addresses that the pod wants exactly, at most one of each family.
A pod without a pool gets the cluster's default network.  Names are trimmed (Antrea looks for a pool called " b").
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.dialects.antrea.ippools import IPPool
from trunkline.dialects.kubernetes.objects import Namespace, Pod, StatefulSet
from trunkline.ipam.pools import Pool
from trunkline.ipam.requests import Request
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress
from trunkline.kit.problems import Problem

POOL_MISSING = problems.register("TRK-0340", "An annotation names an IPPool that does not exist.")
NO_POOL = problems.register("TRK-0341", "An annotation names no IPPool.")
POOL_INVALID = problems.register("TRK-0342", "An annotation names an IPPool that has mistakes.")
BAD_ADDRESS = problems.register("TRK-0343", "An annotation has a text that is not an address.")
TWO_ADDRESSES = problems.register("TRK-0344", "An annotation names two addresses of one family.")
VLANS_DIFFER = problems.register("TRK-0345", "IPPools of the two families are on different VLANs.")
IGNORED = problems.register("TRK-0346", "A pod wants an address but no IPPool is in scope.")

MISPLACED = problems.register("TRK-0347", "An annotation stands on a workload instead of its pod template.")

POOLS = "ipam.antrea.io/ippools"
ADDRESSES = "ipam.antrea.io/pod-ips"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod asks for.

    A `request` (to be answered from `pools`); or `problems` that keep the pod waiting; or neither, for a pod that does
    not ask and gets the default network.  `warnings` never keep it waiting.
    """

    request: Request | None = None
    pools: tuple[Pool, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def request(pod: Pod, namespace: Namespace | None, pools: Mapping[str, IPPool]) -> Asked:
    """What the pod asks for, given its namespace and all pools by name."""
    if pod.host_network:
        return Asked()
    scope = _scope(pod.annotations, namespace)
    if scope is None:
        return Asked(warnings=_ignored(pod))
    text, field, subject = scope
    found, mistakes = _pools(text, pools, _Place(str(pod), field, subject))
    addresses, malformed = _addresses(pod)
    mistakes = [*mistakes, *malformed, *_vlans(found, _Place(str(pod), field, subject))]
    if mistakes:
        return Asked(problems=tuple(mistakes))
    return Asked(
        request=Request(
            pod=pod.owner,
            pools=tuple(pool.name for pool in found),
            addresses=addresses,
            stateful_set=pod.stateful_set,
            pools_field=field if not subject else f"{field} of {subject}",
            addresses_field=_field(ADDRESSES),
        ),
        pools=tuple(pool.pool for pool in found),
    )


def unheard(own: Mapping[str, str], namespace: Namespace | None) -> bool:
    """Whether it is a namespace that nobody has heard of yet which says, with its annotations, what these leave open."""
    return namespace is None and POOLS not in own


def reservation(
    workload: StatefulSet, namespace: Namespace | None, pools: Mapping[str, IPPool]
) -> tuple[Pool, ...] | None:
    """The pools from which addresses are kept for a stateful set before its pods exist; none if its pods want fixed ones.

    None while that is not to be known: the namespace, or a pool that is named, may be on its way.
    Mistakes are not reported here: each of its pods reports them.
    """
    if workload.annotations.get(ADDRESSES, "").strip():
        return ()
    if unheard(workload.annotations, namespace):
        return None
    scope = _scope(workload.annotations, namespace)
    if scope is None:
        return ()
    found, mistakes = _pools(scope[0], pools, _Place("", "", ""))
    return None if mistakes else tuple(pool.pool for pool in found)


def misplaced(raw: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Our annotations on a workload itself instead of its pod template, where alone they have an effect."""
    template = (raw.get("spec") or {}).get("template")
    if not isinstance(template, Mapping):
        return ()
    metadata, inner = raw.get("metadata") or {}, template.get("metadata") or {}
    on_pods = inner.get("annotations") or {}
    return tuple(
        Problem(
            code=MISPLACED,
            object=f"{raw.get('kind', '')} {metadata.get('namespace', 'default')}/{metadata.get('name', '')}",
            field=_field(annotation),
            found="it on the workload, where it has no effect",
            hint=f"move it to spec.template.{_field(annotation)}",
        )
        for annotation in (POOLS, ADDRESSES)
        if annotation in (metadata.get("annotations") or {}) and annotation not in on_pods
    )


class _Place(msgspec.Struct, frozen=True):
    """Where the pools are named: on the pod itself, or on its namespace (`subject`)."""

    pod: str
    field: str
    subject: str

    def problem(self, code: str, found: str, allowed: str, hint: str = "") -> Problem:
        field = f"{self.field} of {self.subject}" if self.subject else self.field
        return Problem(code=code, object=self.pod, field=field, found=found, allowed=allowed, hint=hint)


def _scope(own: Mapping[str, str], namespace: Namespace | None) -> tuple[str, str, str] | None:
    """The annotation that counts, its path, and "Namespace x" when it is not the pod's own."""
    if POOLS in own:
        return own[POOLS], _field(POOLS), ""
    if namespace is not None and POOLS in namespace.annotations:
        return namespace.annotations[POOLS], _field(POOLS), f"Namespace {namespace.name}"
    return None


def _pools(text: str, pools: Mapping[str, IPPool], place: _Place) -> tuple[list[IPPool], list[Problem]]:
    names = list(dict.fromkeys(name for name in (part.strip() for part in text.split(",")) if name))
    if not names:
        hint = "name an IPPool, or remove the annotation to use the default network"
        return [], [place.problem(NO_POOL, repr(text), "no valid IPPool found for configured pools: []", hint)]
    found, mistakes = [], []
    for name in names:
        pool = pools.get(name)
        if pool is None:
            mistakes.append(_missing(name, pools, place))
        elif pool.problems:
            hint = f"correct {pool} (`trunkline describe ippool {name}`)"
            mistakes.append(place.problem(POOL_INVALID, str(pool), f"it has mistakes: {pool.problems[0]}", hint))
        else:
            found.append(pool)
    return found, mistakes


def _missing(name: str, pools: Mapping[str, IPPool], place: _Place) -> Problem:
    separator = next((char for char in ";| \t" if char in name), "")
    hint = "separate names by commas" if separator else problems.did_you_mean(name, pools)
    hint = hint or f"create IPPool {name}, or name one that exists: {', '.join(sorted(pools)) or 'there is none'}"
    return place.problem(POOL_MISSING, f"{name!r}", f"failed to get IPPool {name}: not found", hint)


def _addresses(pod: Pod) -> tuple[tuple[IPAddress, ...], list[Problem]]:
    parts = [part.replace(" ", "") for part in pod.annotations.get(ADDRESSES, "").split(",")]
    found: dict[int, IPAddress] = {}
    mistakes = []
    for part in filter(None, parts):
        try:
            address = ipaddress.ip_address(part)
        except ValueError:
            allowed = f"invalid IP {part!r} in {ADDRESSES} annotation"
            mistakes.append(
                _wrong_address(pod, BAD_ADDRESS, repr(part), allowed, "write addresses separated by commas")
            )
            continue
        if found.setdefault(address.version, address) != address:
            allowed = f"multiple IPv{address.version} addresses in {ADDRESSES} annotation"
            both = f"{found[address.version]} and {address}"
            mistakes.append(_wrong_address(pod, TWO_ADDRESSES, both, allowed, "keep one of them"))
    return tuple(found[family] for family in sorted(found)), mistakes


def _wrong_address(pod: Pod, code: str, found: str, allowed: str, hint: str) -> Problem:
    return Problem(code=code, object=str(pod), field=_field(ADDRESSES), found=found, allowed=allowed, hint=hint)


def _vlans(found: list[IPPool], place: _Place) -> list[Problem]:
    """A pod has one interface: addresses of both families must live on the same VLAN."""
    families = {pool.pool.family for pool in found}
    vlans = sorted({listed.vlan for pool in found for listed in pool.listed})
    if len(families) < 2 or len(vlans) < 2:
        return []
    names = ", ".join(pool.name for pool in found)
    allowed = f"IPPools have conflicting VLAN IDs {' and '.join(map(str, vlans))} for dual-stack allocation"
    return [place.problem(VLANS_DIFFER, names, allowed, "name pools of one VLAN")]


def _ignored(pod: Pod) -> tuple[Problem, ...]:
    if not pod.annotations.get(ADDRESSES, "").strip():
        return ()
    found = f"{pod.annotations[ADDRESSES]!r}, but neither the Pod nor its Namespace names an IPPool"
    hint = f"add {POOLS}; without it the pod gets an address of the default network"
    return (Problem(code=IGNORED, object=str(pod), field=_field(ADDRESSES), found=found, hint=hint),)


def _field(annotation: str) -> str:
    return f"metadata.annotations[{annotation}]"
