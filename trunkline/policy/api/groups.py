"""Members of groups, and the inventory that they may be picked from: what is known here, and nothing invented."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from trunkline.dialects.nsx import errors, listing, membership
from trunkline.dialects.nsx.view import Body, Entry
from trunkline.policy.api import answers

_BASE = "/policy/api/v1"
_UNKNOWN = frozenset(
    {
        "virtual-machines",
        "physical-servers",
        "transport-nodes",
        "pods",
        "kubernetes-clusters",
        "kubernetes-namespaces",
        "kubernetes-nodes",
        "kubernetes-services",
        "cloud-native-service-instances",
        "identity-groups",
        "vpc-subnets",
        "vpc-subnet-ports",
    }
)
"""Kinds of members of which nothing is known here: there are none."""


async def members(request: Request) -> Response:
    """The members of a group, of one kind."""
    path, kind = request.url.path.removeprefix(_BASE).rsplit("/members/", 1)
    manager, caller = answers.manager(request), answers.caller(request)
    if manager.entry(caller, path).kind != "Group":
        raise errors.not_found(path)
    tree = manager.repository.tree
    inside = membership.members(tree, path)
    match kind:
        case "segments" | "logical-switches":
            return _page(request, membership.segments(tree, inside))
        case "segment-ports" | "logical-ports":
            return _page(request, membership.ports(tree, inside))
        case "groups":
            return _page(request, membership.groups(tree, inside))
        case "vifs":
            ports = membership.ports(tree, inside)
            return answers.listed([_vif(port) for port in ports if _attachment(port)])
        case "ip-addresses":
            known = manager.addresses()
            return answers.listed(membership.addresses(tree, inside, lambda port: known.bindings(port).realized))
    if kind in _UNKNOWN:
        return answers.listed([])
    raise errors.not_found(f"{path}/members/{kind}")


async def virtual_machines(request: Request) -> Response:
    """Nothing is known of guests here."""
    answers.tree(request, "/realized-state/")
    return answers.listed([])


async def interfaces(request: Request) -> Response:
    """The interfaces that are attached to ports of a tree."""
    root = answers.tree(request, "/realized-state/")
    ports = answers.manager(request).repository.tree.of_kind("SegmentPort")
    found = (port for port in ports if port.path.startswith(f"{root}/") and _attachment(port))
    return answers.listed([_vif(port) for port in sorted(found, key=lambda port: port.path)])


def _page(request: Request, entries: list[Entry]) -> Response:
    wanted = listing.query(request.query_params, "members")
    shown, envelope = listing.page(entries, wanted, "members")
    return answers.json({"results": [_member(entry) for entry in shown], **envelope})


def _member(entry: Entry) -> Body:
    body = entry.body
    names = ("id", "display_name", "path", "resource_type", "tags")
    return {name: body[name] for name in names if name in body}


def _attachment(port: Entry) -> str:
    return str(port.body.get("attachment", {}).get("id") or "")


def _vif(port: Entry) -> Body:
    body = port.body
    macs = [each["mac_address"] for each in body.get("address_bindings", ()) if each.get("mac_address")]
    addresses = [each["ip_address"] for each in body.get("address_bindings", ()) if each.get("ip_address")]
    result: Body = {
        "resource_type": "VirtualNetworkInterface",
        "display_name": body["display_name"],
        "external_id": _attachment(port),
        "lport_attachment_id": _attachment(port),
        "ip_address_info": [{"ip_addresses": addresses, "source": "USER_DEFINED"}] if addresses else [],
    }
    return result | ({"mac_address": macs[0]} if macs else {})
