"""Schemas of the answers that are no policy objects: states, statistics, realised entities, traces.

They promise what clients dereference; further fields are allowed everywhere, as NSX's answers have many more.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}


def words(*allowed: str) -> Json:
    """One of a few words."""
    return {"type": "string", "enum": list(allowed)}


def array(item: Json) -> Json:
    """An array of one kind of items."""
    return {"type": "array", "items": item}


def structure(required: Json, **optional: Json) -> Json:
    """An object with properties that are always there and others that may be."""
    wanted = {"required": list(required)} if required else {}  # an empty list is no valid schema
    return {"type": "object", "properties": {**required, **optional}, **wanted}


def page(item: Json, **more: Json) -> Json:
    """A list as clients page through it; `result_count` is always there, because some dereference it."""
    envelope = {"cursor": TEXT, "sort_by": TEXT, "sort_ascending": FLAG}
    return structure({"results": array(item), "result_count": COUNT}, **envelope, **more)


_DETAILS = structure({"error_code": {"type": "integer"}, "error_message": TEXT}, module_name=TEXT)
_ALARM = structure({"message": TEXT, "severity": TEXT, "error_details": _DETAILS})
_STATE = words("REALIZED", "UNREALIZED", "ERROR")
_TIMES = {"publish_time": COUNT, "time_taken_for_realization": COUNT}
_CONSOLIDATED = structure({"consolidated_status": words("SUCCESS", "IN_PROGRESS", "ERROR")})
_ATTRIBUTE = structure({"key": TEXT, "values": array(TEXT), "data_type": TEXT, "multivalue": FLAG})

ENTITY = structure(
    {
        "entity_type": TEXT,
        "intent_paths": {**array(TEXT), "minItems": 1},
        "state": _STATE,
        "realization_specific_identifier": TEXT,
        "extended_attributes": array(_ATTRIBUTE),
        "alarms": array(_ALARM),
        "resource_type": TEXT,
        "id": TEXT,
        "path": TEXT,
    },
    **_TIMES,
)
STATUS = structure(
    {
        "publish_status": _STATE,
        "consolidated_status": _CONSOLIDATED,
        "consolidated_status_per_enforcement_point": array(
            structure({"enforcement_point_path": TEXT, "consolidated_status": _CONSOLIDATED}, alarm=_ALARM)
        ),
        "intent_path": TEXT,
        "intent_version": TEXT,
    },
    **_TIMES,
)
POLICY_ALARM = structure({"id": TEXT, "source_reference": TEXT, "message": TEXT, "severity": TEXT})
ALARM = structure({"id": TEXT, "severity": TEXT, "status": TEXT, "description": TEXT, "policy_paths": array(TEXT)})

CONFIGURATION_STATE = structure(
    {"state": words("success", "in_progress", "error"), "details": array({"type": "object"})},
    segment_path=TEXT,
    tier_path=TEXT,
    failure_message=TEXT,
)
_BOUND = structure({}, ip_address=TEXT, mac_address=TEXT, vlan=COUNT)
_SOURCE = words("USER_DEFINED", "ARP_SNOOPING", "ND_SNOOPING")
_BINDING = structure({"binding": _BOUND, "source": _SOURCE}, binding_timestamp=COUNT)
_DUPLICATE = structure({"binding": _BOUND, "source": _SOURCE, "conflicting_port": TEXT}, binding_timestamp=COUNT)
_TAGGED = {"connected_segment_path": TEXT, "vlan_traffic_tag": COUNT, "discovered_bindings": array(_BINDING)}
_PORT_STATE = structure(
    {
        "transport_node_ids": array(TEXT),
        "realized_bindings": array(_BINDING),
        "discovered_bindings": array(_BINDING),
        "duplicate_bindings": array(_DUPLICATE),
        "attachment": structure({"id": TEXT, "state": words("FREE", "ATTACHED", "DETACHED")}),
    },
    trunkline_containers=array(structure(_TAGGED)),
)
_PLACED = structure({"binding": _BOUND, "source": _SOURCE, "segment_port_path": TEXT}, binding_timestamp=COUNT)
_COUNTER = structure({"total": COUNT})
_COUNTERS = dict.fromkeys(("rx_packets", "rx_bytes", "tx_packets", "tx_bytes"), _COUNTER)
STATISTICS = structure(
    {**_COUNTERS, "last_update_timestamp": COUNT},
    logical_switch_id=TEXT,
    logical_port_id=TEXT,
    trunkline_containers=array(structure({**_COUNTERS, "vlan_traffic_tag": COUNT})),
)

_TRACED = ("delivered_count", "dropped_count", "forwarded_count", "received_count", "protected_count")
TRACE = structure(
    {
        "operation_state": words("IN_PROGRESS", "FINISHED", "FAILED"),
        "request_status": TEXT,
        "timeout": COUNT,
        "counters": structure(dict.fromkeys(_TRACED, COUNT)),
        "logical_counters": structure(dict.fromkeys(_TRACED, COUNT)),
        "analysis": array(TEXT),
    },
    lport_id=TEXT,
)
OBSERVATION = structure({"resource_type": TEXT, "sequence_no": COUNT, "component_type": TEXT})

MEMBER: Json = {"type": "object"}

_PROFILES = page(structure({"target_id": TEXT, "target_type": TEXT, "profile_type": TEXT, "is_valid": FLAG}))

_LOCATED = structure({"mac_address": TEXT}, vtep_ip=TEXT, vtep_ipv6=TEXT)
_TYPED = structure({"mac_address": TEXT, "mac_type": words("STATIC", "LEARNED")})
_NEIGHBOURS = page(structure({"ip": TEXT, "mac_address": TEXT}), enforcement_point_path=TEXT)
_ROUTE = structure({"network": TEXT}, route_type=TEXT, next_hop=TEXT, black_hole=FLAG)
_FORWARDING = page(structure({"route_entries": array(_ROUTE), "count": COUNT, "status": words("SUCCESS")}))
_ADVERTISED = structure({"network": TEXT, "status": words("SUCCESS"), "rule_filter_type": TEXT})

OPERATIONS: dict[tuple[str, str], Json] = {
    ("Segment", "state"): CONFIGURATION_STATE,
    ("Tier0", "state"): CONFIGURATION_STATE,
    ("Tier1", "state"): CONFIGURATION_STATE,
    ("Segment", "statistics"): STATISTICS,
    ("SegmentConnectionBindingMap", "statistics"): STATISTICS,
    ("SegmentConnectionBindingMap", "state"): structure({"discovered_bindings": array(_PLACED)}),
    ("SegmentPort", "statistics"): STATISTICS,
    ("SegmentPort", "state"): _PORT_STATE,
    ("Segment", "effective-profiles"): _PROFILES,
    ("SegmentPort", "effective-profiles"): _PROFILES,
    ("Tier0", "forwarding-table"): _FORWARDING,
    ("Tier1", "forwarding-table"): _FORWARDING,
    ("Tier1", "advertised-networks"): page(_ADVERTISED),
    ("Segment", "gateway-interface-statistics"): structure({"per_node_statistics": array({"type": "object"})}),
    ("Segment", "gateway-interface-statistics/summary"): structure({"interface_policy_path": TEXT}),
    ("Segment", "mac-table"): page(_LOCATED, last_update_timestamp=COUNT),
    ("SegmentPort", "mac-table"): page(_TYPED, last_update_timestamp=COUNT),
    ("Segment", "arp-table"): _NEIGHBOURS,
    ("Segment", "gateway-interface-arp-table"): _NEIGHBOURS,
    ("Segment", "tep-table"): page(structure({"tep_ip": TEXT, "segment_id": TEXT}), last_update_timestamp=COUNT),
    ("SegmentPort", "status"): structure({"logical_port_id": TEXT, "status": words("UP", "DOWN")}),
}
"""What is answered after an object's id, by type and word."""
