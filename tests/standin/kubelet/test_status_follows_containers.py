"""A pod's status from the state of its containers."""

from __future__ import annotations

import pytest

from trunkline.standin.kubelet import processes, status
from trunkline.standin.kubelet.records import Container, Ended, Sandbox

RUNS = Container(process=processes.Handle(1, 1), started_at="t1", ready=True)
WAITS = Container()
OK = Container(ended=Ended(0, "Completed", "t1", "t2"))
BAD = Container(ended=Ended(3, "Error", "t1", "t2"))
CRASHES = Container(last=Ended(3, "Error", "t1", "t2"), restarts=2, waiting=("CrashLoopBackOff", "back-off"))


@pytest.mark.parametrize(
    ("policy", "init", "main", "phase"),
    [
        ("Always", [], [WAITS], "Pending"),
        ("Always", [], [RUNS], "Running"),
        ("Always", [], [RUNS, WAITS], "Pending"),
        ("Always", [], [CRASHES], "Running"),
        ("Always", [], [RUNS, CRASHES], "Running"),
        ("Never", [], [OK, RUNS], "Running"),
        ("Never", [], [OK, OK], "Succeeded"),
        ("Never", [], [OK, BAD], "Failed"),
        ("OnFailure", [], [OK, CRASHES], "Running"),
        ("Always", [RUNS], [WAITS], "Pending"),
        ("Always", [CRASHES], [WAITS], "Pending"),
        ("Never", [BAD], [WAITS], "Failed"),
        ("Always", [OK], [RUNS], "Running"),
    ],
)
def test_given_container_states_when_asked_then_the_phase_is_kubernetes_own(policy, init, main, phase):
    assert status.phase_of(policy, init, main) == phase


POD = {
    "metadata": {"name": "web-0", "namespace": "shop", "uid": "u"},
    "spec": {"containers": [{"name": "a", "image": "trunkline/echo"}, {"name": "b", "image": "x"}]},
}


def sandbox(**containers):
    return Sandbox(
        uid="u",
        namespace="shop",
        pod="web-0",
        container_id="c" * 64,
        netns="n",
        started_at="t0",
        result={"ips": [{"address": "172.16.19.11/24"}, {"address": "fd00::5/64"}]},
        containers=containers,
    )


def compute(found, before=None, now="t9"):
    return status.compute(POD, found, before or {}, host_ip="192.0.2.1", now=now)


def conditions(found):
    return {entry["type"]: entry for entry in found["conditions"]}


def test_given_all_running_when_computed_then_addresses_and_conditions_say_so():
    found = compute(sandbox(a=RUNS, b=RUNS))
    assert found["podIP"] == "172.16.19.11"
    assert found["podIPs"] == [{"ip": "172.16.19.11"}, {"ip": "fd00::5"}]
    assert {kind: entry["status"] for kind, entry in conditions(found).items()} == {
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
    }


def test_given_one_unready_container_when_computed_then_it_is_named():
    found = compute(sandbox(a=RUNS, b=CRASHES))
    ready = conditions(found)["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
    assert ready["message"] == "containers with unready status: [b]"
    [_, second] = found["containerStatuses"]
    assert second["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    assert (second["restartCount"], second["lastState"]["terminated"]["exitCode"]) == (2, 3)


def test_given_an_unchanged_answer_when_computed_again_then_its_transition_time_stays():
    first = compute(sandbox(a=RUNS, b=WAITS), now="t1")
    second = compute(sandbox(a=RUNS, b=RUNS), first, now="t2")
    third = compute(sandbox(a=RUNS, b=RUNS), second, now="t3")
    assert conditions(second)["Initialized"]["lastTransitionTime"] == "t1"
    assert conditions(second)["Ready"]["lastTransitionTime"] == "t2"
    assert second == third


def test_given_an_ended_pod_when_computed_then_it_is_not_ready_and_says_why():
    assert conditions(compute(sandbox(a=OK, b=OK)))["Ready"]["reason"] == "PodCompleted"
    assert conditions(compute(sandbox(a=OK, b=BAD)))["Ready"]["reason"] == "PodFailed"
