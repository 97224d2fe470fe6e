"""ExternalIPPools: what they offer, what is refused, and what their status says.

Expected totals are Antrea's, where Antrea's are not absurd (a /32 is one address, and a gateway is nobody's).
"""

from datetime import UTC, datetime
from ipaddress import IPv4Network

import pytest

from trunkline.dialects.antrea import (
    admission,
    crds,
    external_admission,
    external_ippools,
    ippools,
    status,
)
from trunkline.dialects.antrea.contention import Facts

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SUBNET = {"gateway": "172.16.30.254", "prefixLength": 24, "vlan": 30}


def raw(*listed, name="egress", version="v1beta1", **spec):
    spec = {"ipRanges": list(listed), "nodeSelector": {}, **spec}
    return {
        "apiVersion": f"crd.antrea.io/{version}",
        "kind": "ExternalIPPool",
        "metadata": {"name": name},
        "spec": spec,
    }


def cidr(text):
    return {"cidr": text}


def ends(start, end):
    return {"start": start, "end": end}


def decode(*listed, **spec):
    return external_ippools.decode(raw(*listed, **spec))


def judged(new, old=None, others=(), facts=Facts()):  # noqa: B008
    return external_admission.validate(new, old, others=others, facts=facts)


def codes(verdict):
    return [each.code for each in verdict.problems]


@pytest.mark.parametrize(
    ("listed", "spec", "total"),
    [
        ([cidr("10.10.0.0/24")], {}, 254),
        ([cidr("10.10.0.0/31")], {}, 2),
        ([cidr("10.10.0.1/32")], {}, 1),
        ([ends("10.10.0.0", "10.10.0.255")], {}, 256),
        ([cidr("2001:db8::/120")], {}, 255),
        ([cidr("172.16.30.0/24")], {"subnetInfo": SUBNET}, 253),
        ([ends("172.16.30.250", "172.16.30.254")], {"subnetInfo": SUBNET}, 4),
        ([cidr("172.16.30.0/28"), ends("172.16.30.100", "172.16.30.104")], {"subnetInfo": SUBNET}, 19),
    ],
)
def test_the_total_is_what_could_truly_be_handed_out(listed, spec, total):
    pool = decode(*listed, **spec)

    assert not pool.problems
    assert external_ippools.capacity(pool) == total


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha2"])
def test_both_versions_are_one_form(version):
    found = external_ippools.decode(raw(cidr("172.16.30.0/28"), version=version, subnetInfo=SUBNET))

    assert not found.problems
    assert [(str(each.range), each.vlan, str(each.gateway)) for each in found.listed] == [
        ("172.16.30.0-172.16.30.15", 30, "172.16.30.254")
    ]


