"""Who gets in, what they may do, and what is put on record."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from trunkline.policy.settings import Lockout

ME = "/api/v1/aaa/user-info"
PRINCIPALS = "/api/v1/trust-management/principal-identities"
CERTIFICATES = "/api/v1/trust-management/certificates"
LOGIN = "/api/session/create"


def certificate(name: str) -> tuple[str, bytes, bytes]:
    """A self-signed certificate as clients make them: PEM, DER, and the key's PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return pem, ssl.PEM_cert_to_DER_cert(pem), private


async def register(admin, name="tkg", **body):
    """A principal identity and a client that presents its certificate."""
    pem, der, _ = certificate(name)
    body = {"name": name, "node_id": "n1", "certificate_pem": pem, "role": "enterprise_admin", **body}
    response = await admin.call("POST", f"{PRINCIPALS}/with-certificate", body)
    assert response.status_code == 201, response.text
    return response.json(), admin.with_certificate(der)


async def user(admin, name, *roles):
    """A local user, and a client of theirs."""
    body = {"username": name, "password": "correct horse battery", "roles": roles}
    response = await admin.call("POST", "/api/v1/node/users", body, action="create_user")
    assert response.status_code == 201, response.text
    return admin.as_user(name, "correct horse battery")


async def log_in(client, form: str):
    return await client.nobody().http.post(
        LOGIN, content=form, headers={"content-type": "application/x-www-form-urlencoded"}
    )


async def test_the_generated_password_lets_admin_in_and_nothing_else_does(admin, policy):
    assert (await admin.get(ME))["user_name"] == "admin"
    assert len(policy.password) >= 16
    wrong = (
        admin.as_user("admin", "admin"),
        admin.as_user("admin", ""),
        admin.as_user("nobody", policy.password),
        admin.nobody(),
        admin.nobody(Authorization="Basic !!!"),
        admin.nobody(Authorization="Bearer abc"),
        admin.nobody(Cookie="JSESSIONID=ABC;"),
    )
    for client in wrong:
        status, code, message = await client.refused("GET", ME)
        assert (status, code) == (403, 403)
        assert message == "The credentials were incorrect or the account specified has been locked."


async def test_remote_users_are_taken_like_basic(admin, policy):
    token = base64.b64encode(f"admin:{policy.password}".encode()).decode()
    assert (await admin.nobody(Authorization=f"Remote {token}").get(ME))["user_name"] == "admin"


async def test_the_password_is_not_in_the_store(policy, database):
    manager = policy.manager
    stored = b"".join(document.body for document in manager._store.list(""))
    assert policy.password.encode() not in stored
    assert policy.password not in (policy.home / "audit.log").read_text()


async def test_a_session_needs_its_cookie_and_its_token(admin, policy):
    response = await log_in(admin, f"j_username=admin&j_password={policy.password}")
    assert (response.status_code, response.content) == (200, b"")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("JSESSIONID=")
    assert "; Path=/; Secure; HttpOnly" in cookie
    session, token = cookie.split(";")[0] + ";", response.headers["x-xsrf-token"]
    assert (await admin.nobody(Cookie=session, X_XSRF_TOKEN=token).get(ME))["user_name"] == "admin"
    for bad in ({"Cookie": session}, {"Cookie": session, "X_XSRF_TOKEN": "x"}):
        assert (await admin.nobody(**bad).refused("GET", ME))[:2] == (403, 98)


async def test_a_session_ends_by_idleness_and_by_logging_out(admin, policy):
    async def fresh():
        response = await log_in(admin, f"j_username=admin&j_password={policy.password}")
        cookie = response.headers["set-cookie"].split(";")[0] + ";"
        return admin.nobody(Cookie=cookie, X_XSRF_TOKEN=response.headers["x-xsrf-token"])

    idle, busy = await fresh(), await fresh()
    for _ in range(3):
        policy.clock.now += 1000
        await busy.get(ME)
    assert (await idle.refused("GET", ME))[:2] == (403, 403)
    response = await busy.call("POST", "/api/session/destroy")
    assert response.status_code == 200
    assert (await busy.refused("GET", ME))[:2] == (403, 403)


