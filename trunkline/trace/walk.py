"""The logical walk of a packet, read from what `ovn-trace --detailed --no-friendly-names` prints.

The program has no format for programs: sections are headed by a line that is underlined with dashes, stages are numbered,
actions are indented below them.  A packet that OVN makes of the traced one (an ARP request, an ICMP error) is printed as if
the walk went on; everything below such a section is marked as `generated`, because it is another packet.

Source: ovn-trace(8), and its output in OVN 23.03 (`tests/trace/recorded`).
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

_STAGE = re.compile(r" *(?P<number>\d+)\. (?P<name>\w+)(?: \((?P<source>[^)]*)\))?: (?P<rest>.*)")
_FLOW = re.compile(r"(?P<match>.*), priority (?P<priority>\d+), uuid (?P<uuid>[0-9a-f]{8})")
_PIPELINE = re.compile(
    r'(?P<way>ingress|egress)\(dp="(?P<dp>.*?)", inport="(?P<inport>.*?)"(?:, outport="(?P<out>.*)")?\)'
)
_GROUP = re.compile(r'multicast\(dp=".*", mcgroup="(?P<group>.*)"\)')
_OUTPUT = re.compile(r'/\* output to "(?P<port>.*)", type "(?P<type>\w*)" \*/')
_REDIRECT = re.compile(r'/\* Replacing type "chassisredirect" outport "(?P<port>.*?)" with')
_PREFIX = re.compile(r"ip[46]\.dst == (\S+)")
_VIA = re.compile(r"x?x?reg0 = ([0-9a-f.:]+);")
_SAME_PACKET = ("ct_", "clone", "ingress(", "egress(", "multicast(")


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One logical flow that the packet met; `source` is the line of northd that made it, `uuid` its first 8 digits."""

    number: int
    name: str
    source: str = ""
    match: str = ""
    priority: int = 0
    uuid: str = ""
    actions: tuple[str, ...] = ()


class Output(msgspec.Struct, frozen=True):
    """A logical port that the packet leaves by; the type is OVN's, "" for a machine's interface."""

    port: str
    type: str


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """The packet in one pipeline of one logical switch or router.

    `datapath` is the UUID of the northbound row.  `group`: the multicast group that this copy of the packet is for;
    `redirect`: the gateway's port on one hypervisor that the packet must pass, "" if it stays where it is; `generated`: it is
    no longer the traced packet.
    """

    way: Literal["ingress", "egress"]
    datapath: str
    inport: str
    outport: str = ""
    stages: tuple[Stage, ...] = ()
    outputs: tuple[Output, ...] = ()
    group: str = ""
    redirect: str = ""
    generated: bool = False

    @property
    def dropped(self) -> bool:
        """Whether the packet ends here."""
        return bool(self.stages) and not any(
            action.startswith(("output;", "output to ")) for stage in self.stages for action in stage.actions
        )

    @property
    def last(self) -> Stage | None:
        """The last stage that the packet met."""
        return self.stages[-1] if self.stages else None

    @property
    def hop(self) -> Hop | None:
        """The route that a router chose for the packet here."""
        stage = next((stage for stage in self.stages if stage.name == "lr_in_ip_routing"), None)
        prefix = _PREFIX.search(stage.match) if stage else None
        if stage is None or prefix is None:
            return None
        via = next((found[1] for action in stage.actions if (found := _VIA.fullmatch(action))), "")
        return Hop(prefix[1], via)

    @property
    def router(self) -> bool:
        """Whether this is a logical router's pipeline."""
        return bool(self.stages) and self.stages[0].name.startswith("lr_")


class Hop(msgspec.Struct, frozen=True):
    """The route that a router chose: the prefix of its destination, and the next hop ("" for a network of its own)."""

    prefix: str
    via: str


class Walk(msgspec.Struct, frozen=True):
    """Where the logical network takes a packet."""

    passes: tuple[Pass, ...]

    @property
    def own(self) -> tuple[Pass, ...]:
        """The passes of the traced packet itself."""
        return tuple(one for one in self.passes if not one.generated)

    @property
    def deliveries(self) -> tuple[Output, ...]:
        """The ports by which it leaves the logical network, each once."""
        outputs = (output for one in self.own for output in one.outputs if output.type != "patch")
        return tuple(dict.fromkeys(outputs))

    @property
    def redirects(self) -> tuple[str, ...]:
        """The gateway ports that bind it to one hypervisor each."""
        return tuple(one.redirect for one in self.own if one.redirect)


def parse(text: str) -> Walk:
    """The walk in the output of ovn-trace."""
    reader = _Reader()
    lines = text.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        bare = below.strip()
        if line.strip() and len(bare) >= 2 and not bare.strip("-"):
            reader.section(line.strip(), len(line) - len(line.lstrip()))
        elif line.strip() and line.strip().strip("-"):
            reader.line(line)
    return Walk(tuple(reader.passes))


class _Reader:
    """Gathers passes section by section."""

    def __init__(self) -> None:
        self.passes: list[Pass] = []
        self._group = ""
        self._made_at: int | None = None  # indentation of the section from which on packets are OVN's own

    def section(self, head: str, depth: int) -> None:
        """A heading: a pipeline, a multicast group, or an action with a walk of its own."""
        if self._made_at is not None and depth < self._made_at:
            self._made_at = None
        if found := _GROUP.fullmatch(head):
            self._group = found["group"]
        elif found := _PIPELINE.fullmatch(head):
            if found["way"] == "ingress":
                self._group = ""
            way: Literal["ingress", "egress"] = "ingress" if found["way"] == "ingress" else "egress"
            self.passes.append(
                Pass(
                    way=way,
                    datapath=found["dp"],
                    inport=found["inport"],
                    outport=found["out"] or "",
                    group=self._group,
                    generated=self._made_at is not None,
                )
            )
        elif not head.startswith(_SAME_PACKET) and self._made_at is None:
            self._made_at = depth

    def line(self, line: str) -> None:
        """A stage, or an action of the stage before; actions of a packet that OVN makes say nothing about ours."""
        if not self.passes:
            return
        one = self.passes[-1]
        if found := _STAGE.fullmatch(line):
            self.passes[-1] = msgspec.structs.replace(one, stages=(*one.stages, _stage(found)))
        elif one.generated == (self._made_at is not None) and one.stages:
            self.passes[-1] = _acted(one, line.strip())


def _stage(found: re.Match[str]) -> Stage:
    flow = _FLOW.fullmatch(found["rest"])
    number, name, source = int(found["number"]), found["name"], found["source"] or ""
    if flow is None:  # "no match (implicit drop)"
        return Stage(number=number, name=name, source=source)
    return Stage(
        number=number,
        name=name,
        source=source,
        match=flow["match"],
        priority=int(flow["priority"]),
        uuid=flow["uuid"],
    )


def _acted(one: Pass, action: str) -> Pass:
    last = msgspec.structs.replace(one.stages[-1], actions=(*one.stages[-1].actions, action))
    one = msgspec.structs.replace(one, stages=(*one.stages[:-1], last))
    if found := _OUTPUT.fullmatch(action):
        return msgspec.structs.replace(one, outputs=(*one.outputs, Output(found["port"], found["type"])))
    if found := _REDIRECT.match(action):
        return msgspec.structs.replace(one, redirect=found["port"])
    return one
