"""What this server serves, one row per resource; everything else (discovery, routing, tables, patches) reads these rows.

To add a kind, add a row.  Kinds with meaning of their own name their `rules`; kinds that only need to be kept need none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from trunkline.standin.apiserver import selectors, statuses
from trunkline.standin.apiserver.kinds import core, events, pods, rules, services, workloads
from trunkline.standin.apiserver.names import PATH_SEGMENT
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.tables import builtin, columns
from trunkline.standin.apiserver.tables import pods as pod_table
from trunkline.standin.apiserver.tables.columns import Column

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One resource in one version.

    `model` names the schema of a built-in kind, `schema` is that of a custom one (a custom kind without either is free
    in shape).  `stored` says where objects lie when that differs from the resource itself: (group, plural, version).
    """

    group: str = ""
    version: str = "v1"
    plural: str
    kind: str
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: frozenset[str] = frozenset()
    columns: tuple[Column, ...] = columns.PLAIN
    rules: rules.Rules = rules.ANYTHING
    model: str = ""
    schema: Json | None = None
    fields: Mapping[str, selectors.FieldReader] = {}
    generation: bool = False
    stored: tuple[str, str, str] | None = None
    custom: str = ""

    @property
    def api_version(self) -> str:
        """ "v1" or "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_version(self) -> str:
        """The version in which objects are kept."""
        return self.stored[2] if self.stored else self.version

    @property
    def directory(self) -> str:
        """The store's path prefix of all objects, ending in a slash."""
        group, plural = self.stored[:2] if self.stored else (self.group, self.plural)
        return f"/registry/{group or 'core'}/{plural}/"

    def path(self, namespace: str, name: str) -> str:
        """The store path of one object."""
        return f"{self.prefix(namespace)}{name}"

    def prefix(self, namespace: str) -> str:
        """The store path prefix of one namespace's objects, or of all when `namespace` is empty."""
        return f"{self.directory}{namespace}/" if self.namespaced and namespace else self.directory

    def has(self, subresource: str) -> bool:
        """Whether the subresource is served."""
        return subresource in self.subresources

    def not_found(self, name: str) -> statuses.StatusError:
        """404 for one object of this resource."""
        return statuses.not_found(self.plural, self.group, name)


_COMMON = ("metadata.name", "metadata.namespace")


def readers(*paths: str) -> dict[str, selectors.FieldReader]:
    """Readers for the field selectors of a resource: those that every resource has, and `paths`."""
    return {path: selectors.field_at(path) for path in (*_COMMON, *paths)}


_EVENT_FIELDS = {
    **readers(
        *(
            f"involvedObject.{name}"
            for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        ),
        "reason",
        "type",
        "reportingComponent",
    ),
    "source": lambda event: (
        selectors.field_at("source.component")(event) or selectors.field_at("reportingComponent")(event)
    ),
}
_NEW_EVENT_FIELDS = {
    name.replace("involvedObject", "regarding"): lambda event, read=reader: read(events.to_core(event))
    for name, reader in _EVENT_FIELDS.items()
}
_NEW_EVENT_COLUMNS = tuple(
    msgspec.structs.replace(column, cell=lambda event, now, cell=column.cell: cell(events.to_core(event), now))
    for column in builtin.EVENTS
)
_POD_FIELDS = readers(
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)
_STATUS = frozenset({"status"})
_SCALABLE = frozenset({"status", "scale"})
_ALL = ("all",)


def _row(model: str, plural: str, **values: object) -> Resource:
    module, _, kind = model.partition(".")
    settings: dict[str, object] = {
        "fields": readers(),
        "singular": kind.lower(),
        "version": module.rpartition("_")[2],
        **values,
    }
    return Resource(plural=plural, kind=kind, model=model, **settings)  # type: ignore[arg-type]


def _apps(kind: str, plural: str, short: str, **values: object) -> Resource:
    return _row(
        f"apps_v1.{kind}", plural, group="apps", short_names=(short,), categories=_ALL, generation=True, **values
    )


def _rbac(kind: str, **values: object) -> Resource:
    group = "rbac.authorization.k8s.io"
    return _row(f"rbac_v1.{kind}", f"{kind.lower()}s", group=group, rules=rules.Rules(name=PATH_SEGMENT), **values)


_POD_SUBRESOURCES = frozenset({"status", "binding"})

