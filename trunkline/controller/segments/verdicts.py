"""How far a pool is attached, as one condition that people read and `kubectl wait` waits for.  Pure.

The worst finding decides; every finding of that reason is named.  Texts depend on the state alone, never on time or order, so a
condition that says the same is not written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from trunkline.adapters.nsx import Realized, errors
from trunkline.controller.segments import carry
from trunkline.controller.segments.documents import Shape
from trunkline.controller.segments.plan import Conflict, Plan
from trunkline.controller.segments.routable import UNTAGGED, Routable
from trunkline.dialects.antrea.status import Condition
from trunkline.kit import problems

TYPE = "Attached"
TAG_TAKEN = problems.register("TRK-0733", "A VLAN tag of a parent segment is bound by somebody else.")
ONE_GATEWAY = problems.register("TRK-0734", "Two subnets of one VLAN want a gateway on one child segment.")
NODE_NOT_FOUND = problems.register("TRK-0735", "The segment of a node VM cannot be found.")
SWITCHED_OFF = problems.register(
    "TRK-0736", "Somebody has switched off a child segment of this cluster, or its gateway."
)

_WORST_FIRST = (
    "TagConflict",
    "ForeignSegment",
    "Refused",
    "SwitchedOff",
    "GatewayConflict",
    "NodeNotFound",
    "RealizationFailed",
    "Pending",
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one round found out: the plan, what went wrong with it by path, and what bindings have become by path."""

    plan: Plan = Plan()
    failures: Mapping[str, problems.TrunklineError] = {}
    realized: Mapping[str, tuple[Realized, str]] = {}
    missing: Mapping[str, str] = {}
    """Nodes whose segment was not found, and why."""


class _Finding(msgspec.Struct, frozen=True):
    reason: str
    text: str


def condition(subnets: Sequence[Routable], standing: Standing, shape: Shape) -> Condition:
    """What to say of a pool of these subnets, all of which the round knew."""
    if not subnets:
        return Condition(TYPE, "False", "InvalidPool", "no range of the pool is sound")
    vlans = sorted({each.vlan for each in subnets} - {UNTAGGED})
    if not vlans:
        return untagged()
    findings = [finding for vlan in vlans for finding in _findings(vlan, standing, shape)]
    findings += _unrouted(subnets, standing.plan, shape)
    findings += (_Finding("NodeNotFound", str(_missing(node, why))) for node, why in standing.missing.items())
    if not shape.parents and not standing.missing:
        findings.append(_Finding("Pending", "the cluster has no node yet"))
    for reason in _WORST_FIRST:
        if texts := list(dict.fromkeys(each.text for each in findings if each.reason == reason)):
            return Condition(TYPE, "False", reason, "; ".join(texts))
    bound = ", ".join(f"VLAN {vlan} to {shape.child(vlan)}" for vlan in vlans)
    return Condition(TYPE, "True", "Realized", f"{bound} on {', '.join(shape.parents)}")


def untagged() -> Condition:
    """What to say of a pool without a VLAN: there is nothing to attach."""
    return Condition(TYPE, "True", "Untagged", "frames travel untagged on the nodes' own segments")


def pending() -> Condition:
    """What to say of a pool that no round has known as it is now."""
    return Condition(TYPE, "False", "Pending", "not asked of the policy manager yet")


def unknown(error: problems.TrunklineError) -> Condition:
    """What to say of every pool when the manager cannot be asked."""
    if isinstance(error, errors.Unreachable):
        return Condition(TYPE, "Unknown", "ManagerUnreachable", str(error))
    ours = isinstance(error, problems.IntentError)  # a file that the settings name
    return Condition(TYPE, "Unknown", "SettingsUnusable" if ours else "ManagerRefuses", str(error))


def _findings(vlan: int, standing: Standing, shape: Shape) -> Iterator[_Finding]:
    conflicts = {each.parent: each for each in standing.plan.conflicts if each.vlan == vlan}
    yield from (_Finding("TagConflict", str(_taken(each))) for each in conflicts.values())
    if error := standing.failures.get(shape.child(vlan)):
        yield _failed(error)
        return
    if found := standing.plan.switched_off.get(vlan):
        yield _Finding("SwitchedOff", str(_off(shape.child(vlan), found)))
    for path in (shape.binding(vlan, parent) for parent in shape.parents if parent not in conflicts):
        state, why = standing.realized.get(path, ("UNREALIZED", ""))
        if path in standing.failures:
            yield _failed(standing.failures[path])
        elif state == "ERROR":
            yield _Finding("RealizationFailed", f"{path}: {why or 'the manager says no more'}")
        elif state != "REALIZED":
            yield _Finding("Pending", f"{path} is not realized yet")


def _failed(error: problems.TrunklineError) -> _Finding:
    if isinstance(error, errors.TagTaken):
        return _Finding("TagConflict", str(error))
    return _Finding("ForeignSegment" if isinstance(error, carry.Foreign) else "Refused", str(error))


def _taken(conflict: Conflict) -> problems.Problem:
    holder = f" of cluster {conflict.cluster}" if conflict.cluster else ""
    return problems.Problem(
        code=TAG_TAKEN,
        object=f"VLAN {conflict.vlan} on {conflict.parent}",
        found=f"tag {conflict.tag} bound by {conflict.binding}{holder}",
        allowed="a tag of a parent leads to one child, and a child has one tag of a parent",
        hint="delete that binding, or give the pool another VLAN",
    )


def _off(child: str, found: Sequence[str]) -> problems.Problem:
    return problems.Problem(
        code=SWITCHED_OFF,
        object=child,
        found=", ".join(found),
        allowed="pods on it are cut off; whoever set it meant it, so it is left as it is",
        hint="switch it on again in the manager, or give the pool another VLAN",
    )


def _missing(node: str, why: str) -> problems.Problem:
    return problems.Problem(
        code=NODE_NOT_FOUND,
        object=f"Node {node}",
        found=why,
        allowed="without its segment nothing can be bound for its pods",
        hint="write its address into address_bindings of its segment port, or name the segments in policy_api.parents",
    )


def _unrouted(subnets: Sequence[Routable], plan: Plan, shape: Shape) -> Iterator[_Finding]:
    """Subnets that found another one's gateway on their child segment; none when gateways are not ours to make."""
    for each in subnets if shape.tier1 else ():
        gateway, routed = each.gateway_address, plan.routed.get(each.vlan)
        if routed is not None and gateway not in routed:
            problem = problems.Problem(
                code=ONE_GATEWAY,
                object=shape.child(each.vlan),
                found=f"gateway {', '.join(routed)}",
                allowed=f"a segment has one gateway of a family, so {gateway} is not routed",
                hint="give the subnet a VLAN of its own",
            )
            yield _Finding("GatewayConflict", str(problem))


def all_settled(conditions: Iterable[Condition]) -> bool:
    """Whether nothing more is expected to happen by itself soon."""
    return all(each.reason != "Pending" for each in conditions)
