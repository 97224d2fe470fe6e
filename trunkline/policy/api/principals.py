"""Principal identities: a name that is proven by one certificate, which may be replaced."""

from __future__ import annotations

import re
import uuid

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.view import Body
from trunkline.kit import clock
from trunkline.policy.api import answers, certificates
from trunkline.policy.identity import accounts, callers
from trunkline.policy.identity.callers import Grant

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,254}")
_WHERE = "principal-identities"


async def collection(request: Request) -> Response:
    """List principal identities, add one for an imported certificate, or give one another (`?action=update_certificate`)."""
    answers.caller(request).must("administer")
    held = answers.manager(request).gate.accounts
    if request.method == "GET":
        return answers.listed([_principal(one) for one in held.principals()])
    body = await answers.body(request)
    action = request.query_params.get("action")
    if action not in (None, "update_certificate"):
        raise errors.wrong(_WHERE, "action", action, "update_certificate")
    identifier = answers.required(body, "certificate_id", _WHERE)
    certificate = held.certificate(identifier)
    if certificate is None:
        raise errors.not_found(f"certificates/{identifier}")
    if action is None:
        return await _added(request, body, certificate.pem)
    return await _renewed(request, body, certificate.pem)


async def add(request: Request) -> Response:
    """Register a certificate as a principal identity; connections may present it from now on."""
    answers.caller(request).must("administer")
    body = await answers.body(request)
    sent = answers.required(body, "certificate_pem", _WHERE)
    return await _added(request, body, certificates.pem(sent, "certificate_pem"))


async def item(request: Request) -> Response:
    """Read or delete a principal identity; what it made stays protected."""
    answers.caller(request).must("administer")
    held = answers.manager(request).gate.accounts
    found = held.principal(request.path_params["id"])
    if found is None:
        raise errors.not_found(f"{_WHERE}/{request.path_params['id']}")
    if request.method == "GET":
        return answers.json(_principal(found))
    await held.delete_principal(found)
    _record(request, found)
    return answers.empty()


async def _added(request: Request, body: Body, pem: str) -> Response:
    principal = accounts.Principal(
        id=str(uuid.uuid4()),
        name=answers.required(body, "name", _WHERE),
        node_id=answers.required(body, "node_id", _WHERE),
        certificate=pem,
        grants=_grants(body),
        is_protected=body.get("is_protected", True) is True,
        created_ms=int(clock.now().timestamp() * 1000),
        created_by=answers.caller(request).name,
    )
    if not _NAME.fullmatch(principal.name):
        raise errors.wrong(_WHERE, "name", principal.name, "letters, digits and - . _ @")
    await answers.manager(request).gate.accounts.add_principal(principal)
    request.app.state.trust(principal.certificate)
    _record(request, principal)
    return answers.json(_principal(principal), 201)


async def _renewed(request: Request, body: Body, pem: str) -> Response:
    held, identifier = answers.manager(request).gate.accounts, answers.required(body, "principal_identity_id", _WHERE)
    before = held.principal(identifier)
    if before is None:
        raise errors.not_found(f"{_WHERE}/{identifier}")
    after = msgspec.structs.replace(before, certificate=pem)
    await held.replace_principal(before, after)
    request.app.state.trust(pem)
    _record(request, after, before=before.fingerprint)
    return answers.json(_principal(after))


def _grants(body: Body) -> tuple[Grant, ...]:
    if paths := body.get("roles_for_paths"):
        try:
            pairs = [(entry["path"], role["role"]) for entry in paths for role in entry["roles"]]
        except (TypeError, KeyError) as error:
            raise errors.wrong(_WHERE, "roles_for_paths", paths, "[{path, roles: [{role}]}] is wanted") from error
        return tuple(Grant(callers.role(str(role), _WHERE), str(path)) for path, role in pairs)
    return callers.grants([str(body.get("role") or "auditor")], _WHERE)


def _principal(one: accounts.Principal) -> Body:
    roles = [{"path": grant.path, "roles": [{"role": grant.role}]} for grant in one.grants]
    return {
        "id": one.id,
        "name": one.name,
        "display_name": f"{one.name}@{one.node_id}",
        "node_id": one.node_id,
        "role": one.grants[0].role if one.grants else "",
        "roles_for_paths": roles,
        "is_protected": one.is_protected,
        "certificate_id": one.fingerprint,
        "certificate_pem": one.certificate,
        "resource_type": "PrincipalIdentity",
        "_create_time": one.created_ms,
        "_create_user": one.created_by,
        "_revision": 0,
    }


def _record(request: Request, principal: accounts.Principal, **facts: object) -> None:
    manager, caller = answers.manager(request), answers.caller(request)
    facts = {"principal": principal.name, "fingerprint": principal.fingerprint, **facts}
    manager.record(caller, answers.deed(request), 200, **facts)
