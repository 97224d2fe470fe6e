"""The grammar of a case file: a name, plain words, and steps under `given`, `when` and `then`.

A step has exactly one verb.  Places are named as people say them:

    vm                  a host of the topology
    pod/shop/web-0      one pod
    pods/shop           every pod of a namespace
    pods/shop/web-*     those whose names match
    172.16.19.254       an address, where something is only to be reached
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

DEFAULT_TOPOLOGY = "labs/bare-metal.yaml"


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A piece of the file: keys in kebab-case, unknown ones refused."""


class Pods(_Part, frozen=True, kw_only=True):
    """Wait until the pods of a namespace (or `namespace/glob`) are so; `within` is in seconds.

    `ready` and `pending` count pods, `nodes` counts the nodes they are spread over, `addresses` bounds each pod's
    address ("172.16.19.11-172.16.19.50"), and `address` maps a pod's name to the very address it must have.
    """

    at: str = msgspec.field(name="in")
    ready: int | None = None
    pending: int | None = None
    nodes: int | None = None
    addresses: str = ""
    address: dict[str, str] = {}
    within: float = 60.0


class ObjectField(_Part, frozen=True, kw_only=True):
    """Wait until a field of an object has a value, or (`gone`) until the object is gone."""

    kind: str
    name: str
    namespace: str | None = None
    field: str = ""
    equals: Any = None
    gone: bool = False
    within: float = 30.0


class Event(_Part, frozen=True, kw_only=True):
    """Wait until an object has an Event with every one of these texts in its reason or message."""

    about: str
    contains: tuple[str, ...]
    within: float = 30.0


class Reach(_Part, frozen=True, kw_only=True):
    """Try from every `from` to every `to`; each pair must answer (or, with `expect: no`, none of them may)."""

    origin: str | tuple[str, ...] = msgspec.field(name="from")
    to: str | tuple[str, ...]
    by: Literal["ping", "http"] = "ping"
    port: int = 8080
    size: int = 56
    expect: bool = True
    within: float = 15.0


class Execute(_Part, frozen=True, kw_only=True):
    """Run a command in a place; `contains` must be in what it prints, and the exit code must be this one."""

    at: str = msgspec.field(name="in")
    run: tuple[str, ...]
    contains: tuple[str, ...] = ()
    exit_code: int = 0


class Match(_Part, frozen=True, kw_only=True):
    """Which frames are meant; what is not said may be anything.

    `vlan` is a number, or "none" for frames without a tag.
    """

    vlan: int | Literal["none"] | None = None
    protocol: str = ""
    kind: str = ""
    source: str = ""
    destination: str = ""
    destination_port: int | None = None
    inner: Match | None = None


class Expectation(Match, frozen=True, kw_only=True):
    """How many such frames must be seen from each `source`: "1+" (at least one), "0", "3"."""

    count: str | int = "1+"


class Listen(_Part, frozen=True, kw_only=True):
    """Capture on interfaces of a place while steps run, then count frames by their decoded fields.

    Without `interface` it is a host's uplink or only link, a pod's eth0, a switch's trunks.  `filter` is tcpdump's
    language, and looks behind VLAN tags as well.
    """

    at: str
    interface: str | tuple[str, ...] = ""
    filter: str = ""
    steps: tuple[Step, ...] = msgspec.field(name="while")
    expect: tuple[Expectation, ...]
    within: float = 5.0


class Step(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to do or to find out; `says` is its caption."""

    says: str = ""
    apply: str | tuple[str | dict[str, Any], ...] | None = None
    delete: str | tuple[str | dict[str, Any], ...] | None = None
    pods: Pods | None = None
    object: ObjectField | None = None
    event: Event | None = None
    reach: Reach | None = None
    capture: Listen | None = None
    exec: Execute | None = None

    def __post_init__(self) -> None:
        if len(self.verbs()) != 1:
            raise ValueError(f"a step has exactly one verb, found {', '.join(self.verbs()) or 'none'}")

    def verbs(self) -> list[str]:
        """The verbs that are set."""
        return [name for name in VERBS if getattr(self, name) is not None]


VERBS = ("apply", "delete", "pods", "object", "event", "reach", "capture", "exec")


class Case(_Part, frozen=True, kw_only=True):
    """One case."""

    name: str
    says: str
    topology: str = DEFAULT_TOPOLOGY
    given: tuple[Step, ...] = ()
    when: tuple[Step, ...] = ()
    then: tuple[Step, ...] = ()
