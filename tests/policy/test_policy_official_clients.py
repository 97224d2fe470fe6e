"""The unmodified official SDK, and curl as the document types it, against the program itself over TLS."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SDK = os.environ.get("TRUNKLINE_VCF_NSX_PYTHON") or str(ROOT / ".tools" / "vcf-nsx" / "bin" / "python")
NSXLIB = os.environ.get("TRUNKLINE_NSXLIB_PYTHON") or str(ROOT / ".tools" / "vmware-nsxlib" / "bin" / "python")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that would make the clients trust something else than what they are told to."""


async def run(*argv: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name not in BUNDLES},
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-3000:]
    return out.decode()


@pytest.mark.skipif(not Path(SDK).exists(), reason="no interpreter with vcf-nsx (.tools/vcf-nsx)")
async def test_the_official_sdk_walks_through_every_path_family(served):
    walk = Path(__file__).with_name("sdk") / "walk.py"
    seen = json.loads(await run(SDK, str(walk), served.url, served.authority, served.password))
    path = "/infra/segments/child/segment-connection-binding-maps/m1"
    assert seen == {
        "made": [10, "/infra/segments/parent", "m1", path, 0],
        "changed": [11, 1],
        "stale": ["ApiError", 412, "Fetch the latest copy of the object and retry."],
        "listed": [[11], 1],
        "in use": ["ApiError", 500030],
        "state": "in_progress",
        "realized": [[["/infra/segments/child"], "UNREALIZED"]],
        "gone": ["ApiError", 404],
        "tier-1": "/infra/tier-1s/t1/segments/child/segment-connection-binding-maps/m1",
        "route": 1,
        "project": f"/orgs/default/projects/blue{path}",
        "watched": ["/infra/segments/watched/segment-monitoring-profile-binding-maps/default", 12.5, 300],
        "search": [1, "1"],
    }


@pytest.mark.skipif(not Path(NSXLIB).exists(), reason="no interpreter with vmware-nsxlib (.tools/vmware-nsxlib)")
async def test_nsxlib_initialises_and_keeps_segments_gateways_and_routes(served):
    walk = Path(__file__).with_name("sdk") / "nsxlib_walk.py"
    address = served.url.removeprefix("https://")
    seen = json.loads((await run(NSXLIB, str(walk), address, served.authority, served.password)).splitlines()[-1])
    assert seen == {
        "version": "4.2.1.0.0.24304122",
        "advertised": ["TIER1_STATIC_ROUTES", "TIER1_CONNECTED"],
        "segment": ["/infra/tier-1s/t1", "changed", "DOWN", [{"scope": "a", "tag": "b"}]],
        "found": ["web"],
        "route": [{"ip_address": "10.0.0.9", "admin_distance": 1}],
        "attached": ["NsxSegemntWithVM", 503040],
        "gone": 600,
    }


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
async def test_curl_as_in_the_document(served):
    curl = ("curl", "-sS", "--fail-with-body", "--cacert", served.authority, "-u", f"admin:{served.password}")
    json_header = ("-H", "Content-Type: application/json")
    base = f"{served.url}/policy/api/v1//infra/segments"  # the doubled slash of the routable-pod document
    for name in ("openshift-segment", "test2"):
        await run(*curl, *json_header, "-X", "PATCH", f"{base}/{name}", "-d", "{}")
    body = '{\n    "vlan_traffic_tag": "1002",\n    "segment_path": "/infra/segments/openshift-segment"\n}'
    one = f"{base}/test2/segment-connection-binding-maps/map-id-1"
    answer = json.loads(await run(*curl, *json_header, "-X", "PUT", one, "-d", body))
    assert answer["vlan_traffic_tag"] == 1002
    assert json.loads(await run(*curl, one)) == answer
    overwrite = ("-H", "X-Allow-Overwrite: true")
    for gone in (one, f"{base}/test2", f"{base}/openshift-segment"):
        assert await run(*curl, *json_header, *overwrite, "-X", "DELETE", gone) == ""


async def test_nobody_gets_in_without_the_password_and_nothing_is_served_in_clear(served):
    answer = await run("curl", "-sS", "--cacert", served.authority, "-u", "admin:wrong", f"{served.url}/api/v1/node")
    assert json.loads(answer)["error_code"] == 403
    clear = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--fail", served.url.replace("https", "http"), stderr=asyncio.subprocess.DEVNULL
    )
    assert await clear.wait() != 0
