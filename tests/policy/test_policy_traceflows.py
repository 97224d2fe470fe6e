"""Traceflows over HTTP without a network: validation, runs and their states, expiry, and the channel to hypervisors."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from trunkline.adapters import store as documents
from trunkline.kit import clock
from trunkline.policy.identity.chassis import Chassis
from trunkline.trace.errands import Report, Watch
from trunkline.trace.frame import Mark

TRACE = "/infra/traceflows/t"
PORT = "/infra/segments/parent/ports/node"
AGENTS = "/policy/trunkline/v1/hypervisors"


def request(**changed: Any) -> dict[str, Any]:
    """The document's request."""
    body = {
        "segment_port_path": PORT,
        "connected_segment_path_as_source": "/infra/segments/child",
        "packet": {
            "eth_header": {"src_mac": "00:50:56:ad:28:d5", "dst_mac": "00:50:56:ad:c0:a4", "eth_type": 2048},
            "ip_header": {
                "src_ip": "192.168.100.10",
                "dst_ip": "192.168.100.20",
                "protocol": 1,
                "ttl": 64,
                "flags": 0,
            },
            "transport_header": {"icmp_echo_request_header": {"id": 0, "sequence": 0}},
            "payload": "",
            "resource_type": "FieldsPacketData",
            "frame_size": 128,
            "routed": False,
            "transport_type": "UNICAST",
        },
        "timeout": 10,
        "is_transient": True,
    }
    return {name: value for name, value in (body | changed).items() if value is not None}


async def fabric(admin: Any) -> None:
    await admin.put("/infra/segments/parent")
    await admin.put("/infra/segments/child")
    await admin.put(PORT, attachment={"id": "node"})
    tag = {"vlan_traffic_tag": "1002", "segment_path": "/infra/segments/parent"}
    await admin.put("/infra/segments/child/segment-connection-binding-maps/m", **tag)


async def ended(admin: Any, path: str = TRACE) -> Any:
    while (status := await admin.get(f"{path}/status"))["operation_state"] == "IN_PROGRESS":  # noqa: ASYNC110 (clients poll)
        await asyncio.sleep(0.01)
    return status


async def test_documents_request_is_answered_as_it_was_sent(admin: Any) -> None:
    await fabric(admin)

    answer = await admin.put(TRACE, **request())

    assert {name: answer[name] for name in request()} == request()
    assert (answer["resource_type"], answer["path"]) == ("TraceflowConfig", TRACE)
    assert await admin.get(TRACE) == answer
    assert [each["id"] for each in (await admin.get("/infra/traceflows"))["results"]] == ["t"]


async def test_manager_without_a_network_says_that_it_has_none(admin: Any) -> None:
    await fabric(admin)
    await admin.put(TRACE, **request())

    status = await ended(admin)

    assert (status["operation_state"], status["request_status"]) == ("FAILED", "DATA_PATH_NOT_READY")
    assert (status["resource_type"], status["id"], status["timeout"]) == ("Traceflow", "t", 10_000)
    assert status["lport_id"] == (await admin.get(PORT))["realization_id"]
    assert await admin.get(f"{TRACE}/observations") == {"results": [], "result_count": 0}


