"""What steps work on: a lab that is up, its cluster, and the names in it."""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from trunkline.adapters.kube import resources
from trunkline.adapters.kube.client import Kube, Object
from trunkline.adapters.kube.resources import Resource
from trunkline.adapters.nsx import Nsx
from trunkline.kit import problems
from trunkline.kit.addresses import IPAddress
from trunkline.lab import targets, topology
from trunkline.lab.state import Lab
from trunkline.lab.targets import Target
from trunkline.lab.topology import Topology

UNKNOWN_KIND = problems.register("TRK-0632", "The cluster does not know a kind of object.")
UNKNOWN_PLACE = problems.register("TRK-0633", "A case names a place that does not exist.")

PODS = "pods/"

Say = Callable[[str], None]
Undo = Callable[[], Awaitable[object]]


class StepFailed(Exception):
    """What a step found is not what it wanted; the text says both."""


class Bench:
    """A lab with its cluster and its fabric, as a case sees it.

    `undoing` holds what brings the fabric back to where it was, to be run last first.
    """

    def __init__(
        self, lab: Lab, drawn: Topology, kube: Kube | None, policy: Nsx | None, *, root: Path, say: Say
    ) -> None:
        self.lab = lab
        self.drawn = drawn
        self.root = root
        self.say = say
        self.applied: list[Object] = []
        self.created: list[Object] = []
        self.undoing: list[Undo] = []
        self.captures = 0
        self._kube = kube
        self._policy = policy

    @property
    def kube(self) -> Kube:
        """The cluster's API server.

        Raises:
            StepFailed: the lab has no cluster.
        """
        if self._kube is None:
            raise StepFailed("this lab has no cluster")
        return self._kube

    @property
    def policy(self) -> Nsx:
        """The fabric's policy API.

        Raises:
            StepFailed: the lab has no fabric.
        """
        if self._policy is None:
            raise StepFailed("this lab has no fabric")
        return self._policy

    def capture_file(self, case: str, place: str) -> Path:
        """Where the next capture is kept."""
        self.captures += 1
        return self.lab.directory / "captures" / f"{case}-{self.captures:02}-{place.replace('/', '-')}.pcap"

    async def pods(self, name: str) -> list[Object]:
        """The pods that `NAMESPACE` or `NAMESPACE/GLOB` stands for, by name."""
        namespace, _, glob = name.partition("/")
        found, _ = await self.kube.list(resources.PODS, namespace)
        wanted = [pod for pod in found if fnmatch.fnmatchcase(pod["metadata"]["name"], glob or "*")]
        return sorted(wanted, key=lambda pod: str(pod["metadata"]["name"]))

    async def places(self, names: str | tuple[str, ...]) -> list[str]:
        """Names with `pods/...` replaced by the pods it stands for.

        Raises:
            StepFailed: there are no such pods.
        """
        found: list[str] = []
        for name in (names,) if isinstance(names, str) else names:
            if not name.startswith(PODS):
                found.append(name)
                continue
            pods = [targets.POD + key_of(pod) for pod in await self.pods(name.removeprefix(PODS))]
            if not pods:
                raise StepFailed(f"there are no {name}")
            found += pods
        return found

    def target(self, name: str) -> Target:
        """The namespace of a host or pod."""
        return targets.find(self.lab, self.drawn, name)

    async def address(self, name: str) -> IPAddress:
        """The address of a host, a pod, a container, or an address itself.

        Raises:
            IntentError: there is no such host.
            StepFailed: the pod has no address.
        """
        if name.startswith(targets.POD):
            namespace, _, pod = name.removeprefix(targets.POD).partition("/")
            status = (await self.kube.get(resources.PODS, pod, namespace)).get("status", {})
            if not status.get("podIP"):
                raise StepFailed(f"{name} has no address; it is {status.get('phase', 'unknown')}")
            return ipaddress.ip_address(status["podIP"])
        known = self._known_addresses()
        if name in known:
            return known[name]
        try:
            return ipaddress.ip_address(name)
        except ValueError:
            hint = problems.did_you_mean(name, known)
            problem = problems.Problem(code=UNKNOWN_PLACE, object=name, found="no host, pod or address", hint=hint)
            raise problems.IntentError(problems=[problem]) from None

    def _known_addresses(self) -> dict[str, IPAddress]:
        """The addresses that the topology tells, by name."""
        hosts = {name: topology.management_address(host) for name, host in self.drawn.machines().items()}
        inside = {
            f"{targets.CONTAINER}{vm}/{name}": found.address.ip for (vm, name), found in self.drawn.containers().items()
        }
        return {**{name: address for name, address in hosts.items() if address}, **inside}

    async def addresses(self, names: str | tuple[str, ...]) -> dict[IPAddress, str]:
        """The addresses of all these places, and whose each is."""
        return {await self.address(name): name for name in await self.places(names)}

    async def resource(self, kind: str, api_version: str = "") -> Resource:
        """The REST resource of a kind.

        Raises:
            IntentError: neither Kubernetes' own kinds nor the cluster's custom ones know it.
        """
        for known in vars(resources).values():
            if isinstance(known, Resource) and known.kind == kind and api_version in ("", known.api_version):
                return known
        definitions, _ = await self.kube.list(resources.CRDS)
        for definition in definitions:
            if definition["spec"]["names"]["kind"] == kind and (found := _custom(definition["spec"], api_version)):
                return found
        names = [definition["spec"]["names"]["kind"] for definition in definitions]
        problem = problems.Problem(
            code=UNKNOWN_KIND,
            object=f"kind {kind}",
            found=api_version or "any version",
            allowed="the cluster does not serve it",
            hint=problems.did_you_mean(kind, names),
        )
        raise problems.IntentError(problems=[problem])


def key_of(obj: Object) -> str:
    """ "namespace/name", or "name"."""
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _custom(spec: Mapping[str, Any], api_version: str) -> Resource | None:
    for version in spec["versions"]:
        if version["served"] and api_version in ("", f"{spec['group']}/{version['name']}"):
            names, scope = spec["names"], spec["scope"]
            return resources.resource(
                spec["group"], version["name"], names["plural"], names["kind"], namespaced=scope == "Namespaced"
            )
    return None
