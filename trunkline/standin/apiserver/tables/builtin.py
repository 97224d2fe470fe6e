"""The columns of the built-in kinds other than Pods."""

from __future__ import annotations

from datetime import datetime

from trunkline.standin.apiserver import objects
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.tables import ages
from trunkline.standin.apiserver.tables.columns import AGE, NAME, Column, at, number, selector, size, wide

_ROLE = "node-role.kubernetes.io/"


def _node_status(node: Json, _: datetime) -> str:
    conditions = {each.get("type"): each.get("status") for each in objects.items(node, "status", "conditions")}
    word = "Unknown" if "Ready" not in conditions else "Ready" if conditions["Ready"] == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if objects.dig(node, "spec", "unschedulable") else word


def _node_roles(node: Json, _: datetime) -> str:
    labels = objects.dig(node, "metadata", "labels", default={})
    return ",".join(sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))) or "<none>"


def _node_address(kind: str) -> Column:
    def cell(node: Json, _: datetime) -> str:
        found = (each.get("address") for each in objects.items(node, "status", "addresses") if each.get("type") == kind)
        return next(found, None) or "<none>"

    return wide("Internal-IP" if kind == "InternalIP" else "External-IP", cell)


def _of(ready: tuple[str, ...], total: tuple[str, ...]) -> Column:
    return Column(
        "Ready", lambda obj, _: f"{objects.dig(obj, *ready, default=0)}/{objects.dig(obj, *total, default=0)}"
    )


def _containers(field: str) -> Column:
    def cell(obj: Json, _: datetime) -> str:
        found = objects.items(obj, "spec", "template", "spec", "containers")
        return ",".join(str(each.get(field, "")) for each in found)

    return wide("Containers" if field == "name" else "Images", cell)


def _external(service: Json, _: datetime) -> str:
    spec = service.get("spec", {})
    fixed = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case "LoadBalancer":
            ingress = objects.items(service, "status", "loadBalancer", "ingress")
            found = [str(each.get("ip") or each.get("hostname")) for each in ingress] + fixed
            return ",".join(found) or "<pending>"
    return ",".join(fixed) or "<none>"


def _service_ports(service: Json, _: datetime) -> str:
    def text(port: Json) -> str:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}"

    return ",".join(map(text, objects.items(service, "spec", "ports"))) or "<none>"


def _listed(found: list[str], most: int = 3) -> str:
    return ",".join(found[:most]) + (f" + {len(found) - most} more..." if len(found) > most else "") or "<none>"


def _endpoints(endpoints: Json, _: datetime) -> str:
    found = []
    for subset in objects.items(endpoints, "subsets"):
        addresses = [each.get("ip", "") for each in objects.items(subset, "addresses")]
        ports = [f":{port.get('port')}" for port in objects.items(subset, "ports")] or [""]
        found += [f"{address}{port}" for port in ports for address in addresses]
    return _listed(found)


def _slice_ports(obj: Json, _: datetime) -> str:
    return _listed([str(port.get("port", "*")) for port in objects.items(obj, "ports")]).replace("<none>", "<unset>")


def _slice_endpoints(obj: Json, _: datetime) -> str:
    found = [address for each in objects.items(obj, "endpoints") for address in each.get("addresses") or ()]
    return _listed(found).replace("<none>", "<unset>")