async def test_names_of_nsx_9_and_uuids_are_taken_as_well_and_answered_as_they_came(admin: Any) -> None:
    await fabric(admin)
    uuid = (await admin.get(PORT))["unique_id"]
    named = request(
        segment_port_path=None,
        connected_segment_path_as_source=None,
        source_id=uuid,
        connected_parent_path_as_source="/infra/segments/child",
    )

    answer = await admin.put(TRACE, **named)

    assert (answer["source_id"], answer["connected_parent_path_as_source"]) == (uuid, "/infra/segments/child")
    assert "segment_port_path" not in answer
    assert (await ended(admin))["lport_id"]


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"segment_port_path": None}, 400, "segment_port_path"),
        ({"segment_port_path": "/infra/segments/parent/ports/gone"}, 404, "ports/gone"),
        ({"segment_port_path": "/infra/segments/parent"}, 404, "segments/parent"),
        ({"segment_port_path": "nothing"}, 400, "UUID"),
        ({"source_id": "/infra/segments/parent/ports/other"}, 400, "two names of one thing"),
        ({"connected_segment_path_as_source": "/infra/segments/gone"}, 404, "segments/gone"),
        ({"connected_segment_path_as_source": "/infra/segments/parent"}, 400, "binds it"),
        ({"connected_parent_path_as_source": "/infra/segments/other"}, 400, "two names of one thing"),
        ({"timeout": 4}, 400, "5 to 15"),
        ({"timeout": 16}, 400, "5 to 15"),
        ({"packet": None}, 400, "packet is missing"),
        ({"packet": {"eth_header": {"src_mac": "00:50:56:ad:28:d5"}}}, 400, "ip_header"),
    ],
)
async def test_request_that_cannot_be_run_is_refused(admin: Any, changed: Any, status: int, said: str) -> None:
    await fabric(admin)

    found, _, message = await admin.refused("PUT", TRACE, request(**changed))

    assert found == status
    assert said in message


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"frame_size": 59}, "60 to 9000"),
        ({"ip_header": {"src_ip": "fd00::1", "dst_ip": "fd00::2"}}, "IPv4"),
        ({"ip_header": {"src_ip": "10.0.0.1"}}, "dst_ip"),
        ({"arp_header": {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2"}}, "ip_header is there already"),
        ({"transport_header": {"dns_header": {}}}, "icmp_echo_request_header"),
        ({"transport_header": {"tcp_header": {}, "udp_header": {}}}, "one header"),
        ({"payload": "not base64!"}, "Base64"),
        ({"resource_type": "BinaryPacketData"}, "FieldsPacketData"),
        ({"eth_header": {"src_mac": "00:50:56:ad:28:d5"}}, "dst_mac"),
    ],
)
async def test_packet_that_cannot_be_sent_is_refused(admin: Any, changed: Any, said: str) -> None:
    await fabric(admin)

    status, _, message = await admin.refused("PUT", TRACE, request(packet=request()["packet"] | changed))

    assert status == 400
    assert said in message


async def test_trace_holds_nothing_back_and_says_when_its_port_has_gone(admin: Any) -> None:
    await fabric(admin)
    await admin.put(TRACE, **request())
    await ended(admin)
    await admin.delete("/infra/segments/child/segment-connection-binding-maps/m")
    await admin.delete(PORT)
    await admin.delete("/infra/segments/child")
    await admin.delete("/infra/segments/parent")

    await admin.call("POST", TRACE, action="restart")

    assert (await ended(admin))["request_status"] == "SOURCE_PORT_NOT_FOUND"


async def test_restart_runs_again_and_nothing_else_is_an_action(admin: Any, policy: Any) -> None:
    await fabric(admin)
    await admin.put(TRACE, **request())
    await ended(admin)

    assert (await admin.call("POST", TRACE, action="restart")).status_code == 200
    assert (await admin.refused("POST", TRACE, action="stop"))[0] == 400
    assert (await admin.refused("POST", "/infra/traceflows/gone", action="restart"))[0] == 404
    assert (await admin.refused("GET", "/infra/traceflows/gone/status"))[0] == 404


async def test_operator_may_trace_and_change_nothing_else(admin: Any) -> None:
    await fabric(admin)
    for name, role in (("op", "operator"), ("look", "auditor")):
        body = {"username": name, "password": "a long password", "roles": [role]}
        assert (await admin.call("POST", "/api/v1/node/users", body)).status_code in (200, 201)
    operator, auditor = (admin.as_user(name, "a long password") for name in ("op", "look"))

    await operator.put(TRACE, **request())
    await operator.delete(TRACE)

    assert (await operator.refused("PUT", "/infra/segments/mine", {}))[0] == 403
    assert (await auditor.refused("PUT", TRACE, request()))[0] == 403
    await admin.put(TRACE, **request())
    assert (await auditor.get(f"{TRACE}/status"))["id"] == "t"
    assert (await auditor.refused("POST", TRACE, action="restart"))[0] == 403


async def test_project_traces_its_own_ports_only(admin: Any) -> None:
    await fabric(admin)
    await admin.put("/orgs/default/projects/p")
    inside = "/orgs/default/projects/p/infra"
    await admin.put(f"{inside}/segments/s")
    await admin.put(f"{inside}/segments/s/ports/vm", attachment={"id": "vm"})
    own = request(segment_port_path=f"{inside}/segments/s/ports/vm", connected_segment_path_as_source=None)

    await admin.put(f"{inside}/traceflows/t", **own)

    assert (await ended(admin, f"{inside}/traceflows/t"))["request_status"] == "DATA_PATH_NOT_READY"
    status, _, message = await admin.refused("PUT", f"{inside}/traceflows/other", request())
    assert status == 400
    assert "project" in message


async def test_what_was_found_outlives_the_manager(policy: Any, admin: Any, reopen: Callable[[], Any]) -> None:
    await fabric(admin)
    await admin.put(TRACE, **request())
    before = await ended(admin)

    async with reopen() as again:
        assert await again.admin.get(f"{TRACE}/status") == before


async def test_run_that_a_restart_cut_short_is_over(policy: Any, admin: Any, reopen: Callable[[], Any]) -> None:
    await fabric(admin)
    await admin.put(TRACE, **request())
    await policy.manager.close()

    async with reopen() as again:
        status = await again.admin.get(f"{TRACE}/status")

    assert status["operation_state"] == "FAILED"


async def test_transient_trace_goes_when_nobody_asks_and_a_stored_one_stays(
    manager_with: Any, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    async with manager_with(database, tmp_path, transient_traces=4) as made:
        admin = made.admin
        await fabric(admin)
        expiring = asyncio.create_task(made.manager.expire())
        await admin.put(TRACE, **request())
        await admin.put("/infra/traceflows/stored", **request(is_transient=False))
        for _ in range(3):  # more than its lifetime: asking keeps it
            now += datetime.timedelta(seconds=3)
            await admin.get(f"{TRACE}/status")
            await asyncio.sleep(0.5)  # time for two looks at what has expired
        now += datetime.timedelta(seconds=5)
        deadline = time.monotonic() + 10
        while (await admin.call("GET", TRACE)).status_code == 200:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        await admin.get("/infra/traceflows/stored")
        expiring.cancel()


class Authority:
    """Signs certificates of hypervisors."""

    def __init__(self, home: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.own = self.sign("authority", self._key, ca=True)
        self.file = home / "chassis-ca.pem"
        self.file.write_bytes(self.own.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str, key: Any = None, *, ca: bool = False) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if ca else self.own.subject
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key((key or ec.generate_private_key(ec.SECP256R1())).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def der(self, name: str) -> bytes:
        return self.sign(name).public_bytes(serialization.Encoding.DER)


@pytest.fixture
def authority(policy: Any, tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    policy.manager.gate._chassis = Chassis(str(made.file))
    return made


async def test_hypervisor_gets_its_own_agenda_and_nothing_else(admin: Any, authority: Authority) -> None:
    agent = admin.with_certificate(authority.der("hv-1"))

    agenda = (await agent.call("GET", f"{AGENTS}/hv-1/tasks")).json()

    assert agenda["errands"] == []
    assert (await agent.refused("GET", f"{AGENTS}/hv-2/tasks"))[0] == 403
    report = {"errand": "x", "state": "done"}
    assert (await agent.refused("POST", f"{AGENTS}/hv-2/reports", report))[0] == 403
    assert (await agent.refused("GET", "/infra/segments"))[0] == 403
    assert (await admin.refused("GET", f"{AGENTS}/hv-1/tasks"))[0] == 403


async def test_certificate_of_another_authority_is_nobodys(admin: Any, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = admin.with_certificate(Authority(tmp_path / "other").der("hv-1"))

    assert (await stranger.refused("GET", f"{AGENTS}/hv-1/tasks"))[0] == 403


async def test_principal_identity_may_stand_for_a_hypervisor(admin: Any, tmp_path: Path) -> None:
    certificate = Authority(tmp_path).own
    body = {
        "name": "agent-of-hv-1",
        "node_id": "hv-1",
        "certificate_pem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "roles_for_paths": [{"path": "/hypervisors/hv-1", "roles": [{"role": "hypervisor"}]}],
    }
    made = await admin.call("POST", "/api/v1/trust-management/principal-identities/with-certificate", body)
    assert made.status_code in (200, 201), made.text
    agent = admin.with_certificate(certificate.public_bytes(serialization.Encoding.DER))

    assert (await agent.call("GET", f"{AGENTS}/hv-1/tasks")).status_code == 200
    assert (await agent.refused("GET", f"{AGENTS}/hv-2/tasks"))[0] == 403


async def test_question_waits_for_news_and_news_is_the_whole_agenda(
    admin: Any, policy: Any, authority: Authority
) -> None:
    agent, agendas = admin.with_certificate(authority.der("hv-1")), policy.manager.agendas
    known = (await agent.call("GET", f"{AGENTS}/hv-1/tasks")).json()["revision"]

    def asks(wait: str = "5") -> Awaitable[Any]:
        return asyncio.create_task(agent.call("GET", f"{AGENTS}/hv-1/tasks", known=known, wait=wait))

    assert (await asks("0")).json()["errands"] == []
    waiting = asks()
    await asyncio.sleep(0.05)
    heard: list[Report] = []
    agendas.ask("hv-2", Watch(id="other", mark=Mark(b"12345678"), seconds=5), heard.append)
    agendas.ask("hv-1", Watch(id="mine", mark=Mark(b"12345678"), seconds=5), heard.append)
    agenda = (await waiting).json()

    assert [each["id"] for each in agenda["errands"]] == ["mine"]
    assert agenda["revision"] != known

    for errand in ("mine", "other", "unheard-of"):
        report = msgspec.to_builtins(Report(errand=errand, state="done"))
        assert (await agent.call("POST", f"{AGENTS}/hv-1/reports", report)).status_code == 200
    assert [report.errand for report in heard] == ["mine"]


async def test_second_question_ends_the_first(admin: Any, authority: Authority) -> None:
    agent = admin.with_certificate(authority.der("hv-1"))
    known = (await agent.call("GET", f"{AGENTS}/hv-1/tasks")).json()["revision"]
    tasks = [asyncio.create_task(agent.call("GET", f"{AGENTS}/hv-1/tasks", known=known, wait="2")) for _ in range(2)]
    done, _ = await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)

    assert len(done) == 1
    await asyncio.gather(*tasks)


async def test_report_that_is_none_is_refused(admin: Any, authority: Authority) -> None:
    agent = admin.with_certificate(authority.der("hv-1"))

    assert (await agent.refused("POST", f"{AGENTS}/hv-1/reports", {"errand": 1}))[0] == 400
    assert (await agent.refused("GET", f"{AGENTS}/hv-1/tasks", wait="soon"))[0] == 400


async def test_outcome_that_an_earlier_version_stored_is_asked_for_again(admin: Any, policy: Any) -> None:
    await fabric(admin)
    await admin.put(TRACE, **request())
    await ended(admin)
    old = {"operation": "FINISHED", "observations": [{"resource_type": "TraceflowObservationDelivered"}]}
    document = documents.Put(f"policy/traces{TRACE}", "PolicyTrace", msgspec.json.encode(old))
    await policy.manager._store.commit(document)

    status = await admin.get(f"{TRACE}/status")
    assert (status["operation_state"], "restart it" in status["analysis"][0]) == ("FAILED", True)
    assert await admin.get(f"{TRACE}/observations") == {"results": [], "result_count": 0}
