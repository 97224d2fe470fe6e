"""A topology as a picture: Graphviz dot, Mermaid, or SVG drawn by Graphviz.  Pure, but for the call of `dot`."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.lab import layout, shell, status
from trunkline.lab.topology import CONTROL_PLANE, MANAGER, Topology

_SHAPES = {
    "switch": "box",
    "router": "diamond",
    "host": "ellipse",
    CONTROL_PLANE: "component",
    MANAGER: "component",
    "node": "box3d",
    "hypervisor": "box3d",
    "node vm": "folder",
    "vm": "note",
    "container": "plaintext",
}
_MERMAID = {
    "switch": ("[[", "]]"),
    "router": ("{{", "}}"),
    "host": ("([", "])"),
    CONTROL_PLANE: ("[/", "/]"),
    MANAGER: ("[/", "/]"),
    "node": ("[", "]"),
    "hypervisor": ("[", "]"),
    "node vm": ("(", ")"),
    "vm": ("(", ")"),
    "container": (">", "]"),
}


def dot(drawn: Topology) -> str:
    """The topology in Graphviz' language; links carry their VLANs, nodes their addresses."""
    lines = [f'graph "{drawn.name}" {{', '  graph [overlap=false, splines=true, fontname="sans-serif"];']
    lines += ['  node [fontname="sans-serif"];', '  edge [fontname="sans-serif", fontsize=9];']
    for kind, name in _members(drawn):
        lines.append(f'  "{name}" [shape={_SHAPES[kind]}, label="{_label(drawn, name, chr(92) + "n")}"];')
    for cable in layout.cables(drawn):
        lines.append(f'  "{_near(cable)}" -- "{cable.far.switch}" [label="{_vlans(cable)}"];')
    return "\n".join([*lines, "}", ""])


def mermaid(drawn: Topology) -> str:
    """The topology in Mermaid's language, as Markdown viewers draw it."""
    identity = {name: f"n{index}" for index, (_, name) in enumerate(_members(drawn))}
    lines = ["graph TD"]
    for kind, name in _members(drawn):
        before, after = _MERMAID[kind]
        lines.append(f'  {identity[name]}{before}"{_label(drawn, name, "<br/>")}"{after}')
    links = [
        f'  {identity[_near(cable)]} ---|"{_vlans(cable)}"| {identity[cable.far.switch]}'
        for cable in layout.cables(drawn)
    ]
    return "\n".join([*lines, *links, ""])


async def svg(drawn: Topology) -> str:
    """The topology as SVG.

    Raises:
        RemoteError: Graphviz' `dot` is not installed, or failed.
    """
    return await shell.run(["dot", "-Tsvg"], text=dot(drawn))


TEXT_FORMATS: dict[str, Callable[[Topology], str]] = {"dot": dot, "mermaid": mermaid}


def _members(drawn: Topology) -> list[tuple[str, str]]:
    kinds = {**dict.fromkeys(drawn.switches, "switch"), **status.roles(drawn)}
    return [(kind, name) for name, kind in kinds.items()]


def _label(drawn: Topology, name: str, newline: str) -> str:
    if name in drawn.switches:
        return name
    found = [f"{end.name} {end.address}" for end in layout.interfaces(drawn, name) if end.address]
    return newline.join([name, *found])


def _near(cable: layout.Cable) -> str:
    return cable.near.switch if isinstance(cable.near, layout.Port) else cable.near.host


def _vlans(cable: layout.Cable) -> str:
    port = cable.far
    if port.trunk:
        return "all VLANs"
    tagged = f"tagged {', '.join(str(vlan) for vlan in port.tagged)}" if port.tagged else ""
    untagged = f"VLAN {port.untagged} untagged" if port.untagged else ""
    return "; ".join(part for part in (untagged, tagged) if part)
