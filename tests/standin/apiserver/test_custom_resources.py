"""CustomResourceDefinitions: served at once, checked, pruned, defaulted, shown in columns, converted between versions."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POOLS = "/apis/example.org/v1/pools"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


@pytest.fixture
async def pools(client: Any, manifests: Any) -> Any:
    """A client of a server that knows Pools."""
    await client.ok("POST", DEFINITIONS, manifests.definition())
    return client


async def test_a_definition_is_established_and_served_at_once(pools: Any, manifests: Any) -> None:
    definition = await pools.get(f"{DEFINITIONS}/pools.example.org")

    conditions = {each["type"]: each["status"] for each in definition["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert definition["status"]["storedVersions"] == ["v1"]
    assert definition["spec"]["names"]["listKind"] == "PoolList"
    assert (await pools.ok("POST", POOLS, manifests.pool()))["kind"] == "Pool"


async def test_discovery_tells_of_custom_kinds_with_the_best_version_first(pools: Any) -> None:
    group = await pools.get("/apis/example.org")
    resources = await pools.get("/apis/example.org/v1")

    assert [each["version"] for each in group["versions"]] == ["v1", "v1alpha1"]
    assert resources["resources"][0]["shortNames"] == ["pl"]
    assert [each["name"] for each in resources["resources"]] == ["pools", "pools/status"]


async def test_defaults_are_filled_and_unknown_fields_pruned(pools: Any, manifests: Any) -> None:
    made = await pools.ok("POST", POOLS, manifests.pool(nonsense=1, free={"any": {"thing": 1}}))

    assert made["spec"] == {"cidr": "172.16.19.0/24", "vlan": 0, "free": {"any": {"thing": 1}}}


async def test_strict_clients_are_refused_unknown_fields(pools: Any, manifests: Any) -> None:
    status = await pools.refused("POST", POOLS, manifests.pool(nonsense=1), params={"fieldValidation": "Strict"})

    assert 'strict decoding error: unknown field "spec.nonsense"' in status["message"]


async def test_every_violation_is_told_at_once(pools: Any, manifests: Any) -> None:
    status = await pools.refused("POST", POOLS, manifests.pool(cidr="here", vlan=5000, mode="bridge", size=True))

    assert (status["code"], status["reason"]) == (422, "Invalid")
    told = {cause["field"]: cause["message"] for cause in status["details"]["causes"]}
    assert told == {
        "spec.cidr": "Invalid value: \"here\": spec.cidr in body should match '^[0-9./]+$'",
        "spec.vlan": "Invalid value: 5000: spec.vlan in body should be less than or equal to 4094",
        "spec.mode": 'Unsupported value: "bridge": supported values: "vlan", "overlay"',
        "spec.size": 'Invalid value: "boolean": spec.size in body must be of type integer,string: "boolean"',
    }
    assert status["message"].startswith('Pool.example.org "blue" is invalid: [')


async def test_a_missing_spec_is_required(pools: Any, manifests: Any) -> None:
    body = manifests.pool()
    del body["spec"]

    assert (await pools.refused("POST", POOLS, body))[
        "message"
    ] == 'Pool.example.org "blue" is invalid: spec: Required value'


async def test_status_is_a_subresource(pools: Any, manifests: Any) -> None:
    await pools.ok("POST", POOLS, {**manifests.pool(), "status": {"used": 1}})

    changed = await pools.patch(f"{POOLS}/blue/status", {"status": {"used": 3}, "spec": {"vlan": 7}})

    assert changed["status"] == {"used": 3}
    assert changed["spec"]["vlan"] == 0
    assert changed["metadata"]["generation"] == 1


async def test_printer_columns_make_the_table(pools: Any, manifests: Any) -> None:
    await pools.ok("POST", POOLS, manifests.pool(vlan=19))

    table = await pools.get(POOLS, headers=TABLE)

    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "VLAN", "Used", "Age"]
    assert [column["priority"] for column in table["columnDefinitions"]] == [0, 0, 1, 0]
    assert table["rows"][0]["cells"][:3] == ["blue", 19, None]
    assert table["rows"][0]["cells"][3].endswith("s")
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_versions_without_a_webhook_differ_in_name_only(pools: Any, manifests: Any) -> None:
    await pools.ok("POST", "/apis/example.org/v1alpha1/pools", manifests.pool(version="v1alpha1", vlan=19))

    found = await pools.get(f"{POOLS}/blue")

    assert found["apiVersion"] == "example.org/v1"
    assert found["spec"]["vlan"] == 19


async def test_strategic_patches_are_not_for_custom_kinds(pools: Any, manifests: Any) -> None:
    await pools.ok("POST", POOLS, manifests.pool())

    status = await pools.refused("PATCH", f"{POOLS}/blue", {}, headers=pools.patch_type("strategic"))

    assert status["code"] == 415


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"group": "other.org"}, "metadata.name", 'must be spec.names.plural+"."+spec.group'),
        ({"scope": "Galaxy"}, "spec.scope", 'Unsupported value: "Galaxy"'),
        ({"versions": []}, "spec.versions", "must have at least one version"),
        (
            {"versions": [{"name": "v1", "served": True, "storage": True}]},
            "spec.versions[0].schema.openAPIV3Schema",
            "schemas are required",
        ),
    ],
)
async def test_a_definition_that_cannot_work_is_refused(
    client: Any, manifests: Any, change: Any, field: str, told: str
) -> None:
    status = await client.refused("POST", DEFINITIONS, manifests.definition(**change))

    causes = {cause["field"]: cause["message"] for cause in status["details"]["causes"]}
    assert told in causes[field]


async def test_rules_that_are_not_evaluated_are_warned_of(client: Any, manifests: Any) -> None:
    body = manifests.definition()
    body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] = [
        {"rule": "self.spec.vlan > 0"}
    ]

    response = await client.send("POST", DEFINITIONS, body)

    assert "x-kubernetes-validations rules are kept but not evaluated" in response.headers["warning"]


class Hook:
    """An HTTPS server that answers reviews; `answer` is set by the test, `reviews` are what it was asked."""

    def __init__(self, authority: Any) -> None:
        self.reviews: list[dict[str, Any]] = []
        self.answer: Any = None
        self._authority = authority

    async def serve(self) -> AsyncIterator[Hook]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self._authority.issue("hook"))
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        bundle = base64.b64encode(self._authority.path.read_bytes()).decode()
        self.config = {"url": f"https://127.0.0.1:{port}/review", "caBundle": bundle}
        yield self
        server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(next(line.split(":")[1] for line in head.splitlines() if line.startswith("content-length")))
        review = json.loads(await reader.readexactly(size))
        self.reviews.append(review)
        response = {"uid": review["request"]["uid"], **self.answer(review["request"])}
        body = json.dumps({**review, "response": response}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def hook(authority: Any) -> AsyncIterator[Hook]:
    async for served in Hook(authority).serve():
        yield served


async def test_a_webhook_converts_on_write_and_on_read(client: Any, manifests: Any, hook: Hook) -> None:
    def renamed(request: dict[str, Any]) -> dict[str, Any]:
        converted = []
        for obj in request["objects"]:
            to_v1 = request["desiredAPIVersion"].endswith("/v1")
            spec = {key: value for key, value in obj["spec"].items() if key not in ("vlan", "mode")}
            spec |= {"mode": "vlan"} if to_v1 else {"mode": "overlay"}
            converted.append({**obj, "apiVersion": request["desiredAPIVersion"], "spec": spec})
        return {"result": {"status": "Success"}, "convertedObjects": converted}

    hook.answer = renamed
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": hook.config, "conversionReviewVersions": ["v1"]}}
    await client.ok("POST", DEFINITIONS, manifests.definition(conversion=conversion))

    old = await client.ok("POST", "/apis/example.org/v1alpha1/pools", manifests.pool(version="v1alpha1"))
    new = await client.get(f"{POOLS}/blue")
    asked = len(hook.reviews)
    again = await client.get("/apis/example.org/v1alpha1/pools")

    assert (old["spec"]["mode"], new["spec"]["mode"]) == ("overlay", "vlan")
    assert again["items"] == [old]
    assert len(hook.reviews) == asked, "a conversion is remembered with the object"
    assert new["metadata"]["uid"] == old["metadata"]["uid"]


async def test_a_conversion_that_fails_is_told(client: Any, manifests: Any, hook: Hook) -> None:
    hook.answer = lambda _: {"result": {"status": "Failure", "message": "no such colour"}}
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": hook.config, "conversionReviewVersions": ["v1"]}}
    await client.ok("POST", DEFINITIONS, manifests.definition(conversion=conversion))

    status = await client.refused("POST", "/apis/example.org/v1alpha1/pools", manifests.pool(version="v1alpha1"))

    assert status["code"] == 500
    assert "conversion webhook for example.org/v1alpha1, Kind=Pool failed: no such colour" in status["message"]


def validating(hook: Hook, **changes: Any) -> dict[str, Any]:
    rule = {
        "apiGroups": ["example.org"],
        "apiVersions": ["v1"],
        "resources": ["pools"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
    }
    webhook = {
        "name": "pools.example.org",
        "clientConfig": hook.config,
        "rules": [rule],
        "sideEffects": "None",
        **changes,
    }
    return {"metadata": {"name": "pools"}, "webhooks": [{**webhook, "admissionReviewVersions": ["v1"]}]}


CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


async def test_a_validating_webhook_refuses_and_warns(pools: Any, manifests: Any, hook: Hook) -> None:
    await pools.ok("POST", CONFIGURATIONS, validating(hook))
    hook.answer = lambda _: {"allowed": False, "status": {"message": "range is taken", "code": 409}}
    status = await pools.refused("POST", POOLS, manifests.pool())
    assert (status["code"], status["message"]) == (
        409,
        'admission webhook "pools.example.org" denied the request: range is taken',
    )

    hook.answer = lambda _: {"allowed": True, "warnings": ["gateway is inside the range"]}
    response = await pools.send("POST", POOLS, manifests.pool())
    assert response.status_code == 201
    assert response.headers["warning"] == '299 - "gateway is inside the range"'
    request = hook.reviews[-1]["request"]
    assert (request["operation"], request["userInfo"]["username"], request["name"]) == ("CREATE", "admin", "blue")


async def test_a_webhook_sees_the_version_it_asked_for(pools: Any, manifests: Any, hook: Hook) -> None:
    hook.answer = lambda _: {"allowed": True}
    await pools.ok("POST", CONFIGURATIONS, validating(hook))

    await pools.ok("POST", "/apis/example.org/v1alpha1/pools", manifests.pool(version="v1alpha1"))
    await pools.ok("DELETE", "/apis/example.org/v1alpha1/pools/blue")

    created, deleted = (review["request"] for review in hook.reviews)
    assert created["object"]["apiVersion"] == "example.org/v1"
    assert created["requestKind"]["version"] == "v1alpha1"
    assert (deleted["operation"], deleted["object"]) == ("DELETE", None)
    assert deleted["oldObject"]["metadata"]["name"] == "blue"


@pytest.mark.parametrize(("policy", "code"), [("Fail", 500), ("Ignore", 201)])
async def test_a_webhook_that_is_away_counts_by_its_policy(
    pools: Any, manifests: Any, hook: Hook, policy: str, code: int
) -> None:
    away = {**hook.config, "url": "https://127.0.0.1:1/review"}
    await pools.ok("POST", CONFIGURATIONS, validating(hook, clientConfig=away, failurePolicy=policy))

    response = await pools.send("POST", POOLS, manifests.pool())

    assert response.status_code == code
    if code == 500:
        assert 'failed calling webhook "pools.example.org"' in response.json()["message"]
