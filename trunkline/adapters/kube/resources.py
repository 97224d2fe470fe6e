"""Which REST resources there are, and under which path each is served.

A `Resource` is all that a request needs to know about a kind; objects themselves stay plain dictionaries, so fields that
a newer API server adds survive a round trip.
"""

from __future__ import annotations

import msgspec


class Resource(msgspec.Struct, frozen=True):
    """One REST resource: where it is served and what its objects are called.

    `group` is "" for the core group, `plural` the last path segment ("pods").
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` its objects carry: "v1" or "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path; `namespace` None means all namespaces (lists and watches) or a resource without namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{scope}/{self.plural}{tail}"

    def label(self, name: str | None, namespace: str | None = None) -> str:
        """How people say it, for messages: "Pod shop/web-0"."""
        where = f"{namespace}/" if self.namespaced and namespace else ""
        return f"{self.kind} {where}{name or ''}".rstrip(" /")


def resource(group: str, version: str, plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    """A resource that is not in the list below, a custom one above all."""
    return Resource(group, version, plural, kind, namespaced)


PODS = Resource("", "v1", "pods", "Pod")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
EVENTS = Resource("", "v1", "events", "Event")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES = Resource("", "v1", "services", "Service")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
VALIDATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
