"""Requests, results and errors as the CNI specification has them; no agent, no kernel."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from trunkline.agent import spec
from trunkline.intent.attachment import Attachment, AttachmentRoute
from trunkline.kit.ids import PortId
from trunkline.kit.problems import Problem

ENVIRONMENT = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/c1",
    "CNI_IFNAME": "eth0",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;EMPTY=;ODD=a=b",
}

NOTE = Attachment(
    uid="u",
    port=PortId("shop/web-0/u"),
    mac="0a:58:ac:10:13:0b",
    mtu=1400,
    addresses=(ipaddress.ip_interface("172.16.19.11/24"), ipaddress.ip_interface("fd19::11/64")),
    gateways=(ipaddress.ip_address("172.16.19.254"), ipaddress.ip_address("fd19::1")),
    routes=(AttachmentRoute(ipaddress.ip_network("10.96.0.0/12"), ipaddress.ip_address("172.16.19.2")),),
)


def request(version: str = "1.0.0", command: str = "ADD", **config: Any) -> spec.Request:
    body = {"cniVersion": version, "name": "trunkline", "type": "trunkline", **config}
    return spec.read_request({**ENVIRONMENT, "CNI_COMMAND": command}, json.dumps(body).encode())


def test_arguments_keep_what_follows_the_first_equals_sign() -> None:
    assert request().arguments == {
        "IgnoreUnknown": "1",
        "K8S_POD_NAMESPACE": "shop",
        "K8S_POD_NAME": "web-0",
        "EMPTY": "",
        "ODD": "a=b",
    }


def test_a_result_lists_host_end_sandbox_end_addresses_gateways_and_routes() -> None:
    answer = json.loads(spec.result(request(dns={"nameservers": ["10.96.0.10"]}), NOTE, "tl1", "02:00:00:00:00:01"))
    assert answer == {
        "cniVersion": "1.0.0",
        "interfaces": [
            {"name": "tl1", "mac": "02:00:00:00:00:01"},
            {"name": "eth0", "mac": "0a:58:ac:10:13:0b", "sandbox": "/run/netns/c1"},
        ],
        "ips": [
            {"address": "172.16.19.11/24", "gateway": "172.16.19.254", "interface": 1},
            {"address": "fd19::11/64", "gateway": "fd19::1", "interface": 1},
        ],
        "routes": [
            {"dst": "10.96.0.0/12", "gw": "172.16.19.2"},
            {"dst": "0.0.0.0/0", "gw": "172.16.19.254"},
            {"dst": "::/0", "gw": "fd19::1"},
        ],
        "dns": {"nameservers": ["10.96.0.10"]},
    }


def test_a_chained_result_keeps_what_earlier_plugins_said_and_counts_on() -> None:
    before = {
        "interfaces": [{"name": "net1", "sandbox": "/run/netns/c1"}],
        "ips": [{"address": "10.1.1.1/24", "interface": 0}],
        "routes": [{"dst": "10.2.0.0/16"}],
        "dns": {"domain": "earlier"},
    }
    answer = json.loads(spec.result(request(prevResult=before), NOTE, "tl1", "02:00:00:00:00:01"))
    assert [interface["name"] for interface in answer["interfaces"]] == ["net1", "tl1", "eth0"]
    assert [ip["interface"] for ip in answer["ips"]] == [0, 2, 2]
    assert answer["routes"][0] == {"dst": "10.2.0.0/16"}
    assert answer["dns"] == {"domain": "earlier"}


@pytest.mark.parametrize("version", spec.VERSIONS)
def test_check_expects_what_add_answered(version: str) -> None:
    answer = json.loads(spec.result(request(version), NOTE, "tl1", "02:00:00:00:00:01"))
    if version == "0.3.1":
        return
    expected = spec.expected(request(version, "CHECK", prevResult=answer))
    assert expected.addresses == NOTE.addresses
    assert expected.mac == NOTE.mac
    assert expected.mtu == (1400 if version == "1.1.0" else None)
    assert expected.routes == spec.routes_of(NOTE)


def test_a_route_of_its_own_to_everywhere_replaces_the_gateways() -> None:
    everywhere = AttachmentRoute(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_address("172.16.19.9"))
    note = Attachment(uid="u", gateways=(ipaddress.ip_address("172.16.19.254"),), routes=(everywhere,))
    assert spec.routes_of(note) == ((everywhere.prefix, everywhere.via),)


@pytest.mark.parametrize(
    ("previous", "said"),
    [
        (None, "needs prevResult"),
        ({"interfaces": [{"name": "eth1", "sandbox": "/x"}]}, "does not mention eth0"),
        ({"interfaces": 7}, "not a result"),
        ({"ips": [{"address": "nonsense"}]}, "not a result"),
    ],
)
def test_check_without_a_usable_previous_result_is_refused(previous: Any, said: str) -> None:
    with pytest.raises(spec.Failure, match=said) as caught:
        spec.expected(request(command="CHECK", **({"prevResult": previous} if previous else {})))
    assert caught.value.code == 7


def test_gc_reads_the_attachments_by_their_names_on_the_wire() -> None:
    valid = [{"containerID": "c1", "ifname": "eth0"}]
    assert request("1.1.0", "GC", **{"cni.dev/valid-attachments": valid}).config.valid_attachments == [
        spec.AttachmentKey("c1", "eth0")
    ]


def test_a_problem_says_its_hint_once() -> None:
    problem = Problem(code="TRK-0301", object="Pod shop/web", found="a full pool", hint="enlarge the pool")
    body = json.loads(spec.error("1.0.0", spec.Failure.of(spec.NO_ADDRESS, problem)))

    assert f"{body['msg']}; {body['details']}" == "Pod shop/web: found a full pool [TRK-0301]; enlarge the pool"


def test_an_error_says_version_code_message_and_details() -> None:
    body = json.loads(spec.error("0.4.0", spec.Failure(11, "later", "why")))
    assert body == {"cniVersion": "0.4.0", "code": 11, "msg": "later", "details": "why"}
    assert spec.spoken_version(b'{"cniVersion": "0.3.1"}') == "0.3.1"
    assert spec.spoken_version(b'{"cniVersion": "7"}') == spec.spoken_version(b"{") == "1.1.0"
