"""What clients ask a manager before they trust it: version, health, licences, itself."""

from __future__ import annotations

import socket
import uuid
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors, openapi
from trunkline.kit import clock
from trunkline.policy.api import answers, described
from trunkline.policy.identity import passwords
from trunkline.policy.settings import Limits, Service

_TAG_LIMITS = {
    "Tag": {"scope": {"maxLength": 128}, "tag": {"maxLength": 256}},
    "ManagedResource": {"tags": {"maxItems": 30}},
}
_COMPONENTS = "POLICY:UP, SEARCH:UP, MANAGER:UP, NODE_MGMT:UP, UI:UP"


async def health(request: Request) -> Response:
    """Health of the front door; probes ask without credentials."""
    return answers.json({"healthy": True, "components_health": _COMPONENTS})


async def node(request: Request) -> Response:
    """This node."""
    return answers.json(
        {
            **_versions(request),
            "node_uuid": _node_id(request),
            "hostname": socket.gethostname(),
            "export_type": "UNRESTRICTED",
            "kernel_version": "",
            "node_type": "NSX Manager",
            "system_time": int(clock.now().timestamp() * 1000),
            "timezone": "UTC",
        }
    )


async def version(request: Request) -> Response:
    """The version that clients adapt to; both fields, because some dereference one and some the other."""
    return answers.json(_versions(request))


async def cluster_status(request: Request) -> Response:
    """One node, and it answers, so it is up."""
    own = [{"uuid": _node_id(request), "mgmt_cluster_listen_ip_address": (request.scope.get("server") or ("",))[0]}]
    return answers.json(
        {
            "cluster_id": answers.manager(request).configuration.owner_id,
            "mgmt_cluster_status": {"status": "STABLE", "online_nodes": own, "offline_nodes": []},
            "control_cluster_status": {"status": "STABLE"},
            "detailed_cluster_status": {"overall_status": "STABLE", "groups": []},
            "overall_status": "STABLE",
        }
    )


async def cluster(request: Request) -> Response:
    """The cluster: this node."""
    identifier = answers.manager(request).configuration.owner_id
    return answers.json({"cluster_id": identifier, "nodes": [{"node_uuid": _node_id(request), "status": "JOINED"}]})


async def cluster_nodes(request: Request) -> Response:
    """The nodes of the cluster: this one."""
    roles = {"manager_role": {"type": "ManagementPlaneNode"}, "controller_role": {"type": "ControlPlaneNode"}}
    return answers.listed([{"id": _node_id(request), "display_name": socket.gethostname(), **roles}])


async def licences(request: Request) -> Response:
    """There is nothing to license: the list is empty, and any key that a client insists on adding is thanked for."""
    if request.method == "POST":
        answers.caller(request).must("administer")
        key = (await answers.body(request)).get("license_key", "")
        return answers.json({"license_key": key, "is_expired": False})
    return answers.listed([])


async def user_info(request: Request) -> Response:
    """Who the caller is."""
    caller = answers.caller(request)
    roles = [{"role": grant.role, "path": grant.path} for grant in caller.grants]
    return answers.json({"user_name": caller.name, "roles": roles})


async def tag_limits(request: Request) -> Response:
    """The type descriptions that nsxlib reads its tag limits from."""
    name = request.path_params["type"]
    if name not in _TAG_LIMITS:
        raise errors.not_found(name)
    return answers.json({"id": name, "properties": _TAG_LIMITS[name]})


async def api_service(request: Request) -> Response:
    """How the API is served; a limit of 0 is none.  PUT replaces all of it: what is left out is as the settings say."""
    manager, caller = answers.manager(request), answers.caller(request)
    if request.method == "PUT":
        caller.must("administer")
        wanted = _service(request, await answers.body(request))
        await manager.configure(msgspec.structs.replace(manager.configuration, service=wanted))
        manager.record(caller, answers.deed(request), 200, service=msgspec.to_builtins(wanted))
    service = manager.service
    return answers.json(
        {
            "session_timeout": int(service.session_timeout),
            "client_api_rate_limit": service.limits.client_rate,
            "client_api_concurrency_limit": service.limits.client_concurrent,
            "global_api_concurrency_limit": service.limits.all_concurrent,
            "basic_authentication_enabled": service.basic_authentication,
            "cookie_based_authentication_enabled": service.cookie_authentication,
        }
    )


def _service(request: Request, body: dict[str, Any]) -> Service:
    sent = {name: value for name, value in body.items() if not name.startswith("_")}
    where, known = request.url.path, {field.name for field in openapi.API_SERVICE.fields}
    if strange := sorted(sent.keys() - known):
        raise errors.wrong(where, strange[0], sent[strange[0]], f"only {', '.join(sorted(known))} can be set here")
    given = openapi.API_SERVICE.checked(sent, where)
    settings = answers.manager(request).settings
    wanted = Service(
        session_timeout=given.get("session_timeout", settings.session_timeout),
        limits=Limits(
            client_rate=given.get("client_api_rate_limit", settings.limits.client_rate),
            client_concurrent=given.get("client_api_concurrency_limit", settings.limits.client_concurrent),
            all_concurrent=given.get("global_api_concurrency_limit", settings.limits.all_concurrent),
        ),
        basic_authentication=given.get("basic_authentication_enabled", True),
        cookie_authentication=given.get("cookie_based_authentication_enabled", True),
    )
    if not (wanted.basic_authentication or wanted.cookie_authentication):
        raise errors.wrong(where, "basic_authentication_enabled", False, "one of the two ways in must stay open")
    return wanted


async def auth_policy(request: Request) -> Response:
    """When failures to log in lock out (seconds), as NSX names it."""
    limits = answers.manager(request).settings.lockout
    return answers.json(
        {
            "_schema": "AuthenticationPolicyProperties",
            "api_failed_auth_lockout_period": int(limits.period),
            "api_failed_auth_reset_period": int(limits.reset_period),
            "api_max_auth_failures": limits.failures,
            "minimum_password_length": passwords.SHORTEST,
        }
    )


async def partial_patch(request: Request) -> Response:
    """The switch that makes PATCH merge; clients send it as a boolean or as a word."""
    manager, caller = answers.manager(request), answers.caller(request)
    if request.method == "PATCH":
        caller.must("administer")
        value = openapi.PARTIAL_PATCH.checked(await answers.body(request), request.url.path)["enable_partial_patch"]
        await manager.configure(msgspec.structs.replace(manager.configuration, enable_partial_patch=value))
        manager.record(caller, answers.deed(request), 200, enable_partial_patch=value)
        return answers.empty()
    return answers.json({"enable_partial_patch": manager.configuration.enable_partial_patch})


async def specification(request: Request) -> Response:
    """The OpenAPI document of what is served."""
    return answers.json(
        described.document(request.app.routes, request.app.state.free, answers.manager(request).settings.version)
    )


def _versions(request: Request) -> dict[str, str]:
    version = answers.manager(request).settings.version
    return {"node_version": version, "product_version": version}


def _node_id(request: Request) -> str:
    settings = answers.manager(request).settings
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{settings.holder}.policy"))