def _last_seen(event: Json, now: datetime) -> str:
    last = objects.dig(event, "series", "lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return ages.since(last or objects.dig(event, "metadata", "creationTimestamp"), now)


def _first_seen(event: Json, now: datetime) -> str:
    return ages.since(event.get("firstTimestamp") or event.get("eventTime"), now)


def _involved(event: Json, _: datetime) -> str:
    involved = event.get("involvedObject", {})
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _source(event: Json, _: datetime) -> str:
    component = objects.dig(event, "source", "component") or event.get("reportingComponent") or ""
    host = objects.dig(event, "source", "host")
    return f"{component}, {host}" if host else component


def _event_count(event: Json, _: datetime) -> int:
    return int(objects.dig(event, "series", "count") or event.get("count") or 1)


NAMESPACES = (NAME, Column("Status", at("status", "phase")), AGE)
NODES = (
    NAME,
    Column("Status", _node_status),
    Column("Roles", _node_roles),
    AGE,
    Column("Version", at("status", "nodeInfo", "kubeletVersion", default="")),
    _node_address("InternalIP"),
    _node_address("ExternalIP"),
    wide("OS-Image", at("status", "nodeInfo", "osImage", default="<unknown>")),
    wide("Kernel-Version", at("status", "nodeInfo", "kernelVersion", default="<unknown>")),
    wide("Container-Runtime", at("status", "nodeInfo", "containerRuntimeVersion", default="<unknown>")),
)
_TEMPLATE = (_containers("name"), _containers("image"))
_SELECTOR = wide("Selector", selector("spec", "selector"))
DEPLOYMENTS = (
    NAME,
    _of(("status", "readyReplicas"), ("spec", "replicas")),
    Column("Up-to-date", number("status", "updatedReplicas")),
    Column("Available", number("status", "availableReplicas")),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)
REPLICASETS = (
    NAME,
    Column("Desired", number("spec", "replicas"), "integer"),
    Column("Current", number("status", "replicas"), "integer"),
    Column("Ready", number("status", "readyReplicas"), "integer"),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)
STATEFULSETS = (NAME, _of(("status", "readyReplicas"), ("spec", "replicas")), AGE, *_TEMPLATE)
DAEMONSETS = (
    NAME,
    Column("Desired", number("status", "desiredNumberScheduled"), "integer"),
    Column("Current", number("status", "currentNumberScheduled"), "integer"),
    Column("Ready", number("status", "numberReady"), "integer"),
    Column("Up-to-date", number("status", "updatedNumberScheduled"), "integer"),
    Column("Available", number("status", "numberAvailable"), "integer"),
    Column("Node Selector", selector("spec", "template", "spec", "nodeSelector")),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)
SERVICES = (
    NAME,
    Column("Type", at("spec", "type")),
    Column("Cluster-IP", at("spec", "clusterIP")),
    Column("External-IP", _external),
    Column("Port(s)", _service_ports),
    AGE,
    _SELECTOR,
)
CONFIGMAPS = (NAME, Column("Data", size("data", "binaryData")), AGE)
SECRETS = (NAME, Column("Type", at("type")), Column("Data", size("data"), "integer"), AGE)
SERVICEACCOUNTS = (NAME, Column("Secrets", size("secrets")), AGE)
ENDPOINTS = (NAME, Column("Endpoints", _endpoints), AGE)
ENDPOINTSLICES = (
    NAME,
    Column("AddressType", at("addressType")),
    Column("Ports", _slice_ports),
    Column("Endpoints", _slice_endpoints),
    AGE,
)
EVENTS = (
    Column("Last Seen", _last_seen),
    Column("Type", at("type")),
    Column("Reason", at("reason")),
    Column("Object", _involved),
    wide("Subobject", at("involvedObject", "fieldPath", default="")),
    wide("Source", _source),
    Column("Message", lambda event, _: str(event.get("message", "")).strip()),
    wide("First Seen", _first_seen),
    wide("Count", _event_count),
    wide("Name", at("metadata", "name")),
)
LEASES = (NAME, Column("Holder", at("spec", "holderIdentity", default="")), AGE)
NETWORKPOLICIES = (NAME, Column("Pod-Selector", selector("spec", "podSelector")), AGE)
BINDINGS = (
    NAME,
    Column("Role", lambda obj, _: f"{objects.dig(obj, 'roleRef', 'kind')}/{objects.dig(obj, 'roleRef', 'name')}"),
    AGE,
)
WEBHOOKS = (NAME, Column("Webhooks", size("webhooks"), "integer"), AGE)
