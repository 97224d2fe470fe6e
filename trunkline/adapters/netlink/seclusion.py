"""Interfaces whose frames are for the userspace datapath alone.

Open vSwitch in user space reads frames from packet sockets, and the kernel goes on treating the same frames as its own.
It answers for the node a second time, forwards a second copy of what the bridge brings, and lets a pod talk to the node
past every rule of OVN.  So the kernel drops what comes in by these interfaces, behind the packet sockets.

Source: Open vSwitch, Documentation/intro/install/userspace.rst, section "Firewall Rules".
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.adapters.netlink import nftables

TABLE = f"{nftables.TABLE}-seclusion"

_HOOKS = {
    # family: (hook, priority): the first place that sees frames of these interfaces
    "inet": ("prerouting", "raw"),
    "arp": ("input", "filter"),
}


async def seclude(names: Iterable[str]) -> None:
    """Keep the kernel from frames of these interfaces, and only these; a `*` ends the beginning of many names.

    Raises:
        OSError: nft is missing or refused the rules.
    """
    await nftables.load(ruleset(names))


async def lift() -> None:
    """Let the kernel have all frames again.

    Raises:
        OSError: nft is missing or refused.
    """
    await nftables.load("".join(nftables.removed(family, TABLE) for family in _HOOKS))


def ruleset(names: Iterable[str]) -> str:
    """Both tables, replaced in one transaction."""
    rules = "\n".join(f'    iifname "{name}" drop' for name in sorted(names))
    return "".join(
        f"""{nftables.removed(family, TABLE)}table {family} {TABLE} {{
  chain {hook} {{
    type filter hook {hook} priority {priority}; policy accept;
{rules}
  }}
}}
"""
        for family, (hook, priority) in _HOOKS.items()
    )
