"""IPPool objects to pools and networks, and everything that can be wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import ipam
from trunkline.dialects.antrea import ippools
from trunkline.intent.model import Network, Subnet


def codes(found):
    return [(each.code, each.field) for each in found]


def test_both_versions_of_the_walkthrough_s_pool_are_one_pool(a):
    old, new = ippools.decode(a.alpha()), ippools.decode(a.beta())

    assert old.problems == new.problems == ()
    assert old.pool == new.pool
    assert ipam.capacity(old.pool) == 40
    assert old.pool.subnets[0].network == "vlan/trunk/19/172.16.19.0-24"


def test_a_pool_implies_its_vlan_network_and_subnet(a):
    network, subnet = ippools.networks(ippools.decode(a.beta()), mtu=9000)

    assert isinstance(network, Network)
    assert isinstance(subnet, Subnet)
    assert (network.id, network.physical_network, network.vlan, network.mtu) == (
        "vlan/trunk/19/172.16.19.0-24",
        "trunk",
        19,
        9000,
    )
    assert (subnet.network, str(subnet.prefix), str(subnet.gateway)) == (network.id, "172.16.19.0/24", "172.16.19.254")


def test_two_pools_of_one_subnet_imply_equal_networks(a):
    one = ippools.decode(a.beta({"start": "172.16.19.11", "end": "172.16.19.20"}, name="one"))
    other = ippools.decode(a.alpha(a.ranged("172.16.19.30", "172.16.19.40"), name="other"))

    assert list(ippools.networks(one)) == list(ippools.networks(other))


@pytest.mark.parametrize(
    ("cidr", "gateway", "length", "total"),
    [
        ("172.16.19.0/24", "172.16.19.254", 24, 253),
        ("10.0.0.0/26", "10.0.0.1", 26, 61),
        ("10.0.0.0/26", "10.0.0.254", 24, 63),
        ("10.0.0.64/26", "10.0.0.254", 24, 64),
        ("fd00::/120", "fd00::1", 64, 254),
    ],
)
def test_the_total_of_a_prefix_is_what_can_truly_be_handed_out(a, cidr, gateway, length, total):
    pool = ippools.decode(a.beta({"cidr": cidr}, gateway=gateway, prefixLength=length))

    assert pool.problems == ()
    assert ipam.capacity(pool.pool) == total


def test_a_pool_may_span_vlans_and_is_used_in_the_order_it_is_written(a):
    raw = a.alpha(
        a.ranged("172.16.19.11", "172.16.19.11"),
        a.ranged("172.16.20.11", "172.16.20.11", gateway="172.16.20.254", vlan=20),
        a.ranged("172.16.19.12", "172.16.19.12"),
    )
    pool = ippools.decode(raw)

    assert pool.problems == ()
    assert [subnet.network for subnet in pool.pool.subnets] == [
        "vlan/trunk/19/172.16.19.0-24",
        "vlan/trunk/20/172.16.20.0-24",
        "vlan/trunk/19/172.16.19.0-24",
    ]
    assert len(list(ippools.networks(pool))) == 4


@pytest.mark.parametrize(
    ("change", "code", "field", "words"),
    [
        ({"vlan": 4095}, "TRK-0312", "spec.ipRanges[0].vlan", "0-4094 is allowed"),
        ({"vlan": 70000}, "TRK-0312", "spec.ipRanges[0].vlan", "invalid vlan 70000"),
        ({"vlan": "19"}, "TRK-0310", "spec.ipRanges[0].vlan", "an integer 0-4094 is wanted"),
        ({"prefixLength": 32}, "TRK-0312", "spec.ipRanges[0].prefixLength", "invalid prefixLength 32"),
        ({"gateway": "172.16.19"}, "TRK-0313", "spec.ipRanges[0].gateway", "invalid gateway '172.16.19'"),
        ({"gateway": None}, "TRK-0310", "spec.ipRanges[0].gateway", "found nothing"),
        ({"start": "172.16.19.x"}, "TRK-0313", "spec.ipRanges[0].start", "invalid start ip address"),
        ({"end": "172.16.19.300"}, "TRK-0313", "spec.ipRanges[0].end", "invalid end ip address"),
        ({"end": "172.16.19.5"}, "TRK-0314", "spec.ipRanges[0]", "should not be greater than range end"),
        ({"end": "fd00::1"}, "TRK-0314", "spec.ipRanges[0]", "should belong to same family"),
        ({"end": "172.16.20.5"}, "TRK-0315", "spec.ipRanges[0]", "within the subnet 172.16.19.254/24"),
        ({"gateway": "172.16.18.1"}, "TRK-0315", "spec.ipRanges[0]", "range [172.16.19.11-172.16.19.50]"),
        ({"gateway": "fd00::1", "prefixLength": 64}, "TRK-0314", "spec.ipRanges[0].gateway", "spec.ipVersion is 4"),
        ({"cidr": "172.16.19.0/24"}, "TRK-0314", "spec.ipRanges[0]", "either cidr, or start and end"),
        ({"vlanId": 3}, "TRK-0311", "spec.ipRanges[0].vlanId", "the unknown field 'vlanId'"),
        ({"gatway": "x"}, "TRK-0311", "spec.ipRanges[0].gatway", "known are"),
    ],
)
def test_each_mistake_in_a_range_names_its_field(a, change, code, field, words):
    pool = ippools.decode(a.alpha({**a.ranged("172.16.19.11", "172.16.19.50"), **change}))

    assert (code, field) in codes(pool.problems)
    assert words in "\n".join(map(str, pool.problems))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, [("TRK-0310", "spec")]),
        ([], [("TRK-0310", "spec")]),
        ({}, [("TRK-0310", "spec.ipVersion"), ("TRK-0310", "spec.ipRanges")]),
        ({"ipVersion": 5, "ipRanges": {}}, [("TRK-0310", "spec.ipVersion"), ("TRK-0310", "spec.ipRanges")]),
        ({"ipVersion": 4, "ipRanges": ["x"]}, [("TRK-0310", "spec.ipRanges[0]")]),
    ],
)
def test_a_shapeless_spec_is_described_not_raised(a, spec, expected):
    assert codes(ippools.decode({**a.alpha(), "spec": spec}).problems) == expected


def test_all_mistakes_are_gathered_and_what_is_sound_remains(a):
    raw = a.alpha(a.ranged("172.16.19.11", "172.16.19.20"), a.ranged("172.16.19.x", "172.16.19.y", vlan=4095))

    pool = ippools.decode(raw)

    assert len(pool.problems) == 3
    assert ipam.capacity(pool.pool) == 10


def test_ranges_of_one_pool_may_not_overlap(a):
    pool = ippools.decode(
        a.beta(
            {"start": "172.16.19.11", "end": "172.16.19.20"}, {"cidr": "172.16.19.0/28"}, {"cidr": "172.16.19.64/26"}
        )
    )

    assert codes(pool.problems) == [("TRK-0316", "spec.ipRanges[0]")]
    assert "range [172.16.19.11-172.16.19.20] overlaps with range [172.16.19.0/28]" in str(pool.problems[0])


def test_fields_of_the_other_version_are_sent_where_they_belong(a):
    beta = ippools.decode(a.beta(a.ranged("172.16.19.11", "172.16.19.50")))
    alpha = ippools.decode({**a.beta(), "apiVersion": ippools.V1ALPHA2})

    assert "v1beta1 has it once, in spec.subnetInfo" in str(beta.problems[0])
    assert any("v1alpha2 has gateway, prefixLength and vlan in every range" in str(each) for each in alpha.problems)


def test_an_unknown_version_is_refused(a):
    assert codes(ippools.decode({**a.beta(), "apiVersion": "crd.antrea.io/v1"}).problems) == [
        ("TRK-0310", "apiVersion")
    ]


def test_what_works_but_perhaps_not_as_meant_is_remarked_on(a):
    host_bits = ippools.decode(a.beta({"cidr": "172.16.19.1/26"}))
    reserved = ippools.decode(a.beta({"start": "172.16.19.0", "end": "172.16.19.255"}))
    empty = ippools.decode(a.beta({"start": "172.16.19.254", "end": "172.16.19.254"}))

    assert "it is read as 172.16.19.0/26" in str(host_bits.warnings[0])
    assert [str(each).split(" with ")[1].split(", this")[0] for each in reserved.warnings] == [
        "172.16.19.254, the gateway",
        "172.16.19.0, the network address",
        "172.16.19.255, the broadcast address",
    ]
    assert [each.code for each in empty.warnings] == ["TRK-0318", "TRK-0319"]
    assert ippools.decode(a.beta({"cidr": "172.16.19.0/24"})).warnings == ()


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 5000)
    | st.sampled_from(["10.0.0.0/24", "10.0.0.1", "fd00::1", "::/0", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "ipVersion",
                    "ipRanges",
                    "subnetInfo",
                    "cidr",
                    "start",
                    "end",
                    "gateway",
                    "prefixLength",
                    "vlan",
                    "odd",
                ]
            ),
            inner,
        )
    ),
    max_leaves=20,
)
RANGE = st.fixed_dictionaries(
    {"gateway": st.sampled_from(["10.0.0.1", "fd00::1", 3]), "prefixLength": st.integers(-1, 130)},
    optional={
        "cidr": st.sampled_from(["10.0.0.0/24", "fd00::/64", "10.0.0.3/32", 7]),
        "start": st.sampled_from(["10.0.0.2", "fd00::2", "x"]),
        "end": st.sampled_from(["10.0.0.9", "fd00::9", None]),
        "vlan": st.integers(-1, 5000),
    },
)


@given(
    st.sampled_from([ippools.V1ALPHA2, ippools.V1BETA1, None]),
    ANYTHING
    | st.fixed_dictionaries({"ipVersion": st.sampled_from([4, 6, "4"]), "ipRanges": st.lists(RANGE, max_size=4)}),
)
def test_no_spec_makes_decoding_fail_and_whatever_is_sound_can_be_allocated(version, spec):
    pool = ippools.decode({"apiVersion": version, "metadata": {"name": "p"}, "spec": spec})

    found = ipam.Book().lowest_free(pool.pool)
    assert (found is None) == (ipam.capacity(pool.pool) == 0)
    if found is not None:
        assert found[1] in found[0]
    assert list(ippools.networks(pool)) or not pool.listed
