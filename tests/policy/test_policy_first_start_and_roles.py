"""The first start's password, and what each role may do with each verb."""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.conftest import opened
from tests.policy.test_policy_identity import certificate, register, user
from trunkline.policy import main
from trunkline.policy.identity.accounts import Accounts

WEB, TRACE = "/infra/segments/web", "/infra/traceflows/t"
REFRESH = f"/infra/realized-state/realized-entity?action=refresh&intent_path={WEB}"
PACKET = {
    "eth_header": {"src_mac": "00:50:56:00:00:01", "dst_mac": "00:50:56:00:00:02"},
    "ip_header": {"src_ip": "10.1.0.5", "dst_ip": "10.1.0.6"},
}


async def test_the_first_start_prints_a_password_once_and_keeps_no_copy(database, capsys):
    async with opened(database) as store:
        accounts = Accounts(store)
        await main.first_user(accounts, "")
        (line,) = capsys.readouterr().out.splitlines()
        password = line.removeprefix("The password of user admin is ").split()[0]
        assert len(password) >= 16
        await main.first_user(accounts, "")
        assert capsys.readouterr().out == "", "a restart prints nothing"
        stored = b"".join(document.body for document in store.list(""))
        assert password.encode() not in stored
        assert b"admin" in stored


async def test_two_managers_have_different_passwords(database, capsys):
    lines = []
    for _ in range(2):
        async with opened(database) as store:
            await main.first_user(Accounts(store), "")
            lines.append(capsys.readouterr().out)
    assert lines[0] != lines[1]


@pytest.fixture
async def network(admin: Any) -> Any:
    await admin.patch(WEB)
    await admin.patch(f"{WEB}/ports/vm", attachment={"id": "vif"})
    await admin.patch(TRACE, segment_port_path=f"{WEB}/ports/vm", packet=PACKET)
    return admin


CALLS: dict[str, tuple[str, str, Any]] = {
    "read": ("GET", WEB, None),
    "list": ("GET", "/infra/segments", None),
    "search": ("GET", "/search/query?query=id:web", None),
    "replace": ("PUT", "/infra/segments/new", {}),
    "patch": ("PATCH", WEB, {}),
    "delete": ("DELETE", "/infra/segments/spare", None),
    "hierarchy": ("PATCH", "/infra", {"children": [{"resource_type": "ChildSegment", "Segment": {"id": "x"}}]}),
    "trace": ("PATCH", "/infra/traceflows/other", {"segment_port_path": f"{WEB}/ports/vm", "packet": PACKET}),
    "restart": ("POST", f"{TRACE}?action=restart", None),
    "refresh": ("POST", REFRESH, None),
    "users": ("GET", "/api/v1/node/users", None),
    "serve": ("PUT", "/api/v1/cluster/api-service", {}),
    "merge": ("PATCH", "/system-config/nsx-partial-patch-config", {"enable_partial_patch": False}),
}
READS = {"read", "list", "search"}
ACTS = READS | {"trace", "restart", "refresh"}
WRITES = ACTS | {"replace", "patch", "delete", "hierarchy"}


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("auditor", READS),
        ("operator", ACTS),
        ("network_engineer", WRITES),
        ("admin", WRITES | {"users", "serve", "merge"}),
    ],
)
async def test_each_role_may_do_with_each_verb_what_it_is_for(network, role, may):
    await network.patch("/infra/segments/spare")
    caller = await user(network, "somebody", role)
    allowed = set()
    for name, (method, path, body) in CALLS.items():
        answer = await caller.call(method, path, body)
        assert answer.status_code in (200, 403), f"{name}: {answer.text}"
        if answer.status_code == 200:
            allowed.add(name)
    assert allowed == may


async def test_an_identity_is_its_certificate_and_not_its_name_or_key(admin):
    """The certificate itself is compared, so another one of the same name, also a renewed one, is somebody else's."""
    made, known = await register(admin, "tkg")
    await known.get("/api/v1/aaa/user-info")
    _, renewed, _ = certificate("tkg")
    assert (await admin.with_certificate(renewed).refused("GET", "/api/v1/aaa/user-info"))[:2] == (403, 403)
    assert made["certificate_id"] not in (await admin.get("/api/v1/aaa/user-info")).values()
