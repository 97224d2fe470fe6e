"""From a container in a pod's spec to a command line and an environment.  Pure.

Supported: `command`, `args`, `env` with values and with `fieldRef`, `$(NAME)` references, `workingDir`.  Anything else that
would change what the process sees is refused with the reason Kubernetes gives, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.standin import images

Json = dict[str, Any]

MARK = "TRUNKLINE_CONTAINER"
"""Environment variable by which a container's processes are found; its value is "<pod UID>/<container name>"."""

_REFERENCE = re.compile(r"\$(?:\$|\((?P<name>[-._a-zA-Z][-._a-zA-Z0-9]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(?P<field>labels|annotations)\['(?P<key>[^']+)'\]$")


class NotRunnable(Exception):
    """A container cannot be started as it is written: `reason` and `message` go into its waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Command(msgspec.Struct, frozen=True):
    """What to run."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str


def command_of(pod: Json, container: Json, *, addresses: list[str], host_ip: str, path: str) -> Command:
    """The process that a container is; `path` is the machine's search path for programs.

    Raises:
        NotRunnable: no command is known, or a variable comes from where we cannot read.
    """
    env = {"PATH": path, "HOSTNAME": hostname(pod), MARK: f"{pod['metadata']['uid']}/{container['name']}"}
    if container.get("envFrom"):
        raise NotRunnable("CreateContainerConfigError", "envFrom is not supported by the lab kubelet")
    for entry in container.get("env") or ():
        env[entry["name"]] = _value(entry, pod, env, addresses, host_ip)
    image = container.get("image", "")
    program = tuple(container.get("command") or ()) or images.entrypoint(image)
    if not program:
        message = f'Failed to pull image "{image}": the lab pulls no images: use trunkline/echo, or give the container a command'
        raise NotRunnable("ErrImagePull", message)
    argv = tuple(_expand(word, env) for word in (*program, *(container.get("args") or ())))
    return Command(argv, env, container.get("workingDir") or "/")


def hostname(pod: Json) -> str:
    """The pod's host name (at most 63 characters, as Kubernetes cuts it)."""
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name[:63].rstrip("-.")


def _value(entry: Json, pod: Json, env: Mapping[str, str], addresses: list[str], host_ip: str) -> str:
    source = entry.get("valueFrom")
    if source is None:
        return _expand(entry.get("value") or "", env)
    if "fieldRef" not in source:
        message = f"env {entry['name']}: {', '.join(source)} is not supported by the lab kubelet"
        raise NotRunnable("CreateContainerConfigError", message)
    return _field(pod, source["fieldRef"].get("fieldPath", ""), addresses, host_ip)


def _field(pod: Json, path: str, addresses: list[str], host_ip: str) -> str:
    meta, spec = pod["metadata"], pod["spec"]
    if found := _SUBSCRIPT.match(path):
        return str((meta.get(found["field"]) or {}).get(found["key"], ""))
    values = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": addresses[0] if addresses else "",
        "status.podIPs": ",".join(addresses),
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
    }
    if path not in values:
        raise NotRunnable("CreateContainerConfigError", f"fieldRef {path!r} is not one of {', '.join(values)}")
    return str(values[path])


def _expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` by value when it is set, untouched when not; `$$` is one `$` (Kubernetes' rules)."""

    def replace(found: re.Match[str]) -> str:
        name = found["name"]
        return "$" if name is None else env.get(name, found[0])

    return _REFERENCE.sub(replace, text)
