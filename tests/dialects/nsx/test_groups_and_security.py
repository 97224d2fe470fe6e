"""Groups and who is in them; services, security policies and rules: stored and checked."""

from __future__ import annotations

import pytest

from trunkline.dialects.nsx import membership
from trunkline.dialects.nsx.errors import Refused
from trunkline.dialects.nsx.realized import Nobody
from trunkline.policy.addresses import Addresses

DOMAIN = "/infra/domains/default"
GROUPS, POLICY = f"{DOMAIN}/groups", f"{DOMAIN}/security-policies/p"


def condition(value, key="Tag", operator="EQUALS", member_type="Segment"):
    return {
        "resource_type": "Condition",
        "member_type": member_type,
        "key": key,
        "operator": operator,
        "value": value,
    }


def joined(*operands, by="OR"):
    result = []
    for operand in operands:
        result += [{"resource_type": "ConjunctionOperator", "conjunction_operator": by}] if result else []
        result.append(operand)
    return result


def paths(*named):
    return {"resource_type": "PathExpression", "paths": list(named)}


def addresses(*named):
    return {"resource_type": "IPAddressExpression", "ip_addresses": list(named)}


AND = {"resource_type": "ConjunctionOperator", "conjunction_operator": "AND"}


@pytest.mark.parametrize(
    "expression",
    [
        [AND],
        [condition("a"), condition("b")],
        [condition("a"), AND],
        joined(condition("a"), addresses("10.0.0.1"), by="AND"),
        joined(condition("a"), condition("b", member_type="SegmentPort"), by="AND"),
        joined(*[condition(str(number)) for number in range(6)]),
        [{"resource_type": "NestedExpression", "expressions": [condition("a"), condition("b")]}],
        [{"resource_type": "NestedExpression", "expressions": []}],
        [{"resource_type": "NestedExpression", "expressions": [addresses("10.0.0.1")]}],
        [{"resource_type": "Nothing"}],
        [{}],
        ["x"],
        "x",
        [addresses()],
        [addresses("10.0.0.300")],
        [paths("/infra/segments/nowhere")],
        [paths("/infra/tier-1s/t")],
        [condition("a", key="Colour")],
        [{"resource_type": "Condition", "member_type": "Segment", "key": "Tag"}],
    ],
    ids=str,
)
def test_an_expression_is_operands_joined_by_conjunctions(manager, expression):
    manager.patch("/infra/tier-1s/t")
    with pytest.raises(Refused):
        manager.patch(f"{GROUPS}/g", expression=expression)


def test_no_group_is_inside_itself(manager):
    manager.patch(f"{GROUPS}/a")
    manager.patch(f"{GROUPS}/b", expression=[paths(f"{GROUPS}/a")])
    with pytest.raises(Refused, match="contain itself"):
        manager.patch(f"{GROUPS}/a", expression=[paths(f"{GROUPS}/b")])


def test_what_a_group_names_stays(manager):
    manager.patch("/infra/segments/web")
    manager.patch(f"{GROUPS}/g", expression=[paths("/infra/segments/web")])
    with pytest.raises(Refused, match=f"{GROUPS}/g"):
        manager.delete("/infra/segments/web")


def found(manager, *expression):
    manager.patch(f"{GROUPS}/g", expression=list(expression))
    inside = membership.members(manager.tree, f"{GROUPS}/g")
    return sorted(path.rpartition("/")[2] for path in inside.paths if "/segments/" in path)


@pytest.fixture
def segments(manager):
    for name, tags in {
        "red": [{"scope": "colour", "tag": "red"}, {"scope": "tier", "tag": "web"}],
        "blue": [{"scope": "colour", "tag": "blue"}],
        "plain": [],
    }.items():
        manager.patch(f"/infra/segments/{name}", tags=tags)
    return manager


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (condition("colour|red"), ["red"]),
        (condition("COLOUR|Red"), ["red"]),
        (condition("red"), ["red"]),
        (condition("colour|"), ["blue", "red"]),
        (condition("|red"), ["red"]),
        (condition("tier|red"), []),
        (condition("colour|red", operator="NOTEQUALS"), ["blue", "plain"]),
        (condition("colour|l", operator="CONTAINS"), ["blue"]),
        (condition("colour|red,blue", operator="IN"), ["blue", "red"]),
        (condition("r", key="Name", operator="STARTSWITH"), ["red"]),
        (condition("e*", key="Name", operator="MATCHES"), []),
        (condition("*e*", key="Name", operator="MATCHES"), ["blue", "red"]),
        (condition("(a+)+$", key="Name", operator="MATCHES"), []),
        (condition("x", key="ALL"), ["blue", "plain", "red"]),
        (condition("red", key="OSName"), []),
        (condition("red", member_type="VirtualMachine"), []),
    ],
    ids=str,
)
def test_conditions_find_segments(segments, wanted, names):
    assert found(segments, wanted) == names


