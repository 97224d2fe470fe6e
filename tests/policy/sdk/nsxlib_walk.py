"""Initialisation, segment, Tier-1 and static route through the unmodified vmware-nsxlib; prints what it saw.

Usage: nsxlib_walk.py HOST:PORT CA PASSWORD
"""

import json
import sys

from vmware_nsxlib.v3 import config, exceptions, policy

address, authority, password = sys.argv[1:]
lib = policy.NsxPolicyLib(
    config.NsxLibConfig(
        nsx_api_managers=[f"https://{address}"],
        username="admin",
        password=password,
        ca_file=authority,
        insecure=False,
        max_attempts=2,
        retries=1,
        http_timeout=10,
        http_read_timeout=10,
        concurrent_connections=2,
        allow_overwrite_header=False,
        allow_passthrough=True,
        realization_max_attempts=2,
        realization_wait_sec=0.1,
    )
)
seen = {"version": lib.get_version()}
lib.tier1.create_or_overwrite("t1", tier1_id="t1", tier0=None)
lib.tier1.update_route_advertisement("t1", static_routes=True, subnets=True, tier0=None)
seen["advertised"] = lib.tier1.get("t1")["route_advertisement_types"]
lib.segment.create_or_overwrite("web", segment_id="web", tier1_id="t1", tags=[{"scope": "a", "tag": "b"}])
lib.segment.update("web", description="changed", admin_state=False)
segment = lib.segment.get("web")
seen["segment"] = [segment["connectivity_path"], segment["description"], segment["admin_state"], segment["tags"]]
seen["found"] = [one["id"] for one in lib.search_by_tags([{"scope": "a", "tag": "b"}], "Segment")["results"]]
lib.tier1_static_route.create_or_overwrite("r", "t1", static_route_id="r", network="100.96.1.0/24", next_hop="10.0.0.9")
seen["route"] = lib.tier1_static_route.get("t1", "r")["next_hops"]
lib.segment_port.create_or_overwrite("p", "web", port_id="p", vif_id="vif-1", attachment_type="INDEPENDENT")
try:
    lib.segment.delete("web")
except exceptions.ManagerError as error:
    seen["attached"] = [type(error).__name__, error.error_code]
lib.segment_port.delete("web", "p")
lib.tier1_static_route.delete("t1", "r")
lib.segment.delete("web")
try:
    lib.segment.get("web")
except exceptions.ResourceNotFound as error:
    seen["gone"] = error.error_code
lib.tier1.delete("t1")
print(json.dumps(seen))
