"""Identifier types that must not mix, and short stable names where the kernel or OVN limits length."""

from __future__ import annotations

import hashlib
from typing import NewType

NetworkId = NewType("NetworkId", str)
"""Names one layer-2 domain in the intent model, for example "vlan/trunk/19/172.16.19.0-24"."""

PortId = NewType("PortId", str)
"""Names one port in the intent model; also the OVN logical port name and the OVS `iface-id`."""


def short_hash(text: str, length: int = 8) -> str:
    """A stable lower-case hexadecimal digest of `text`, `length` characters (4 bits each)."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def fitted(text: str, limit: int) -> str:
    """`text` if it has at most `limit` characters, else its beginning and a hash that keeps it unique.

    Interface names are limited to 15 bytes (IFNAMSIZ less the NUL), OVN ACL names to 63.
    """
    return text if len(text) <= limit else f"{text[: limit - 9]}-{short_hash(text)}"
