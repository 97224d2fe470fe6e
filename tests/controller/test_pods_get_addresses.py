"""From a Pod to a claim, a row and a note: with the real API server, the real databases and the controller's own process."""

from __future__ import annotations

import asyncio

import pytest

from tests.controller.conftest import IP_POOLS, OLD_IP_POOLS, Cluster, Hand
from tests.standin.conftest import Eventually
from trunkline.adapters.kube import errors, resources
from trunkline.intent import attachment


async def test_given_a_pool_when_a_pod_is_bound_then_claim_row_and_note_agree(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("first", "172.16.19.11", "172.16.19.20")
    await hand.namespace("first", pools="first")
    pod = await hand.pod("first", "web")

    note = await eventually(lambda: hand.note("first", "web"))

    assert [str(address) for address in note.addresses] == ["172.16.19.11/24"]
    assert [str(gateway) for gateway in note.gateways] == ["172.16.19.254"]
    assert note.network == "vlan/trunk/19/172.16.19.0-24"
    assert note.mtu == 1500
    (lease,) = [lease for lease in await cluster.leases() if lease.pool == "first"]
    assert (str(lease.address), lease.pod.uid) == ("172.16.19.11", pod["metadata"]["uid"])  # type: ignore[union-attr]
    assert cluster.ports()[note.port] == [f"{note.mac} 172.16.19.11"]


async def test_given_a_pod_without_a_pool_when_bound_then_its_address_is_of_its_nodes_pod_cidr(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.namespace("plain")
    await hand.pod("plain", "web", node="node-2")

    note = await eventually(lambda: hand.note("plain", "web"))

    assert str(note.addresses[0]) == "10.244.1.3/24"  # .1 is the router's, .2 the node's
    assert note.network == "overlay/node-2"
    assert note.mtu == 1442, "Geneve around it still fits into 1500 bytes"
    node = await hand.kube.get(resources.NODES, "node-2")
    assert attachment.decode(node["metadata"]["annotations"][attachment.ANNOTATION]).mtu == 1442


async def test_given_a_full_pool_when_an_address_comes_back_then_the_waiting_pod_gets_it(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("tiny", "172.16.19.31", "172.16.19.32")
    await hand.namespace("tiny", pools="tiny")
    for name in ("a", "b"):
        await hand.pod("tiny", name)
        await eventually(lambda name=name: hand.address("tiny", name))
    await hand.pod("tiny", "c")

    refused = await eventually(lambda: hand.note("tiny", "c"))
    assert refused.problem.code == "TRK-0301"
    assert "0 of 2 addresses free" in str(refused.problem)
    assert await eventually(lambda: hand.events("tiny", "c"))

    await hand.remove_pod("tiny", "a")

    assert await eventually(lambda: hand.address("tiny", "c")) == "172.16.19.31"


async def test_given_two_pods_that_want_one_address_then_the_second_is_told_who_has_it(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("fixed", "172.16.19.41", "172.16.19.45")
    await hand.namespace("fixed", pools="fixed")
    await hand.pod("fixed", "one", addresses="172.16.19.44")
    assert await eventually(lambda: hand.address("fixed", "one")) == "172.16.19.44"
    await hand.pod("fixed", "two", node="node-2", addresses="172.16.19.44")

    refused = await eventually(lambda: hand.note("fixed", "two"))

    assert "already allocated to Pod fixed/one" in str(refused.problem)
    assert len([lease for lease in await cluster.leases() if lease.pool == "fixed"]) == 1


async def test_given_a_pod_recreated_under_its_name_then_it_may_keep_its_fixed_address(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("again", "172.16.19.51", "172.16.19.55")
    await hand.namespace("again", pools="again")
    for node in ("node-1", "node-2", "node-1"):
        await hand.pod("again", "db", node=node, addresses="172.16.19.53")
        assert await eventually(lambda: hand.address("again", "db")) == "172.16.19.53"
        await hand.remove_pod("again", "db")

    async def given_back() -> bool:
        return not [lease for lease in await cluster.leases() if lease.pool == "again"]

    await eventually(given_back)


async def test_given_a_missing_pool_when_it_is_created_then_the_waiting_pod_gets_its_address(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.namespace("early")
    await hand.pod("early", "bird", pools="late-pool")
    refused = await eventually(lambda: hand.note("early", "bird"))
    assert "failed to get IPPool late-pool: not found" in str(refused.problem)

    await hand.pool("late-pool", "172.16.19.61", "172.16.19.65")

    assert await eventually(lambda: hand.address("early", "bird")) == "172.16.19.61"


async def test_given_a_pod_that_has_come_to_its_end_then_its_address_is_free_though_the_pod_is_still_there(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("done", "172.16.19.71", "172.16.19.75")
    await hand.namespace("done", pools="done")
    await hand.pod("done", "job")
    note = await eventually(lambda: hand.note("done", "job"))

    await hand.kube.patch(resources.PODS, "job", {"status": {"phase": "Succeeded"}}, "done", subresource="status")

    async def given_back() -> bool:
        return not [lease for lease in await cluster.leases() if lease.pool == "done"]

    await eventually(given_back)
    assert note.port not in cluster.ports()


async def stateful_set(hand: Hand, namespace: str) -> str:
    """A set "db" of three pods that nobody makes; its UID."""
    template = {
        "metadata": {"labels": {"app": "db"}},
        "spec": {"containers": [{"name": "main", "image": "trunkline/echo"}]},
    }
    spec = {"replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template}
    made = await hand.kube.create(
        resources.STATEFUL_SETS, {"metadata": {"name": "db", "namespace": namespace}, "spec": spec}
    )
    return str(made["metadata"]["uid"])


async def kept(cluster: Cluster, pool: str, uid: str) -> list[str] | None:
    """The addresses of a pool that are kept for the set with this UID and nobody else, once they are three."""
    found = [lease for lease in await cluster.leases() if lease.pool == pool]
    mine = all(lease.stateful_set and lease.stateful_set.uid == uid and not lease.pod for lease in found)
    return sorted(str(lease.address) for lease in found) if mine and len(found) == 3 else None


async def test_given_a_stateful_set_then_its_ordinals_have_consecutive_addresses_kept_for_them(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("sticky", "172.16.19.81", "172.16.19.89")
    await hand.namespace("sticky", pools="sticky")
    uid = await stateful_set(hand, "sticky")

    addresses = await eventually(lambda: kept(cluster, "sticky", uid))

    assert addresses == ["172.16.19.81", "172.16.19.82", "172.16.19.83"]
    status = (await hand.kube.get(IP_POOLS, "sticky")).get("status", {})
    assert {entry["phase"] for entry in status.get("ipAddresses", [])} <= {"Reserved"}

    await hand.kube.delete(resources.STATEFUL_SETS, "db", "sticky")

    async def dropped() -> bool:
        return not [lease for lease in await cluster.leases() if lease.pool == "sticky"]

    await eventually(dropped)


async def test_given_a_stateful_set_whose_pool_comes_later_then_addresses_are_kept_for_it_then(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.namespace("soon", pools="soon")
    uid = await stateful_set(hand, "soon")
    await hand.pod("soon", "lonely")
    refused = await eventually(lambda: hand.note("soon", "lonely"))  # so the controller knows the set as well
    assert refused.problem.code == "TRK-0340"
    await hand.remove_pod("soon", "lonely")

    await hand.pool("soon", "172.16.21.11", "172.16.21.19", vlan=21, gateway="172.16.21.254")

    assert await eventually(lambda: kept(cluster, "soon", uid)) == ["172.16.21.11", "172.16.21.12", "172.16.21.13"]
    await hand.kube.delete(resources.STATEFUL_SETS, "db", "soon")


async def test_given_the_status_of_a_pool_then_it_names_every_owner_and_counts(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("counted", "172.16.19.91", "172.16.19.95")
    await hand.namespace("counted", pools="counted")
    await hand.pod("counted", "web")

    async def published() -> dict[str, object] | None:
        status = (await hand.kube.get(IP_POOLS, "counted")).get("status") or {}
        return status if status.get("usage", {}).get("used") == 1 else None

    status = await eventually(published)
    (entry,) = status["ipAddresses"]
    assert (entry["ipAddress"], entry["phase"]) == ("172.16.19.91", "Allocated")
    assert (entry["owner"]["pod"]["namespace"], entry["owner"]["pod"]["name"]) == ("counted", "web")
    assert status["usage"] == {"total": 5, "used": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ipRanges": [{"start": "172.16.19.97", "end": "172.16.29.98"}]}, "strict subset|within the subnet"),
        ({"ipRanges": [{"start": "172.16.19.98", "end": "172.16.19.97"}]}, "should not be greater"),
        ({"subnetInfo": {"gateway": "10.244.9.254", "prefixLength": 24, "vlan": 7}}, "."),
        ({"subnetInfo": {"gateway": "172.16.19.254", "prefixLength": 24, "vlan": 4095}}, "4094"),
        ({"subnetInfo": {"gateway": "172.16.19.254", "prefixLength": 24, "vlan": 70000}}, "4094"),
        ({"subnetInfo": {"gateway": "172.16.19.254", "prefixLength": 24, "vlna": 19}}, "did you mean 'vlan'"),
    ],
)
async def test_given_a_wrong_pool_when_it_is_applied_then_the_server_refuses_it_and_nothing_changes(
    cluster: Cluster, hand: Hand, change: dict[str, object], message: str
) -> None:
    spec = {
        "ipRanges": [{"start": "172.16.19.97", "end": "172.16.19.98"}],
        "subnetInfo": {"gateway": "172.16.19.254", "prefixLength": 24, "vlan": 19},
    }

    with pytest.raises(errors.ApiError, match=message):
        await hand.kube.create(IP_POOLS, {"metadata": {"name": "wrong"}, "spec": {**spec, **change}})
    with pytest.raises(errors.NotFound):
        await hand.kube.get(IP_POOLS, "wrong")


async def test_given_a_misspelt_field_in_an_old_manifest_then_it_is_refused_and_not_dropped(
    cluster: Cluster, hand: Hand
) -> None:
    listed = {"start": "172.16.19.97", "end": "172.16.19.98", "gateway": "172.16.19.254", "prefixLength": 24}
    spec = {"ipVersion": 4, "ipRanges": [{**listed, "vlanId": 19}]}

    with pytest.raises(errors.ApiError, match="unknown field 'vlanId'"):
        await hand.kube.create(OLD_IP_POOLS, {"metadata": {"name": "wrong"}, "spec": spec})


async def test_given_a_pool_in_use_when_it_is_deleted_then_the_server_refuses(
    cluster: Cluster, hand: Hand, eventually: Eventually
) -> None:
    await hand.pool("used", "172.16.20.11", "172.16.20.12", vlan=20, gateway="172.16.20.254")
    await hand.namespace("used", pools="used")
    await hand.pod("used", "web")
    await eventually(lambda: hand.address("used", "web"))

    with pytest.raises(errors.ApiError, match="in use"):
        await hand.kube.delete(IP_POOLS, "used")

    await hand.remove_pod("used", "web")

    async def deletable() -> bool:
        try:
            await hand.kube.delete(IP_POOLS, "used")
        except errors.NotFound:
            return True
        except errors.ApiError:
            return False
        return True

    await eventually(deletable)


async def test_given_an_old_manifest_when_applied_then_both_versions_are_served(cluster: Cluster, hand: Hand) -> None:
    listed = {"start": "172.16.21.1", "end": "172.16.21.9", "gateway": "172.16.21.254", "prefixLength": 24, "vlan": 21}
    await hand.kube.create(OLD_IP_POOLS, {"metadata": {"name": "old"}, "spec": {"ipVersion": 4, "ipRanges": [listed]}})

    old, new = await asyncio.gather(hand.kube.get(OLD_IP_POOLS, "old"), hand.kube.get(IP_POOLS, "old"))

    assert old["spec"] == {"ipVersion": 4, "ipRanges": [listed]}
    assert new["spec"]["subnetInfo"] == {"gateway": "172.16.21.254", "prefixLength": 24, "vlan": 21}