@pytest.mark.parametrize("form", ["p%40ss%2B1word+long", "p@ss+1word long", "p%40ss%2B1word%20long"])
async def test_login_forms_may_be_encoded_or_not(admin, form):
    """nsxlib sends the password as it is, Terraform encodes it."""
    raw = "p@ss+1word long"
    for name, secret in (("plus", raw), ("asis", form)):
        await admin.call(
            "POST",
            "/api/v1/node/users",
            {"username": name, "password": secret, "roles": ["auditor"]},
            action="create_user",
        )
    name = "asis" if form == raw else "plus"
    assert (await log_in(admin, f"j_username={name}&j_password={form}")).status_code == 200


async def test_a_wrong_basic_header_does_not_spoil_a_login_form(admin, policy):
    response = await admin.as_user("admin", "encoded%20nonsense").http.post(
        LOGIN, content=f"j_username=admin&j_password={policy.password}", auth=("admin", "nonsense")
    )
    assert response.status_code == 200


async def test_five_failures_lock_the_user_out_from_that_address_for_a_while(admin, policy):
    wrong = admin.as_user("admin", "wrong")
    for _ in range(5):
        await wrong.refused("GET", ME)
    assert (await admin.refused("GET", ME))[:2] == (403, 403), "even the right password is refused now"
    assert (await log_in(admin, f"j_username=admin&j_password={policy.password}")).status_code == 403
    policy.clock.now += 901
    await admin.get(ME)


async def test_lock_out_follows_its_settings_and_is_told_to_administrators(database, tmp_path, manager_with):
    limits = Lockout(failures=2, reset_period=60, period=10)
    async with manager_with(database, tmp_path, lockout=limits) as opened:
        admin, clock = opened.admin, opened.clock
        shown = await admin.get("/api/v1/node/aaa/auth-policy")
        assert shown["api_max_auth_failures"] == 2
        assert (shown["api_failed_auth_reset_period"], shown["api_failed_auth_lockout_period"]) == (60, 10)
        wrong = admin.as_user("admin", "wrong")
        await wrong.refused("GET", ME)
        clock.now += 61
        await wrong.refused("GET", ME)
        await admin.get(ME)
        await wrong.refused("GET", ME)
        await wrong.refused("GET", ME)
        clock.now += 9
        await wrong.refused("GET", ME)
        await admin.refused("GET", ME)
        clock.now += 2
        await admin.get(ME), "what was tried while locked out did not prolong it"


async def test_guesses_side_by_side_are_no_more_than_guesses_one_by_one(admin, policy):
    """Those that are still being computed when the lock falls do not count, even if one of them is right."""
    guesses = [admin.as_user("admin", f"wrong-{number}").call("GET", ME) for number in range(8)]
    answers = await asyncio.gather(*guesses, admin.call("GET", ME))
    assert {answer.status_code for answer in answers} == {403}


async def test_every_denied_call_is_on_record_with_its_reason(admin, policy):
    auditor = await user(admin, "ann", "auditor")
    await auditor.refused("GET", "/api/v1/node/users")
    await auditor.refused("PATCH", "/infra/segments/web", {})
    await admin.as_user("ann", "wrong").refused("GET", "/infra/segments")
    await admin.nobody().refused("GET", "/infra/segments")
    await admin.refused("PUT", "/infra/segments/web", b"{")
    await admin.refused("GET", "/infra/segments/nowhere")
    seen = [(line["user"], line["proof"], line["deed"], line["status"]) for line in policy.audit()[1:]]
    base = "/policy/api/v1/infra/segments"
    assert seen == [
        ("ann", "password", "GET /api/v1/node/users", 403),
        ("ann", "password", f"PATCH {base}/web", 403),
        ("", "none", f"GET {base}", 403),
        ("", "none", f"GET {base}", 403),
        ("admin", "password", f"PUT {base}/web", 400),
    ]
    reasons = [line.get("why") for line in policy.audit()[3:5]]
    assert reasons == ["user 'ann': wrong password or no such user", "nothing that proves who asks"]