def test_and_binds_closer_than_or(segments):
    both = joined(condition("colour|red"), condition("tier|web"), by="AND")
    assert found(segments, *both) == ["red"]
    assert found(segments, *both, *joined(None, condition("colour|blue"))[1:]) == ["blue", "red"]
    nested = {"resource_type": "NestedExpression", "expressions": joined(condition("red"), condition("blue"))}
    assert found(segments, *joined(nested, condition("colour|blue"), by="AND")) == ["blue"]


def test_a_parent_segment_brings_its_ports_and_not_its_children(manager):
    parent, child = manager.segment("parent"), manager.segment("child")
    manager.bind(child, parent, 7)
    binding = [{"ip_address": "10.0.0.9", "mac_address": "00:50:56:00:00:01"}]
    manager.patch(f"{parent}/ports/vm", attachment={"id": "vif"}, address_bindings=binding)
    manager.patch(f"{child}/ports/own")
    manager.patch(f"{GROUPS}/inner", expression=[paths(parent)])
    manager.patch(f"{GROUPS}/outer", expression=joined(paths(f"{GROUPS}/inner"), addresses("192.0.2.0/28")))
    inside = membership.members(manager.tree, f"{GROUPS}/outer")
    tree = manager.tree
    assert [each.path for each in membership.segments(tree, inside)] == [parent]
    assert [each.path for each in membership.ports(tree, inside)] == [f"{parent}/ports/vm"]
    assert [each.path for each in membership.groups(tree, inside)] == [f"{GROUPS}/inner"]
    known = Addresses(tree, Nobody(), 0)
    assert membership.addresses(tree, inside, lambda port: known.bindings(port).realized) == [
        "10.0.0.9",
        "192.0.2.0/28",
    ]


def test_conditions_stay_in_their_project(manager):
    manager.patch("/infra/segments/web")
    for name in ("red", "blue"):
        manager.patch(f"/orgs/default/projects/{name}")
        manager.patch(f"/orgs/default/projects/{name}/infra/segments/web")
    group = "/orgs/default/projects/red/infra/domains/default/groups/g"
    manager.patch(group, expression=[condition("x", key="ALL")])
    inside = membership.members(manager.tree, group)
    assert inside.paths == {"/orgs/default/projects/red/infra/segments/web"}
    manager.delete(group)
    with pytest.raises(Refused, match="segments/web"):
        manager.delete("/orgs/default/projects/red")
    manager.delete("/orgs/default/projects/red/infra/segments/web")
    manager.delete("/orgs/default/projects/red")


# --- policies


def rule(name, **body):
    return {"id": name, "action": "ALLOW", **body}


def rules(manager):
    return sorted(path.rpartition("/")[2] for path in manager.tree.members(f"{POLICY}/rules"))


def test_a_policy_is_stored_with_its_defaults_and_its_rules_become_objects(manager):
    manager.patch(f"{GROUPS}/g")
    stored = manager.put(POLICY, rules=[rule("r", source_groups=[f"{GROUPS}/g"], services=["/infra/services/HTTP"])])
    assert (stored["category"], stored["stateful"], stored["tcp_strict"]) == ("Application", True, True)
    assert (stored["scope"], stored["locked"]) == (["ANY"], False)
    assert "rules" not in stored
    kept = manager.get(f"{POLICY}/rules/r")
    assert (kept["destination_groups"], kept["direction"], kept["ip_protocol"]) == (["ANY"], "IN_OUT", "IPV4_IPV6")
    assert kept["rule_id"] >= 1000
    with pytest.raises(Refused, match="rules/r"):
        manager.delete(f"{GROUPS}/g")
    manager.delete(POLICY)
    assert rules(manager) == []


