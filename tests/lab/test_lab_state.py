"""A lab's directory, names and lock."""

from __future__ import annotations

import stat
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from trunkline.kit.problems import IntentError
from trunkline.lab import credentials, openvswitch, state
from trunkline.lab.layout import Port
from trunkline.lab.pki import Authority
from trunkline.lab.state import UNIX_PATH_MAX, Lab, Record


def test_labs_of_one_name_in_two_checkouts_have_different_prefixes(tmp_path: Path) -> None:
    assert Lab("lab", root=tmp_path / "a").prefix != Lab("lab", root=tmp_path / "b").prefix


def test_a_lab_can_be_held_once(tmp_path: Path) -> None:
    first, second = Lab("lab", root=tmp_path / "state"), Lab("lab", root=tmp_path / "state")

    with first.lock(), pytest.raises(IntentError, match="TRK-0611"), second.lock():
        pass
    with second.lock():
        pass

    assert not (tmp_path / "state").exists()


def test_two_labs_can_be_held_at_the_same_time(tmp_path: Path) -> None:
    with Lab("one", root=tmp_path).lock(), Lab("two", root=tmp_path).lock():
        pass


def test_a_damaged_record_says_what_to_do(tmp_path: Path) -> None:
    lab = Lab("lab", root=tmp_path)
    lab.write(Record(name="lab", topology="x"), topology="")
    (lab.directory / "lab.json").write_text("{")

    with pytest.raises(IntentError, match="lab down"):
        lab.read()


def test_forgetting_with_logs_keeps_them_and_nothing_else(tmp_path: Path) -> None:
    lab = Lab("lab", root=tmp_path)
    lab.write(Record(name="lab", topology="x"), topology="")
    home = lab.home("node")
    (home / "agent.log").write_text("words")
    (home / "conf.db").write_text("")

    lab.forget(keep_logs=True)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["agent.log"]


def test_the_only_lab_is_the_one_that_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_STATE", str(tmp_path))
    assert state.choose(None, default="usual").name == "usual"

    Lab("one").write(Record(name="one", topology="x"), topology="")
    assert state.choose(None, default="usual").name == "one"

    Lab("two").write(Record(name="two", topology="x"), topology="")
    assert state.choose(None, default="usual").name == "usual"
    assert state.choose("two", default="usual").name == "two"


def test_socket_paths_are_short_enough_however_deep_the_directory_is(tmp_path: Path) -> None:
    lab = Lab("lab", root=tmp_path / ("d" * 90))
    lab.write(Record(name="lab", topology="x"), topology="")

    home = lab.home("control-plane")
    try:
        assert len(str(home) + state.LONGEST_SOCKET) <= UNIX_PATH_MAX
        assert home.resolve() == lab.directory / "hosts" / "control-plane"
    finally:
        lab.forget(keep_logs=False)
    assert not lab.short_link.is_symlink()


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (Port(switch="s", name="p", untagged=19), ["vlan_mode=access", "tag=19"]),
        (Port(switch="s", name="p", tagged=(19, 20)), ["vlan_mode=trunk", "trunks=[19,20]"]),
        (
            Port(switch="s", name="p", untagged=1, tagged=(19,)),
            ["vlan_mode=native-untagged", "tag=1", "trunks=[19]"],
        ),
        (Port(switch="s", name="p", trunk=True), ["vlan_mode=trunk", "trunks=[]"]),
    ],
)
def test_a_port_carries_what_the_topology_says(port: Port, expected: list[str]) -> None:
    words = openvswitch.switch_configuration((port,))

    assert words[-len(expected) :] == expected


def test_the_api_servers_certificate_is_good_where_it_is_reached(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    pair = credentials.server(authority, IPv4Address("172.16.10.10"), IPv4Address("10.96.0.1"))
    store = Store([x509.load_pem_x509_certificate(authority.certificate.read_bytes())])
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())

    for address in ("127.0.0.1", "172.16.10.10", "10.96.0.1"):
        verifier = PolicyBuilder().store(store).build_server_verifier(x509.IPAddress(IPv4Address(address)))
        verifier.verify(certificate, [])


def test_keys_are_readable_by_nobody_else_and_made_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    first = credentials.kubelet(authority, "node-01")
    kept = first.key.read_bytes()

    again = credentials.kubelet(Authority(tmp_path / "pki"), "node-01")

    assert again.key.read_bytes() == kept
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700
    subject = x509.load_pem_x509_certificate(first.certificate.read_bytes()).subject.rfc4514_string()
    assert subject == "CN=system:node:node-01,O=system:nodes"
