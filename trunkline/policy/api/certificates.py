"""Certificates that principal identities may be given: imported once, named by their fingerprint."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.view import Body
from trunkline.kit import clock
from trunkline.policy.api import answers
from trunkline.policy.identity import accounts

_ONE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)


async def collection(request: Request) -> Response:
    """List certificates, or import one (`?action=import`, `pem_encoded`); a private key that comes along is not kept."""
    caller, manager = answers.caller(request), answers.manager(request)
    caller.must("administer")
    held = manager.gate.accounts
    if request.method == "GET":
        return answers.listed([_certificate(one) for one in held.certificates()])
    if (action := request.query_params.get("action", "import")) != "import":
        raise errors.wrong("certificates", "action", action, "import")
    body = await answers.body(request)
    wanted = accounts.Certificate(
        pem=pem(answers.required(body, "pem_encoded", "certificates"), "pem_encoded"),
        name=str(body.get("display_name") or ""),
        created_ms=int(clock.now().timestamp() * 1000),
        created_by=caller.name,
    )
    await held.save_certificate(wanted)
    manager.record(caller, answers.deed(request), 200, fingerprint=wanted.id)
    return answers.listed([_certificate(wanted)])


async def item(request: Request) -> Response:
    """Read or delete a certificate; one that an identity presents stays."""
    caller, manager = answers.caller(request), answers.manager(request)
    caller.must("administer")
    held, identifier = manager.gate.accounts, request.path_params["id"]
    found = held.certificate(identifier)
    if found is None:
        raise errors.not_found(f"certificates/{identifier}")
    if request.method == "GET":
        return answers.json(_certificate(found))
    if users := [one.id for one in held.principals() if one.fingerprint == identifier]:
        raise errors.in_use(f"certificates/{identifier}", [f"principal-identities/{user}" for user in users])
    await held.delete_certificate(found)
    manager.record(caller, answers.deed(request), 200, fingerprint=identifier)
    return answers.empty()


def pem(text: str, field: str) -> str:
    """The first certificate in a PEM text, alone.

    Raises:
        Refused: there is none.
    """
    match = _ONE.search(text)
    try:
        certificate = x509.load_pem_x509_certificate((match[0] if match else "").encode())
    except ValueError as error:
        raise errors.wrong("trust-management", field, "(hidden)", "a PEM certificate is wanted") from error
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _certificate(one: accounts.Certificate) -> Body:
    return {
        "id": one.id,
        "display_name": one.name or one.id,
        "pem_encoded": one.pem,
        "resource_type": "certificate_self_signed",
        "has_private_key": False,
        "_create_time": one.created_ms,
        "_create_user": one.created_by,
        "_revision": 0,
    }
