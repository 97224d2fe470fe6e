"""The resource table, assembled; look-ups by type and by collection."""

from __future__ import annotations

from trunkline.dialects.nsx.catalogue.dhcp import DHCP
from trunkline.dialects.nsx.catalogue.diagnosis import DIAGNOSIS
from trunkline.dialects.nsx.catalogue.gateways import GATEWAYS
from trunkline.dialects.nsx.catalogue.groups import GROUPS
from trunkline.dialects.nsx.catalogue.interfaces import INTERFACES
from trunkline.dialects.nsx.catalogue.monitoring import MONITORING
from trunkline.dialects.nsx.catalogue.nat import NAT
from trunkline.dialects.nsx.catalogue.pools import POOLS
from trunkline.dialects.nsx.catalogue.profiles import PROFILES
from trunkline.dialects.nsx.catalogue.security import SECURITY
from trunkline.dialects.nsx.catalogue.segments import SEGMENTS
from trunkline.dialects.nsx.catalogue.sites import ROOTS, SITES
from trunkline.dialects.nsx.resource import Resource

TABLE: tuple[Resource, ...] = (
    *ROOTS,
    *SITES,
    *SEGMENTS,
    *GATEWAYS,
    *INTERFACES,
    *PROFILES,
    *MONITORING,
    *NAT,
    *POOLS,
    *GROUPS,
    *SECURITY,
    *DHCP,
    *DIAGNOSIS,
)

BY_TYPE = {each.type: each for resource in TABLE for each in (resource, *resource.variants)}
"""Every type that may be stored, and those that only name a collection of several types."""

_CHILDREN: dict[str, dict[str, Resource]] = {}
for _resource in TABLE:
    for _parent in _resource.under:
        _CHILDREN.setdefault(_parent, {})[_resource.collection] = _resource


def children(type: str) -> dict[str, Resource]:
    """The resources whose collections objects of `type` hold, by collection name."""
    return _CHILDREN.get(type, {})
