"""v1alpha2 to v1beta1 and back: nothing is lost, whatever the ranges."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.dialects.antrea import conversion, ippools, mixed

SUBNETS = st.sampled_from(
    [
        {"gateway": "10.0.1.254", "prefixLength": 24, "vlan": 19},
        {"gateway": "10.0.2.254", "prefixLength": 24, "vlan": 20},
        {"gateway": "10.0.3.254", "prefixLength": 24},
    ]
)
HOSTS = st.integers(1, 250)


@st.composite
def listed(draw):
    subnet = draw(SUBNETS)
    stem = subnet["gateway"].rpartition(".")[0]
    first, last = sorted((draw(HOSTS), draw(HOSTS)))
    form = draw(st.sampled_from([{"cidr": f"{stem}.0/28"}, {"start": f"{stem}.{first}", "end": f"{stem}.{last}"}]))
    return {**form, **subnet}


@given(st.lists(listed(), min_size=1, max_size=6))
def test_there_and_back_is_the_same_pool(ranges):
    raw = {
        "apiVersion": ippools.V1ALPHA2,
        "kind": "IPPool",
        "metadata": {"name": "p", "annotations": {"keep": "me"}},
        "spec": {"ipVersion": 4, "ipRanges": ranges},
        "status": {"usage": {"used": 1, "total": 2}},
    }

    over = conversion.convert(raw, ippools.V1BETA1)

    assert conversion.convert(over, ippools.V1ALPHA2) == raw
    assert [(each.text, each.vlan) for each in ippools.decode(over).listed] == [
        (each.text, each.vlan) for each in ippools.decode(raw).listed
    ]
    assert ippools.decode(over).pool == ippools.decode(raw).pool


def test_one_subnet_becomes_the_subnet_info(a):
    over = conversion.convert(a.alpha(), ippools.V1BETA1)

    assert over == a.beta()
    assert conversion.convert(a.beta(), ippools.V1ALPHA2) == a.alpha()


def test_further_subnets_travel_in_an_annotation(a):
    raw = a.alpha(
        a.ranged("172.16.19.11", "172.16.19.12"),
        a.ranged("172.16.20.11", "172.16.20.12", gateway="172.16.20.254", vlan=20),
    )

    over = conversion.convert(raw, ippools.V1BETA1)

    assert over["spec"]["ipRanges"] == [{"start": "172.16.19.11", "end": "172.16.19.12"}]
    assert list(over["metadata"]["annotations"]) == [mixed.ANNOTATION]
    assert "annotations" not in conversion.convert(over, ippools.V1ALPHA2)["metadata"]


def test_a_damaged_annotation_is_a_problem_of_the_pool_not_a_crash(a):
    raw = a.beta()
    raw["metadata"]["annotations"] = {mixed.ANNOTATION: "[1"}

    [problem] = ippools.decode(raw).problems

    assert problem.field == f"metadata.annotations[{mixed.ANNOTATION}]"


def review(objects, wanted):
    request = {"uid": "7", "desiredAPIVersion": wanted, "objects": objects}
    return conversion.review({"apiVersion": "apiextensions.k8s.io/v1", "request": request})["response"]


def test_a_review_converts_all_of_its_objects(a):
    response = review([a.alpha(), a.beta(name="two")], ippools.V1BETA1)

    assert response["uid"] == "7"
    assert response["result"] == {"status": "Success"}
    assert [each["apiVersion"] for each in response["convertedObjects"]] == [ippools.V1BETA1] * 2


def test_a_review_that_cannot_convert_says_which_and_why(a):
    empty = {**a.alpha(), "spec": {"ipVersion": 4, "ipRanges": []}}
    for objects, wanted, words in (
        ([a.alpha(), empty], ippools.V1BETA1, "IPPool pool-ap: spec.ipRanges is empty"),
        ([a.alpha()], "crd.antrea.io/v2", "has no conversion"),
        ([{**a.alpha(), "spec": {}}], ippools.V1BETA1, "ipRanges"),
        ([{**a.alpha(), "spec": None}], ippools.V1BETA1, "cannot convert"),
    ):
        response = review(objects, wanted)
        assert response["result"]["status"] == "Failure"
        assert words in response["result"]["message"]
        assert "convertedObjects" not in response


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["ipRanges", "subnetInfo", "gateway"]), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from([ippools.V1ALPHA2, ippools.V1BETA1]), st.sampled_from([ippools.V1ALPHA2, ippools.V1BETA1]), JSON)
def test_whatever_is_stored_a_review_is_answered(version, wanted, spec):
    raw = {"apiVersion": version, "kind": "IPPool", "metadata": {"name": "p"}, "spec": spec}

    assert review([raw], wanted)["result"]["status"] in ("Success", "Failure")
