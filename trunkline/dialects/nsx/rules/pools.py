"""Address pools: subnets whose ranges do not overlap, and addresses that one allocation each has.

An address is a claim in the store: whatever races, it is given once.  Without a wish the lowest free one is given.  An
allocation is never changed; clients may repeat the request that made it.  An address that is given back rests for the pool's
`ip_release_delay`, so that nobody takes its new owner for the old one; the claim itself says until when, and survives restarts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trunkline.dialects.nsx import errors
from trunkline.dialects.nsx.resource import Rules
from trunkline.dialects.nsx.rules import blocks
from trunkline.dialects.nsx.rules.blocks import Span
from trunkline.kit.addresses import IPNetwork

if TYPE_CHECKING:
    from trunkline.dialects.nsx.view import Body, Draft, View

CUT_FIELDS = ("cidr", "allocated_cidr", "network_address", "broadcast_address", "gateway_address", "allocation_ranges")
"""What the manager fills in of a subnet that is cut from a block; it stays as it was cut."""


def address_claim(pool: str, address: str) -> str:
    """The store's claim on one address of a pool."""
    return f"nsx/address/{ipaddress.ip_address(address)}{pool}"


def piece_claim(block: str, cidr: str) -> str:
    """The store's claim on one piece of a block."""
    return f"nsx/piece/{cidr}{block}"


def pool_of(path: str) -> str:
    """The pool that a subnet or an allocation belongs to."""
    return path.rsplit("/", 2)[0]


def subnets_of(pool: str, view: View) -> dict[str, Body]:
    """The subnets of a pool by path, in the order in which addresses are given from them."""
    return {path: view.body(path) or {} for path in sorted(view.members(f"{pool}/ip-subnets"))}


def spans(subnet: Mapping[str, Any]) -> list[Span]:
    """The ranges of a subnet."""
    ranges = subnet.get("allocation_ranges", ())
    return [(int(ipaddress.ip_address(each["start"])), int(ipaddress.ip_address(each["end"]))) for each in ranges]


def _network(subnet: Mapping[str, Any]) -> IPNetwork:
    return ipaddress.ip_network(subnet["cidr"])


# --- addresses


def _claims_address(path: str, body: Mapping[str, Any]) -> Iterator[str]:
    if "allocation_ip" in body:
        yield address_claim(pool_of(path), body["allocation_ip"])


def _rests(path: str, view: View) -> int:
    """Milliseconds for which an address that is given back is given to nobody; none if its pool goes as well."""
    return int((view.body(pool_of(path)) or {}).get("ip_release_delay", 0))


def _resting(pool: str, view: View) -> int:
    """How many addresses of the pool were given back and rest."""
    held = (claim.removeprefix("nsx/address/").partition("/")[2] for claim in view.lingering())
    return sum(1 for holder in held if f"/{holder}" == pool)


def _allocate(draft: Draft, view: View) -> None:
    pool = pool_of(draft.path)
    subnets = {path: body for path, body in subnets_of(pool, view).items() if "cidr" in body}
    if not subnets:
        raise errors.wrong(draft.path, "parent_path", pool, "the pool has no subnet", "add one first")
    wanted = draft.body.get("allocation_ip")
    found = _holder(subnets, wanted) if wanted else next(_free(pool, subnets, view), None)
    if found is None and wanted:
        raise errors.wrong(draft.path, "allocation_ip", wanted, "no subnet of the pool gives this address")
    if found is None:
        raise errors.wrong(draft.path, "allocation_ip", None, "no address of the pool is free", trk=errors.EXHAUSTED)
    draft.body["ip_subnet_path"], draft.body["allocation_ip"] = found


def _holder(subnets: Mapping[str, Body], wanted: str) -> tuple[str, str] | None:
    address = ipaddress.ip_address(wanted)
    for path, subnet in subnets.items():
        inside = any(first <= int(address) <= last for first, last in spans(subnet))
        if inside and _network(subnet).version == address.version and str(address) != _kept_back(subnet):
            return path, str(address)
    return None


def _free(pool: str, subnets: Mapping[str, Body], view: View) -> Iterator[tuple[str, str]]:
    for path, subnet in subnets.items():
        kind = ipaddress.IPv4Address if _network(subnet).version == 4 else ipaddress.IPv6Address
        gateway = _kept_back(subnet)
        for first, last in spans(subnet):
            for number in range(first, last + 1):
                address = str(kind(number))
                if address != gateway and not view.claimant(address_claim(pool, address)):
                    yield path, address


def _kept_back(subnet: Mapping[str, Any]) -> str:
    """The gateway's address, which nobody else is given."""
    gateway = subnet.get("gateway_ip")
    return str(ipaddress.ip_address(gateway)) if gateway else ""


# --- subnets


