"""Bearer tokens of a configured issuer: who is believed, and how everything else is told apart and refused."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from trunkline.policy import serving
from trunkline.policy.identity import keys
from trunkline.policy.settings import Issuer

ME = "/api/v1/aaa/user-info"
RSA = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def rsa_jwk(kid, key=RSA, **more):
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": number(public.n), "e": number(public.e), **more}


def ec_jwk(kid, key=EC):
    public = key.public_key().public_numbers()
    halves = {"x": b64(public.x.to_bytes(32)), "y": b64(public.y.to_bytes(32))}
    return {"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig", **halves}


def signed(claims, *, alg="RS256", kid="r", key=RSA, **header):
    head = {"alg": alg, "typ": "JWT", "kid": kid, **header}
    text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    elif key is None:
        signature = b""
    else:
        first, second = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = first.to_bytes(32) + second.to_bytes(32)
    return f"{text}.{b64(signature)}"


def claims(**more):
    now = time.time()
    base = {
        "iss": "https://issuer.example",
        "aud": ["other", "trunkline"],
        "sub": "robot",
        "iat": now,
        "exp": now + 600,
    }
    return {**base, "perms": ["csp:admin"], **more}


@pytest.fixture
def jwks(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(
        json.dumps({"keys": [rsa_jwk("r"), ec_jwk("e"), rsa_jwk("short", SHORT), rsa_jwk("enc", use="enc")]})
    )
    return path


@pytest.fixture
async def policy(database, tmp_path, jwks, manager_with):
    issuer = Issuer(
        issuer="https://issuer.example",
        audience="trunkline",
        keys=str(jwks),
        roles={"csp:admin": "enterprise_admin"},
    )
    async with manager_with(database, tmp_path, tokens=issuer) as opened:
        yield opened


def bearer(admin, token):
    return admin.nobody(Authorization=f"Bearer {token}")


async def test_either_header_and_either_algorithm_let_in(admin):
    for token in (signed(claims()), signed(claims(), alg="ES256", kid="e", key=EC)):
        for client in (bearer(admin, token), admin.nobody(CSP_Auth_Token=token)):
            me = await client.get(ME)
            assert me == {"user_name": "robot", "roles": [{"role": "enterprise_admin", "path": "/"}]}
        await bearer(admin, token).patch("/infra/segments/web")


@pytest.mark.parametrize(
    ("perms", "roles"),
    [
        (["csp:admin", "unknown"], ["enterprise_admin"]),
        ("auditor network_op", ["auditor", "network_op"]),
        ([], []),
        (None, []),
        ([7, {"a": 1}], []),
    ],
)
async def test_roles_come_from_the_claim(admin, perms, roles):
    client = bearer(admin, signed(claims(perms=perms)))
    assert [each["role"] for each in (await client.get(ME))["roles"]] == roles
    writes = (await client.call("PATCH", "/infra/segments/web", {})).status_code
    assert writes == (200 if "enterprise_admin" in roles else 403)


WRONG = {
    "expired": lambda: signed(claims(exp=time.time() - 61)),
    "not valid yet": lambda: signed(claims(nbf=time.time() + 120)),
    "issued in the future": lambda: signed(claims(iat=time.time() + 120)),
    "another issuer": lambda: signed(claims(iss="https://issuer.example/")),
    "another audience": lambda: signed(claims(aud="trunk")),
    "no end": lambda: signed({name: value for name, value in claims().items() if name != "exp"}),
    "nobody": lambda: signed(claims(sub="")),
    "unsigned": lambda: signed(claims(), alg="none", key=None),
    "unsigned with a key's id": lambda: signed(claims(), alg="RS256", key=None),
    "another key": lambda: signed(claims(), key=rsa.generate_private_key(65537, 2048)),
    "algorithm of another key": lambda: signed(claims(), alg="ES256", kid="r"),
    "symmetric": lambda: signed(claims(), alg="HS256"),
    "unknown key": lambda: signed(claims(), kid="x"),
    "no key id among several": lambda: signed(claims(), kid=""),
    "short key": lambda: signed(claims(), kid="short", key=SHORT),
    "key for something else": lambda: signed(claims(), kid="enc"),
    "critical extension": lambda: signed(claims(), crit=["exp"]),
    "changed": lambda: signed(claims()).replace(".", ".A", 1),
    "short signature": lambda: signed(claims(), alg="ES256", kid="e", key=EC)[:-4],
    "too long": lambda: signed(claims(filler="x" * 20_000)),
    "no token": lambda: "a.b",
    "no JSON": lambda: f"{b64(b'{')}.{b64(b'{}')}.{b64(b'x')}",
    "nested": lambda: f"{b64(b'[' * 9000)}.{b64(b'{}')}.{b64(b'x')}",
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_anything_else_is_refused_alike(admin, policy, wrong):
    token = WRONG[wrong]()
    assert (await bearer(admin, token).refused("GET", ME))[:2] == (403, 403)
    line = policy.audit()[-1]
    assert (line["status"], line["user"], line["proof"]) == (403, "", "none")
    assert line["why"].startswith("token: ")
    assert token not in (policy.home / "audit.log").read_text()


async def test_clocks_may_differ_a_little(admin):
    for claim in (claims(exp=time.time() - 50), claims(nbf=time.time() + 50)):
        await bearer(admin, signed(claim)).get(ME)


async def test_without_an_issuer_no_token_means_anything(database, tmp_path, manager_with):
    async with manager_with(database, tmp_path) as opened:
        assert (await bearer(opened.admin, signed(claims())).refused("GET", ME))[:2] == (403, 403)


class Moment:
    now = 0.0

    def __call__(self):
        return self.now


async def test_a_new_key_is_found_without_a_restart_and_made_up_ids_do_not_reread(jwks, monkeypatch):
    moment, source = Moment(), None
    source = keys.Source(str(jwks), "", 300, moment)
    reads = []
    fetched = source._fetched

    async def counted():
        reads.append(moment.now)
        return await fetched()

    monkeypatch.setattr(source, "_fetched", counted)
    assert await source.key("r")
    jwks.write_text(json.dumps({"keys": [rsa_jwk("new")]}))
    for _ in range(20):
        assert await source.key("new") is None
    assert len(reads) == 1
    moment.now = 31
    assert await source.key("new")
    assert await source.key("r") is None, "a withdrawn key proves nothing"
    assert await source.key(""), "the only key needs no name"
    moment.now = 100
    jwks.write_text("nonsense")
    assert await source.key("made-up") is None
    assert await source.key("new"), "what was read last is used while the set cannot be read"


async def test_a_set_that_was_never_read_is_the_managers_fault(database, tmp_path, manager_with):
    issuer = Issuer(issuer="i", audience="a", keys=str(tmp_path / "missing.json"))
    async with manager_with(database, tmp_path, tokens=issuer) as opened:
        assert (await bearer(opened.admin, signed(claims())).refused("GET", ME))[0] == 503
        await opened.admin.get(ME)


async def test_keys_are_read_over_https_from_an_authority_that_is_trusted(jwks, tmp_path):
    async def answering(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": jwks.read_bytes()})

    listening = socket.create_server(("127.0.0.1", 0))
    server = serving.server(answering, serving.context(tmp_path, ["127.0.0.1"]))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    location = f"https://127.0.0.1:{listening.getsockname()[1]}/jwks.json"
    try:
        trusting = keys.Source(location, str(tmp_path / serving.AUTHORITY), 300, Moment())
        assert await trusting.key("r")
        with pytest.raises(keys.Unavailable):
            await keys.Source(location, "", 300, Moment()).key("r")
    finally:
        server.should_exit = True
        await running
