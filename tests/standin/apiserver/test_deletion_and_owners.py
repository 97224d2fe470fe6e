"""Deletion with grace, finalizers and owners; namespaces and definitions that empty themselves."""

from __future__ import annotations

from typing import Any

import pytest

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"


def owned_by(owner: dict[str, Any], **more: Any) -> dict[str, Any]:
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    return {**reference, "uid": owner["metadata"]["uid"], **more}


async def child_of(
    client: Any, manifests: Any, owner: dict[str, Any], name: str = "child", **more: Any
) -> dict[str, Any]:
    body = manifests.config_map(name)
    body["metadata"]["ownerReferences"] = [owned_by(owner, **more)]
    return await client.ok("POST", MAPS, body)


async def bound(client: Any, manifests: Any) -> dict[str, Any]:
    await client.ok("POST", PODS, manifests.pod())
    await client.ok("POST", f"{PODS}/web-0/binding", {"target": {"kind": "Node", "name": "n1"}})
    return await client.get(f"{PODS}/web-0")


async def test_binding_puts_a_pod_on_a_node_once(client: Any, manifests: Any) -> None:
    pod = await bound(client, manifests)

    assert pod["spec"]["nodeName"] == "n1"
    assert pod["status"]["conditions"][0]["type"] == "PodScheduled"
    status = await client.refused("POST", f"{PODS}/web-0/binding", {"target": {"kind": "Node", "name": "n2"}})
    assert status["code"] == 409
    assert 'pod web-0 is already assigned to node "n1"' in status["message"]


async def test_a_binding_of_a_pod_that_was_replaced_is_refused(client: Any, manifests: Any) -> None:
    await client.ok("POST", PODS, manifests.pod())
    stale = {"metadata": {"name": "web-0", "uid": "gone"}, "target": {"kind": "Node", "name": "n1"}}

    assert "Precondition failed: UID" in (await client.refused("POST", f"{PODS}/web-0/binding", stale))["message"]


async def test_a_pod_without_a_node_goes_at_once(client: Any, manifests: Any) -> None:
    await client.ok("POST", PODS, manifests.pod())

    answer = await client.ok("DELETE", f"{PODS}/web-0")

    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert (await client.refused("GET", f"{PODS}/web-0"))["code"] == 404


async def test_a_running_pod_stays_until_its_kubelet_lets_go(client: Any, manifests: Any) -> None:
    await bound(client, manifests)

    left = await client.ok("DELETE", f"{PODS}/web-0")
    assert left["metadata"]["deletionGracePeriodSeconds"] == 30
    assert left["metadata"]["deletionTimestamp"] > left["metadata"]["creationTimestamp"]

    kubelet = client.user("system:node:n1", "system:nodes")
    await kubelet.ok("DELETE", f"{PODS}/web-0", {"gracePeriodSeconds": 0})
    assert (await client.refused("GET", f"{PODS}/web-0"))["code"] == 404


async def test_asking_again_only_shortens_the_grace(client: Any, manifests: Any) -> None:
    await bound(client, manifests)

    graces = [
        (await client.ok("DELETE", f"{PODS}/web-0", {"gracePeriodSeconds": seconds}))["metadata"][
            "deletionGracePeriodSeconds"
        ]
        for seconds in (20, 25, 5)
    ]

    assert graces == [20, 20, 5]


async def test_a_finalizer_holds_an_object_until_it_is_taken_off(client: Any, manifests: Any) -> None:
    body = manifests.config_map()
    body["metadata"]["finalizers"] = ["example.org/hold"]
    await client.ok("POST", MAPS, body)

    left = await client.ok("DELETE", f"{MAPS}/settings")
    assert left["metadata"]["deletionTimestamp"]
    added = {"metadata": {"finalizers": ["example.org/hold", "example.org/more"]}}
    status = await client.refused("PATCH", f"{MAPS}/settings", added, headers=client.patch_type("merge"))
    assert "no new finalizers can be added if the object is being deleted" in status["message"]

    await client.patch(f"{MAPS}/settings", {"metadata": {"finalizers": None}})
    assert (await client.refused("GET", f"{MAPS}/settings"))["code"] == 404


@pytest.mark.parametrize("precondition", [{"uid": "another"}, {"resourceVersion": "1"}])
async def test_a_precondition_that_does_not_hold_keeps_the_object(
    client: Any, manifests: Any, precondition: Any
) -> None:
    await client.ok("POST", MAPS, manifests.config_map())

    status = await client.refused("DELETE", f"{MAPS}/settings", {"preconditions": precondition})

    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert "Precondition failed" in status["message"]
    await client.get(f"{MAPS}/settings")


