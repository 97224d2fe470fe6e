"""Which segments the node VMs are on, found by the nodes' own addresses.

First whoever wrote a node's address on a segment port; for the rest the manager's inventory, which knows the addresses that
machines' cards were seen with, and the port that each is attached to.  Both calls are NSX's own.  A search may lag, so a port that
it finds is believed only if it says by itself what was searched for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from trunkline.adapters.nsx import Nsx, escaped
from trunkline.controller.segments.documents import Document, Shape
from trunkline.dialects.kubernetes.objects import Node

PORT = "SegmentPort"
_INVENTORY = "realized-state/enforcement-points/default/vifs"
_AT_ONCE = 32  # values in one search; chosen: some 700 characters of a URL


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """The segments that nodes are on, sorted, and the nodes for which none was found, each with the reason."""

    parents: tuple[str, ...] = ()
    missing: Mapping[str, str] = {}


async def locate(nsx: Nsx, shape: Shape, nodes: Iterable[Node]) -> Located:
    """Look every node up.

    Raises:
        RemoteError: the manager did not answer, or refused.
    """
    nodes = sorted(nodes, key=lambda node: node.name)
    wanted = {str(address) for node in nodes for address in node.internal_ips}
    on = segments_by_address(await _ports(nsx, shape, "address_bindings.ip_address", wanted), wanted)
    if unknown := wanted - on.keys():
        cards = cards_by_address(await nsx.members(f"{shape.root}/{_INVENTORY}"), unknown)
        ports = await _ports(nsx, shape, "attachment.id", set(cards.values()))
        attached = {str((port.get("attachment") or {}).get("id")): _segment(port) for port in ports}
        on |= {address: attached[card] for address, card in cards.items() if card in attached}
    return judged(nodes, on, shape)


async def _ports(nsx: Nsx, shape: Shape, field: str, values: Collection[str]) -> list[Document]:
    found: list[Document] = []
    for some in _parts(sorted(values)):
        alternatives = " OR ".join(escaped(each) for each in some)
        query = f"resource_type:{PORT} AND {field}:({alternatives})"
        found += await nsx.search(query, root=shape.root.removesuffix("/infra"))
    return [each for each in found if each.get("path") and not each.get("marked_for_delete")]


def segments_by_address(ports: Iterable[Document], wanted: Collection[str]) -> dict[str, str]:
    """The segment on which each wanted address is bound to a port."""
    bound = ((str(binding.get("ip_address")), port) for port in ports for binding in port.get("address_bindings") or ())
    return {address: _segment(port) for address, port in bound if address in wanted}


def cards_by_address(cards: Iterable[Document], wanted: Collection[str]) -> dict[str, str]:
    """The attachment of the card with which each wanted address was seen."""
    found: dict[str, str] = {}
    for card in cards:
        for info in card.get("ip_address_info") or ():
            for address in info.get("ip_addresses") or ():
                if address in wanted and card.get("lport_attachment_id"):
                    found[address] = str(card["lport_attachment_id"])
    return found


def judged(nodes: Iterable[Node], on: Mapping[str, str], shape: Shape) -> Located:
    """Parents are ordinary segments of our own tree; a child segment of ours is none."""
    parents: set[str] = set()
    missing: dict[str, str] = {}
    tree = re.compile(rf"{re.escape(shape.root)}(/tier-1s/[^/]+)?/segments/[^/]+")
    for node in nodes:
        found = {on[str(address)] for address in node.internal_ips if str(address) in on}
        fit = {path for path in found if tree.fullmatch(path) and shape.vlan_of(path) is None}
        parents |= fit
        if not fit:
            missing[node.name] = _reason(node, found, shape)
    return Located(parents=tuple(sorted(parents)), missing=missing)


def _reason(node: Node, found: Collection[str], shape: Shape) -> str:
    if not node.internal_ips:
        return "it has not reported an internal address yet"
    if found:
        return f"it is on {', '.join(sorted(found))}, which cannot be a parent of segments in {shape.root}"
    return f"no segment port is known to have {', '.join(map(str, node.internal_ips))}"


def _segment(port: Document) -> str:
    return str(port["path"]).rpartition("/ports/")[0]


def _parts(values: list[str]) -> Iterator[tuple[str, ...]]:
    for at in range(0, len(values), _AT_ONCE):
        yield tuple(values[at : at + _AT_ONCE])
