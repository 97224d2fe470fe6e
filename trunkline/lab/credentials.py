"""Who is who in a lab's cluster: certificates by role, and kubeconfigs that carry them.

User and groups stand in the certificate's subject, as Kubernetes reads them.
"""

from __future__ import annotations

import base64
import json
import os
from ipaddress import IPv4Address
from pathlib import Path

from trunkline.lab.pki import Authority, Pair

_SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")


def server(authority: Authority, address: IPv4Address, service_address: IPv4Address) -> Pair:
    """The API server's own certificate, good under its management address, on this machine, and as a Service."""
    names = (*_SERVICE_NAMES, IPv4Address("127.0.0.1"), address, service_address)
    return authority.issue("apiserver", "kube-apiserver", names=names)


def admin(authority: Authority) -> Pair:
    """The person at the keyboard."""
    return authority.issue("admin", "admin", ("system:masters",))


def controller(authority: Authority) -> Pair:
    """Trunkline's controller."""
    return authority.issue("controller", "trunkline-controller", ("system:masters",))


def workloads(authority: Authority) -> Pair:
    """The scheduler and the workload controllers."""
    return authority.issue("workloads", "system:kube-controller-manager", ("system:masters",))


def kubelet(authority: Authority, node: str) -> Pair:
    """A node's kubelet."""
    return authority.issue(f"kubelet-{node}", f"system:node:{node}", ("system:nodes",))


def agent(authority: Authority, node: str) -> Pair:
    """A node's agent, which reads Pods and Nodes and writes nothing."""
    return authority.issue(f"agent-{node}", f"trunkline-agent:{node}", ("trunkline:agents",))


def chassis(authority: Authority, node: str) -> Pair:
    """A node towards OVN's southbound database, which knows it by its chassis name."""
    return authority.issue(f"chassis-{node}", node)


def write_kubeconfig(path: Path, authority: Authority, pair: Pair, url: str, *, context: str) -> Path:
    """Write a kubeconfig that needs no other file; readable by nobody else, for it holds a key.  Answers the path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": context, "cluster": {"server": url, "certificate-authority-data": _data(authority.certificate)}}
        ],
        "users": [
            {
                "name": context,
                "user": {"client-certificate-data": _data(pair.certificate), "client-key-data": _data(pair.key)},
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(config, file, indent=2)  # JSON is YAML, too
    draft.rename(path)
    return path


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