async def test_no_secret_is_logged_or_recorded_or_stored(admin, policy, capfd):
    secrets = ["open sesame twelve", "wr0ng-guess", "tooshort", policy.password]
    pem, _, key = certificate("tkg")
    body = {"username": "ann", "password": secrets[0], "roles": ["auditor"]}
    await admin.call("POST", "/api/v1/node/users", body, action="create_user")
    await admin.call("POST", "/api/v1/node/users", {**body, "username": "bob", "password": secrets[2]})
    await admin.call("POST", "/api/v1/node/users", {**body, "roles": 7})
    await admin.as_user("ann", secrets[1]).refused("GET", ME)
    response = await log_in(admin, f"j_username=ann&j_password={secrets[0].replace(' ', '+')}")
    secrets += [response.headers["set-cookie"].split("=")[1].split(";")[0], response.headers["x-xsrf-token"]]
    await log_in(admin, f"j_username=ann&j_password={secrets[1]}")
    both = key.decode() + pem
    for sent in (both, key.decode()):
        names = {"name": "tkg", "node_id": "n", "role": "auditor"}
        await admin.call("POST", f"{PRINCIPALS}/with-certificate", {**names, "certificate_pem": sent})
        await admin.call("POST", f"{CERTIFICATES}?action=import", {"pem_encoded": sent})
    secrets.append(key.decode().splitlines()[1])
    shown = capfd.readouterr()
    stored = b"".join(document.body for document in policy.manager._store.list("")).decode(errors="replace")
    everything = shown.out + shown.err + (policy.home / "audit.log").read_text() + stored
    assert "tkg" in everything
    assert "login refused" in shown.out
    assert [secret for secret in secrets if secret in everything] == []


async def test_a_success_forgets_earlier_failures(admin):
    for _ in range(3):
        for _ in range(4):
            await admin.as_user("admin", "wrong").refused("GET", ME)
        await admin.get(ME)


async def test_roles_limit_what_users_do(admin):
    auditor, operator = await user(admin, "ann", "auditor"), await user(admin, "olaf", "operator")
    engineer = await user(admin, "eve", "network_engineer")
    await engineer.patch("/infra/segments/web")
    for reader in (auditor, operator):
        await reader.get("/infra/segments/web")
        for method, path in (("PATCH", "/infra/segments/web"), ("DELETE", "/infra/segments/web"), ("PATCH", "/infra")):
            status, _, message = await reader.refused(method, path, {"description": "x"} if method == "PATCH" else None)
            assert status == 403
            assert "has no permission" in message
    refresh = "/infra/realized-state/realized-entity"
    assert (
        await operator.call("POST", refresh, action="refresh", intent_path="/infra/segments/web")
    ).status_code == 200
    assert (await auditor.refused("POST", refresh, intent_path="/infra/segments/web"))[0] == 403
    for caller in (auditor, operator, engineer):
        assert (await caller.refused("GET", "/api/v1/node/users"))[0] == 403
        assert (await caller.refused("POST", f"{PRINCIPALS}/with-certificate", {}))[0] == 403
    assert "description" not in await admin.get("/infra/segments/web")


async def test_users_are_kept_in_order(admin):
    ann = await user(admin, "ann", "auditor")
    assert (await admin.refused("POST", "/api/v1/node/users", {"username": "ann", "password": "x" * 12}))[:2] == (
        400,
        500127,
    )
    for bad in ({"username": "a b", "password": "x" * 12}, {"username": "b", "password": "short"}, {"username": "b"}):
        assert (await admin.refused("POST", "/api/v1/node/users", bad))[:2] == (400, 255)
    body = {"username": "b", "password": "x" * 12, "roles": ["root"]}
    assert (await admin.refused("POST", "/api/v1/node/users", body))[:2] == (400, 255)
    await ann.get(ME)
    await admin.put("/api/v1/node/users/ann", password="another good one")
    assert (await ann.refused("GET", ME))[0] == 403
    ann = admin.as_user("ann", "another good one")
    assert [role["role"] for role in (await ann.get(ME))["roles"]] == ["auditor"]
    await admin.delete("/api/v1/node/users/ann")
    assert (await ann.refused("GET", ME))[0] == 403
    assert (await admin.refused("DELETE", "/api/v1/node/users/admin"))[0] == 403


async def test_a_certificate_makes_a_principal_identity(admin, policy):
    made, tkg = await register(admin)
    assert made["is_protected"] is True
    assert policy.trusted == [made["certificate_pem"]]
    await tkg.patch("/infra/tier-1s/t1")
    assert (await admin.get("/infra/tier-1s/t1"))["_create_user"] == "tkg"
    assert (await tkg.get(ME))["user_name"] == "tkg"
    _, stranger, _ = certificate("tkg")
    assert (await admin.with_certificate(stranger).refused("GET", ME))[0] == 403
    await admin.delete(f"{PRINCIPALS}/{made['id']}")
    assert (await tkg.refused("GET", ME))[0] == 403


