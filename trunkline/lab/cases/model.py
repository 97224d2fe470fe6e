"""The grammar of a case file: a name, plain words, and steps under `given`, `when` and `then`.

A step has exactly one verb.  Places are named as people say them:

    vm                  a host of the topology
    pod/shop/web-0      one pod
    pods/shop           every pod of a namespace
    pods/shop/web-*     those whose names match
    vm/node-a/web       a container in a virtual machine
    port/node-a         where a virtual machine's card is plugged in, wherever that is; for captures
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
    """Try from every `from` to every `to`; each pair must answer.

    With `expect: no` none of them may; with `expect: stops` each must have fallen silent before time is up.
    """

    origin: str | tuple[str, ...] = msgspec.field(name="from")
    to: str | tuple[str, ...]
    by: Literal["ping", "http"] = "ping"
    port: int = 8080
    size: int = 56
    expect: bool | Literal["stops"] = True
    within: float = 15.0


class Execute(_Part, frozen=True, kw_only=True):
    """Run a command in a place; `contains` must be in what it prints, and the exit code must be this one.

    It is run again for up to `within` seconds until both are so.
    """

    at: str = msgspec.field(name="in")
    run: tuple[str, ...]
    contains: tuple[str, ...] = ()
    exit_code: int = 0
    within: float = 0.0


class Match(_Part, frozen=True, kw_only=True):
    """Which frames are meant; what is not said may be anything.

    `vlan` is a number, or "none" for frames without a tag; `key` is a GRE tunnel's key or an ERSPAN session's number.
    """

    vlan: int | Literal["none"] | None = None
    protocol: str = ""
    kind: str = ""
    source: str = ""
    destination: str = ""
    destination_port: int | None = None
    key: int | None = None
    inner: Match | None = None


class Expectation(Match, frozen=True, kw_only=True):
    """How many such frames must be seen from each `source`: "1+" (at least one), "0", "3", "3-5"."""

    count: str | int = "1+"


class Listen(_Part, frozen=True, kw_only=True):
    """Capture on interfaces of a place, or of several, while steps run, then count frames by their decoded fields.

    Without `interface` it is a host's uplink or only link, a pod's eth0, a switch's trunks.  `filter` is tcpdump's
    language, and looks behind VLAN tags as well.  It ends when everything was seen often enough, or after `within` seconds.
    Where the network still has to follow what nobody tells the end of, a capture whose counts are wrong is made again,
    steps and all, for up to `again` seconds.
    """

    at: str | tuple[str, ...]
    interface: str | tuple[str, ...] = ""
    filter: str = ""
    steps: tuple[Step, ...] = msgspec.field(name="while")
    expect: tuple[Expectation, ...]
    within: float = 5.0
    again: float = 0.0


class Send(_Part, frozen=True, kw_only=True):
    """Send single frames from a place's interface, by their names in `lab.frames`, each once and in this order."""

    origin: str = msgspec.field(name="from")
    frames: tuple[str, ...]


class Ping(_Part, frozen=True, kw_only=True):
    """Ping without a pause, `every` so many seconds, while steps run; at most `lost` answers may be missing."""

    origin: str = msgspec.field(name="from")
    to: str
    every: float = 0.01
    lost: int = 0
    steps: tuple[Step, ...] = msgspec.field(name="while")


class Request(_Part, frozen=True, kw_only=True):
    """Ask the policy API: one method with a policy path, what to send, and what the answer must be.

    In the path and in bodies `{port/node-a}`, `{card/node-a}` and `{mac/vm/node-a/web}` stand for what the lab gave them.
    `answer` holds what must be in the answer, "*" standing for any value; with `realised` the step ends when the network
    follows the document, or, after a DELETE, nothing of it any more.  A GET is repeated for up to `within` seconds until its answer is as wanted.
    When the case ends the document is again what it was before.
    """

    get: str = msgspec.field(name="GET", default="")
    put: str = msgspec.field(name="PUT", default="")
    patch: str = msgspec.field(name="PATCH", default="")
    post: str = msgspec.field(name="POST", default="")
    delete: str = msgspec.field(name="DELETE", default="")
    body: dict[str, Any] | None = None
    expect: int = 200
    answer: Any = None
    realised: bool = False
    within: float = 0.0
    steps: tuple[Step, ...] = msgspec.field(name="while", default=())
    grows: dict[str, str | int] = {}

    def __post_init__(self) -> None:
        if len(self._asked()) != 1:
            raise ValueError("a policy step has exactly one of GET, PUT, PATCH, POST and DELETE")
        if bool(self.steps) != bool(self.grows) or (self.grows and not self.get):
            raise ValueError("while and grows belong together, and to a GET")

    def asked(self) -> tuple[str, str]:
        """Method and policy path."""
        return self._asked()[0]

    def _asked(self) -> list[tuple[str, str]]:
        methods = ("GET", "PUT", "PATCH", "POST", "DELETE")
        return [(method, path) for method in methods if (path := getattr(self, method.lower()))]


class Placement(_Part, frozen=True, kw_only=True):
    """A virtual machine, and the segment (policy path) that it is attached to; the topology's unless told."""

    machine: str
    segment: str = ""


class Migration(_Part, frozen=True, kw_only=True):
    """A virtual machine, and the hypervisor that it is carried to; when the case ends it goes back."""

    machine: str
    to: str


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
    send: Send | None = None
    policy: Request | None = None
    attach: Placement | None = None
    detach: Placement | None = None
    migrate: Migration | None = None
    ping: Ping | None = None

    def __post_init__(self) -> None:
        if len(self.verbs()) != 1:
            raise ValueError(f"a step has exactly one verb, found {', '.join(self.verbs()) or 'none'}")

    def verbs(self) -> list[str]:
        """The verbs that are set."""
        return [name for name in VERBS if getattr(self, name) is not None]


CLUSTER_VERBS = ("apply", "delete", "pods", "object", "event", "reach", "capture", "exec", "send")
FABRIC_VERBS = ("policy", "attach", "detach", "migrate", "ping")
VERBS = (*CLUSTER_VERBS, *FABRIC_VERBS)


class Case(_Part, frozen=True, kw_only=True):
    """One case; what is under `finally` is done however the other steps went.

    A `slow` one is run by `trunkline lab check` and `make check-all`, not by `make test`.
    """

    name: str
    says: str
    slow: bool = False
    topology: str | tuple[str, ...] = DEFAULT_TOPOLOGY
    given: tuple[Step, ...] = ()
    when: tuple[Step, ...] = ()
    then: tuple[Step, ...] = ()
    afterwards: tuple[Step, ...] = msgspec.field(name="finally", default=())

    @property
    def topologies(self) -> tuple[str, ...]:
        """Every topology that the case is true of."""
        return (self.topology,) if isinstance(self.topology, str) else self.topology
