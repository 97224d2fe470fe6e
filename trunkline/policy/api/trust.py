"""Sessions and local users."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.view import Body
from trunkline.policy.api import answers
from trunkline.policy.identity import accounts, callers, passwords

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,254}")


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
    if not isinstance(wanted, str) or len(wanted) < passwords.SHORTEST:
        raise errors.wrong(f"users/{name}", "password", "(hidden)", f"at least {passwords.SHORTEST} characters")
    return await passwords.hashed_aside(wanted)


def _user(user: accounts.User) -> Body:
    return {"userid": user.name, "username": user.name, "status": "ACTIVE", "roles": list(user.roles)}


def _record(request: Request, **facts: object) -> None:
    answers.manager(request).record(answers.caller(request), answers.deed(request), 200, **facts)
