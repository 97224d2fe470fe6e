"""A pod's status, from what is on the machine.  Pure: the same facts give the same status.

Source: Kubernetes documentation "Pod Lifecycle" for phases, conditions and container states.
"""

from __future__ import annotations

from typing import Any

from trunkline.standin.kubelet import cni
from trunkline.standin.kubelet.records import Container, Ended, Sandbox

Json = dict[str, Any]
Containers = list[tuple[Json, Container]]


def compute(pod: Json, sandbox: Sandbox, before: Json, *, host_ip: str, now: str) -> Json:
    """The `status` of a pod; `before` is the last one known, `now` dates the conditions that changed since."""
    spec = pod["spec"]
    init = [(c, sandbox.container(c["name"])) for c in spec.get("initContainers") or ()]
    main = [(c, sandbox.container(c["name"])) for c in spec["containers"]]
    phase = phase_of(spec.get("restartPolicy", "Always"), [state for _, state in init], [state for _, state in main])
    addresses = [host_ip] if spec.get("hostNetwork") else cni.addresses(sandbox.result)
    status: Json = {
        "phase": phase,
        "startTime": sandbox.started_at,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "containerStatuses": [_container(sandbox, container, state) for container, state in main],
        "conditions": _conditions(before, phase, init, main, now),
    }
    if init:
        status["initContainerStatuses"] = [_container(sandbox, container, state) for container, state in init]
    if addresses:
        status |= {"podIP": addresses[0], "podIPs": [{"ip": address} for address in addresses]}
    return status


def phase_of(policy: str, init: list[Container], main: list[Container]) -> str:
    """Pending, Running, Succeeded or Failed, for a restart policy and the containers' states."""
    if any(not _succeeded(state) for state in init):
        failed = policy == "Never" and any(state.ended and state.ended.exit_code for state in init)
        return "Failed" if failed else "Pending"
    if all(state.ended for state in main):
        return "Succeeded" if all(_succeeded(state) for state in main) else "Failed"
    if any(not (state.process or state.ended or state.last) for state in main):
        return "Pending"
    return "Running"


def _succeeded(state: Container) -> bool:
    return state.ended is not None and state.ended.exit_code == 0


def _container(sandbox: Sandbox, spec: Json, state: Container) -> Json:
    identity = f"trunkline://{sandbox.container_id[:32]}-{spec['name']}-{state.restarts}"
    begun = bool(state.process or state.ended or state.last)
    entry: Json = {
        "name": spec["name"],
        "image": spec.get("image", ""),
        "imageID": f"machine://{spec.get('image', '')}" if begun else "",
        "containerID": identity if begun else "",
        "ready": state.ready,
        "started": state.process is not None,
        "restartCount": state.restarts,
        "state": _state(state, identity),
        "lastState": {"terminated": _ended(state.last, identity)} if state.last else {},
    }
    return entry


def _state(state: Container, identity: str) -> Json:
    if state.process:
        return {"running": {"startedAt": state.started_at}}
    if state.ended:
        return {"terminated": _ended(state.ended, identity)}
    reason, message = state.waiting
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def _ended(ended: Ended, identity: str) -> Json:
    entry: Json = {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        "startedAt": ended.started_at or None,
        "finishedAt": ended.finished_at,
        "containerID": identity,
    }
    return entry | ({"message": ended.message} if ended.message else {})


def _conditions(before: Json, phase: str, init: Containers, main: Containers, now: str) -> list[Json]:
    unready = [spec["name"] for spec, state in main if not state.ready]
    waiting = [spec["name"] for spec, state in init if not _succeeded(state)]
    ready = ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    if phase in ("Succeeded", "Failed"):
        ready = ("PodCompleted" if phase == "Succeeded" else "PodFailed", "")
    wanted = {
        "Initialized": ("ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waiting)}]")
        if waiting
        else None,
        "Ready": ready if unready else None,
        "ContainersReady": ready if unready else None,
        "PodScheduled": None,
    }
    known = {entry["type"]: entry for entry in before.get("conditions") or ()}
    return [_condition(known.get(kind, {}), kind, why_not, now) for kind, why_not in wanted.items()]


def _condition(before: Json, kind: str, why_not: tuple[str, str] | None, now: str) -> Json:
    """One condition, true unless there is a reason; the time of its last transition stays while the answer stays."""
    status = "False" if why_not else "True"
    since = before.get("lastTransitionTime") if before.get("status") == status else None
    entry = {"type": kind, "status": status, "lastTransitionTime": since or now}
    reason, message = why_not or ("", "")
    return entry | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})
