"""The status that tools read, and the words of Events."""

import ipaddress
from datetime import UTC, datetime, timedelta

from trunkline import ipam
from trunkline.dialects.antrea import ippools, status
from trunkline.kit.problems import Problem

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NETWORK = "vlan/trunk/19/172.16.19.0-24"


def leased(address, **owner):
    return ipam.Lease(network=NETWORK, address=ipaddress.ip_address(address), pool="pool-ap", **owner)


def written(a, leases=(), previous=None, now=NOW, **options):
    return status.status(ippools.decode(a.beta(**options)), leases, previous=previous, now=now)


def test_owners_are_shaped_as_antrea_shapes_them(a):
    running, place = ipam.PodOwner("ns-db", "db-0", "u", "c0ffee"), ipam.StatefulSetOwner("ns-db", "db", 0, "s")

    found = written(
        a,
        [
            leased("172.16.19.30", stateful_set=place),
            leased("172.16.19.4", pod=running),
            leased("172.16.19.12", pod=running, stateful_set=place),
        ],
    )

    pod = {"name": "db-0", "namespace": "ns-db", "containerID": "c0ffee"}
    kept = {"name": "db", "namespace": "ns-db", "index": 0}
    assert found["ipAddresses"] == [
        {"ipAddress": "172.16.19.4", "phase": "Allocated", "owner": {"pod": pod}},
        {"ipAddress": "172.16.19.12", "phase": "Allocated", "owner": {"pod": pod, "statefulSet": kept}},
        {"ipAddress": "172.16.19.30", "phase": "Reserved", "owner": {"statefulSet": kept}},
    ]
    assert found["usage"] == {"total": 40, "used": 3}


def test_an_enormous_pool_s_total_fits_an_int64(a):
    raw = a.beta({"cidr": "fd00::/64"}, gateway="fd00::1", prefixLength=64)

    assert status.status(ippools.decode(raw), (), previous=None, now=NOW)["usage"]["total"] == 2**63 - 1


def conditions(found):
    return {each["type"]: (each["status"], each["lastTransitionTime"]) for each in found["conditions"]}


def test_exhaustion_is_a_condition_whose_time_moves_with_it_alone(a):
    tiny = {"start": "172.16.19.11", "end": "172.16.19.11"}
    pool, one = ippools.decode(a.beta(tiny)), [leased("172.16.19.11", pod=ipam.PodOwner("n", "p", "u"))]
    later = NOW + timedelta(hours=1)

    empty = status.status(pool, (), previous=None, now=NOW)
    full = status.status(pool, one, previous=empty, now=later)

    assert conditions(empty)["Exhausted"] == ("False", "2026-11-20T12:00:00Z")
    assert conditions(full) == {
        "Ready": ("True", "2026-11-20T12:00:00Z"),
        "Exhausted": ("True", "2026-11-20T13:00:00Z"),
    }


def test_the_same_state_later_is_the_same_status(a):
    first = written(a)

    assert written(a, previous=first, now=NOW + timedelta(days=1)) == first


def test_conditions_from_elsewhere_stand_beside_ours_and_keep_their_time_too(a):
    pool, later = ippools.decode(a.beta()), NOW + timedelta(hours=1)
    pending = status.Condition("Attached", "False", "Pending", "not yet")

    first = status.status(pool, (), previous=None, now=NOW, further=[pending])
    refused = status.Condition("Attached", "False", "Refused", "no")
    second = status.status(pool, (), previous=first, now=later, further=[refused])
    third = status.status(
        pool, (), previous=second, now=later, further=[status.Condition("Attached", "True", "Realized", "")]
    )

    assert [conditions(each)["Attached"] for each in (first, second, third)] == [
        ("False", "2026-11-20T12:00:00Z"),
        ("False", "2026-11-20T12:00:00Z"),
        ("True", "2026-11-20T13:00:00Z"),
    ]
    assert status.conditions(second)[-1] == refused
    assert "Attached" not in conditions(status.status(pool, (), previous=third, now=later))


def test_a_pool_with_mistakes_is_not_ready_and_says_why(a):
    found = written(a, vlan=4095)

    ready = next(each for each in found["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Invalid")
    assert "invalid vlan 4095" in ready["message"]


def test_events_say_what_happened_to_the_pod(a):
    problem = Problem(code="TRK-0301", object="Pod n/p", found="nothing free")
    pool = ippools.decode(a.beta())

    assert status.refused(problem) == status.EventText(
        "Warning", "FailedAllocateIP", "Pod n/p: found nothing free [TRK-0301]"
    )
    assert status.granted(pool, leased("172.16.19.11")).message == "172.16.19.11 from IPPool pool-ap (VLAN 19)"
