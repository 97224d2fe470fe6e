"""Servers that are killed, frozen, replaced or not there."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from trunkline.adapters import ovsdb

DATABASE = "Open_vSwitch"
SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


class Queue(ovsdb.Row, table="Queue"):
    dscp: int | None


async def insert(client: ovsdb.Client, dscp: int) -> ovsdb.RowUuid:
    uuid: ovsdb.RowUuid = (await client.transact([ovsdb.insert("Queue", {"dscp": dscp})]))[0]["uuid"]
    return uuid


def tool(*argv: str | Path) -> None:
    subprocess.run(["ovsdb-tool", *argv], check=True)


def dscps(replica: ovsdb.Replica) -> set[int | None]:
    return {row.dscp for row in replica.table(Queue).values()}


async def test_after_kill_9_the_replica_reports_what_changed_meanwhile(client: ovsdb.Client, switch_server) -> None:
    replica = await client.replicate(Queue)
    kept, gone = await insert(client, 1), await insert(client, 2)
    subscription = replica.subscribe()

    switch_server.kill()
    switch_server.socket.unlink()
    edits = [
        '{"op":"delete","table":"Queue","where":[["dscp","==",2]]}',
        '{"op":"insert","table":"Queue","row":{"dscp":3}}',
    ]
    tool("transact", switch_server.file, f'["{DATABASE}",{",".join(edits)}]')
    switch_server.start()

    batch = await asyncio.wait_for(anext(subscription), 10)
    new = next(row for row in replica.table(Queue).values() if row.dscp == 3)
    assert {(change.old, change.new) for change in batch} == {(Queue(gone, 2), None), (None, new)}
    assert set(replica.table(Queue)) == {kept, new.uuid}


async def test_a_transaction_waits_while_the_server_is_away(client: ovsdb.Client, switch_server) -> None:
    switch_server.kill()
    await asyncio.sleep(0)  # let the loop see the end of the connection
    waiting = asyncio.create_task(insert(client, 1))
    await asyncio.sleep(0.2)  # nothing must come of it
    assert not waiting.done()

    switch_server.start()

    await asyncio.wait_for(waiting, 10)


async def test_a_transaction_that_was_sent_and_not_answered_is_in_doubt(client: ovsdb.Client, switch_server) -> None:
    switch_server.freeze()
    sent = asyncio.create_task(insert(client, 1))
    asked = asyncio.create_task(client.transact([ovsdb.select("Queue", columns=["dscp"])]))
    await asyncio.sleep(0.05)  # the bytes are in the frozen server's socket

    switch_server.kill()
    switch_server.start()

    with pytest.raises(ovsdb.CommitInDoubt):
        await asyncio.wait_for(sent, 10)
    assert await asyncio.wait_for(asked, 10) == [{"rows": []}], "reading is simply repeated"


async def test_a_frozen_server_is_noticed_on_a_unix_socket_too(switch_server) -> None:
    async with ovsdb.Client(switch_server.remote, DATABASE, probe=0.1, connect_timeout=10) as client:
        switch_server.freeze()

        with pytest.raises(ovsdb.CommitInDoubt, match="silent"):
            await asyncio.wait_for(insert(client, 1), 5)

        switch_server.thaw()
        await asyncio.wait_for(client.live(), 10)


async def test_who_asks_a_frozen_server_to_be_caught_up_is_told_that_it_does_not_answer(switch_server) -> None:
    async with ovsdb.Client(switch_server.remote, DATABASE, connect_timeout=10) as client:
        switch_server.freeze()

        with pytest.raises(ovsdb.Unreachable, match="no answer within"):
            await client.caught_up(0.05)

        switch_server.thaw()
        await client.caught_up(10)


async def test_a_server_that_answers_probes_is_kept(switch_server) -> None:
    async with ovsdb.Client(switch_server.remote, DATABASE, probe=0.4, connect_timeout=10) as client:
        replica = await client.replicate(Queue)
        generation = replica.generation
        await asyncio.sleep(2)  # some probes

        assert client.connected
        assert replica.generation == generation, "a reconnect would have loaded the replica again"


async def test_nobody_there_is_said_with_the_reason(home: Path) -> None:
    with pytest.raises(ovsdb.Unreachable, match="No such file"):
        async with ovsdb.Client(f"unix:{home}/nobody.sock", DATABASE, connect_timeout=0.2):
            pass


async def test_a_server_without_the_database_is_said_to_have_none(switch_server) -> None:
    with pytest.raises(ovsdb.Unreachable, match="no database OVN_Northbound"):
        async with ovsdb.Client(switch_server.remote, "OVN_Northbound", connect_timeout=0.5):
            pass


async def test_a_database_that_is_added_later_is_found(switch_server, home: Path) -> None:
    client = ovsdb.Client(switch_server.remote, "OVN_Northbound", connect_timeout=10)
    entering = asyncio.create_task(client.__aenter__())
    await asyncio.sleep(0.1)  # at least one refusal
    tool("create", home / "nb.db", "/usr/share/ovn/ovn-nb.ovsschema")
    switch_server.appctl("ovsdb-server/add-db", str(home / "nb.db"))

    await entering

    assert client.schema.name == "OVN_Northbound"
    await client.__aexit__(None, None, None)


async def test_a_closed_client_refuses_instead_of_hanging(switch_server) -> None:
    async with ovsdb.Client(switch_server.remote, DATABASE, connect_timeout=10) as client:
        pass

    with pytest.raises(ovsdb.Unreachable, match="closed"):
        await client.transact([ovsdb.comment("too late")])


async def test_in_a_cluster_the_leader_is_found_and_followed_when_it_dies(cluster) -> None:
    running = cluster(SCHEMA, DATABASE)
    async with ovsdb.Client(running.remote, DATABASE, probe=1.0, connect_timeout=20) as client:
        replica = await client.replicate(Queue)
        for dscp in range(5):
            await insert(client, dscp)
        assert client.clustered

        running.leader().kill()
        await asyncio.sleep(0.05)  # let the loop see the end of the connection
        await asyncio.wait_for(insert(client, 63), 20)

        assert dscps(replica) == {0, 1, 2, 3, 4, 63}


def issue(home: Path, name: str, ca: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None):
    """A certificate and its key as PEM files, self-signed when there is no authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca[0].subject if ca else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]), critical=False)
    )
    certificate = builder.sign(ca[1] if ca else key, hashes.SHA256())
    (home / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (home / f"{name}.key").write_bytes(private)
    return certificate, key


def tls(home: Path, name: str, ca: str) -> ovsdb.Tls:
    return ovsdb.Tls(str(home / f"{name}.key"), str(home / f"{name}.crt"), str(home / f"{ca}.crt"))


async def test_tls_works_both_ways_and_strangers_are_refused_on_either_side(
    home: Path, switch_server, free_ports
) -> None:
    ours, theirs = issue(home, "authority", None), issue(home, "impostor", None)
    for name, ca in (("server", ours), ("client", ours), ("stranger", theirs)):
        issue(home, name, ca)
    (port,) = free_ports(1)
    switch_server.kill()
    switch_server._extra = (
        f"--remote=pssl:{port}:127.0.0.1",
        f"--private-key={home}/server.key",
        f"--certificate={home}/server.crt",
        f"--ca-cert={home}/authority.crt",
    )
    switch_server.start()
    remote = f"ssl:127.0.0.1:{port}"

    async with ovsdb.Client(remote, DATABASE, tls=tls(home, "client", "authority"), connect_timeout=10) as client:
        await insert(client, 1)

    for name, ca, reason in (
        ("client", "impostor", "certificate verify failed"),
        ("stranger", "authority", "alert|closed|reset|Broken pipe"),
    ):
        with pytest.raises(ovsdb.Unreachable, match=reason):
            async with ovsdb.Client(remote, DATABASE, tls=tls(home, name, ca), connect_timeout=0.7):
                pass
