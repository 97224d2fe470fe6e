"""Blocks of addresses that subnets are cut from: aligned pieces, the lowest free one first.

Pieces of one block never overlap.  That is judged on the whole state, which only the leading manager changes; the claim on each
piece keeps two managers from cutting the same one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules
from trunkline.kit.addresses import IPNetwork

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Body, Draft, View

Span = tuple[int, int]
"""First and last address of a range, as numbers."""


def networks(block: Mapping[str, Any]) -> list[IPNetwork]:
    """The prefixes of a block, in the order in which pieces are cut from them."""
    return [ipaddress.ip_network(text) for text in ([block["cidr"]] if block.get("cidr") else block.get("cidrs") or [])]


def free_piece(path: str, count: int, start: str | None, view: View) -> IPNetwork | None:
    """The lowest aligned piece of `count` addresses (a power of two) that nobody has; with `start` only the one there."""
    block = view.body(path) or {}
    for network in networks(block):
        if count > network.num_addresses:
            continue
        taken = sorted(_taken(path, block, network.version, view))
        first = _first_gap(span(network), count, taken)
        if start is not None and ipaddress.ip_address(start).version == network.version:
            wanted = int(ipaddress.ip_address(start))
            first = (
                wanted if wanted % count == 0 and _is_free((wanted, wanted + count - 1), span(network), taken) else None
            )
        if first is not None:
            length = network.max_prefixlen - (count.bit_length() - 1)
            return ipaddress.ip_network((first, length))
    return None


def span(network: IPNetwork) -> Span:
    """First and last address of a prefix."""
    return int(network.network_address), int(network.broadcast_address)


def overlap(one: Span, other: Span) -> bool:
    """Whether two ranges share an address."""
    return one[0] <= other[1] and other[0] <= one[1]


def _taken(path: str, block: Body, version: int, view: View) -> Iterator[Span]:
    pieces = [ipaddress.ip_network(cidr) for cidr in _pieces(path, view)]
    yield from (span(piece) for piece in pieces if piece.version == version)
    for each in block.get("excluded_ips", ()):
        start, end = ipaddress.ip_address(each["start"]), ipaddress.ip_address(each["end"])
        if start.version == version:
            yield int(start), int(end)


def _pieces(path: str, view: View) -> list[str]:
    bodies = (view.body(referrer) or {} for referrer in view.referrers(path))
    return [body["cidr"] for body in bodies if "cidr" in body]


def _first_gap(whole: Span, count: int, taken: list[Span]) -> int | None:
    start = whole[0]
    for first, last in taken:
        if start + count <= first:
            break
        start = max(start, -(-(last + 1) // count) * count)
    return start if start + count - 1 <= whole[1] else None


def _is_free(wanted: Span, whole: Span, taken: list[Span]) -> bool:
    return whole[0] <= wanted[0] and wanted[1] <= whole[1] and not any(overlap(wanted, each) for each in taken)


def _complete(draft: Draft, view: View) -> None:
    versions = {network.version for network in networks(draft.body)}
    if versions:
        draft.body["ip_address_type"] = "DUAL" if len(versions) > 1 else f"IPV{versions.pop()}"


def _check(draft: Draft, view: View) -> None:
    body, path = draft.body, draft.path
    own = networks(body)
    if not own or ("cidr" in body and body.get("cidrs")):
        raise errors.wrong(
            path, "cidr", body.get("cidr"), "required property cidr is missing, or cidrs stands beside it"
        )
    for index, network in enumerate(own):
        if any(network.overlaps(other) for other in own[:index] if other.version == network.version):
            raise errors.wrong(path, "cidrs", str(network), "it overlaps another one", code=errors.OVERLAPPING)
    for cidr in _pieces(path, view):
        piece = ipaddress.ip_network(cidr)
        if not any(piece.version == each.version and piece.subnet_of(each) for each in own):  # type: ignore[arg-type]
            raise errors.wrong(
                path, "cidr", [str(each) for each in own], f"{cidr} is cut from it", trk=errors.IMMUTABLE
            )


RULES = Rules(complete=_complete, check=_check)