async def test_one_certificate_stands_for_one_identity(admin):
    made, _ = await register(admin)
    again = {"name": "other", "node_id": "n2", "certificate_pem": made["certificate_pem"]}
    assert (await admin.refused("POST", f"{PRINCIPALS}/with-certificate", again))[:2] == (400, 255)
    for bad in ({**again, "certificate_pem": "x"}, {**again, "certificate_pem": ""}, {**again, "name": 7}, {}):
        assert (await admin.refused("POST", f"{PRINCIPALS}/with-certificate", bad))[:2] == (400, 255)


async def test_what_a_protected_identity_made_needs_the_header_to_be_changed(admin):
    _, tkg = await register(admin)
    _, other = await register(admin, "other", role="network_engineer")
    await admin.patch("/infra/tier-1s/t1")
    route = "/infra/tier-1s/t1/static-routes/r"
    body = {"network": "100.96.1.0/24", "next_hops": [{"ip_address": "10.0.0.9"}]}
    await tkg.patch(route, **body)
    insisting = admin.with_headers(X_Allow_Overwrite="true")
    protections = [(await client.get(route))["_protection"] for client in (tkg, admin, other)]
    assert protections == ["NOT_PROTECTED", "REQUIRE_OVERRIDE", "PROTECTED"]
    for client in (admin, other, other.with_headers(X_Allow_Overwrite="true")):
        for method, sent in (("DELETE", None), ("PATCH", body)):
            status, code, message = await client.refused(method, route, sent)
            assert (status, code) == (400, 289)
            assert "(createUser=tkg, allowOverwrite=null)" in message
    await insisting.get(route)
    await insisting.patch(route, **body, description="seen")
    assert (await tkg.get(route))["_create_user"] == "tkg"
    await tkg.patch(route, **body)
    await insisting.delete(route)


async def test_what_an_identity_made_stays_protected_when_it_is_gone(admin):
    made, tkg = await register(admin)
    await tkg.patch("/infra/segments/web")
    await admin.delete(f"{PRINCIPALS}/{made['id']}")
    assert (await admin.refused("DELETE", "/infra/segments/web"))[1] == 289
    await user(admin, "tkg", "enterprise_admin")
    impostor = admin.as_user("tkg", "correct horse battery")
    assert (await impostor.refused("DELETE", "/infra/segments/web"))[1] == 289, "a namesake is somebody else"
    await admin.with_headers(X_Allow_Overwrite="true").delete("/infra/segments/web")


async def test_an_identity_gets_another_certificate(admin, policy):
    made, old = await register(admin)
    await old.patch("/infra/segments/web")
    pem, der, _ = certificate("tkg-2")
    imported = await admin.call("POST", f"{CERTIFICATES}?action=import", {"pem_encoded": pem, "display_name": "new"})
    identifier = imported.json()["results"][0]["id"]
    assert (await admin.get(f"{CERTIFICATES}/{identifier}"))["display_name"] == "new"
    renewal = f"{PRINCIPALS}?action=update_certificate"
    wanted = {"principal_identity_id": made["id"], "certificate_id": identifier}
    answer = (await admin.call("POST", renewal, wanted)).json()
    assert (answer["id"], answer["certificate_id"]) == (made["id"], identifier)
    assert (await old.refused("GET", ME))[0] == 403, "the old certificate lets nobody in"
    new = admin.with_certificate(der)
    await new.patch("/infra/segments/web", description="still its owner")
    assert policy.trusted[-1] == pem
    await admin.call("POST", renewal, wanted)
    await new.get(ME)
    assert (await admin.refused("DELETE", f"{CERTIFICATES}/{identifier}"))[1] == 500030
    await admin.delete(f"{CERTIFICATES}/{made['certificate_id']}")
    other, _ = await register(admin, "other")
    clash = {"principal_identity_id": other["id"], "certificate_id": identifier}
    assert (await admin.refused("POST", renewal, clash))[0] == 400
    for missing in ({**wanted, "certificate_id": "x"}, {**wanted, "principal_identity_id": "x"}):
        assert (await admin.refused("POST", renewal, missing))[0] == 404


