"""Passwords: generated, hashed with scrypt, and remembered for a while as verified so that each request does not pay for it.

The memory of verified passwords holds keyed digests that mean nothing outside this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import string

import msgspec

_COST, _BLOCK, _PARALLEL = 2**14, 8, 1  # about 50 ms; the values of RFC 7914's interactive example
SHORTEST = 12
"""Characters of a password at least (NSX's minimum)."""

_LENGTH = 20
_REMEMBERED = 1024
_ALPHABET = string.ascii_letters + string.digits


class Hashed(msgspec.Struct, frozen=True):
    """A password's salt and scrypt digest."""

    salt: bytes
    digest: bytes


def generate() -> str:
    """A password of letters and digits with about 119 bits; it needs no escaping in any client."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hashed(password: str) -> Hashed:
    """Hash a password with a new salt (slow: run it in a thread)."""
    salt = secrets.token_bytes(16)
    return Hashed(salt, _scrypt(password, salt))


async def hashed_aside(password: str) -> Hashed:
    """`hashed`, off the event loop."""
    return await asyncio.to_thread(hashed, password)


class Verifier:
    """Compares passwords with hashes, a few at a time and never on the event loop."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._verified: set[bytes] = set()
        self._slots = asyncio.Semaphore(2)  # a flood of wrong passwords must not take all processors

    async def verify(self, password: str, stored: Hashed | None) -> bool:
        """Whether the password is the stored one; without one the answer takes as long, and is no."""
        mark = hmac.digest(self._key, (stored.digest if stored else b"") + password.encode(), "sha256")
        if mark in self._verified:
            return True
        salt = stored.salt if stored else bytes(16)
        async with self._slots:
            found = await asyncio.to_thread(_scrypt, password, salt)
        if stored is None or not hmac.compare_digest(found, stored.digest):
            return False
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified.add(mark)
        return True


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=32)
