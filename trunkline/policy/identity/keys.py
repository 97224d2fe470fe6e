"""The public keys of a token issuer: a JWK set (RFC 7517) in a file or behind an HTTPS address, read again when it may differ.

Only RS256 (2048 bits and more) and ES256 (P-256) keys for signing are taken; others in the set are passed over.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx2
import msgspec
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_HALF = 32  # bytes of each number in an ES256 signature (RFC 7518, 3.4)
_PAUSE = 30.0
"""Seconds between two readings of the set at least, so that made-up key ids cannot make the issuer busy (chosen)."""
_PATIENCE = 5.0
"""Seconds that the issuer has for an answer (chosen)."""

_log = structlog.get_logger(__name__)


class Unavailable(Exception):
    """No key set could be read so far."""


class Key(Protocol):
    """A public key with the one algorithm that it is for."""

    algorithm: str

    def verify(self, signature: bytes, signed: bytes) -> None:
        """Raises InvalidSignature unless the signature is the key's on the signed bytes."""


class Rsa:
    """RSASSA-PKCS1-v1_5 with SHA-256."""

    algorithm = "RS256"

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, signed: bytes) -> None:
        self._key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())


class Ecdsa:
    """ECDSA on P-256 with SHA-256; the signature is both numbers, one after the other."""

    algorithm = "ES256"

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, signed: bytes) -> None:
        if len(signature) != 2 * _HALF:
            raise InvalidSignature
        first, second = (int.from_bytes(half) for half in (signature[:_HALF], signature[_HALF:]))
        self._key.verify(encode_dss_signature(first, second), signed, ec.ECDSA(hashes.SHA256()))


class _Jwk(msgspec.Struct):
    kty: str
    kid: str = ""
    use: str = "sig"
    alg: str = ""
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""


class _Set(msgspec.Struct):
    keys: list[_Jwk]


def parsed(raw: bytes) -> dict[str, Key]:
    """The usable keys of a JWK set, by id.

    Raises:
        ValueError: it is no such set, or one of its keys is broken.
    """
    found = {one.kid: _key(one) for one in msgspec.json.decode(raw, type=_Set).keys if one.use == "sig"}
    return {kid: key for kid, key in found.items() if key is not None}


def _key(one: _Jwk) -> Key | None:
    if one.kty == "RSA" and one.alg in ("", "RS256"):
        key = rsa.RSAPublicNumbers(_number(one.e), _number(one.n)).public_key()
        return Rsa(key) if key.key_size >= 2048 else None
    if one.kty == "EC" and one.crv == "P-256" and one.alg in ("", "ES256"):
        return Ecdsa(ec.EllipticCurvePublicNumbers(_number(one.x), _number(one.y), ec.SECP256R1()).public_key())
    return None


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class Source:
    """The keys behind a file name or an https address; `clock` answers monotonic seconds."""

    def __init__(self, location: str, authority: str, lifetime: float, clock: Callable[[], float]) -> None:
        self._location, self._authority = location, authority
        self._lifetime, self._clock = lifetime, clock
        self._keys: dict[str, Key] | None = None
        self._read_at = -1e9
        self._reading = asyncio.Lock()

    async def key(self, kid: str) -> Key | None:
        """The issuer's key with that id; without an id its only one.  None if there is none.

        Raises:
            Unavailable: no set was ever read.
        """
        async with self._reading:
            if self._due(kid):
                await self._renew()
        if self._keys is None:
            raise Unavailable
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _due(self, kid: str) -> bool:
        age = self._clock() - self._read_at
        unknown = self._keys is None or (kid != "" and kid not in self._keys)
        return age > self._lifetime or (unknown and age > _PAUSE)

    async def _renew(self) -> None:
        # Noted first: a failure must not be repeated with every request.
        self._read_at = self._clock()
        try:
            self._keys = parsed(await self._fetched())
        except (OSError, ValueError, httpx2.HTTPError) as error:
            _log.error("the token issuer's keys cannot be read", location=self._location, error=repr(error))

    async def _fetched(self) -> bytes:
        if not self._location.startswith("https://"):
            return await asyncio.to_thread(Path(self._location).read_bytes)
        trusted = ssl.create_default_context(cafile=self._authority or None)
        async with httpx2.AsyncClient(verify=trusted, timeout=_PATIENCE) as http:
            answer = await http.get(self._location)
            answer.raise_for_status()
            return answer.content
