"""State and status of a segment port: where its interface is, and which addresses are behind it."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.dialects.nsx.discovery import Bindings
from trunkline.dialects.nsx.realized import Realisation
from trunkline.dialects.nsx.view import Body, Entry


def status(entry: Entry, found: Realisation) -> Body:
    """`.../status`."""
    up = found.attributes.get("operational_status") == ["UP"]
    return {"logical_port_id": entry.body["realization_id"], "status": "UP" if up else "DOWN"}


def state(entry: Entry, found: Realisation, bindings: Bindings, containers: Sequence[Body]) -> Body:
    """`.../state`; declared addresses are realised with the port itself."""
    realized = [each for each in bindings.realized if each.when_ms or found.state == "REALIZED"]
    result: Body = {
        "transport_node_ids": found.attributes.get("transport_node_ids", []),
        "realized_bindings": [each.body() for each in realized],
        "discovered_bindings": [each.body() for each in bindings.discovered],
        "duplicate_bindings": [{**each.body(), "conflicting_port": port} for each, port in bindings.duplicates],
        "attachment": _attachment(entry, found),
    }
    return result | ({"trunkline_containers": list(containers)} if containers else {})


def _attachment(entry: Entry, found: Realisation) -> Body:
    identifier = entry.body.get("attachment", {}).get("id")
    if not identifier:
        return {"id": "", "state": "FREE"}
    nodes = found.attributes.get("transport_node_ids", [])
    attachers = [{"host": node, "entity": identifier} for node in nodes]
    return {"id": identifier, "state": "ATTACHED" if nodes else "DETACHED", "attachers": attachers}
