"""Leads generated requests to places that exist; loaded by schemathesis, which knows nothing of what a test has stored.

Holders in a path are the objects that the test made (`deep`), or the one of their kind that every manager has.  The object itself
is one that is there, or one of two that come and go.  Paths that are wrong on purpose are left alone.
"""

import zlib

import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

HOLDERS = {
    "org": "default",
    "site": "default",
    "enforcement-point": "default",
    "domain": "default",
    "nat": "USER",
}
LEAVES = {
    "kind": ("segments", "segment-ports", "groups", "vifs", "ip-addresses", "pods"),
    "type": ("Tag", "ManagedResource"),
    "domain": ("default",),
    "nat": ("USER", "INTERNAL"),
}
COME_AND_GO = ("first", "second")


@schemathesis.hook
def before_call(context, case, kwargs):
    component = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
    if component is None or component.mode is not GenerationMode.POSITIVE:
        return
    *holders, leaf = case.path_parameters
    if not case.path.endswith(f"{{{leaf}}}"):
        holders, leaf = [*holders, leaf], None
    for name in holders:
        case.path_parameters[name] = HOLDERS.get(name.removesuffix("-id"), "deep")
    if leaf:
        there = LEAVES.get(leaf.removesuffix("-id"), ("deep",))
        choices = there if case.method.upper() == "GET" else (*there[1:], *COME_AND_GO)
        drawn = zlib.crc32(repr(case.path_parameters[leaf]).encode())
        case.path_parameters[leaf] = choices[drawn % len(choices)]
