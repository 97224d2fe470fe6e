"""What built-in kinds mean: defaults, validation, allocation."""

from __future__ import annotations

from typing import Any

import pytest

PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def causes(client: Any, path: str, body: Any, method: str = "POST") -> dict[str, str]:
    status = await client.refused(method, path, body)
    assert (status["code"], status["reason"]) == (422, "Invalid"), status
    return {cause["field"]: cause["message"] for cause in status["details"]["causes"]}


async def test_a_new_pod_is_pending_and_fully_defaulted(client: Any, manifests: Any) -> None:
    pod = await client.ok("POST", PODS, manifests.pod())

    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert pod["spec"]["dnsPolicy"] == "ClusterFirst"
    assert pod["spec"]["terminationGracePeriodSeconds"] == 30
    container = pod["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("spec", "field", "told"),
    [
        ({"containers": []}, "spec.containers", "Required value"),
        ({"containers": [{"name": "a"}]}, "spec.containers[0].image", "Required value"),
        ({"containers": [{"image": "x"}]}, "spec.containers[0].name", "Required value"),
        ({"containers": [{"name": "A", "image": "x"}]}, "spec.containers[0].name", "a lowercase RFC 1123 label"),
        ({"containers": [{"name": "a", "image": "x"}] * 2}, "spec.containers[1].name", 'Duplicate value: "a"'),
        ({"restartPolicy": "Maybe"}, "spec.restartPolicy", 'supported values: "Always", "OnFailure", "Never"'),
        (
            {"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 70000}]}]},
            "spec.containers[0].ports[0].containerPort",
            "must be between 1 and 65535, inclusive",
        ),
        (
            {"containers": [{"name": "a", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]},
            "spec.containers[0].volumeMounts[0].name",
            'Not found: "v"',
        ),
        (
            {"containers": [{"name": "a", "image": "x", "resources": {"limits": {"cpu": "lots"}}}]},
            "spec.containers[0].resources.limits[cpu]",
            "quantities must match the regular expression",
        ),
    ],
)
async def test_a_pod_that_cannot_run_is_refused(client: Any, manifests: Any, spec: Any, field: str, told: str) -> None:
    assert told in (await causes(client, PODS, manifests.pod(**spec)))[field]


async def test_all_that_is_wrong_with_a_pod_is_told_at_once(client: Any) -> None:
    body = {"metadata": {"name": "Bad_Name", "labels": {"a b": "c d"}}, "spec": {"containers": [{}]}}

    found = await causes(client, PODS, body)

    assert set(found) == {"metadata.name", "metadata.labels", "spec.containers[0].name", "spec.containers[0].image"}


async def test_a_running_pod_changes_its_image_but_not_its_command(client: Any, manifests: Any) -> None:
    await client.ok("POST", PODS, manifests.pod())
    image = {"spec": {"containers": [{"name": "web", "image": "trunkline/echo:2"}]}}
    command = {"spec": {"containers": [{"name": "web", "command": ["true"]}]}}

    assert (await client.patch(f"{PODS}/web-0", image, "strategic"))["spec"]["containers"][0][
        "image"
    ] == "trunkline/echo:2"
    status = await client.refused("PATCH", f"{PODS}/web-0", command, headers=client.patch_type("strategic"))
    assert "pod updates may not change fields other than" in status["message"]


async def test_strategic_patches_merge_lists_by_their_keys(client: Any, manifests: Any) -> None:
    await client.ok("POST", DEPLOYMENTS, manifests.deployment())
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "x:1"}]}}}}
    drop = {"spec": {"template": {"spec": {"containers": [{"name": "web", "$patch": "delete"}]}}}}

    added = await client.patch(f"{DEPLOYMENTS}/web", side, "strategic")
    dropped = await client.patch(f"{DEPLOYMENTS}/web", drop, "strategic")

    assert [each["name"] for each in added["spec"]["template"]["spec"]["containers"]] == ["web", "side"]
    assert [each["name"] for each in dropped["spec"]["template"]["spec"]["containers"]] == ["side"]


async def test_a_deployment_must_select_its_own_pods(client: Any, manifests: Any) -> None:
    found = await causes(client, DEPLOYMENTS, manifests.deployment(selector={"matchLabels": {"app": "other"}}))

    assert "`selector` does not match template `labels`" in found["spec.template.metadata.labels"]


