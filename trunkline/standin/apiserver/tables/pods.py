"""The columns of Pods; STATUS tells what keeps the pod from running, as kubectl users expect it."""

from __future__ import annotations

from datetime import datetime

from trunkline.standin.apiserver import objects
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.tables import ages
from trunkline.standin.apiserver.tables.columns import AGE, NAME, Column, at, wide


def ready(pod: Json, _: datetime) -> str:
    """ "1/2": ready containers of all."""
    statuses = objects.items(pod, "status", "containerStatuses")
    total = len(objects.items(pod, "spec", "containers"))
    return f"{sum(bool(each.get('ready')) and 'running' in each.get('state', {}) for each in statuses)}/{total}"


def status(pod: Json, _: datetime) -> str:
    """The one word that matters most: a container's reason over the pod's phase, Terminating over both."""
    phase = objects.dig(pod, "status", "phase", default="Unknown")
    word = objects.dig(pod, "status", "reason", default=phase)
    if any(each.get("type") == "PodScheduled" and each.get("reason") == "SchedulingGated" for each in _conditions(pod)):
        word = "SchedulingGated"
    word = _initializing(pod) or _containers(pod, word)
    if objects.dig(pod, "metadata", "deletionTimestamp") and phase not in ("Succeeded", "Failed"):
        return "Unknown" if objects.dig(pod, "status", "reason") == "NodeLost" else "Terminating"
    return word


def _conditions(pod: Json) -> list[Json]:
    return objects.items(pod, "status", "conditions")


def _initializing(pod: Json) -> str:
    statuses = objects.items(pod, "status", "initContainerStatuses")
    for index, each in enumerate(statuses):
        state = each.get("state") or {}
        if "terminated" in state:
            if state["terminated"].get("exitCode") == 0:
                continue
            return f"Init:{_ended(state['terminated'])}"
        reason = objects.dig(state, "waiting", "reason", default="")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{len(objects.items(pod, 'spec', 'initContainers'))}"
    return ""


def _containers(pod: Json, word: str) -> str:
    running = False
    for each in reversed(objects.items(pod, "status", "containerStatuses")):
        state = each.get("state") or {}
        if reason := objects.dig(state, "waiting", "reason"):
            word = reason
        elif "terminated" in state:
            word = _ended(state["terminated"])
        elif each.get("ready") and "running" in state:
            running = True
    if word == "Completed" and running:
        is_ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in _conditions(pod))
        return "Running" if is_ready else "NotReady"
    return word


def _ended(terminated: Json) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    return f"Signal:{terminated['signal']}" if terminated.get("signal") else f"ExitCode:{terminated.get('exitCode', 0)}"


def restarts(pod: Json, now: datetime) -> str:
    """The number of restarts, with the time since the last when there was one."""
    statuses = objects.items(pod, "status", "containerStatuses")
    count = sum(int(each.get("restartCount") or 0) for each in statuses)
    ends = [objects.dig(each, "lastState", "terminated", "finishedAt") for each in statuses]
    last = max(filter(None, ends), default=None)
    return f"{count} ({ages.since(last, now)} ago)" if count and last else str(count)


def gates(pod: Json, _: datetime) -> str:
    """ "1/2": readiness gates that hold."""
    wanted = [gate.get("conditionType") for gate in objects.items(pod, "spec", "readinessGates")]
    true = {each.get("type") for each in _conditions(pod) if each.get("status") == "True"}
    return f"{len(true.intersection(wanted))}/{len(wanted)}" if wanted else "<none>"


COLUMNS = (
    NAME,
    Column("Ready", ready),
    Column("Status", status),
    Column("Restarts", restarts),
    AGE,
    wide("IP", at("status", "podIP")),
    wide("Node", at("spec", "nodeName")),
    wide("Nominated Node", at("status", "nominatedNodeName")),
    wide("Readiness Gates", gates),
)
