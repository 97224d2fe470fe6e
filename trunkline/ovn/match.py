"""Match expressions for ACLs and router policies: the only place where text becomes part of a match.

OVN accepts a wrong match in the northbound database and in northd; only each ovn-controller complains, in its log.
Therefore nothing but these terms goes into a match, names are quoted here, addresses come from `ipaddress`, and there is
no term that negates: `ip4.src != $set` grows into thousands of flows per address.
"""

from __future__ import annotations

import json
from typing import NewType

from trunkline.kit.addresses import IPNetwork

Match = NewType("Match", str)
"""A match expression, or one term of it."""

IP = Match("ip")


def from_port(name: str) -> Match:
    """Packets that enter by the logical port."""
    return Match(f"inport == {_quoted(name)}")


def to_port(name: str) -> Match:
    """Packets that leave by the logical port."""
    return Match(f"outport == {_quoted(name)}")


def source(prefix: IPNetwork) -> Match:
    """Packets from an address in the prefix, of the prefix's family."""
    return _address("src", prefix)


def destination(prefix: IPNetwork) -> Match:
    """Packets to an address in the prefix, of the prefix's family."""
    return _address("dst", prefix)


def every(*terms: Match) -> Match:
    """Packets for which all terms hold."""
    return Match(" && ".join(terms))


def _address(field: str, prefix: IPNetwork) -> Match:
    if prefix.prefixlen == 0:
        return Match(f"ip{prefix.version}")
    host = prefix.prefixlen == prefix.max_prefixlen
    return Match(f"ip{prefix.version}.{field} == {prefix.network_address if host else prefix}")


def _quoted(name: str) -> str:
    # ovn-sb(5): string constants follow the rules for JSON strings.
    return json.dumps(name)
