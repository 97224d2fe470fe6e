"""Policy rules that name an interface: list, and carry over to another interface.

Source: linux/fib_rules.h.
"""

from __future__ import annotations

import struct

from trunkline.adapters.netlink import message
from trunkline.adapters.netlink.connection import Connection

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34

_FRA_IIFNAME, _FRA_OIFNAME = 3, 17
_NAMES = (_FRA_IIFNAME, _FRA_OIFNAME)

_HEADER = struct.Struct("=BBBBBBBBI")
"""struct fib_rule_hdr: family, prefix lengths, tos, table, two reserved, action, flags."""


def listed(kernel: Connection, name: str) -> list[bytes]:
    """The rules, of both families, that hold only for packets of the interface."""
    wanted = name.encode()
    bodies = kernel.dump(RTM_GETRULE, _HEADER.pack(0, 0, 0, 0, 0, 0, 0, 0, 0))
    return [body for body in bodies if wanted in (_interface(body, kind) for kind in _NAMES)]


def moved_request(raw: bytes, old: str, new: str) -> tuple[int, int, bytes]:
    """The request for the same rule about interface `new` where it said `old`."""
    body = raw[: _HEADER.size]
    for kind, payload in message.attribute_list(raw[_HEADER.size :]):
        same = kind in _NAMES and payload.rstrip(b"\0") == old.encode()
        body += message.text(kind, new) if same else message.attribute(kind, payload)
    return RTM_NEWRULE, message.NLM_F_CREATE | message.NLM_F_EXCL, body


def remove_request(raw: bytes) -> tuple[int, int, bytes]:
    """The request that removes the rule."""
    return RTM_DELRULE, 0, raw


def _interface(body: bytes, kind: int) -> bytes:
    return message.attributes(body[_HEADER.size :]).get(kind, b"").rstrip(b"\0")
