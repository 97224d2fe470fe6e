"""The overlay that nodes imply."""

import ipaddress

from trunkline import ipam
from trunkline.dialects.kubernetes import objects, overlay
from trunkline.intent.model import Network, Port, Router, RouterPort, Subnet


def node(name, *cidrs):
    return objects.Node(name=name, pod_cidrs=tuple(map(ipaddress.ip_network, cidrs)))


def test_each_node_has_a_network_on_the_one_router():
    drawn = overlay.overlay([node("node-1", "10.244.1.0/24"), node("node-2", "10.244.2.0/24")], mtu=1400)

    networks = [each for each in drawn.objects if isinstance(each, Network)]
    legs = [each for each in drawn.objects if isinstance(each, RouterPort)]
    assert [each.id for each in networks] == ["overlay/node-1", "overlay/node-2"]
    assert {each.mtu for each in networks} == {1400}
    assert [each for each in drawn.objects if isinstance(each, Router)] == [Router(id="overlay")]
    assert [(each.router, each.network, str(each.addresses[0]), each.mac) for each in legs] == [
        ("overlay", "overlay/node-1", "10.244.1.1/24", "0a:58:0a:f4:01:01"),
        ("overlay", "overlay/node-2", "10.244.2.1/24", "0a:58:0a:f4:02:01"),
    ]


def test_the_node_itself_is_on_its_network_and_only_it_may_claim_that_port():
    drawn = overlay.overlay([node("node-1", "10.244.1.0/24")], mtu=1400)

    [port] = [each for each in drawn.objects if isinstance(each, Port)]
    [subnet] = [each for each in drawn.objects if isinstance(each, Subnet)]
    assert (port.id, port.chassis, str(port.hosts[0].addresses[0])) == ("node/node-1", "node-1", "10.244.1.2/24")
    assert str(subnet.gateway) == "10.244.1.1"


def test_pods_get_neither_the_router_s_nor_the_node_s_address():
    pool = overlay.overlay([node("node-1", "10.244.1.0/24")], mtu=1400).pools["node-1"]

    assert ipam.capacity(pool) == 256 - 4
    assert str(ipam.Book().lowest_free(pool)[1]) == "10.244.1.3"
    assert str(pool) == "Node node-1"


def test_a_node_that_cannot_take_part_is_reported_and_the_others_go_on():
    drawn = overlay.overlay([node("none"), node("small", "10.0.0.0/30"), node("good", "10.1.0.0/24")], mtu=1400)

    assert [(each.code, each.object) for each in drawn.problems] == [
        ("TRK-0361", "Node none"),
        ("TRK-0362", "Node small"),
    ]
    assert list(drawn.pools) == ["good"]


def test_an_ipv6_cluster_works_alike():
    pool = overlay.pool(node("node-1", "fd00:10::/64"))

    assert str(ipam.Book().lowest_free(pool)[1]) == "fd00:10::3"
