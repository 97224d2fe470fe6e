"""Realised state: what the network really does about an intent, in the three forms in which clients ask.

The truth comes from a `Realiser`, which answers from what it sees in the network at this moment.  Without one, or before it
knows better, the honest answer is UNREALIZED.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from trunkline.dialects.nsx.discovery import Heard
from trunkline.dialects.nsx.routing import Routed
from trunkline.dialects.nsx.statistics import Counted
from trunkline.dialects.nsx.tables import ENFORCEMENT_POINT, Wire
from trunkline.dialects.nsx.view import Body, Entry
from trunkline.kit.problems import Problem

State = Literal["REALIZED", "UNREALIZED", "ERROR"]
SITE = "/infra/sites/default"

_ENTITY = {
    "Segment": "RealizedLogicalSwitch",
    "SegmentPort": "RealizedLogicalPort",
    "Tier0": "RealizedLogicalRouter",
    "Tier1": "RealizedLogicalRouter",
}
_SEGMENT_STATE = {"REALIZED": "success", "UNREALIZED": "in_progress", "ERROR": "error"}
_CONSOLIDATED = {"REALIZED": "SUCCESS", "UNREALIZED": "IN_PROGRESS", "ERROR": "ERROR"}


class Realisation(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one object.

    `revision` is the `_revision` that the network follows now; `problem` says why it does not follow, for ERROR, else what is
    not honoured of it;
    `published_ms` and `took_ms` are when it began to, since the epoch, and how long after the write; `attributes` are further
    facts that clients read, such as an allocated address.
    """

    state: State
    revision: int = -1
    problem: str = ""
    published_ms: int = 0
    took_ms: int = 0
    attributes: dict[str, list[str]] = {}


class Realiser(Protocol):
    """Who knows what the network does."""

    def realisation(self, path: str, revision: int) -> Realisation | None:
        """What became of the object at `path` as of `_revision` `revision`; None when nothing is known of it."""

    def counted(self, path: str) -> list[Counted]:
        """What passed the network ports that follow from the segment port or binding map at `path`."""

    def heard(self, path: str) -> list[Heard]:
        """Which addresses are announced at the network ports that follow from the segment port or binding map at `path`."""

    async def wire(self, path: str) -> Wire:
        """What is known of the segment at `path` on the wire, at this moment.

        Raises:
            RemoteError: the network does not answer.
        """

    async def routed(self, path: str) -> list[Routed]:
        """The networks of the gateway at `path`, at this moment.

        Raises:
            RemoteError: the network does not answer.
        """

    def edges(self) -> Mapping[str, Iterable[str]]:
        """By name of an edge cluster, the hypervisors that may serve its gateways, best first, as far as is known."""


class Nobody:
    """The realiser of a manager without a network: it knows nothing."""

    def realisation(self, path: str, revision: int) -> Realisation | None:
        return None

    def counted(self, path: str) -> list[Counted]:
        return []

    def heard(self, path: str) -> list[Heard]:
        return []

    async def wire(self, path: str) -> Wire:
        return Wire()

    async def routed(self, path: str) -> list[Routed]:
        return []

    def edges(self) -> Mapping[str, Iterable[str]]:
        return {}


UNKNOWN = Realisation(state="UNREALIZED")

_CUT = ("cidr", "gateway_address", "network_address", "broadcast_address")
_THEMSELVES: dict[str, tuple[str, ...]] = {
    "IpAddressBlock": (),
    "IpAddressPool": (),
    "IpAddressPoolStaticSubnet": ("cidr", "gateway_ip"),
    "IpAddressPoolBlockSubnet": _CUT,
    "IpAddressAllocation": ("allocation_ip",),
}
"""Types that ask nothing of the network: to be stored is to be real.  With the fields that clients read as attributes."""


def themselves(entry: Entry) -> Realisation | None:
    """What became of an object that asks nothing of the network; None for all others."""
    fields = _THEMSELVES.get(entry.kind)
    if fields is None:
        return None
    body = entry.body
    attributes = {name: [str(body[name])] for name in fields if name in body}
    written = body["_last_modified_time"]
    return Realisation(state="REALIZED", revision=body["_revision"], published_ms=written, attributes=attributes)


def remarked(found: Realisation, remarks: Sequence[Problem]) -> Realisation:
    """The same, and what is not honoured of the object besides."""
    if not remarks:
        return found
    told = [*([found.problem] if found.problem else []), *map(str, remarks)]
    return msgspec.structs.replace(found, problem="; ".join(told))


def entity(entry: Entry, found: Realisation) -> Body:
    """A GenericPolicyRealizedResource: what `realized-entities` lists for an intent."""
    body = entry.body
    kind = _ENTITY.get(entry.kind, f"Realized{entry.kind}")
    result: Body = {
        "entity_type": kind,
        "intent_paths": [entry.path],
        "intent_reference": [entry.path],
        "state": found.state,
        "realization_specific_identifier": body["realization_id"],
        "realization_api": "",
        "enforcement_point_path": ENFORCEMENT_POINT,
        "site_path": SITE,
        "extended_attributes": [
            {"key": key, "values": values, "data_type": "STRING", "multivalue": len(values) > 1}
            for key, values in found.attributes.items()
        ],
        "alarms": [_alarm(found)] if found.problem else [],
        "publish_status": found.state,
        "runtime_status": "SUCCESS" if found.state == "REALIZED" else "UNINITIALIZED",
        "resource_type": "GenericPolicyRealizedResource",
        "id": body["id"],
        "display_name": body["display_name"],
        "path": f"/infra/realized-state/enforcement-points/default/{_slug(kind)}/{body['realization_id']}",
        "relative_path": body["realization_id"],
        "unique_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"realized:{entry.path}")),
        "_revision": 0,
    }
    if found.published_ms:
        result |= {"publish_time": found.published_ms, "time_taken_for_realization": found.took_ms}
    return result


def status(entry: Entry, found: Realisation) -> Body:
    """A ConsolidatedRealizedStatus."""
    consolidated = {"consolidated_status": _CONSOLIDATED[found.state]}
    point = {
        "resource_type": "ConsolidatedStatusNsxT",
        "site_path": SITE,
        "enforcement_point_id": "default",
        "enforcement_point_path": ENFORCEMENT_POINT,
        "consolidated_status": consolidated,
    }
    if found.problem:
        point["alarm"] = _alarm(found)
    result: Body = {
        "publish_status": found.state,
        "consolidated_status": consolidated,
        "consolidated_status_per_enforcement_point": [point],
        "intent_path": entry.path,
        "intent_version": str(entry.body["_revision"]),
    }
    if found.published_ms:
        result |= {"publish_time": found.published_ms, "time_taken_for_realization": found.took_ms}
    return result


def configuration_state(entry: Entry, found: Realisation) -> Body:
    """The state of a segment or gateway in lower-case words, as `.../state` answers."""
    result: Body = {"segment_path": entry.path} if entry.kind == "Segment" else {"tier_path": entry.path}
    result |= {"state": _SEGMENT_STATE[found.state], "details": []}
    if found.state == "ERROR":
        result["failure_message"] = found.problem
    return result


def _alarm(found: Realisation) -> dict[str, Any]:
    details = {"error_code": 0, "module_name": "policy", "error_message": found.problem}
    return {"message": found.problem, "severity": severity(found), "error_details": details}


def severity(found: Realisation) -> str:
    """How bad the alarm of an object is: it does not stand, or it stands, in part or otherwise."""
    return "ERROR" if found.state == "ERROR" else "WARNING"


def _slug(kind: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip("-")
