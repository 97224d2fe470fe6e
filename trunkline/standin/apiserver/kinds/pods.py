"""Pods and the pod specs inside workloads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from trunkline.standin.apiserver import causes, names, objects
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.kinds import rules
from trunkline.standin.apiserver.objects import Json

_CONTAINER_LISTS = ("initContainers", "containers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_CHANGEABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def fill_spec(spec: Json) -> None:
    """The defaults of a PodSpec, wherever it stands."""
    objects.setdefaults(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        terminationGracePeriodSeconds=30,
        securityContext={},
        schedulerName="default-scheduler",
    )
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        objects.setdefaults(spec, serviceAccountName=account, serviceAccount=account)
    for group in _CONTAINER_LISTS:
        for container in objects.items(spec, group):
            _fill_container(container, host_network=bool(spec.get("hostNetwork")))
    for volume in objects.items(spec, "volumes"):
        _fill_volume(volume)


def _fill_container(container: Json, *, host_network: bool) -> None:
    image = str(container.get("image", "")).rpartition("/")[2]
    floating = "@" not in image and (":" not in image or image.endswith(":latest"))
    objects.setdefaults(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if floating else "IfNotPresent",
        resources={},
    )
    for port in objects.items(container, "ports"):
        objects.setdefaults(port, protocol="TCP")
        if host_network:
            objects.setdefaults(port, hostPort=port.get("containerPort"))
    for name in _PROBES:
        if isinstance(probe := container.get(name), dict):
            objects.setdefaults(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if isinstance(http := probe.get("httpGet"), dict):
                objects.setdefaults(http, path="/", scheme="HTTP")
    for variable in objects.items(container, "env"):
        if isinstance(field := objects.dig(variable, "valueFrom", "fieldRef"), dict):
            objects.setdefaults(field, apiVersion="v1")


def _fill_volume(volume: Json) -> None:
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}
    for source in ("configMap", "secret", "downwardAPI", "projected"):
        if isinstance(volume.get(source), dict):
            objects.setdefaults(volume[source], defaultMode=0o644)


def _default(pod: Json) -> None:
    spec = pod.setdefault("spec", {})
    fill_spec(spec)
    objects.setdefaults(
        spec, enableServiceLinks=True, serviceAccountName="default", serviceAccount="default", priority=0
    )
    objects.setdefaults(spec, preemptionPolicy="PreemptLowerPriority")


def _begin(pod: Json) -> None:
    pod["status"] = {"phase": "Pending", "qosClass": quality(pod["spec"])}
    tolerations = pod["spec"].setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(toleration.get("key") in (key, None) for toleration in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _carry(new: Json, old: Json) -> None:
    """An update may leave out what the server chose at creation; that is no wish to clear it."""
    objects.setdefaults(
        new["spec"], **{key: old["spec"][key] for key in ("nodeName", "tolerations") if key in old["spec"]}
    )


def quality(spec: Json) -> str:
    """The pod's quality-of-service class, from its containers' requests and limits."""
    resources = [
        objects.dig(each, "resources", default={}) for group in _CONTAINER_LISTS for each in objects.items(spec, group)
    ]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    for each in resources:
        limits, requests = each.get("limits") or {}, each.get("requests") or {}
        if not {"cpu", "memory"} <= set(limits) or any(
            requests.get(key, value) != value for key, value in limits.items()
        ):
            return "Burstable"
    return "Guaranteed"


def check_spec(spec: Any, path: str) -> Iterator[Cause]:
    """Everything wrong with a PodSpec at `path`."""
    if not isinstance(spec, dict) or not objects.items(spec, "containers"):
        yield causes.required(f"{path}.containers")
        return
    yield from rules.one_of(spec.get("restartPolicy"), ("Always", "OnFailure", "Never"), f"{path}.restartPolicy")
    dns_policies = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    yield from rules.one_of(spec.get("dnsPolicy"), dns_policies, f"{path}.dnsPolicy")
    yield from rules.not_negative(spec.get("terminationGracePeriodSeconds"), f"{path}.terminationGracePeriodSeconds")
    yield from names.check_labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    if spec.get("hostname"):
        yield from names.check_name(names.LABEL, spec["hostname"], f"{path}.hostname")
    volumes = [volume.get("name", "") for volume in objects.items(spec, "volumes")]
    yield from _unique_names(volumes, f"{path}.volumes")
    containers = [
        (group, index, item) for group in _CONTAINER_LISTS for index, item in enumerate(objects.items(spec, group))
    ]
    seen: set[str] = set()
    for group, index, container in containers:
        field = f"{path}.{group}[{index}]"
        yield from _check_container(container, field, volumes)
        if (name := container.get("name")) and name in seen:
            yield causes.duplicate(f"{field}.name", name)
        seen.add(container.get("name", ""))


def _unique_names(found: list[str], field: str) -> Iterator[Cause]:
    for index, name in enumerate(found):
        yield from names.check_name(names.LABEL, name, f"{field}[{index}].name")
        if name in found[:index]:
            yield causes.duplicate(f"{field}[{index}].name", name)


def _check_container(container: Json, field: str, volumes: list[str]) -> Iterator[Cause]:
    yield from names.check_name(names.LABEL, container.get("name", ""), f"{field}.name")
    if not container.get("image"):
        yield causes.required(f"{field}.image")
    elif container["image"] != container["image"].strip():
        yield causes.invalid(f"{field}.image", container["image"], "must not have leading or trailing whitespace")
    yield from rules.one_of(
        container.get("imagePullPolicy"), ("Always", "IfNotPresent", "Never"), f"{field}.imagePullPolicy"
    )
    for index, port in enumerate(objects.items(container, "ports")):
        at = f"{field}.ports[{index}]"
        yield from _check_port(port, at)
    for index, variable in enumerate(objects.items(container, "env")):
        yield from _check_variable(variable, f"{field}.env[{index}]")
    for index, mount in enumerate(objects.items(container, "volumeMounts")):
        if mount.get("name") not in volumes:
            where = f"{field}.volumeMounts[{index}].name"
            yield Cause("FieldValueNotFound", f"Not found: {causes.shown(mount.get('name', ''))}", where)
        if not mount.get("mountPath"):
            yield causes.required(f"{field}.volumeMounts[{index}].mountPath")
    for kind in ("requests", "limits"):
        for name, quantity in objects.dig(container, "resources", kind, default={}).items():
            yield from check_quantity(quantity, f"{field}.resources.{kind}[{name}]")


def _check_port(port: Json, at: str) -> Iterator[Cause]:
    if not port.get("containerPort"):
        yield causes.required(f"{at}.containerPort")
    else:
        yield from rules.port_number(port["containerPort"], f"{at}.containerPort")
    yield from rules.port_number(port.get("hostPort") or None, f"{at}.hostPort")
    yield from rules.one_of(port.get("protocol"), ("SCTP", "TCP", "UDP"), f"{at}.protocol")


def _check_variable(variable: Json, at: str) -> Iterator[Cause]:
    name = variable.get("name", "")
    if not name:
        yield causes.required(f"{at}.name")
    elif not _ENV_NAME.fullmatch(name):
        sentence = (
            "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', "
            "and must not start with a digit"
        )
        yield causes.invalid(f"{at}.name", name, sentence)


def check_quantity(value: Any, field: str) -> Iterable[Cause]:
    """The cause that refuses what is no resource quantity ("500m", "1Gi", 2)."""
    if _QUANTITY.fullmatch(str(value)):
        return ()
    expression = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
    return (causes.invalid(field, value, f"quantities must match the regular expression '{expression}'"),)


def _check(pod: Json) -> Iterator[Cause]:
    yield from check_spec(pod.get("spec"), "spec")


def _check_change(new: Json, old: Json) -> Iterator[Cause]:
    tolerations = new["spec"].get("tolerations") or []
    kept = all(toleration in tolerations for toleration in old["spec"].get("tolerations") or [])
    if not kept or _fixed(new["spec"]) != _fixed(old["spec"]):
        yield causes.forbidden("spec", _CHANGEABLE)


def _fixed(spec: Json) -> Json:
    """The part of a pod's spec that never changes after creation."""
    free = ("tolerations", "activeDeadlineSeconds", "schedulingGates", "ephemeralContainers")
    fixed = {key: value for key, value in spec.items() if key not in free and value not in ([], {}, None)}
    for group in _CONTAINER_LISTS:
        if group in fixed:
            fixed[group] = [
                {key: value for key, value in each.items() if key not in ("image", "imagePullPolicy")}
                for each in fixed[group]
            ]
    return fixed


RULES = rules.Rules(default=_default, begin=_begin, carry=_carry, check=_check, check_change=_check_change)