BUILTIN: Sequence[Resource] = (
    _row("core_v1.ConfigMap", "configmaps", short_names=("cm",), columns=builtin.CONFIGMAPS, rules=core.CONFIGMAP),
    _row("core_v1.Endpoints", "endpoints", short_names=("ep",), columns=builtin.ENDPOINTS),
    _row(
        "core_v1.Event", "events", short_names=("ev",), columns=builtin.EVENTS, rules=core.EVENT, fields=_EVENT_FIELDS
    ),
    _row(
        "core_v1.Namespace",
        "namespaces",
        short_names=("ns",),
        namespaced=False,
        subresources=frozenset({"status", "finalize"}),
        columns=builtin.NAMESPACES,
        rules=core.NAMESPACE,
        fields=readers("status.phase"),
    ),
    _row(
        "core_v1.Node",
        "nodes",
        short_names=("no",),
        namespaced=False,
        subresources=_STATUS,
        columns=builtin.NODES,
        rules=core.NODE,
        fields=readers("spec.unschedulable"),
    ),
    _row(
        "core_v1.Pod",
        "pods",
        short_names=("po",),
        categories=_ALL,
        subresources=_POD_SUBRESOURCES,
        columns=pod_table.COLUMNS,
        rules=pods.RULES,
        fields=_POD_FIELDS,
    ),
    _row("core_v1.Secret", "secrets", columns=builtin.SECRETS, rules=core.SECRET, fields=readers("type")),
    _row("core_v1.ServiceAccount", "serviceaccounts", short_names=("sa",), columns=builtin.SERVICEACCOUNTS),
    _row(
        "core_v1.Service",
        "services",
        short_names=("svc",),
        categories=_ALL,
        subresources=_STATUS,
        columns=builtin.SERVICES,
        rules=services.RULES,
        fields=readers("spec.clusterIP", "spec.type"),
    ),
    _apps("DaemonSet", "daemonsets", "ds", subresources=_STATUS, columns=builtin.DAEMONSETS, rules=workloads.DAEMONSET),
    _apps(
        "Deployment",
        "deployments",
        "deploy",
        subresources=_SCALABLE,
        columns=builtin.DEPLOYMENTS,
        rules=workloads.DEPLOYMENT,
    ),
    _apps(
        "ReplicaSet",
        "replicasets",
        "rs",
        subresources=_SCALABLE,
        columns=builtin.REPLICASETS,
        rules=workloads.REPLICASET,
        fields=readers("status.replicas"),
    ),
    _apps(
        "StatefulSet",
        "statefulsets",
        "sts",
        subresources=_SCALABLE,
        columns=builtin.STATEFULSETS,
        rules=workloads.STATEFULSET,
    ),
    _row("apps_v1.ControllerRevision", "controllerrevisions", group="apps"),
    _row("coordination_v1.Lease", "leases", group="coordination.k8s.io", columns=builtin.LEASES),
    _row("discovery_v1.EndpointSlice", "endpointslices", group="discovery.k8s.io", columns=builtin.ENDPOINTSLICES),
    _row(
        "events_v1.Event",
        "events",
        group="events.k8s.io",
        short_names=("ev",),
        columns=_NEW_EVENT_COLUMNS,
        fields=_NEW_EVENT_FIELDS,
        stored=("", "events", "v1"),
    ),
    _row(
        "networking_v1.NetworkPolicy",
        "networkpolicies",
        group="networking.k8s.io",
        short_names=("netpol",),
        columns=builtin.NETWORKPOLICIES,
        generation=True,
    ),
    _rbac("ClusterRole", namespaced=False, columns=(columns.NAME, columns.CREATED_AT)),
    _rbac("ClusterRoleBinding", namespaced=False, columns=builtin.BINDINGS),
    _rbac("Role", columns=(columns.NAME, columns.CREATED_AT)),
    _rbac("RoleBinding", columns=builtin.BINDINGS),
    _row(
        "admissionregistration_v1.ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        group="admissionregistration.k8s.io",
        namespaced=False,
        columns=builtin.WEBHOOKS,
        generation=True,
    ),
    _row(
        "apiextensions_v1.CustomResourceDefinition",
        "customresourcedefinitions",
        group="apiextensions.k8s.io",
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        namespaced=False,
        subresources=_STATUS,
        columns=(columns.NAME, columns.CREATED_AT),
        generation=True,
    ),
)
"""Every built-in resource."""