def test_a_pool_without_a_subnet_is_on_the_nodes_own():
    pool = decode(ends("10.10.0.2", "10.10.0.9"))

    assert not pool.problems
    assert not pool.has_subnet
    assert pool.listed == ()


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"ipRanges": [cidr("10.10.0.0/33")]}, "spec.ipRanges[0].cidr", "invalid cidr"),
        (
            {"ipRanges": [{**cidr("10.10.0.0/24"), "end": "10.10.0.9"}]},
            "spec.ipRanges[0]",
            "either cidr, or start and end",
        ),
        ({"ipRanges": [ends("10.10.0.9", "10.10.0.2")]}, "spec.ipRanges[0]", "should not be greater"),
        ({"ipRanges": [{**cidr("10.10.0.0/24"), "vlan": 3}]}, "spec.ipRanges[0].vlan", "spec.subnetInfo"),
        (
            {"subnetInfo": {**SUBNET, "prefixLength": 25}},
            "spec.ipRanges[0]",
            "must be within the subnet 172.16.30.254/25",
        ),
        ({"subnetInfo": {**SUBNET, "vlan": 4095}}, "spec.subnetInfo.vlan", "invalid vlan 4095"),
        ({"nodeSelector": None}, "spec.nodeSelector", "nothing"),
        ({"nodeSelector": {"matchLabel": {}}}, "spec.nodeSelector.matchLabel", "matchLabels"),
        (
            {"nodeSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}},
            "spec.nodeSelector.matchExpressions[0].operator",
            "NotIn",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(change, field, words):
    found = decode(cidr("172.16.30.0/28"), **change)

    assert [each.field for each in found.problems] == [field]
    assert words in str(found.problems[0])


def test_whoever_makes_one_is_told_that_nothing_hands_its_addresses_out():
    verdict = judged(decode(cidr("10.10.0.0/24")))

    assert not verdict.problems
    assert [each.code for each in verdict.warnings] == ["TRK-0327"]


def test_an_address_stands_in_one_of_these_pools_only_whatever_the_subnet():
    other = decode(cidr("10.10.0.0/24"), name="other")

    verdict = judged(decode(ends("10.10.0.200", "10.10.1.9")), others=[other])

    assert codes(verdict) == ["TRK-0328"]
    assert "range [10.10.0.200-10.10.1.9], it overlaps with range [10.10.0.0/24] of ExternalIPPool other" in str(
        verdict.problems[0]
    )


def test_on_one_vlan_pods_and_nodes_share_no_address_whichever_pool_came_first(a):
    pods = ippools.decode(a.beta())
    same = decode(ends("172.16.19.50", "172.16.19.60"), subnetInfo={**SUBNET, "gateway": "172.16.19.254", "vlan": 19})
    beside = decode(ends("172.16.19.51", "172.16.19.60"), subnetInfo={**SUBNET, "gateway": "172.16.19.254", "vlan": 19})

    assert codes(judged(same, others=[pods])) == ["TRK-0320"]
    assert codes(judged(beside, others=[pods])) == []
    reverse = admission.validate(pods, None, others=[same], leases=(), facts=Facts())
    assert codes(reverse) == ["TRK-0320"]


def test_the_clusters_own_addresses_are_not_for_outside():
    facts = Facts(pod_cidrs=(IPv4Network("172.16.0.0/16"),))

    assert codes(judged(decode(cidr("172.16.30.0/28"), subnetInfo=SUBNET), facts=facts)) == ["TRK-0322"]


def test_ranges_may_be_appended_and_written_anew_but_not_removed_and_a_subnet_may_come_later():
    old = decode(cidr("172.16.30.0/28"))

    appended = decode(ends("172.16.30.0", "172.16.30.15"), cidr("172.16.30.32/28"), subnetInfo=SUBNET)
    smaller = decode(cidr("172.16.30.0/29"))

    assert codes(judged(appended, old, others=[old])) == []
    assert codes(judged(smaller, old)) == ["TRK-0329"]


def review(new, old=None):
    asked = {"uid": "1", "name": "egress", "object": new, "oldObject": old}
    answer = external_admission.review({"request": asked}, pools=(), facts=Facts())
    return answer["response"]


def test_an_old_mistake_does_not_hold_up_bookkeeping():
    wrong = raw(cidr("10.10.0.0/33"))

    assert not review(wrong)["allowed"]
    assert review(wrong)["status"]["details"]["kind"] == "ExternalIPPool"
    assert review({**wrong, "status": {}}, wrong)["allowed"]


def test_the_status_shows_usage_and_that_nothing_is_handed_out_yet():
    found = status.external(decode(cidr("172.16.30.0/24"), subnetInfo=SUBNET), previous=None, now=NOW)

    assert found["usage"] == {"total": 253, "used": 0}
    assert [(each["type"], each["status"], each["reason"]) for each in found["conditions"]] == [
        ("Ready", "True", "Valid"),
        ("Exhausted", "False", "FreeAddresses"),
        ("Allocating", "False", "NotImplemented"),
    ]


def test_the_definition_knows_the_fields_that_the_decoder_knows_and_the_status_that_is_written():
    definition = crds.external_ippool()
    found = [each["schema"]["openAPIV3Schema"]["properties"] for each in definition["spec"]["versions"]]

    assert [(each["name"], each["served"]) for each in definition["spec"]["versions"]] == [
        ("v1beta1", True),
        ("v1alpha2", True),
    ]
    for properties in found:
        assert set(properties["spec"]["properties"]) == {"ipRanges", "nodeSelector", "subnetInfo"}
        assert set(properties["spec"]["required"]) == {"ipRanges", "nodeSelector"}
        written = status.external(decode(cidr("10.0.0.0/24")), previous=None, now=NOW)
        assert set(properties["status"]["properties"]) == set(written)


def test_nobody_is_asked_about_a_deletion():
    hooks = {each["name"]: each for each in crds.admission(url="https://localhost:1", ca=b"")["webhooks"]}

    assert hooks["externalippool.crd.antrea.io"]["rules"][0]["operations"] == ["CREATE", "UPDATE"]
    assert hooks["ippool.crd.antrea.io"]["rules"][0]["operations"] == ["CREATE", "UPDATE", "DELETE"]
