"""What is served is what is described: schemathesis makes requests of the OpenAPI document, good ones and bad ones, and
holds every answer to it, against the program itself over TLS with its store in a real database.

The fast run leaves out the copies of the tree (projects, segments below a Tier-1), which are answered by the same rows of the
resource table; the slow one leaves out nothing, and tries the limits of every field as well.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest

ROOT = Path(__file__).parents[2]
TOOL = os.environ.get("TRUNKLINE_SCHEMATHESIS") or str(ROOT / ".tools" / "schemathesis" / "bin" / "schemathesis")
HOOKS = Path(__file__).with_name("sdk") / "schemathesis_hooks.py"
CONFIGURATION = HOOKS.with_name("schemathesis.toml")
DOCUMENT = "/api/v1/spec/openapi/nsx_policy_api.json"
COPIES = r"projects/\{project-id\}/infra/|tier-1s/\{tier-1-id\}/segments/"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
)
LOCKS_OUT = "put_api_v1_cluster_api_service"
"""Would set limits, or switch off the password, for all requests after it."""

pytestmark = pytest.mark.skipif(not Path(TOOL).exists(), reason="no schemathesis (.tools/schemathesis)")

PREFIX = {"network": "10.9.0.0/24", "next_hops": [{"ip_address": "10.1.0.9"}]}
PACKET = {
    "eth_header": {"src_mac": "00:50:56:00:00:01", "dst_mac": "00:50:56:00:00:02"},
    "ip_header": {"src_ip": "10.1.0.5", "dst_ip": "10.1.0.6"},
}


def tree(infra: str) -> list[tuple[str, dict[str, Any]]]:
    """One object of every kind, called `deep`, such that the holders cannot be deleted one by one."""
    segments = (f"{infra}/segments/deep", f"{infra}/tier-1s/deep/segments/deep")
    made: list[tuple[str, dict[str, Any]]] = [
        (f"{infra}/segments/parent", {}),
        (f"{infra}/tier-1s/deep", {}),
        (f"{infra}/tier-1s/deep/locale-services/deep", {}),
        (f"{infra}/tier-1s/deep/static-routes/deep", PREFIX),
        (f"{infra}/tier-1s/deep/nat/USER/nat-rules/deep", {"action": "NO_SNAT", "source_network": "10.0.0.0/8"}),
        (f"{infra}/ip-pools/deep", {}),
        (
            f"{infra}/ip-pools/deep/ip-subnets/deep",
            {
                "resource_type": "IpAddressPoolStaticSubnet",
                "cidr": "10.2.0.0/24",
                "allocation_ranges": [{"start": "10.2.0.10", "end": "10.2.0.250"}],
            },
        ),
        (f"{infra}/ip-pools/deep/ip-allocations/deep", {}),
        (f"{infra}/domains/default/groups/deep", {}),
        (f"{infra}/domains/default/security-policies/deep", {}),
        (f"{infra}/domains/default/security-policies/deep/rules/deep", {"action": "ALLOW"}),
    ]
    for number, segment in enumerate(segments):
        made += [
            (segment, {}),
            (f"{segment}/ports/deep", {"attachment": {"id": f"vif-{len(infra)}-{number}"}}),
            (
                f"{segment}/segment-connection-binding-maps/deep",
                {"vlan_traffic_tag": 7 + number, "segment_path": f"{infra}/segments/parent"},
            ),
        ]
    return [
        *made,
        (f"{infra}/traceflows/deep", {"segment_port_path": f"{infra}/segments/deep/ports/deep", "packet": PACKET}),
    ]


async def prepare(served: Any) -> None:
    gateway = "/infra/tier-0s/deep"
    interface = {
        "segment_path": "/infra/segments/parent",
        "subnets": [{"ip_addresses": ["192.0.2.1"], "prefix_len": 24}],
    }
    objects = [
        *tree("/infra"),
        (gateway, {}),
        (f"{gateway}/locale-services/deep", {}),
        (f"{gateway}/locale-services/deep/interfaces/deep", interface),
        (f"{gateway}/static-routes/deep", PREFIX),
        ("/orgs/default/projects/deep", {}),
        *tree("/orgs/default/projects/deep/infra"),
    ]
    trusting = ssl.create_default_context(cafile=served.authority)
    async with httpx2.AsyncClient(verify=trusting, base_url=served.url, auth=("admin", served.password)) as http:
        for path, body in objects:
            response = await http.patch(f"/policy/api/v1{path}", json=body)
            assert response.status_code == 200, response.text
        (served.home / "openapi.json").write_bytes((await http.get(DOCUMENT)).content)


async def schemathesis(served: Any, *options: str) -> None:
    """Runs it; whatever it finds fails the test with its own report."""
    await prepare(served)
    argv = [
        TOOL,
        "--config-file",
        str(CONFIGURATION),
        "run",
        "openapi.json",
        "--url",
        served.url,
        "--tls-verify",
        served.authority,
    ]
    argv += ["--auth", f"admin:{served.password}", "--checks", ",".join(CHECKS), "--warnings", "off", "--no-color"]
    argv += ["--generation-deterministic", "--generation-with-security-parameters", "false"]
    argv += ["--no-shrink", "--continue-on-failure", "--exclude-operation-id", LOCKS_OUT, *options]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HOOKS.parent)}
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=served.home, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        told = (await process.communicate())[0].decode(errors="replace")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told[-20_000:]


async def test_requests_made_of_the_description_are_answered_as_described(served):
    await schemathesis(served, "--phases", "fuzzing", "--max-examples", "2", "--exclude-path-regex", COPIES)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_the_limits_of_every_field_and_long_histories_are_answered_as_described(served):
    await schemathesis(served, "--phases", "examples,coverage,fuzzing", "--max-examples", "20")
