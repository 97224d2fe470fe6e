"""Create, read, update, patch and delete, as any client sees them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def test_a_new_object_gets_what_only_the_server_gives(client: Any, manifests: Any) -> None:
    made = await client.ok("POST", DEPLOYMENTS, manifests.deployment())

    metadata = made["metadata"]
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert metadata["generation"] == 1
    assert int(metadata["resourceVersion"]) > 0
    assert made["spec"]["replicas"] == 1
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Always"
    assert await client.get(f"{DEPLOYMENTS}/web") == made


async def test_a_taken_name_is_refused(client: Any, manifests: Any) -> None:
    await client.ok("POST", MAPS, manifests.config_map())

    status = await client.refused("POST", MAPS, manifests.config_map())

    assert (status["code"], status["reason"]) == (409, "AlreadyExists")
    assert status["message"] == 'configmaps "settings" already exists'


async def test_generated_names_differ(client: Any, manifests: Any) -> None:
    body = {**manifests.config_map(), "metadata": {"generateName": "settings-"}}

    names = {(await client.ok("POST", MAPS, body))["metadata"]["name"] for _ in range(3)}

    assert len(names) == 3
    assert all(name.startswith("settings-") and len(name) == len("settings-") + 5 for name in names)


async def test_a_missing_object_is_named_with_its_group(client: Any, manifests: Any) -> None:
    status = await client.refused("GET", f"{DEPLOYMENTS}/none")

    assert status["message"] == 'deployments.apps "none" not found'
    assert status["details"] == {"name": "none", "group": "apps", "kind": "deployments"}


async def test_an_unknown_path_is_not_found(client: Any, manifests: Any) -> None:
    for path in (
        "/api/v1/nonsense",
        "/apis/none/v1/things",
        "/apis/apps/v9/deployments",
        "/api/v1/namespaces/a/nodes/x",
    ):
        status = await client.refused("GET", path)
        assert status["message"] == "the server could not find the requested resource", path


async def test_a_namespace_must_exist_before_its_objects(client: Any, manifests: Any) -> None:
    status = await client.refused("POST", "/api/v1/namespaces/none/configmaps", manifests.config_map())

    assert (status["code"], status["message"]) == (404, 'namespaces "none" not found')


async def test_an_update_of_an_old_version_conflicts(client: Any, manifests: Any) -> None:
    old = await client.ok("POST", MAPS, manifests.config_map(a="1"))
    await client.ok("PUT", f"{MAPS}/settings", {**old, "data": {"a": "2"}})

    status = await client.refused("PUT", f"{MAPS}/settings", {**old, "data": {"a": "3"}})

    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert status["message"].startswith(
        'Operation cannot be fulfilled on configmaps "settings": the object has been modified'
    )


async def test_an_update_without_a_version_wins(client: Any, manifests: Any) -> None:
    await client.ok("POST", MAPS, manifests.config_map(a="1"))

    changed = await client.ok("PUT", f"{MAPS}/settings", manifests.config_map(a="3"))

    assert changed["data"] == {"a": "3"}


async def test_patches_at_once_all_take_effect(client: Any, manifests: Any) -> None:
    await client.ok("POST", MAPS, manifests.config_map())

    await asyncio.gather(*(client.patch(f"{MAPS}/settings", {"data": {str(number): "x"}}) for number in range(8)))

    assert len((await client.get(f"{MAPS}/settings"))["data"]) == 8


async def test_a_change_that_changes_nothing_keeps_the_version(client: Any, manifests: Any) -> None:
    made = await client.ok("POST", DEPLOYMENTS, manifests.deployment())

    same = await client.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 1}})

    assert same == made


async def test_generation_counts_changes_of_the_spec_only(client: Any, manifests: Any) -> None:
    await client.ok("POST", DEPLOYMENTS, manifests.deployment())

    labelled = await client.patch(f"{DEPLOYMENTS}/web", {"metadata": {"labels": {"a": "b"}}})
    scaled = await client.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 2}})

    assert labelled["metadata"]["generation"] == 1
    assert scaled["metadata"]["generation"] == 2


async def test_status_and_spec_are_written_apart(client: Any, manifests: Any) -> None:
    made = await client.ok("POST", DEPLOYMENTS, {**manifests.deployment(), "status": {"replicas": 9}})
    assert "status" not in made

    await client.patch(f"{DEPLOYMENTS}/web/status", {"status": {"replicas": 1}, "spec": {"replicas": 7}})
    await client.patch(f"{DEPLOYMENTS}/web", {"status": {"replicas": 5}})

    found = await client.get(f"{DEPLOYMENTS}/web")
    assert found["spec"]["replicas"] == 1
    assert found["status"] == {"replicas": 1}


async def test_a_json_patch_test_that_fails_changes_nothing(client: Any, manifests: Any) -> None:
    made = await client.ok("POST", MAPS, manifests.config_map(a="1"))
    patch = [{"op": "replace", "path": "/data/a", "value": "2"}, {"op": "test", "path": "/data/a", "value": "3"}]

    status = await client.refused("PATCH", f"{MAPS}/settings", patch, headers=client.patch_type("json"))

    assert status["code"] == 422
    assert await client.get(f"{MAPS}/settings") == made


async def test_server_side_apply_is_refused_as_a_media_type(client: Any, manifests: Any) -> None:
    await client.ok("POST", MAPS, manifests.config_map())

    status = await client.refused("PATCH", f"{MAPS}/settings", {}, headers=client.patch_type("apply"))

    assert (status["code"], status["reason"]) == (415, "UnsupportedMediaType")
    assert "application/strategic-merge-patch+json" in status["message"]


async def test_a_dry_run_answers_and_leaves_nothing(client: Any, manifests: Any) -> None:
    made = await client.ok("POST", MAPS, manifests.config_map(), params={"dryRun": "All"})

    assert made["metadata"]["uid"]
    assert (await client.refused("GET", f"{MAPS}/settings"))["code"] == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_object_is_a_bad_request(client: Any, manifests: Any, body: bytes) -> None:
    assert (await client.refused("POST", MAPS, body))["code"] == 400


async def test_too_deep_a_body_is_a_bad_request(client: Any, manifests: Any) -> None:
    body = b'{"a":' * 200 + b"1" + b"}" * 200

    assert (await client.refused("POST", MAPS, body))["code"] == 400


async def test_too_long_a_body_is_refused_by_its_length(client: Any, manifests: Any) -> None:
    status = await client.refused("POST", MAPS, b" " * (3 * 1024 * 1024 + 1))

    assert (status["code"], status["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "Secret"}, "the kind in the data (Secret) does not match"),
        ({"apiVersion": "v2"}, "the API version in the data (v2) does not match"),
        ({"metadata": {"name": "a", "namespace": "other"}}, "the namespace of the provided object does not match"),
        ({"metadata": {"name": "a", "resourceVersion": "5"}}, "resourceVersion should not be set"),
        (
            {"metadata": {"name": "a", "labels": {"a": 1}}},
            "cannot unmarshal number into Go struct field ConfigMap.metadata.labels.a",
        ),
    ],
)
async def test_an_object_for_another_place_is_a_bad_request(
    client: Any, manifests: Any, change: dict[str, Any], told: str
) -> None:
    status = await client.refused("POST", MAPS, {**manifests.config_map(), **change})

    assert status["code"] == 400
    assert told in status["message"]


@pytest.mark.parametrize(("asked", "code"), [("Strict", 400), ("Warn", 201), ("Ignore", 201), ("", 201)])
async def test_unknown_fields_are_refused_warned_of_or_ignored(
    client: Any, manifests: Any, asked: str, code: int
) -> None:
    body = manifests.deployment(replicaz=3)

    response = await client.send("POST", DEPLOYMENTS, body, params={"fieldValidation": asked} if asked else {})

    assert response.status_code == code
    if code == 400:
        assert 'strict decoding error: unknown field "spec.replicaz"' in response.json()["message"]
    else:
        warned = response.headers.get("warning", "")
        assert warned == ("" if asked == "Ignore" else '299 - "unknown field \\"spec.replicaz\\""')
        assert "replicaz" not in response.json()["spec"]


async def test_nobody_gets_in_without_a_certificate(client: Any, manifests: Any) -> None:
    nobody = client.nobody()

    assert (await nobody.refused("GET", PODS))["reason"] == "Unauthorized"
    assert (await nobody.send("GET", "/healthz")).text == "ok"


async def test_an_agent_reads_pods_and_nodes_and_nothing_else(client: Any, manifests: Any) -> None:
    agent = client.user("trunkline-agent:n1", "trunkline:agents")
    await client.ok("POST", PODS, manifests.pod())

    assert (await agent.ok("GET", PODS))["items"]
    await agent.ok("GET", "/api/v1/nodes")
    for method, path, body in (
        ("GET", "/api/v1/namespaces/default/secrets", None),
        ("POST", PODS, manifests.pod("other")),
        ("DELETE", f"{PODS}/web-0", None),
        ("PATCH", f"{PODS}/web-0/status", {}),
    ):
        assert (await agent.refused(method, path, body))["reason"] == "Forbidden", (method, path)


async def test_a_node_writes_what_a_kubelet_writes_and_no_more(client: Any, manifests: Any) -> None:
    node = client.user("system:node:n1", "system:nodes")
    await node.ok("POST", "/api/v1/nodes", manifests.node())
    await node.patch("/api/v1/nodes/n1/status", {"status": {"conditions": []}})

    status = await node.refused("POST", MAPS, manifests.config_map())

    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert 'User "system:node:n1" cannot create resource "configmaps" in API group ""' in status["message"]


async def test_pages_cover_the_list_once(client: Any, manifests: Any) -> None:
    for number in range(5):
        await client.ok("POST", MAPS, manifests.config_map(f"m{number}"))
    names, token = [], ""
    while True:
        page = await client.get(MAPS, params={"limit": "2", "continue": token})
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break

    assert names == [f"m{number}" for number in range(5)]


async def test_a_foreign_continue_token_is_a_bad_request(client: Any, manifests: Any) -> None:
    assert (await client.refused("GET", MAPS, params={"continue": "nonsense"}))["code"] == 400


async def test_a_resource_version_from_the_future_is_too_large(client: Any, manifests: Any) -> None:
    status = await client.refused("GET", MAPS, params={"resourceVersion": "999999"})

    assert (status["code"], status["reason"]) == (504, "Timeout")
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"labelSelector": "app=web"}, ["a", "b"]),
        ({"labelSelector": "app=web,tier!=db"}, ["a"]),
        ({"labelSelector": "tier in (db, cache)"}, ["b", "c"]),
        ({"labelSelector": "!app"}, ["c"]),
        ({"fieldSelector": "metadata.name=b"}, ["b"]),
        ({"fieldSelector": "spec.nodeName=n1"}, ["c"]),
        ({"fieldSelector": "spec.nodeName!=n1,status.phase=Pending"}, ["a", "b"]),
        ({"labelSelector": "app=web", "fieldSelector": "metadata.name!=a"}, ["b"]),
    ],
)
async def test_selectors_choose(client: Any, manifests: Any, query: dict[str, str], found: list[str]) -> None:
    for name, labels, node in (
        ("a", {"app": "web"}, ""),
        ("b", {"app": "web", "tier": "db"}, ""),
        ("c", {"tier": "db"}, "n1"),
    ):
        body = manifests.pod(name, **({"nodeName": node} if node else {}))
        await client.ok("POST", PODS, {**body, "metadata": {"name": name, "labels": labels}})

    page = await client.get(PODS, params=query)

    assert [item["metadata"]["name"] for item in page["items"]] == found


@pytest.mark.parametrize(
    "query", [{"labelSelector": "a b"}, {"fieldSelector": "spec.nonsense=1"}, {"fieldSelector": "x"}]
)
async def test_selectors_that_make_no_sense_are_bad_requests(
    client: Any, manifests: Any, query: dict[str, str]
) -> None:
    assert (await client.refused("GET", PODS, params=query))["code"] == 400


async def test_deleting_a_collection_deletes_what_is_selected(client: Any, manifests: Any) -> None:
    for name in ("a", "b"):
        body = manifests.config_map(name)
        await client.ok("POST", MAPS, {**body, "metadata": {"name": name, "labels": {"which": name}}})

    await client.ok("DELETE", MAPS, params={"labelSelector": "which=a"})

    assert [item["metadata"]["name"] for item in (await client.get(MAPS))["items"]] == ["b"]


async def test_scale_reads_and_writes_replicas(client: Any, manifests: Any) -> None:
    await client.ok("POST", DEPLOYMENTS, manifests.deployment(replicas=3))

    scale = await client.get(f"{DEPLOYMENTS}/web/scale")
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}
    await client.ok("PUT", f"{DEPLOYMENTS}/web/scale", {**scale, "spec": {"replicas": 5}})

    assert (await client.get(f"{DEPLOYMENTS}/web"))["spec"]["replicas"] == 5
    assert (await client.refused("PUT", f"{DEPLOYMENTS}/web/scale", {**scale, "spec": {"replicas": 1}}))["code"] == 409


async def test_events_are_one_store_with_two_faces(client: Any, manifests: Any) -> None:
    involved = {"kind": "Pod", "namespace": "default", "name": "web-0"}
    event = {
        "metadata": {"name": "e"},
        "involvedObject": involved,
        "reason": "Failed",
        "message": "no address",
        "type": "Warning",
    }
    await client.ok("POST", "/api/v1/namespaces/default/events", event)

    new = await client.get("/apis/events.k8s.io/v1/namespaces/default/events/e")
    found = await client.get("/api/v1/events", params={"fieldSelector": "involvedObject.name=web-0,type=Warning"})

    assert (new["regarding"], new["note"]) == (involved, "no address")
    assert len(found["items"]) == 1


async def test_system_namespaces_and_their_accounts_are_there(client: Any, manifests: Any) -> None:
    names = {item["metadata"]["name"] for item in (await client.get("/api/v1/namespaces"))["items"]}
    assert names == {"default", "kube-node-lease", "kube-public", "kube-system"}

    async def account() -> bool:
        return (await client.send("GET", "/api/v1/namespaces/default/serviceaccounts/default")).status_code == 200

    assert await client.eventually(account)
