"""Local users, principal identities and certificates, kept in the store.

A principal identity is a name bound to one exact certificate; the certificate's fingerprint is a claim, so that it stands for
one identity only.
"""

from __future__ import annotations

import functools
import hashlib
import ssl

import msgspec

from trunkline.adapters import store as documents
from trunkline.dialects.nsx import errors
from trunkline.policy.identity.callers import Grant
from trunkline.policy.identity.passwords import Hashed

_USERS, _PRINCIPALS, _CERTIFICATES = "policy/users/", "policy/principals/", "policy/certificates/"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A local user."""

    name: str
    roles: tuple[str, ...]
    password: Hashed


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A principal identity; `certificate` is PEM."""

    id: str
    name: str
    node_id: str
    certificate: str
    grants: tuple[Grant, ...]
    is_protected: bool
    created_ms: int
    created_by: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, hexadecimal."""
        return _fingerprint_of(self.certificate)


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """An imported certificate (PEM)."""

    pem: str
    name: str
    created_ms: int
    created_by: str

    @property
    def id(self) -> str:
        """SHA-256 of the certificate, hexadecimal: whoever imports it again finds the same one."""
        return _fingerprint_of(self.pem)


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate in DER form, hexadecimal."""
    return hashlib.sha256(der).hexdigest()


@functools.lru_cache(maxsize=1024)
def _fingerprint_of(pem: str) -> str:
    """Remembered, because every request with a certificate is held to the certificates of all principal identities."""
    return fingerprint(ssl.PEM_cert_to_DER_cert(pem))


class Accounts:
    """The accounts in the store."""

    def __init__(self, store: documents.Store) -> None:
        self._store = store

    def user(self, name: str) -> User | None:
        """The local user of that name."""
        found = self._store.get(_USERS + name)
        return msgspec.json.decode(found.body, type=User) if found else None

    def users(self) -> list[User]:
        """Every local user, by name."""
        return [msgspec.json.decode(found.body, type=User) for found in self._store.list(_USERS)]

    async def save_user(self, user: User, *, new: bool = False) -> None:
        """Create a user, or replace one.

        Raises:
            Refused: `new`, and the name is in use.
        """
        try:
            expect = 0 if new else None
            await self._store.commit(
                documents.Put(_USERS + user.name, "PolicyUser", msgspec.json.encode(user), expect=expect)
            )
        except documents.Conflict as error:
            raise errors.exists(f"users/{user.name}") from error

    async def delete_user(self, name: str) -> None:
        """Remove a user.

        Raises:
            Refused: there is none of that name.
        """
        try:
            await self._store.commit(documents.Delete(_USERS + name))
        except documents.NotFound as error:
            raise errors.not_found(f"users/{name}") from error

    def principals(self) -> list[Principal]:
        """Every principal identity, by id."""
        return [msgspec.json.decode(found.body, type=Principal) for found in self._store.list(_PRINCIPALS)]

    def principal(self, identifier: str) -> Principal | None:
        """The principal identity with that id."""
        found = self._store.get(_PRINCIPALS + identifier)
        return msgspec.json.decode(found.body, type=Principal) if found else None

    def principal_of(self, certificate: bytes) -> Principal | None:
        """The principal identity that a certificate (DER) stands for."""
        wanted = fingerprint(certificate)
        return next((each for each in self.principals() if each.fingerprint == wanted), None)

    async def add_principal(self, principal: Principal) -> None:
        """Register a principal identity, and keep its certificate among the imported ones.

        Raises:
            Refused: the certificate stands for another one.
        """
        put = documents.Put(_PRINCIPALS + principal.id, "PolicyPrincipal", msgspec.json.encode(principal), expect=0)
        certificate = Certificate(
            pem=principal.certificate,
            name=principal.name,
            created_ms=principal.created_ms,
            created_by=principal.created_by,
        )
        await self._claiming(principal, put, _kept(certificate))

    async def replace_principal(self, before: Principal, after: Principal) -> None:
        """Change a principal identity; a certificate that it leaves lets nobody in any more.

        Raises:
            Refused: the certificate stands for another one.
        """
        put = documents.Put(_PRINCIPALS + after.id, "PolicyPrincipal", msgspec.json.encode(after))
        if before.fingerprint == after.fingerprint:
            await self._store.commit(put)
        else:
            await self._claiming(after, put, documents.Release(_claim(before.fingerprint), before.id))

    async def _claiming(self, principal: Principal, *changes: documents.Change) -> None:
        try:
            await self._store.commit(*changes, documents.Take(_claim(principal.fingerprint), principal.id))
        except documents.AlreadyClaimed as error:
            allowed = "it stands for another principal identity already"
            found = principal.fingerprint
            raise errors.wrong("principal-identities", "certificate", found, allowed, trk=errors.TAKEN) from error

    async def delete_principal(self, principal: Principal) -> None:
        """Forget a principal identity; what it made stays, and stays protected."""
        gone = documents.Delete(_PRINCIPALS + principal.id)
        await self._store.commit(gone, documents.Release(_claim(principal.fingerprint), principal.id))

    def certificates(self) -> list[Certificate]:
        """Every imported certificate, by id."""
        return [msgspec.json.decode(found.body, type=Certificate) for found in self._store.list(_CERTIFICATES)]

    def certificate(self, identifier: str) -> Certificate | None:
        """The imported certificate with that id."""
        found = self._store.get(_CERTIFICATES + identifier)
        return msgspec.json.decode(found.body, type=Certificate) if found else None

    async def save_certificate(self, certificate: Certificate) -> None:
        """Keep a certificate."""
        await self._store.commit(_kept(certificate))

    async def delete_certificate(self, certificate: Certificate) -> None:
        """Forget a certificate."""
        await self._store.commit(documents.Delete(_CERTIFICATES + certificate.id))


def _kept(certificate: Certificate) -> documents.Put:
    return documents.Put(_CERTIFICATES + certificate.id, "PolicyCertificate", msgspec.json.encode(certificate))


def _claim(fingerprint: str) -> str:
    return f"policy/certificate/{fingerprint}"