async def test_an_identity_may_be_made_from_an_imported_certificate(admin):
    pem, der, _ = certificate("op")
    imported = await admin.call("POST", f"{CERTIFICATES}?action=import", {"pem_encoded": pem})
    body = {"name": "op", "node_id": "n", "role": "auditor", "certificate_id": imported.json()["results"][0]["id"]}
    assert (await admin.call("POST", PRINCIPALS, body)).status_code == 201
    assert (await admin.with_certificate(der).get(ME))["user_name"] == "op"


async def test_an_unprotected_identity_protects_nothing(admin):
    _, helper = await register(admin, "helper", is_protected=False)
    await helper.patch("/infra/segments/web")
    assert (await admin.get("/infra/segments/web"))["_protection"] == "NOT_PROTECTED"
    await admin.delete("/infra/segments/web")


async def test_an_identity_of_one_project_sees_nothing_else(admin):
    for name in ("red", "blue"):
        await admin.patch(f"/orgs/default/projects/{name}")
        await admin.patch(f"/orgs/default/projects/{name}/infra/segments/web")
    await admin.patch("/infra/segments/web")
    paths = [{"path": "/orgs/default/projects/red", "roles": [{"role": "project_admin"}]}]
    _, red = await register(admin, "red", roles_for_paths=paths, role="")
    own = "/orgs/default/projects/red/infra/segments"
    await red.patch(f"{own}/db")
    assert (await red.get(own))["result_count"] == 2
    assert (await red.get("/search/query", query="resource_type:Segment"))["result_count"] == 2
    for path in ("/infra/segments", "/infra/segments/web", "/orgs/default/projects/blue/infra/segments/web"):
        assert (await red.refused("GET", path))[0] == 403
    wrapped = {"resource_type": "ChildSegment", "Segment": {"id": "x"}}
    assert (await red.refused("PATCH", "/infra", {"children": [wrapped]}))[0] == 403
    inside = {"resource_type": "Infra", "children": [wrapped]}
    await red.patch("/orgs/default/projects/red/infra", **inside)


async def test_the_record_says_who_changed_what_from_what_to_what(admin, policy):
    await admin.patch("/infra/segments/web", description="one")
    await admin.patch("/infra/segments/web", description="two")
    await admin.refused("DELETE", "/infra/segments/nowhere")
    await admin.delete("/infra/segments/web")
    lines = [line for line in policy.audit() if "segments" in line["deed"]]
    assert [(line["deed"], line["status"]) for line in lines] == [
        ("PATCH /policy/api/v1/infra/segments/web", 200),
        ("PATCH /policy/api/v1/infra/segments/web", 200),
        ("DELETE /policy/api/v1/infra/segments/nowhere", 404),
        ("DELETE /policy/api/v1/infra/segments/web", 200),
    ]
    change = lines[1]["changes"][0]
    assert (change["before"]["description"], change["after"]["description"]) == ("one", "two")
    assert lines[3]["changes"][0]["after"] is None
    assert {(line["user"], line["address"]) for line in lines} == {("admin", "192.0.2.1")}
    assert (policy.home / "audit.log").stat().st_mode & 0o077 == 0


async def test_a_certificate_works_over_tls_as_soon_as_it_is_registered(served):
    import httpx2

    pem, _, key = certificate("tkg")
    chain = served.home / "client.pem"
    chain.write_bytes(key + pem.encode())
    trusting = ssl.create_default_context(cafile=served.authority)
    async with httpx2.AsyncClient(verify=trusting, base_url=served.url, auth=("admin", served.password)) as http:
        body = {"name": "tkg", "node_id": "n", "certificate_pem": pem, "role": "enterprise_admin"}
        response = await http.post(f"{PRINCIPALS}/with-certificate", json=body)
        assert response.status_code == 201, response.text
    presenting = ssl.create_default_context(cafile=served.authority)
    presenting.load_cert_chain(chain)
    async with httpx2.AsyncClient(verify=presenting, base_url=served.url) as http:
        assert (await http.get(ME)).json()["user_name"] == "tkg"
        both = await http.get(ME, auth=("admin", served.password))
        assert both.json()["user_name"] == "admin", "credentials win over the certificate"
    async with httpx2.AsyncClient(verify=trusting, base_url=served.url) as http:
        assert (await http.get(ME)).status_code == 403