async def test_what_an_object_owns_goes_with_it(client: Any, manifests: Any) -> None:
    owner = await client.ok("POST", MAPS, manifests.config_map("owner"))
    child = await child_of(client, manifests, owner)
    await child_of(client, manifests, child, "grandchild")

    await client.ok("DELETE", f"{MAPS}/owner")

    await client.gone(f"{MAPS}/child")
    await client.gone(f"{MAPS}/grandchild")


async def test_an_orphaned_dependent_stays_without_its_owner(client: Any, manifests: Any) -> None:
    owner = await client.ok("POST", MAPS, manifests.config_map("owner"))
    await child_of(client, manifests, owner)

    await client.ok("DELETE", f"{MAPS}/owner", {"propagationPolicy": "Orphan"})
    await client.gone(f"{MAPS}/owner")

    assert "ownerReferences" not in (await client.get(f"{MAPS}/child"))["metadata"]


async def test_in_the_foreground_the_owner_goes_last(client: Any, manifests: Any) -> None:
    owner = await client.ok("POST", MAPS, manifests.config_map("owner"))
    child = await child_of(client, manifests, owner, blockOwnerDeletion=True)
    await client.patch(f"{MAPS}/child", {"metadata": {"finalizers": ["example.org/hold"]}})

    await client.ok("DELETE", f"{MAPS}/owner", {"propagationPolicy": "Foreground"})

    async def child_is_going() -> bool:
        return "deletionTimestamp" in (await client.get(f"{MAPS}/child"))["metadata"]

    await client.eventually(child_is_going)
    assert (await client.get(f"{MAPS}/owner"))["metadata"]["finalizers"] == ["foregroundDeletion"]
    await client.patch(f"{MAPS}/child", {"metadata": {"finalizers": None}})
    await client.gone(f"{MAPS}/owner")
    assert child["metadata"]["uid"]


async def test_a_dependent_of_nobody_is_collected(client: Any, manifests: Any) -> None:
    owner = await client.ok("POST", MAPS, manifests.config_map("owner"))
    await client.ok("DELETE", f"{MAPS}/owner")

    await child_of(client, manifests, owner)

    await client.gone(f"{MAPS}/child")


async def test_one_owner_that_lives_is_enough(client: Any, manifests: Any) -> None:
    owners = [await client.ok("POST", MAPS, manifests.config_map(name)) for name in ("first", "second")]
    body = manifests.config_map("child")
    body["metadata"]["ownerReferences"] = [owned_by(owner) for owner in owners]
    await client.ok("POST", MAPS, body)

    await client.ok("DELETE", f"{MAPS}/first")

    async def disowned() -> bool:
        references = (await client.get(f"{MAPS}/child"))["metadata"]["ownerReferences"]
        return [reference["name"] for reference in references] == ["second"]

    await client.eventually(disowned)


async def test_a_namespace_takes_its_contents_along(client: Any, manifests: Any) -> None:
    await client.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    held = manifests.config_map()
    held["metadata"]["finalizers"] = ["example.org/hold"]
    await client.ok("POST", "/api/v1/namespaces/shop/configmaps", held)
    await client.ok("POST", "/api/v1/namespaces/shop/pods", manifests.pod())

    left = await client.ok("DELETE", "/api/v1/namespaces/shop")
    assert left["status"]["phase"] == "Terminating"
    await client.gone("/api/v1/namespaces/shop/pods/web-0")

    status = await client.refused("POST", "/api/v1/namespaces/shop/pods", manifests.pod())
    assert (status["code"], status["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    await client.get("/api/v1/namespaces/shop")
    await client.patch("/api/v1/namespaces/shop/configmaps/settings", {"metadata": {"finalizers": None}})
    await client.gone("/api/v1/namespaces/shop")


async def test_a_definition_takes_its_objects_along(client: Any, manifests: Any) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await client.ok("POST", definitions, manifests.definition())
    await client.ok("POST", "/apis/example.org/v1/pools", manifests.pool())

    await client.ok("DELETE", f"{definitions}/pools.example.org")
    await client.gone(f"{definitions}/pools.example.org")
    await client.ok("POST", definitions, manifests.definition())

    assert (await client.get("/apis/example.org/v1/pools"))["items"] == []
