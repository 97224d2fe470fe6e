"""The gate: who sent this request?

Clients send several proofs at once (session cookie, token and Basic), so any valid one is enough, with one exception: a live
session with a wrong X-XSRF-TOKEN is refused with code 98, which tells clients to log in anew.  Passwords and tokens win over
a client certificate.  Failures are answered 403, never 401, because the official SDK cannot read a 401.
"""

from __future__ import annotations

import base64
import binascii
import time
import urllib.parse
from collections.abc import Callable, Mapping

import structlog

from trunkline.dialects.nsx import errors
from trunkline.policy.identity import sessions
from trunkline.policy.identity.accounts import Accounts, User
from trunkline.policy.identity.callers import Caller, Proof, grants
from trunkline.policy.identity.chassis import Chassis
from trunkline.policy.identity.lockout import Lockout
from trunkline.policy.identity.passwords import Verifier
from trunkline.policy.identity.sessions import Session, Sessions
from trunkline.policy.identity.tokens import Tokens
from trunkline.policy.settings import Lockout as Limits
from trunkline.policy.settings import Service

_LIMITS = Limits()

_log = structlog.get_logger(__name__)


class Gate:
    """Turns proofs into callers; without `tokens` no bearer token proves anything, without `chassis` nobody is a hypervisor."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        session_timeout: float,
        lockout: Limits = _LIMITS,
        tokens: Tokens | None = None,
        chassis: Chassis | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.accounts = accounts
        self.sessions = Sessions(session_timeout, clock)
        self._lockout = Lockout(lockout, clock)
        self._tokens = tokens
        self._chassis = chassis
        self._verifier = Verifier()
        self.service = Service(session_timeout=session_timeout)

    def serve(self, service: Service) -> None:
        """Take proofs of the kinds that are served, and end sessions after the time that is set, from now on."""
        self.service = service
        self.sessions.timeout = service.session_timeout

    async def caller(self, headers: Mapping[str, str], certificate: bytes | None, address: str) -> Caller:
        """Who sent a request with these headers over a connection with this client certificate (DER).

        Raises:
            Refused: nobody we know, or no longer.
        """
        served = self.service
        session = self.sessions.find(headers.get("cookie", "")) if served.cookie_authentication else None
        if session and (user := self.accounts.user(session.user)):
            if not sessions.matches(session, headers.get("x-xsrf-token", "")):
                raise errors.Refused(403, 98, "The X-XSRF-TOKEN is missing or wrong.", trk=errors.CREDENTIALS)
            return _caller(user, address, "session")
        if served.basic_authentication and (basic := _basic(headers.get("authorization", ""))):
            return _caller(await self._user(*basic, address), address, "password")
        if self._tokens and (token := _token(headers)):
            return await self._tokens.caller(token, address)
        if certificate and (principal := self.accounts.principal_of(certificate)):
            return Caller(
                name=principal.name,
                grants=principal.grants,
                protects=principal.is_protected,
                address=address,
                proof="certificate",
            )
        if certificate and self._chassis and (hypervisor := self._chassis.caller(certificate, address)):
            return hypervisor
        raise errors.credentials("nothing that proves who asks")

    async def log_in(self, form: str, address: str) -> Session:
        """A session for the user and password of a login form.

        Some clients encode the form's values and some do not, so both readings are tried.

        Raises:
            Refused: neither reading is a user's password, or there are no sessions.
        """
        if not self.service.cookie_authentication:
            raise errors.credentials("sessions are switched off")
        raw = dict(pair.partition("=")[::2] for pair in form.split("&"))
        decoded = {name: urllib.parse.unquote_plus(value) for name, value in raw.items()}
        readings = [(each.get("j_username", ""), each.get("j_password", "")) for each in (decoded, raw)]
        user = await self._user(*readings[0], address, *readings[1:])
        return self.sessions.create(user.name)

    async def _user(self, name: str, password: str, address: str, *others: tuple[str, str]) -> User:
        self._must_not_be_locked(name, address)
        for each, secret in dict.fromkeys(((name, password), *others)):
            user = self.accounts.user(each)
            if await self._verifier.verify(secret, user.password if user else None) and user:
                # Many may have been tried side by side: those that end after the lock do not count, right or wrong.
                self._must_not_be_locked(name, address)
                self._lockout.succeeded(name, address)
                return user
        locked = self._lockout.failed(name, address)
        _log.warning("login refused", user=name, address=address, locked=locked)
        raise errors.credentials(f"user {name!r}: wrong password or no such user{'; locked out now' * locked}")

    def _must_not_be_locked(self, name: str, address: str) -> None:
        if self._lockout.locked(name, address):
            raise errors.credentials(f"user {name!r}: locked out")


def _caller(user: User, address: str, proof: Proof) -> Caller:
    return Caller(name=user.name, grants=grants(user.roles, user.name), address=address, proof=proof)


def _token(headers: Mapping[str, str]) -> str:
    """The bearer token in either of the headers that clients use, "" without one."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else headers.get("csp-auth-token", "").strip()


def _basic(header: str) -> tuple[str, str] | None:
    """User and password of a Basic header; Remote is the same against a directory, which here is the local one."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() not in ("basic", "remote"):
        return None
    try:
        name, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None
