"""Bearer tokens: signed statements (JWT, RFC 7519) of a configured issuer about who calls.

A token is believed when its signature is one of the issuer's keys', with the algorithm that the key is for and never the one
that only the token names; when issuer and audience are the configured ones; and while it is valid, give or take the skew.
Nothing of a token is ever logged, refused ones included.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature

from trunkline.dialects.nsx import errors
from trunkline.policy.identity import callers, keys
from trunkline.policy.identity.callers import Caller, Grant
from trunkline.policy.settings import Issuer

SaidT = TypeVar("SaidT")
_LONGEST = 16 * 1024  # bytes of a token; chosen: ten times what issuers make


class _Header(msgspec.Struct):
    alg: str = ""
    kid: str = ""
    crit: Any = None


class _Claims(msgspec.Struct):
    exp: float
    iss: str = ""
    aud: str | list[str] = ""
    nbf: float = 0
    iat: float = 0


class _Untrue(Exception):
    """The token does not hold; says why, in words that reveal nothing of it."""


class Tokens:
    """Turns tokens of one issuer into callers; `clock` answers seconds since the epoch."""

    def __init__(self, issuer: Issuer, source: keys.Source, clock: Callable[[], float]) -> None:
        self._issuer, self._source, self._clock = issuer, source, clock

    async def caller(self, token: str, address: str) -> Caller:
        """Whom a token speaks for.

        Raises:
            Refused: it does not hold (403), or the issuer's keys could not be had so far (503).
        """
        try:
            return self._caller(await self._proven(token), address)
        except _Untrue as why:
            raise errors.credentials(f"token: {why}") from why
        except keys.Unavailable as why:
            raise errors.unavailable("the token issuer's keys cannot be read") from why

    async def _proven(self, token: str) -> bytes:
        """The statement in the token, once everything about the token holds."""
        if len(token) > _LONGEST or token.count(".") != 2:
            raise _Untrue("malformed")
        signed, _, signature = token.rpartition(".")
        head, _, payload = signed.partition(".")
        header = _read(_decoded(head), _Header)
        if header.crit is not None:
            raise _Untrue("it demands an extension")
        key = await self._source.key(header.kid)
        if key is None:
            raise _Untrue("its key is not one of the issuer's")
        if key.algorithm != header.alg:
            raise _Untrue("its algorithm is not the one of the key")
        try:
            key.verify(_decoded(signature), signed.encode())
        except InvalidSignature as error:
            raise _Untrue("the signature is wrong") from error
        statement = _decoded(payload)
        self._check(_read(statement, _Claims))
        return statement

    def _check(self, claims: _Claims) -> None:
        now, skew = self._clock(), self._issuer.skew
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self._issuer.issuer:
            raise _Untrue("another issuer")
        if self._issuer.audience not in audiences:
            raise _Untrue("for another audience")
        if now > claims.exp + skew:
            raise _Untrue("expired")
        if now < max(claims.nbf, claims.iat) - skew:
            raise _Untrue("not valid yet")

    def _caller(self, statement: bytes, address: str) -> Caller:
        said = msgspec.json.decode(statement)
        name = _at(said, self._issuer.name_claim)
        if not isinstance(name, str) or not name:
            raise _Untrue("it names nobody")
        roles = _words(_at(said, self._issuer.roles_claim))
        return Caller(name=name, grants=self._grants(roles), address=address, proof="token")

    def _grants(self, words: Iterable[str]) -> tuple[Grant, ...]:
        """What the words of the roles claim amount to; those that mean nothing here are passed over."""
        named = (self._issuer.roles.get(word, word) for word in words)
        return tuple(Grant(callers.role(name, "roles")) for name in dict.fromkeys(named) if callers.is_role(name))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Untrue("malformed") from error


def _read(raw: bytes, kind: type[SaidT]) -> SaidT:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _Untrue("malformed") from error


def _at(said: Any, path: str) -> Any:
    for step in path.split("."):
        said = said.get(step) if isinstance(said, Mapping) else None
    return said


def _words(value: Any) -> list[str]:
    """Roles come as an array, or as words in one text."""
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
