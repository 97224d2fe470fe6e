"""Policy documents to intent: pure, and change by change."""

from trunkline.dialects.nsx.realisation.fabric import Carried, Change, Fabric, Key, Written
from trunkline.dialects.nsx.realisation.gateways import EDGES
from trunkline.dialects.nsx.realisation.segments import PHYSICAL_NETWORK

__all__ = ["EDGES", "PHYSICAL_NETWORK", "Carried", "Change", "Fabric", "Key", "Written"]