async def test_a_deployments_selector_never_changes(client: Any, manifests: Any) -> None:
    await client.ok("POST", DEPLOYMENTS, manifests.deployment())
    body = manifests.deployment(selector={"matchLabels": {"app": "x"}})
    body["spec"]["template"]["metadata"]["labels"] = {"app": "x"}

    assert "field is immutable" in (await causes(client, f"{DEPLOYMENTS}/web", body, "PUT"))["spec.selector"]


async def test_a_negative_number_of_replicas_is_refused(client: Any, manifests: Any) -> None:
    found = await causes(client, DEPLOYMENTS, manifests.deployment(replicas=-1))

    assert found["spec.replicas"] == "Invalid value: -1: must be greater than or equal to 0"


async def test_services_get_addresses_of_the_service_network(client: Any, manifests: Any) -> None:
    made = [await client.ok("POST", SERVICES, manifests.service(f"s{number}")) for number in range(3)]

    addresses = [each["spec"]["clusterIP"] for each in made]
    assert len(set(addresses)) == 3
    assert all(address.startswith("10.96.0.") for address in addresses)
    assert made[0]["spec"]["clusterIPs"] == [addresses[0]]
    kept = await client.ok("PUT", f"{SERVICES}/s0", manifests.service("s0", sessionAffinity="ClientIP"))
    assert kept["spec"]["clusterIP"] == addresses[0]


@pytest.mark.parametrize(
    ("address", "told"), [("10.96.0.77", "provided IP is already allocated"), ("10.1.1.1", "not in the valid range")]
)
async def test_an_asked_address_must_be_free_and_inside(client: Any, manifests: Any, address: str, told: str) -> None:
    await client.ok("POST", SERVICES, manifests.service("first", clusterIP="10.96.0.77"))

    assert told in (await causes(client, SERVICES, manifests.service(clusterIP=address)))["spec.clusterIPs"]


async def test_a_full_service_network_says_so(client: Any, manifests: Any) -> None:
    for number in range(253):
        await client.ok("POST", SERVICES, manifests.service(f"s{number}"))

    assert "range is full" in (await causes(client, SERVICES, manifests.service()))["spec.clusterIPs"]


async def test_a_headless_service_has_no_address(client: Any, manifests: Any) -> None:
    assert (await client.ok("POST", SERVICES, manifests.service(clusterIP="None")))["spec"]["clusterIPs"] == ["None"]


async def test_node_ports_are_given_out_once(client: Any, manifests: Any) -> None:
    made = [await client.ok("POST", SERVICES, manifests.service(f"s{number}", type="NodePort")) for number in range(2)]
    ports = [each["spec"]["ports"][0]["nodePort"] for each in made]
    taken = manifests.service(type="NodePort", ports=[{"port": 80, "nodePort": ports[0]}])

    assert len(set(ports)) == 2
    assert "provided port is already allocated" in (await causes(client, SERVICES, taken))["spec.ports[0].nodePort"]


async def test_a_nodes_pod_network_is_left_to_the_controllers_and_kept(client: Any, manifests: Any) -> None:
    made = await client.ok("POST", "/api/v1/nodes", manifests.node("n0"))

    assert "podCIDR" not in made["spec"]
    own = await client.ok("POST", "/api/v1/nodes", {**manifests.node("own"), "spec": {"podCIDR": "10.77.0.0/24"}})
    assert own["spec"]["podCIDRs"] == ["10.77.0.0/24"]
    kept = await client.ok("PUT", "/api/v1/nodes/own", manifests.node("own"))
    assert kept["spec"]["podCIDR"] == "10.77.0.0/24"


async def test_the_server_has_the_first_service_address_itself(client: Any, manifests: Any) -> None:
    own = await client.ok("GET", f"{SERVICES}/kubernetes")

    assert own["spec"]["clusterIP"] == "10.96.0.1"
    assert (own["spec"]["ports"][0]["port"], own["spec"]["ports"][0]["targetPort"]) == (443, 6443)
    told = "provided IP is already allocated"
    assert told in (await causes(client, SERVICES, manifests.service(clusterIP="10.96.0.1")))["spec.clusterIPs"]


