"""HTTPS: this node's own authority and certificate, and a server that asks clients for certificates without insisting.

Principal identities present self-signed certificates, so the registered ones themselves are the trust anchors; who a
certificate stands for is decided by its fingerprint alone.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trunkline.adapters import serving
from trunkline.kit import clock, durable, problems

NO_SOCKET = problems.register("TRK-0921", "The policy manager cannot listen on its address.")

AUTHORITY = "ca.pem"
"""The file in the state directory that clients are given to trust."""

_YEARS = datetime.timedelta(days=3650)
_SERVER_DAYS = datetime.timedelta(days=398)  # the longest that strict TLS clients accept; a restart renews


def server(app: Any, context: ssl.SSLContext) -> serving.Server:
    """A server for `app`; run it with `serve(sockets=...)`, end it by setting `should_exit`."""
    return serving.server(app, context, identify=_identify)


def _identify(connection: serving.Connection) -> dict[str, Any]:
    """The client certificate of a connection, as it came (DER); None without one."""
    return {"certificate": connection.getpeercert(binary_form=True) if connection else None}


def context(home: Path, names: Sequence[str]) -> ssl.SSLContext:
    """A TLS context with a certificate for the names, issued by the authority in `home` (made there if absent)."""
    issuer, key = _authority(home)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_OPTIONAL
    # A registered certificate is an anchor itself, whoever signed it.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.set_alpn_protocols(["http/1.1"])
    private = home / "server.pem"
    durable.write(private, _server_certificate(issuer, key, names), mode=0o600)
    made.load_cert_chain(private)
    return made


def listening(address: str) -> socket.socket:
    """A socket that listens on "host:port".

    Raises:
        IntentError: the address is malformed, not of this machine, or taken.
    """
    try:
        return serving.listening(address)
    except (OSError, ValueError) as error:
        problem = problems.Problem(code=NO_SOCKET, object="policy manager", field="listen", found=f"{address}: {error}")
        raise problems.IntentError(problems=[problem]) from error


def _authority(home: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, private = home / AUTHORITY, home / "ca-key.pem"
    if not (certificate.exists() and private.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trunkline policy manager CA")])
        made = _builder(name, name, key.public_key(), _YEARS).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        durable.write(private, _pem(key), mode=0o600)
        signed = made.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        durable.write(certificate, signed.public_bytes(serialization.Encoding.PEM))
    loaded = serialization.load_pem_private_key(private.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(certificate.read_bytes()), loaded


def _server_certificate(
    issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey, names: Sequence[str]
) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trunkline policy manager")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    certificate = (
        _builder(subject, issuer.subject, key.public_key(), _SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_name(each) for each in dict.fromkeys(names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
