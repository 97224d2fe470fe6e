"""A lab's own certificate authority, and a certificate for everybody in it.

Kubernetes identities are in the subject, as its API server reads them: common name = user, organisations = groups.
OVN's role-based access reads the common name as the chassis name.  Keys are elliptic (P-256): quick to make, and every
program here takes them.  Nothing outlives the lab.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=3650)  # chosen: a lab that is older has been forgotten
_SKEW = datetime.timedelta(hours=1)  # chosen: clocks of a machine that has just woken up

_CA_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Pair(msgspec.Struct, frozen=True):
    """The files of one certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """The authority in a directory; made at first use, read after that."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.certificate = directory / "ca.crt"
        self._key_file = directory / "ca.key"
        if not self.certificate.exists():
            self._create()
        loaded = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded
        self._issuer_key = loaded.public_key()
        self._issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())

    def issue(
        self, file: str, common_name: str, organizations: tuple[str, ...] = (), names: tuple[str | IPAddress, ...] = ()
    ) -> Pair:
        """The pair called `file`, made unless it is there; `names` are the DNS names and addresses it serves under."""
        pair = Pair(self._directory / f"{file}.crt", self._directory / f"{file}.key")
        if pair.certificate.exists():
            return pair
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        serving_and_asking = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuer_key)
        builder = (
            _begun(x509.Name(subject), self._issuer.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(serving_and_asking, critical=False)
            .add_extension(authority, critical=False)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_name(name) for name in names]), critical=False
            )
        _write_key(pair.key, key)
        _write(pair.certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return pair

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trunkline lab")])
        builder = (
            _begun(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        _write_key(self._key_file, key)
        _write(self.certificate, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _SKEW).not_valid_after(now + LIFETIME)


def _name(name: str | IPAddress) -> x509.GeneralName:
    return x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and readable by nobody else: a crash must not leave half a certificate behind."""
    draft = path.with_suffix(path.suffix + ".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.rename(path)
