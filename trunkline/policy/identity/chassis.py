"""Hypervisors as callers: each has the certificate with which it is an OVN chassis, and its name is in there.

The TLS layer has checked the certificate against the authority's and its dates.  It trusts the certificates of principal
identities as well, so here it is asked once more who signed this one: a principal must not be able to make a hypervisor.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import exceptions, x509
from cryptography.x509.oid import NameOID

from trunkline.kit import problems
from trunkline.policy.identity.callers import Caller, Grant

AUTHORITY = problems.register("TRK-0683", "The authority of the hypervisors' certificates cannot be read.")


def place(hypervisor: str) -> str:
    """What a hypervisor's grant is for."""
    return f"/hypervisors/{hypervisor}"


class Chassis:
    """The authority in a PEM file; without one nobody is a hypervisor.

    Raises:
        IntentError: the file is not there or holds no certificate.
    """

    def __init__(self, file: str) -> None:
        try:
            self._authorities = x509.load_pem_x509_certificates(Path(file).read_bytes()) if file else []
        except (OSError, ValueError) as error:
            problem = problems.Problem(code=AUTHORITY, object=file, field="hypervisor_ca", found=str(error))
            raise problems.IntentError(problems=[problem]) from error

    def caller(self, certificate: bytes, address: str) -> Caller | None:
        """The hypervisor whose certificate (DER) this is, None if it is nobody's."""
        if not self._authorities:
            return None
        shown = x509.load_der_x509_certificate(certificate)
        if not any(_signed(shown, authority) for authority in self._authorities):
            return None
        names = shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if not names:
            return None
        name = str(names[0].value)
        return Caller(name=name, grants=(Grant("hypervisor", place(name)),), address=address, proof="certificate")


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, exceptions.InvalidSignature):
        return False
    return True
