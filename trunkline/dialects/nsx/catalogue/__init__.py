"""The resource table, assembled; look-ups by type and by collection."""

from __future__ import annotations

from trunkline.dialects.nsx.catalogue.diagnosis import DIAGNOSIS
from trunkline.dialects.nsx.catalogue.gateways import GATEWAYS
from trunkline.dialects.nsx.catalogue.interfaces import INTERFACES
from trunkline.dialects.nsx.catalogue.profiles import PROFILES
from trunkline.dialects.nsx.catalogue.segments import SEGMENTS
from trunkline.dialects.nsx.catalogue.sites import ROOTS, SITES
from trunkline.dialects.nsx.resource import Resource

TABLE: tuple[Resource, ...] = (*ROOTS, *SITES, *SEGMENTS, *GATEWAYS, *INTERFACES, *PROFILES, *DIAGNOSIS)

BY_TYPE = {resource.type: resource for resource in TABLE}

_CHILDREN: dict[str, dict[str, Resource]] = {}
for _resource in TABLE:
    for _parent in _resource.under:
        _CHILDREN.setdefault(_parent, {})[_resource.collection] = _resource


def children(type: str) -> dict[str, Resource]:
    """The resources whose collections objects of `type` hold, by collection name."""
    return _CHILDREN.get(type, {})
