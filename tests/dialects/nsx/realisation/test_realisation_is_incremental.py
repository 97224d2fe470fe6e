"""Whatever the history, the network is the one that the documents of this moment ask for."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.dialects.nsx.realisation import Fabric, Written


class Everything:
    """The documents of all golden cases, and for some of them other versions of the same document."""

    def __init__(self, kit: Any, manager_type: Any) -> None:
        self.kit = kit
        self.versions: dict[str, list[Written]] = {}
        for case in kit.golden_cases():
            bodies = yaml.safe_load((kit.GOLDEN / case / "documents.yaml").read_text())
            for item in kit.stored(manager_type(), bodies):
                self.versions.setdefault(item.path, []).append(item)
        for found in self.versions.values():
            found += [other for item in found for other in _variations(item)]
        self.paths = sorted(self.versions)


def _variations(item: Written) -> list[Written]:
    body = msgspec.json.decode(item.raw)
    changes: list[dict[str, Any]] = [{"description": "changed"}]
    match item.kind:
        case "SegmentConnectionBindingMap":
            changes += [{"vlan_traffic_tag": 99}, {"segment_path": "/infra/segments/a"}]
        case "Segment":
            changes += [{"admin_state": "DOWN"}, {"connectivity_path": "/infra/tier-1s/told"}]
        case "Tier1":
            changes += [{"tier0_path": ""}, {"route_advertisement_types": ["TIER1_STATIC_ROUTES"], "_create_time": 1}]
        case "Tier0":
            changes += [{"transit_subnets": ["100.65.0.0/29"]}, {"transit_subnets": []}]
        case "SegmentPort":
            changes += [{"attachment": {"id": "vm"}}, {"admin_state": "DOWN"}]
        case "SpoofGuardProfile":
            changes += [{"address_binding_allowlist": not body.get("address_binding_allowlist")}]
        case "SegmentSecurityProfile":
            changes += [{"bpdu_filter_enable": not body.get("bpdu_filter_enable")}, {"bpdu_filter_allow": []}]
        case "SegmentSecurityProfileBindingMap":
            changes += [{"segment_security_profile_path": "/infra/segment-security-profiles/open"}]
    return [Written(item.path, item.kind, msgspec.json.encode({**body, **change})) for change in changes]


@pytest.fixture(scope="module")
def everything(request: pytest.FixtureRequest) -> list[Any]:
    return []


@pytest.fixture
def world(everything: list[Any], kit: Any, manager: Any) -> Everything:
    if not everything:
        everything.append(Everything(kit, type(manager)))
    return everything[0]  # type: ignore[no-any-return]


def described_from_scratch(world: Everything, documents: dict[str, Written], facts: dict[str, Any]) -> Any:
    return world.kit.described(world.kit.fabric_of(list(documents.values()), facts))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_any_history_ends_where_the_last_state_alone_leads(world: Everything, data: Any, seed: int) -> None:
    draw = random.Random(seed)
    fabric, documents, network = Fabric(), {}, {}
    facts = dict(world.kit.FACTS)
    fabric.take(facts=facts)
    for _ in range(data.draw(st.integers(1, 6))):
        paths = draw.sample(world.paths, draw.randint(1, len(world.paths)))
        written, removed = [], []
        for path in paths:
            if path in documents and draw.random() < 0.4:
                del documents[path]
                removed.append(path)
            else:
                documents[path] = draw.choice(world.versions[path])
                written.append(documents[path])
        if draw.random() < 0.3:
            facts["edges edges"] = draw.choice([(), ("hv1",), ("hv2", "hv1")])
        change = fabric.take(written, removed, facts)
        network |= {(type(item).__name__, item.id): item for item in change.changed}
        for key in change.removed:
            del network[key]

    assert sorted(network.values(), key=repr) == sorted(fabric.objects(), key=repr)
    assert world.kit.described(fabric) == described_from_scratch(world, documents, facts)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_documents_may_come_one_by_one_in_any_order(world: Everything, seed: int) -> None:
    draw = random.Random(seed)
    documents = {path: draw.choice(found) for path, found in world.versions.items()}
    fabric = Fabric()
    fabric.take(facts=world.kit.FACTS)
    for path in draw.sample(world.paths, len(world.paths)):
        fabric.take([documents[path]])

    assert world.kit.described(fabric) == described_from_scratch(world, documents, world.kit.FACTS)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_there_and_back_leaves_nothing_behind(world: Everything, seed: int) -> None:
    draw = random.Random(seed)
    documents = {path: draw.choice(found) for path, found in world.versions.items()}
    some = draw.sample(world.paths, len(world.paths) // 2)
    fabric = world.kit.fabric_of(list(documents.values()))
    before = world.kit.described(fabric)

    gone = fabric.take(removed=some)
    back = fabric.take([documents[path] for path in some])

    assert {(type(item).__name__, item.id) for item in back.changed} >= set(gone.removed)
    assert world.kit.described(fabric) == before

    fabric.take(removed=world.paths)
    assert fabric.objects() == []
    assert fabric._memory._answers == {}
    assert fabric._memory._readers == {}
    assert not fabric._questions
    assert not fabric._makers


def test_one_odd_document_stops_no_other_and_is_forgotten_when_it_is_mended(kit: Any) -> None:
    good = Written("/infra/segments/good", "Segment", b"{}")
    unreadable = Written("/infra/segments/bad", "Segment", b'{"vlan_ids": 7}')
    rule = "/infra/tier-0s/t0/nat/USER/nat-rules/odd"
    odd = Written(
        rule, "PolicyNatRule", b'{"action": "SNAT", "source_network": "10.0.0.0/8", "translated_network": "?"}'
    )

    fabric = kit.fabric_of([unreadable, good, odd])

    assert [item.id for item in fabric.objects()] == ["infra/segments/good"]
    assert "TRK-0959" in str(fabric.problems(unreadable.path)[0])
    assert "TRK-0959" in str(fabric.problems(rule)[0])

    fabric.take([Written(unreadable.path, "Segment", b"{}"), Written(rule, "PolicyNatRule", b'{"action": "NO_SNAT"}')])

    assert [item.id for item in fabric.objects()] == ["infra/segments/good", "infra/segments/bad"]
    assert fabric.problems(unreadable.path) == []
    assert "TRK-0950" in str(fabric.problems(rule)[0])
