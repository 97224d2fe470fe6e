"""Sessions, local users and principal identities."""

from __future__ import annotations

import re
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.view import Body
from trunkline.kit import clock
from trunkline.policy.api import answers
from trunkline.policy.identity import accounts, callers, passwords
from trunkline.policy.identity.callers import Grant

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,254}")
_SHORTEST_PASSWORD = 12


async def create_session(request: Request) -> Response:
    """Log in with a form; the answer's headers carry the cookie and its token."""
    form = (await answers.content(request)).decode(errors="replace")
    address = request.client.host if request.client else ""
    gate = answers.manager(request).gate
    session = await gate.log_in(form, address)
    response = answers.empty()
    response.headers["set-cookie"] = session.cookie
    response.headers["x-xsrf-token"] = session.token
    return response


async def destroy_session(request: Request) -> Response:
    """Log out; without a session there is nothing to do."""
    sessions = answers.manager(request).gate.sessions
    if session := sessions.find(request.headers.get("cookie", "")):
        sessions.destroy(session)
    return answers.empty()


async def users(request: Request) -> Response:
    """List local users, or create one (`?action=create_user`); `roles` beside the password is ours."""
    answers.caller(request).must("administer")
    held = answers.manager(request).gate.accounts
    if request.method == "GET":
        return answers.listed([_user(user) for user in held.users()])
    body = await answers.body(request)
    user = await _wanted(str(body.get("username", "")), body, None)
    await held.save_user(user, new=True)
    _record(request, account=user.name, roles=user.roles)
    return answers.json(_user(user), 201)


async def user(request: Request) -> Response:
    """Read, change (password, roles) or delete a local user; a change ends the user's sessions."""
    caller, gate = answers.caller(request), answers.manager(request).gate
    caller.must("administer")
    name = request.path_params["name"]
    known = gate.accounts.user(name)
    if known is None:
        raise errors.not_found(f"users/{name}")
    if request.method == "GET":
        return answers.json(_user(known))
    if request.method == "DELETE":
        if name in ("admin", caller.name):
            raise errors.forbidden(caller.name, f"delete user '{name}'")
        await gate.accounts.delete_user(name)
    else:
        known = await _wanted(name, await answers.body(request), known)
        await gate.accounts.save_user(known)
    gate.sessions.destroy_all(name)
    _record(request, roles=known.roles)
    return answers.empty() if request.method == "DELETE" else answers.json(_user(known))


async def principals(request: Request) -> Response:
    """List principal identities."""
    answers.caller(request).must("administer")
    return answers.listed([_principal(one) for one in answers.manager(request).gate.accounts.principals()])


async def add_principal(request: Request) -> Response:
    """Register a certificate as a principal identity; connections may present it from now on."""
    caller, manager = answers.caller(request), answers.manager(request)
    caller.must("administer")
    body = await answers.body(request)
    principal = accounts.Principal(
        id=str(uuid.uuid4()),
        name=_required(body, "name"),
        node_id=_required(body, "node_id"),
        certificate=_certificate(_required(body, "certificate_pem")),
        grants=_grants(body),
        is_protected=body.get("is_protected", True) is True,
        created_ms=int(clock.now().timestamp() * 1000),
        created_by=caller.name,
    )
    if not _NAME.fullmatch(principal.name):
        raise errors.wrong("principal-identities", "name", principal.name, "letters, digits and - . _ @")
    await manager.gate.accounts.add_principal(principal)
    request.app.state.trust(principal.certificate)
    _record(request, principal=principal.name, fingerprint=principal.fingerprint)
    return answers.json(_principal(principal), 201)


async def principal(request: Request) -> Response:
    """Read or delete a principal identity; what it made stays protected."""
    answers.caller(request).must("administer")
    held = answers.manager(request).gate.accounts
    found = held.principal(request.path_params["id"])
    if found is None:
        raise errors.not_found(f"principal-identities/{request.path_params['id']}")
    if request.method == "GET":
        return answers.json(_principal(found))
    await held.delete_principal(found)
    _record(request, principal=found.name)
    return answers.empty()


async def _wanted(name: str, body: Body, known: accounts.User | None) -> accounts.User:
    if not _NAME.fullmatch(name):
        raise errors.wrong("users", "username", name, "letters, digits and - . _ @")
    roles = body.get("roles")
    if roles is not None and not isinstance(roles, list):
        raise errors.wrong(f"users/{name}", "roles", roles, "an array is wanted")
    named = tuple(callers.role(str(role), f"users/{name}") for role in roles or ())
    return accounts.User(
        name=name,
        roles=named or (known.roles if known else ("auditor",)),
        password=known.password if known and "password" not in body else await _password(name, body.get("password")),
    )


async def _password(name: str, wanted: object) -> passwords.Hashed:
    if not isinstance(wanted, str) or len(wanted) < _SHORTEST_PASSWORD:
        raise errors.wrong(f"users/{name}", "password", "(hidden)", f"at least {_SHORTEST_PASSWORD} characters")
    return await passwords.hashed_aside(wanted)


def _grants(body: Body) -> tuple[Grant, ...]:
    where = "principal-identities"
    if paths := body.get("roles_for_paths"):
        try:
            pairs = [(entry["path"], role["role"]) for entry in paths for role in entry["roles"]]
        except (TypeError, KeyError) as error:
            raise errors.wrong(where, "roles_for_paths", paths, "[{path, roles: [{role}]}] is wanted") from error
        return tuple(Grant(callers.role(str(role), where), str(path)) for path, role in pairs)
    return callers.grants([str(body.get("role") or "auditor")], where)


def _certificate(pem: str) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise errors.wrong(
            "principal-identities", "certificate_pem", str(error), "a PEM certificate is wanted"
        ) from error
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _required(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise errors.wrong("principal-identities", name, value, f"required property {name} is missing")
    return value


def _user(user: accounts.User) -> Body:
    return {"userid": user.name, "username": user.name, "status": "ACTIVE", "roles": list(user.roles)}


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


def _record(request: Request, **facts: object) -> None:
    answers.manager(request).record(answers.caller(request), answers.deed(request), 200, **facts)
