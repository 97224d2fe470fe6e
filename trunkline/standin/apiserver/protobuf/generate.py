"""Writes `fields.txt` from the Kubernetes API's own declarations; run by hand when a newer Kubernetes is to be followed.

    python -m trunkline.standin.apiserver.protobuf.generate API APIMACHINERY > fields.txt

API and APIMACHINERY are checkouts of the repositories kubernetes/api and kubernetes/apimachinery.  Numbers and types come
from `generated.proto`; what is a pointer, and what is inline in JSON, only the Go structs in `types*.go` tell.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

KINDS = {
    "core/v1": (
        *(
            "Binding",
            "ConfigMap",
            "Endpoints",
            "Event",
            "Namespace",
            "Node",
            "Pod",
            "Secret",
            "Service",
            "ServiceAccount",
        ),
    ),
    "apps/v1": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "autoscaling/v1": ("Scale",),
    "coordination/v1": ("Lease",),
    "discovery/v1": ("EndpointSlice",),
    "events/v1": ("Event",),
    "networking/v1": ("NetworkPolicy",),
    "rbac/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "meta/v1": ("DeleteOptions",),
}

_MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (optional|repeated|map<string, ([\w.]+)>)\s+(?:([\w.]+)\s+)?(\w+) = (\d+);", re.MULTILINE)
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_GO_FIELD = re.compile(r'^\t(?:(\w+)\s+)?(\*?)([\w.\[\]*]+)\s+`json:"([^"]*)" protobuf:"\w+,(\d+),', re.MULTILINE)
_SCALARS = {"string", "bool", "int32", "int64", "bytes", "double"}


def main(api: Path, machinery: Path) -> None:
    """Print one line per message that a built-in kind can contain."""
    sources = {group: api / group for group in KINDS if group != "meta/v1"}
    sources |= {"meta/v1": machinery / "pkg/apis/meta/v1", "runtime": machinery / "pkg/runtime"}
    messages = {name: body for group, folder in sources.items() for name, body in _messages(group, folder)}
    pending = [f"{group}.{kind}" for group, kinds in KINDS.items() for kind in kinds]
    seen: dict[str, str] = {}
    while pending:
        name = pending.pop()
        if name in seen or name not in messages:
            continue
        fields = messages[name]
        seen[name] = " ".join(f"{number}:{mark}{field}:{kind}" for number, mark, field, kind in fields)
        pending += [kind.lstrip("[{") for *_, kind in fields]
    for name in sorted(seen):
        print(name, seen[name])


def _messages(group: str, folder: Path) -> Iterator[tuple[str, list[tuple[int, str, str, str]]]]:
    go = "\n".join(path.read_text() for path in folder.glob("*types*.go"))
    structs = {name: {found[4]: found for found in _GO_FIELD.findall(body)} for name, body in _STRUCT.findall(go)}
    for name, body in _MESSAGE.findall((folder / "generated.proto").read_text()):
        fields = []
        for label, of_map, of_field, field, number in _FIELD.findall(body):
            declared = structs.get(name, {}).get(number)
            kind = _kind(of_map or of_field, group)
            kind = "{" + kind if of_map else "[" + kind if label == "repeated" else kind
            json_name = declared[3].partition(",")[0] if declared else field
            mark = "+" if not json_name else "?" if declared and (declared[1] or declared[2].startswith("*")) else ""
            fields.append((int(number), mark, json_name or field, kind))
        yield f"{group}.{name}", fields


def _kind(written: str, group: str) -> str:
    if written in _SCALARS:
        return written
    *package, name = written.strip(".").split(".")
    return f"{'/'.join(package[-2:])}.{name}" if package else f"{group}.{name}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
