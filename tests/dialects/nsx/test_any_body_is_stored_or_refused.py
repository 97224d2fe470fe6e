"""Whatever JSON arrives for whatever type: it is stored, or refused with a reason; there is no third outcome."""

from __future__ import annotations

import contextlib

import hypothesis
import msgspec
import pytest
from hypothesis import strategies

from trunkline.dialects.nsx import change, hierarchy, shapes
from trunkline.dialects.nsx.catalogue import TABLE
from trunkline.dialects.nsx.errors import Refused
from trunkline.dialects.nsx.resource import COMMON

PARENTS = {
    "": "",
    "Infra": "/infra",
    "Org": "/orgs/default",
    "Tier0": "/infra/tier-0s/t",
    "Tier1": "/infra/tier-1s/t",
    "LocaleServices": "/infra/tier-0s/t/locale-services/l",
    "PolicyNat": "/infra/tier-1s/t/nat/USER",
    "IpAddressPool": "/infra/ip-pools/p",
    "Domain": "/infra/domains/default",
    "SecurityPolicy": "/infra/domains/default/security-policies/p",
    "Segment": "/infra/segments/s",
    "SegmentPort": "/infra/segments/s/ports/p",
    "EnforcementPoint": "/infra/sites/default/enforcement-points/default",
}
WRITABLE = [
    each
    for resource in TABLE
    if not resource.read_only and not resource.singleton
    for each in (resource.variants or (resource,))
]

interesting = strategies.sampled_from(
    [
        None,
        "",
        "/",
        "/infra",
        "/infra/segments/s",
        "/infra/segments/q",
        "/infra/tier-1s/t",
        "10.0.0.1/24",
        "10.0.0.0/24",
        "fd00::1/64",
        "10.0.0.1",
        "1002",
        "UP",
        "VLAN",
        "OVERLAY_BACKED",
        "PARENT",
        "CHILD",
        0,
        1,
        -1,
        4095,
        2**63,
        1.5,
        True,
        False,
        [],
        {},
        [None],
        {"": None},
        "ü\ud7ff",
        "x" * 300,
    ]
)
texts = strategies.sampled_from(["10.0.0.1/24", "10.0.0.0/24", "fd00::1/64", "10.0.0.1", "19", "00:50:56:ad:28:d5"])
places = strategies.sampled_from(["", "/infra/segments/s", "/infra/segments/q", "/infra/tier-1s/t", "/nowhere"])


def shaped(shape):
    """Mostly what the shape wants, now and then something else."""
    match shape:
        case shapes.ListOf(item):
            wanted = strategies.lists(shaped(item), max_size=3)
        case shapes.Object(fields):
            wanted = strategies.fixed_dictionaries({}, optional={field.name: shaped(field.shape) for field in fields})
        case shapes.OneOf(types):
            wanted = strategies.one_of([named(kind, shaped(inner)) for kind, inner in types.items()])
        case shapes.PathOr(_, other):
            wanted = strategies.one_of(places, shaped(other))
        case shapes.Choice(words):
            wanted = strategies.sampled_from(words)
        case shapes.Integer(least, most):
            wanted = strategies.sampled_from([least, most, least + 1])
        case shapes.Boolean():
            wanted = strategies.booleans()
        case shapes.PolicyPath():
            wanted = places
        case _:
            wanted = texts
    return strategies.one_of(wanted, wanted, wanted, interesting)


def named(kind, inner):
    return inner.map(lambda body: {**body, "resource_type": kind} if isinstance(body, dict) else body)


def bodies(resource):
    optional = {field.name: shaped(field.shape) for field in (*resource.fields, *COMMON.fields)}
    optional |= dict.fromkeys(("id", "_revision", "children", "new"), interesting)
    names = strategies.sets(strategies.sampled_from(sorted(optional)), max_size=5)
    return names.flatmap(lambda chosen: strategies.fixed_dictionaries({name: optional[name] for name in chosen}))


@pytest.mark.parametrize("resource", WRITABLE, ids=lambda resource: resource.type)
@hypothesis.given(data=strategies.data(), merge=strategies.booleans())
@hypothesis.settings(
    max_examples=100, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_a_body_of_any_shape(manager, resource, data, merge):
    for path in (
        "/infra/tier-0s/t",
        "/infra/tier-0s/t/locale-services/l",
        "/infra/tier-1s/t",
        "/infra/segments/s",
        "/infra/segments/q",
        "/infra/segments/s/ports/p",
        "/infra/ip-pools/p",
        "/infra/domains/default/security-policies/p",
    ):
        if not manager.has(path):
            manager.patch(path)
    path = f"{PARENTS[resource.under[0]]}/{resource.collection}/x"
    body = data.draw(bodies(resource))
    if resource not in TABLE:
        body = {**body, "resource_type": resource.type}
    with contextlib.suppress(Refused):
        plan = manager.do(change.Write(path=path, body=body, merge=merge))
        for stored in plan.stored:
            assert msgspec.json.decode(stored.raw)["resource_type"] == stored.kind


@hypothesis.given(
    strategies.recursive(
        interesting,
        lambda inner: (
            strategies.lists(inner, max_size=3)
            | strategies.dictionaries(
                strategies.sampled_from(
                    ["resource_type", "children", "Segment", "Tier1", "id", "target_type", "marked_for_delete"]
                ),
                inner
                | strategies.sampled_from(["ChildSegment", "Segment", "ChildResourceReference", "Tier1", "Infra"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
@hypothesis.settings(
    max_examples=300, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_a_hierarchy_of_any_shape(manager, children):
    with contextlib.suppress(Refused):
        manager.do(*hierarchy.steps("/infra", {"children": children}, merge=False, check_revision=True))
