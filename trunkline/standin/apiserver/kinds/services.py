"""Services; the addresses themselves are given out by `allocation`."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.standin.apiserver import causes, names, objects
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.kinds import rules
from trunkline.standin.apiserver.objects import Json

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")


def has_address(spec: Json) -> bool:
    """Whether a Service of this spec takes an address of the service network."""
    return spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"


def has_node_ports(spec: Json) -> bool:
    """Whether a Service of this spec takes a port on every node."""
    return spec.get("type") in ("NodePort", "LoadBalancer")


def _default(service: Json) -> None:
    spec = service.setdefault("spec", {})
    objects.setdefaults(spec, type="ClusterIP", sessionAffinity="None")
    if spec["sessionAffinity"] == "ClientIP":
        objects.setdefaults(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})
    if spec["type"] != "ExternalName":
        objects.setdefaults(spec, internalTrafficPolicy="Cluster", ipFamilyPolicy="SingleStack", ipFamilies=["IPv4"])
    if has_node_ports(spec):
        objects.setdefaults(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        objects.setdefaults(spec, allocateLoadBalancerNodePorts=True)
    for port in objects.items(spec, "ports"):
        objects.setdefaults(port, protocol="TCP")
        if port.get("port"):
            objects.setdefaults(port, targetPort=port["port"])
    if spec.get("clusterIP"):
        objects.setdefaults(spec, clusterIPs=[spec["clusterIP"]])
    elif spec.get("clusterIPs"):
        spec["clusterIP"] = spec["clusterIPs"][0]


def _begin(service: Json) -> None:
    service["status"] = {"loadBalancer": {}}


def _carry(new: Json, old: Json) -> None:
    """A client that leaves out the allocated address or node port means the one it has."""
    spec, before = new["spec"], old["spec"]
    if has_address(spec) and has_address(before):
        objects.setdefaults(spec, **{key: before[key] for key in ("clusterIP", "clusterIPs") if key in before})
    if has_node_ports(spec):
        ports = {
            (port.get("port"), port.get("protocol")): port.get("nodePort") for port in objects.items(before, "ports")
        }
        for port in objects.items(spec, "ports"):
            objects.setdefaults(port, nodePort=ports.get((port.get("port"), port.get("protocol"))))
    for port in objects.items(spec, "ports"):
        if port.get("nodePort") is None or not has_node_ports(spec):
            port.pop("nodePort", None)


def _check(service: Json) -> Iterator[Cause]:
    spec = service["spec"]
    yield from rules.one_of(spec.get("type"), _TYPES, "spec.type")
    yield from rules.one_of(spec.get("sessionAffinity"), ("ClientIP", "None"), "spec.sessionAffinity")
    yield from names.check_labels(spec.get("selector"), "spec.selector")
    ports = objects.items(spec, "ports")
    if not ports and has_address(spec):
        yield causes.required("spec.ports")
    if spec.get("type") == "ExternalName" and not spec.get("externalName"):
        yield causes.required("spec.externalName")
    for index, port in enumerate(ports):
        yield from _check_port(port, f"spec.ports[{index}]", many=len(ports) > 1)
        same = [other for other in ports[:index] if _identity(other) == _identity(port)]
        if same:
            yield causes.duplicate(
                f"spec.ports[{index}]", {key: port[key] for key in ("port", "protocol") if key in port}
            )
        if port.get("name") and any(other.get("name") == port["name"] for other in ports[:index]):
            yield causes.duplicate(f"spec.ports[{index}].name", port["name"])


def _identity(port: Json) -> tuple[object, object]:
    return port.get("port"), port.get("protocol")


def _check_port(port: Json, at: str, *, many: bool) -> Iterator[Cause]:
    if many and not port.get("name"):
        yield causes.required(f"{at}.name")
    elif port.get("name"):
        yield from names.check_name(names.LABEL, port["name"], f"{at}.name")
    if port.get("port") is None:
        yield causes.required(f"{at}.port")
    yield from rules.port_number(port.get("port"), f"{at}.port")
    yield from rules.port_number(port.get("targetPort"), f"{at}.targetPort")
    yield from rules.one_of(port.get("protocol"), ("SCTP", "TCP", "UDP"), f"{at}.protocol")


def _check_change(new: Json, old: Json) -> Iterator[Cause]:
    if has_address(new["spec"]) and has_address(old["spec"]) and old["spec"].get("clusterIP"):
        found = new["spec"].get("clusterIPs")
        if found != old["spec"].get("clusterIPs"):
            yield causes.invalid("spec.clusterIPs[0]", found, "may not change once set")


RULES = rules.Rules(
    name=names.SERVICE, default=_default, begin=_begin, carry=_carry, check=_check, check_change=_check_change
)