def _check_static(draft: Draft, view: View) -> None:
    body, path = draft.body, draft.path
    network = _network(body)
    if "gateway_ip" in body and ipaddress.ip_address(body["gateway_ip"]) not in network:
        raise errors.wrong(path, "gateway_ip", body["gateway_ip"], f"it must lie in {network}")
    for index, each in enumerate(body["allocation_ranges"]):
        start, end = ipaddress.ip_address(each["start"]), ipaddress.ip_address(each["end"])
        if start not in network or end not in network or int(start) > int(end):
            raise errors.wrong(path, f"allocation_ranges[{index}]", each, f"it must be a range within {network}")
    own = spans(body)
    if any(blocks.overlap(one, other) for index, one in enumerate(own) for other in own[:index]):
        raise errors.wrong(
            path, "allocation_ranges", body["allocation_ranges"], "they overlap", code=errors.OVERLAPPING
        )
    _check_subnet(draft, view)


def _check_subnet(draft: Draft, view: View) -> None:
    """It may not overlap another one of the pool, and must still hold every address that was given from it."""
    network, pool = _network(draft.body), pool_of(draft.path)
    others = {path: _network(body) for path, body in _rivals(pool, view) if path != draft.path and "cidr" in body}
    for path, other in others.items():
        if network.version == other.version and blocks.overlap(blocks.span(network), blocks.span(other)):
            raise errors.wrong(
                draft.path,
                "cidr",
                str(network),
                f"it overlaps path=[{path}]",
                trk=errors.TAKEN,
                code=errors.OVERLAPPING,
            )
    for path in view.referrers(draft.path):
        given = (view.body(path) or {}).get("allocation_ip", "")
        if given and _holder({draft.path: draft.body}, given) is None:
            raise errors.wrong(draft.path, "allocation_ranges", given, f"path=[{path}] has it", trk=errors.IMMUTABLE)


def _rivals(pool: str, view: View) -> Iterator[tuple[str, Body]]:
    """The subnets that one of this pool may not overlap."""
    pools = [pool]
    if (view.body(pool) or {}).get("check_overlap_with_existing_pools"):
        pools = sorted(view.members(pool.rpartition("/")[0]))
    for each in pools:
        yield from subnets_of(each, view).items()


def _cut(draft: Draft, view: View) -> None:
    """Cut the subnet from its block, once."""
    body = draft.body
    if "cidr" in body:
        return
    count = _count(draft)
    piece = blocks.free_piece(body["ip_block_path"], count, body.get("start_ip"), view)
    if piece is None:
        allowed = f"the block has no free piece of {count} addresses{' there' if 'start_ip' in body else ''}"
        raise errors.wrong(draft.path, "ip_block_path", body["ip_block_path"], allowed, trk=errors.EXHAUSTED)
    body["cidr"] = body["allocated_cidr"] = str(piece)
    body["network_address"], body["broadcast_address"] = str(piece.network_address), str(piece.broadcast_address)
    first, last = blocks.span(piece)
    if count >= 4:
        first, last = first + 1, last - (piece.version == 4)
        if body["auto_assign_gateway"]:
            body["gateway_address"] = f"{piece[1]}/{piece.prefixlen}"
            first += 1
    kind = type(piece.network_address)
    body["allocation_ranges"] = [{"start": str(kind(first)), "end": str(kind(last))}]


def _count(draft: Draft) -> int:
    """The number of addresses that is asked for; clients of two eras say it in two fields."""
    size, text = draft.body.get("size"), draft.body.get("subnet_size")
    if text is not None and not (text.isascii() and text.isdecimal()):
        raise errors.wrong(draft.path, "subnet_size", text, "a number of addresses is wanted")
    counts = {int(each) for each in (size, text) if each is not None}
    if len(counts) != 1:
        raise errors.wrong(draft.path, "size", size, "required property size is missing, or subnet_size contradicts it")
    count = counts.pop()
    if count < 1 or count & (count - 1):
        raise errors.wrong(draft.path, "size", count, "a power of two is wanted")
    return count


def _check_cut(draft: Draft, view: View) -> None:
    for name in ("ip_block_path", "size", "subnet_size", "start_ip"):
        if draft.before and draft.body.get(name) != draft.old.get(name):
            raise errors.wrong(draft.path, name, draft.body.get(name), "it may not change", trk=errors.IMMUTABLE)
    _check_subnet(draft, view)


def _claims_piece(path: str, body: Mapping[str, Any]) -> Iterator[str]:
    if "cidr" in body:
        yield piece_claim(body["ip_block_path"], body["cidr"])


# --- what a pool tells of itself


def _usage(path: str, view: View) -> Mapping[str, Any]:
    found = subnets_of(path, view).values()
    total = sum(last - first + 1 for subnet in found for first, last in spans(subnet))
    given = sum(1 for _ in view.members(f"{path}/ip-allocations"))
    versions = sorted({_network(subnet).version for subnet in found})
    usage = {
        "total_ips": total,
        "requested_ip_allocations": given,
        "allocated_ip_allocations": given,
        "available_ips": total - given - _resting(path, view),
    }
    kind = {"ip_address_type": "DUAL" if len(versions) > 1 else f"IPV{versions[0]}"} if versions else {}
    return {**kind, "pool_usage": usage}


POOL = Rules(show=_usage)
STATIC = Rules(check=_check_static)
CUT = Rules(complete=_cut, check=_check_cut, claims=_claims_piece)
ALLOCATION = Rules(complete=_allocate, claims=_claims_address, lingers=_rests)
