"""What a pod asks for by its own and its namespace's annotations."""

import ipaddress

import pytest

from trunkline import ipam
from trunkline.dialects.antrea import annotations
from trunkline.dialects.kubernetes import objects

POOLS, IPS = annotations.POOLS, annotations.ADDRESSES


def pod(**given):
    return objects.Pod(uid="u", namespace="ns-db", name="db-01", annotations=given.pop("annotations", {}), **given)


def namespace(pools=None):
    return objects.Namespace(name="ns-db", annotations={} if pools is None else {POOLS: pools})


@pytest.fixture(scope="module")
def pools(a):
    return a.pools(
        a.beta(name="pool-ap"),
        a.beta({"cidr": "172.16.20.0/24"}, name="pool-db", gateway="172.16.20.254", vlan=20),
        a.beta({"cidr": "fd00::/120"}, name="pool-6", gateway="fd00::1", prefixLength=64, vlan=19),
        a.beta({"cidr": "9.9.9.0/24"}, name="broken"),
    )


def test_the_namespace_s_pool_serves_a_pod_without_its_own(pools):
    asked = annotations.request(pod(), namespace("pool-ap"), pools)

    assert asked.request.pools == ("pool-ap",)
    assert asked.pools == (pools["pool-ap"].pool,)
    assert asked.problems == asked.warnings == ()


def test_the_pod_s_own_pools_replace_the_namespace_s(pools):
    asked = annotations.request(pod(annotations={POOLS: " pool-db , pool-ap,"}), namespace("pool-ap"), pools)

    assert asked.request.pools == ("pool-db", "pool-ap")


def test_fixed_addresses_combine_with_either_s_pool(pools):
    asked = annotations.request(pod(annotations={IPS: "172.16.20.48, "}), namespace("pool-db"), pools)

    assert asked.request.addresses == (ipaddress.ip_address("172.16.20.48"),)
    assert asked.request.addresses_field == "metadata.annotations[ipam.antrea.io/pod-ips]"


def test_a_pod_that_does_not_ask_gets_the_default_network(pools):
    assert annotations.request(pod(), namespace(), pools) == annotations.Asked()
    assert annotations.request(pod(), None, pools) == annotations.Asked()
    assert annotations.request(pod(host_network=True), namespace("nonsense"), pools) == annotations.Asked()


def test_a_wanted_address_without_any_pool_is_remarked_on_and_the_pod_goes_on(pools):
    asked = annotations.request(pod(annotations={IPS: "172.16.20.48"}), namespace(), pools)

    assert (asked.request, asked.problems) == (None, ())
    assert asked.warnings[0].code == "TRK-0346"


@pytest.mark.parametrize(
    ("own", "code", "words"),
    [
        ({POOLS: "pool-dp"}, "TRK-0340", "failed to get IPPool pool-dp: not found; did you mean 'pool-db'?"),
        ({POOLS: "pool-db;pool-ap"}, "TRK-0340", "separate names by commas"),
        ({POOLS: "xyz"}, "TRK-0340", "create IPPool xyz, or name one that exists: broken, pool-6, pool-ap, pool-db"),
        ({POOLS: ""}, "TRK-0341", "no valid IPPool found for configured pools"),
        ({POOLS: " , "}, "TRK-0341", "found ' , '"),
        ({POOLS: "broken"}, "TRK-0342", "IPPool broken, it has mistakes: IPPool broken: spec.ipRanges[0]"),
        ({IPS: "172.16.20.x"}, "TRK-0343", "invalid IP '172.16.20.x' in ipam.antrea.io/pod-ips annotation"),
        ({IPS: "172.16.20.48;172.16.20.49"}, "TRK-0343", "separated by commas"),
        ({IPS: "‘172.16.20.50’"}, "TRK-0343", "invalid IP"),
        (
            {IPS: "172.16.20.48,172.16.20.49"},
            "TRK-0344",
            "multiple IPv4 addresses in ipam.antrea.io/pod-ips annotation",
        ),
        ({POOLS: "pool-db,pool-6"}, "TRK-0345", "conflicting VLAN IDs 19 and 20 for dual-stack allocation"),
    ],
)
def test_each_mistake_keeps_the_pod_waiting_with_the_next_step(pools, own, code, words):
    asked = annotations.request(pod(annotations=own), namespace("pool-db"), pools)

    assert asked.request is None
    assert [each.code for each in asked.problems] == [code]
    assert str(asked.problems[0]).startswith("Pod ns-db/db-01: metadata.annotations[ipam.antrea.io/")
    assert words in str(asked.problems[0])


def test_a_mistake_in_the_namespace_s_annotation_says_so(pools):
    [problem] = annotations.request(pod(), namespace("nowhere"), pools).problems

    assert problem.field == "metadata.annotations[ipam.antrea.io/ippools] of Namespace ns-db"


def test_several_mistakes_are_all_told(pools):
    own = {POOLS: "one,two", IPS: "x"}

    assert len(annotations.request(pod(annotations=own), None, pools).problems) == 3


def test_both_families_on_one_vlan_are_fine(pools):
    assert annotations.request(pod(annotations={POOLS: "pool-ap,pool-6"}), None, pools).request is not None


def test_a_refusal_names_the_annotation(pools):
    asked = annotations.request(pod(annotations={IPS: "172.16.99.1"}), namespace("pool-db"), pools)

    refusal = ipam.allocate(ipam.Book(), asked.pools, asked.request)

    assert str(refusal.problem) == (
        "Pod ns-db/db-01: metadata.annotations[ipam.antrea.io/pod-ips]: "
        "found 172.16.99.1, which does not belong to IPPool pool-db, "
        "IPPool pool-db has 172.16.20.0-172.16.20.255; ask for an address inside a range of the pool [TRK-0302]"
    )


def test_addresses_are_reserved_for_a_stateful_set_unless_it_wants_fixed_ones(pools):
    def workload(**given):
        return objects.StatefulSet(uid="s", namespace="ns-db", name="db", annotations=given)

    assert annotations.reservation(workload(), namespace("pool-db"), pools) == (pools["pool-db"].pool,)
    assert annotations.reservation(workload(), namespace(), pools) == ()
    assert annotations.reservation(workload(), namespace("nowhere"), pools) is None, "the pool may be on its way"
    assert annotations.reservation(workload(), None, pools) is None, "and so may the namespace"
    assert annotations.reservation(workload(**{POOLS: "pool-db"}), None, pools) == (pools["pool-db"].pool,)
    assert annotations.reservation(workload(**{IPS: "172.16.20.48"}), namespace("pool-db"), pools) == ()


def test_an_annotation_on_the_workload_instead_of_its_template_is_remarked_on():
    raw = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {POOLS: "pool-ap"}},
        "spec": {"template": {"metadata": {}}},
    }

    [problem] = annotations.misplaced(raw)

    assert str(problem).startswith("Deployment shop/web: metadata.annotations[ipam.antrea.io/ippools]:")
    assert "spec.template.metadata.annotations" in problem.hint
    raw["spec"]["template"]["metadata"] = {"annotations": {POOLS: "pool-ap"}}
    assert annotations.misplaced(raw) == ()
    assert annotations.misplaced({"kind": "Pod", "metadata": {"annotations": {POOLS: "x"}}, "spec": {}}) == ()
