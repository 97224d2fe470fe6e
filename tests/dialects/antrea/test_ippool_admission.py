"""What may be created, changed and deleted, and the bytes that tell a client."""

import ipaddress

import pytest

from trunkline import ipam
from trunkline.dialects.antrea import admission, ippools

FACTS = admission.Facts(
    pod_cidrs=(ipaddress.ip_network("10.244.0.0/16"),), service_cidrs=(ipaddress.ip_network("10.96.0.0/12"),)
)


def leased(address, network="vlan/trunk/19/172.16.19.0-24", pool="pool-ap", **owner):
    owner = owner or {"pod": ipam.PodOwner("ns-ap", "web-0", "u1")}
    return ipam.Lease(network=network, address=ipaddress.ip_address(address), pool=pool, **owner)


def review(new=None, old=None, others=(), leases=()):
    operation = "DELETE" if new is None else "UPDATE" if old else "CREATE"
    name = (new or old)["metadata"]["name"]
    request = {"uid": "42", "operation": operation, "name": name, "object": new, "oldObject": old}
    answer = admission.review(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request},
        pools=[ippools.decode(other) for other in others],
        book=ipam.Book(leases),
        facts=FACTS,
    )
    return answer["response"]


def denied(response, code):
    assert response["allowed"] is False, response
    assert [code] == [
        cause["message"].rpartition("[")[2].rstrip("]") for cause in response["status"]["details"]["causes"]
    ]
    return response["status"]["message"]


def test_a_sound_pool_is_allowed_without_a_word(a):
    assert review(a.beta()) == {"uid": "42", "allowed": True}


def test_a_denial_lists_every_mistake_for_people_and_for_programs(a):
    response = review(a.alpha(a.ranged("172.16.19.50", "172.16.19.11", vlan=4095)))

    assert response["allowed"] is False
    assert response["status"]["code"] == 422
    assert response["status"]["message"].count("\n") == 1
    assert [cause["field"] for cause in response["status"]["details"]["causes"]] == [
        "spec.ipRanges[0].vlan",
        "spec.ipRanges[0]",
    ]


def test_kubectl_names_the_pool_and_the_field_once(a):
    details = review(a.alpha(a.ranged("172.16.19.50", "172.16.19.11")))["status"]["details"]

    assert (details["kind"], details["name"]) == ("IPPool", "pool-ap")
    assert details["causes"][0]["field"] == "spec.ipRanges[0]"
    assert details["causes"][0]["message"].startswith("found range start 172.16.19.50")


def test_warnings_travel_with_an_allowed_pool(a):
    response = review(a.beta({"start": "172.16.19.200", "end": "172.16.19.254"}))

    assert response["allowed"] is True
    assert "the gateway" in response["warnings"][0]


def test_pools_of_one_vlan_may_not_overlap(a):
    other = a.alpha(a.ranged("172.16.19.50", "172.16.19.60"), name="pool-old")

    message = denied(review(a.beta(), others=[other]), "TRK-0320")

    assert "range [172.16.19.50-172.16.19.60] of IPPool pool-old (VLAN 19)" in message


def test_the_same_addresses_on_another_vlan_are_only_remarked_on(a):
    response = review(a.beta(), others=[a.beta(name="elsewhere", vlan=20)])

    assert response["allowed"] is True
    assert "IPPool elsewhere on VLAN 20" in response["warnings"][0]


def test_a_pool_is_not_compared_with_itself(a):
    assert review(a.beta(), old=a.alpha(a.ranged("172.16.19.11", "172.16.19.40")), others=[a.beta()])["allowed"] is True


def test_a_pool_may_not_hand_out_a_neighbour_s_gateway(a):
    other = a.beta({"start": "172.16.19.100", "end": "172.16.19.110"}, name="other", gateway="172.16.19.20")
    reverse = a.beta({"start": "172.16.19.240", "end": "172.16.19.254"}, name="other", gateway="172.16.19.1")

    assert "the gateway of IPPool other" in denied(review(a.beta(), others=[other]), "TRK-0321")
    assert "the gateway 172.16.19.254" in denied(review(a.beta(), others=[reverse]), "TRK-0321")


@pytest.mark.parametrize(("stem", "what"), [("10.244.7", "pod"), ("10.96.1", "service")])
def test_a_pool_may_not_lie_in_the_cluster_s_own_addresses(a, stem, what):
    raw = a.beta({"cidr": f"{stem}.0/24"}, gateway=f"{stem}.1")

    assert f"it overlaps the cluster's {what} addresses" in denied(review(raw), "TRK-0322")


def test_appending_and_removing_unused_ranges_is_allowed(a):
    one, two = {"start": "172.16.19.11", "end": "172.16.19.20"}, {"start": "172.16.19.30", "end": "172.16.19.40"}
    leases = [leased("172.16.19.12")]

    assert review(a.beta(one, two), old=a.beta(one), leases=leases)["allowed"] is True
    assert review(a.beta(one), old=a.beta(one, two), leases=leases)["allowed"] is True
    assert review(a.beta({"cidr": "172.16.19.12/32"}), old=a.beta(one, two), leases=leases)["allowed"] is True


def test_an_address_in_use_may_not_fall_out(a):
    leases = [leased("172.16.19.33"), leased("172.16.19.34", pod=ipam.PodOwner("ns-ap", "web-1", "u2"))]

    message = denied(review(a.beta({"cidr": "172.16.19.0/28"}), old=a.beta(), leases=leases), "TRK-0324")

    assert "172.16.19.33 in use by Pod ns-ap/web-0 and 1 more" in message


@pytest.mark.parametrize(
    ("change", "field"), [({"gateway": "172.16.19.1"}, "gateway"), ({"prefixLength": 23}, "prefixLength")]
)
def test_gateway_and_prefix_cannot_change_even_unused(a, change, field):
    assert f"{field} cannot change" in denied(review(a.beta(**change), old=a.beta()), "TRK-0323")


def test_the_vlan_changes_only_while_nothing_is_in_use(a):
    assert review(a.beta(vlan=20), old=a.beta())["allowed"] is True
    message = denied(review(a.beta(vlan=20), old=a.beta(), leases=[leased("172.16.19.12")]), "TRK-0324")
    assert "the VLAN cannot change" in message


def test_a_pool_in_use_cannot_be_deleted(a):
    kept = leased("172.16.19.12", stateful_set=ipam.StatefulSetOwner("ns-db", "db", 2))

    assert "IPPool in use cannot be deleted" in denied(review(old=a.beta(), leases=[kept]), "TRK-0325")
    assert "StatefulSet ns-db/db (ordinal 2)" in denied(review(old=a.beta(), leases=[kept]), "TRK-0325")
    assert review(old=a.beta(), leases=[leased("172.16.19.12", pool="another")])["allowed"] is True


def test_bookkeeping_of_a_pool_with_mistakes_is_not_held_up(a):
    broken = a.beta({"start": "1.1.1.1", "end": "1.1.1.2"})
    labelled = {**broken, "metadata": {"name": "pool-ap", "labels": {"a": "b"}}}

    assert review(labelled, old=broken) == {"uid": "42", "allowed": True}
