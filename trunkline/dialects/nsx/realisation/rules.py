"""What does a policy document become?  The whole answer, as a table.

Kinds that are not listed have no objects of their own; what they say is read by the rules of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trunkline.dialects.nsx.realisation import (
    documents,
    gateways,
    interfaces,
    monitoring,
    nat,
    ports,
    routes,
    security,
    segments,
)
from trunkline.dialects.nsx.realisation.made import Made
from trunkline.dialects.nsx.realisation.memory import Memory, Question

RULES: dict[str, Callable[..., Made | None]] = {
    "Segment": segments.segment,
    "SegmentPort": ports.port,
    "Tier0": gateways.tier0,
    "Tier1": gateways.tier1,
    "Tier0Interface": interfaces.interface,
    "Tier1Interface": interfaces.interface,
    "StaticRoutes": routes.static_routes,
    "PolicyNatRule": nat.nat_rule,
    "SegmentSecurityProfile": security.security_profile,
    "SegmentMonitoringProfileBindingMap": monitoring.monitors_of,
    "PortMonitoringProfileBindingMap": monitoring.monitors_of,
}

IGNORED = {
    "SecurityPolicy": "rules are stored, not enforced",
    "Rule": "rules are stored, not enforced",
    "IPFIXDFWProfile": "nothing is exported",
    "DhcpServerConfig": "addresses are not handed out here",
    "DhcpRelayConfig": "requests are not relayed",
}
"""Kinds that ask the network for something that it does not do."""


def questions(memory: Memory, path: str, kind: str) -> Iterator[Question]:
    """What to ask because there is a document at the path: its own rule, and the pairs that it makes with others."""
    if kind in RULES:
        yield Question(RULES[kind], (path,))
    match memory.documents.get(path):
        case documents.SegmentPort():
            for binding in memory.topics.get(("bound to", ports.segment_of(path)), ()):
                yield Question(ports.nested, (binding, path))
        case documents.SegmentConnectionBindingMap(segment_path=parent):
            for port in memory.topics.get(("in", f"{parent}/ports"), ()):
                yield Question(ports.nested, (path, port))