async def test_a_secret_takes_plain_text_and_keeps_base64(client: Any) -> None:
    path = "/api/v1/namespaces/default/secrets"
    made = await client.ok("POST", path, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})

    assert (made["data"], made["type"]) == ({"a": "Yg=="}, "Opaque")
    status = await client.refused("POST", path, {"metadata": {"name": "t"}, "data": {"a": "not base64!"}})
    assert "not base64!" not in status["message"]


async def test_an_immutable_config_map_stays(client: Any, manifests: Any) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    await client.ok("POST", path, {**manifests.config_map(a="1"), "immutable": True})

    found = await causes(client, f"{path}/settings", {**manifests.config_map(a="2"), "immutable": True}, "PUT")

    assert found == {"data": "Forbidden: field is immutable when `immutable` is set"}


@pytest.mark.parametrize(
    ("kind", "plural", "defaults"),
    [
        ("ReplicaSet", "replicasets", {"replicas": 1}),
        (
            "StatefulSet",
            "statefulsets",
            {
                "replicas": 1,
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            },
        ),
        (
            "DaemonSet",
            "daemonsets",
            {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}},
        ),
    ],
)
async def test_workloads_get_their_defaults_and_keep_their_selector(
    client: Any, manifests: Any, kind: str, plural: str, defaults: Any
) -> None:
    path = f"/apis/apps/v1/namespaces/default/{plural}"
    body = {**manifests.deployment(), "kind": kind}

    made = await client.ok("POST", path, body)
    moved = manifests.deployment(selector={"matchLabels": {"app": "x"}})
    moved["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    found = await causes(client, f"{path}/web", {**moved, "kind": kind}, "PUT")

    assert {key: made["spec"][key] for key in defaults} == defaults
    assert found.keys() & {"spec", "spec.selector"}


async def test_a_statefulset_scales_but_keeps_its_service(client: Any, manifests: Any) -> None:
    path = "/apis/apps/v1/namespaces/default/statefulsets"
    await client.ok("POST", path, {**manifests.deployment(serviceName="db"), "kind": "StatefulSet"})

    assert (await client.patch(f"{path}/web", {"spec": {"replicas": 3}}))["spec"]["replicas"] == 3
    patch = {"spec": {"serviceName": "other"}}
    status = await client.refused("PATCH", f"{path}/web", patch, headers=client.patch_type("merge"))
    assert "updates to statefulset spec for fields other than 'replicas'" in status["message"]


@pytest.mark.parametrize(
    ("spec", "field", "told"),
    [
        ({"selector": None}, "spec.selector", "Required value"),
        ({"selector": {}}, "spec.selector", "empty selector is invalid for deployment"),
        (
            {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
            "spec.selector.matchExpressions[0].values",
            "must be specified",
        ),
        ({"template": None}, "spec.template", "Required value"),
        ({"strategy": {"type": "Sometimes"}}, "spec.strategy.type", 'supported values: "Recreate", "RollingUpdate"'),
        (
            {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
            "spec.strategy.rollingUpdate",
            "may not be specified",
        ),
        (
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            "spec.strategy.rollingUpdate.maxUnavailable",
            "may not be 0 when `maxSurge` is 0",
        ),
    ],
)
async def test_a_deployment_that_cannot_roll_out_is_refused(
    client: Any, manifests: Any, spec: Any, field: str, told: str
) -> None:
    assert told in (await causes(client, DEPLOYMENTS, manifests.deployment(**spec)))[field]


@pytest.mark.parametrize(
    ("spec", "field", "told"),
    [
        ({"ports": []}, "spec.ports", "Required value"),
        ({"ports": [{"port": 80}, {"port": 81}]}, "spec.ports[0].name", "Required value"),
        ({"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}, "spec.ports[1]", "Duplicate value"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port", "must be between 1 and 65535, inclusive"),
        ({"type": "Magic"}, "spec.type", "Unsupported value"),
        ({"type": "ExternalName"}, "spec.externalName", "Required value"),
    ],
)
async def test_a_service_that_cannot_work_is_refused(
    client: Any, manifests: Any, spec: Any, field: str, told: str
) -> None:
    assert told in (await causes(client, SERVICES, manifests.service(**spec)))[field]