def test_patch_merges_rules_and_put_replaces_them(manager):
    manager.patch(POLICY, rules=[rule("a"), rule("b")])
    identifier = manager.get(f"{POLICY}/rules/a")["rule_id"]
    manager.patch(POLICY, rules=[rule("c"), rule("a", action="DROP")])
    assert rules(manager) == ["a", "b", "c"]
    assert (manager.get(f"{POLICY}/rules/a")["rule_id"]) == identifier
    manager.patch(POLICY)
    assert rules(manager) == ["a", "b", "c"]
    revision = manager.get(POLICY)["_revision"]
    manager.put(POLICY, _revision=revision, rules=[rule("b")])
    assert rules(manager) == ["b"]
    manager.put(POLICY, _revision=manager.get(POLICY)["_revision"], description="rules are not meant")
    assert rules(manager) == ["b"]


@pytest.mark.parametrize(
    "sent", ["x", [1], [{}], [rule("a"), rule("a")], [rule("")], [rule("a/b")], [rule(7)]], ids=str
)
def test_rules_in_a_policy_have_ids_of_their_own(manager, sent):
    with pytest.raises(Refused):
        manager.patch(POLICY, rules=sent)


@pytest.mark.parametrize(
    ("category", "body"),
    [
        ("Ethernet", {"action": "REJECT"}),
        ("Ethernet", {"ip_protocol": "IPV4"}),
        ("Application", {"action": "JUMP_TO_APPLICATION"}),
        ("Application", {"source_groups": ["ANY", "10.0.0.1"]}),
        ("Application", {"source_groups": []}),
        ("Application", {"source_groups": ["/infra/segments/web"]}),
        ("Application", {"source_groups": [f"{GROUPS}/nowhere"]}),
        ("Application", {"source_groups": ["web"]}),
        ("Application", {"source_groups": ["fd00::1"], "ip_protocol": "IPV4"}),
        ("Application", {"services": ["HTTP"]}),
        ("Application", {"services": ["/infra/services/nowhere"]}),
        ("Application", {"action": "PASS"}),
        ("Application", {"direction": "BOTH"}),
        ("Application", {"service_entries": [{"resource_type": "L4PortSetServiceEntry"}]}),
    ],
    ids=str,
)
def test_rules_that_mean_nothing_are_refused(manager, category, body):
    manager.patch("/infra/segments/web")
    manager.patch(POLICY, category=category, **({"stateful": False} if category == "Ethernet" else {}))
    with pytest.raises(Refused):
        manager.patch(f"{POLICY}/rules/r", **{**rule("r"), **body})


def test_a_policy_keeps_its_category(manager):
    manager.patch(POLICY, category="Emergency")
    with pytest.raises(Refused, match="category"):
        manager.patch(POLICY, category="Application")
    with pytest.raises(Refused, match="tcp_strict"):
        manager.patch(POLICY, category="Emergency", stateful=False, tcp_strict=True)


def test_services_are_made_of_entries(manager):
    entries = [
        {
            "resource_type": "L4PortSetServiceEntry",
            "id": "a",
            "l4_protocol": "TCP",
            "destination_ports": ["80", "90-99"],
        },
        {"resource_type": "ICMPTypeServiceEntry", "id": "b", "protocol": "ICMPv4", "icmp_type": 8},
        {"resource_type": "NestedServiceServiceEntry", "id": "c", "nested_service_path": "/infra/services/SSH"},
    ]
    assert manager.patch("/infra/services/s", service_entries=entries)["service_entries"] == entries
    with pytest.raises(Refused, match="/infra/services/s"):
        manager.delete("/infra/services/SSH")
    loop = [{"resource_type": "NestedServiceServiceEntry", "nested_service_path": "/infra/services/s"}]
    for bad in (loop, [], [entries[0], entries[0]], [{**entries[0], "destination_ports": ["x"]}]):
        with pytest.raises(Refused):
            manager.patch("/infra/services/s", service_entries=bad)


def test_a_domain_wrapper_only_descends(manager):
    group = {"resource_type": "ChildGroup", "Group": {"id": "g", "expression": []}}
    manager.hierarchy({"resource_type": "ChildDomain", "Domain": {"id": "default", "children": [group]}})
    assert manager.has(f"{GROUPS}/g")
