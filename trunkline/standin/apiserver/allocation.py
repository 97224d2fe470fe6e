"""What the server gives out: Service addresses and node ports.

Taken is what objects in the store have, plus what requests under way were promised; so two requests at once never get
the same, and nothing leaks when one of them fails.
"""

from __future__ import annotations

import contextlib
import ipaddress
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from trunkline.standin.apiserver import causes, objects, storage
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.kinds import services
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.resources import Resource

NODE_PORTS = range(30000, 32768)
"""The Kubernetes default of --service-node-port-range."""

_SERVICES = "/registry/core/services/"


class Allocation:
    """Gives out addresses of the service network, and node ports."""

    def __init__(self, found: storage.Objects, service_cidr: str) -> None:
        self._objects = found
        self._services = ipaddress.ip_network(service_cidr)
        self._promised: set[Any] = set()

    @property
    def own_address(self) -> str:
        """The address of the API server's own Service: the first one."""
        return str(self._services[1])

    @contextlib.contextmanager
    def given(self, resource: Resource, obj: Json, refused: list[Cause]) -> Iterator[None]:
        """Fill in, in place, what the object lacks; what cannot be given is added to `refused`.

        The promise holds inside the block, which is where the object is written.
        """
        before = set(self._promised)
        if resource.directory == _SERVICES:
            refused += self._service(obj)
        promised = self._promised - before
        try:
            yield
        finally:
            self._promised -= promised

    def _service(self, service: Json) -> Iterator[Cause]:
        spec, own = service["spec"], service["metadata"].get("uid")
        others = [
            stored.obj["spec"] for stored in self._objects.list(_SERVICES) if stored.obj["metadata"].get("uid") != own
        ]
        if services.has_address(spec):
            yield from self._address(spec, {other.get("clusterIP") for other in others}, str(own))
        elif spec.get("clusterIP") == "None":
            spec["clusterIPs"] = ["None"]
        if services.has_node_ports(spec):
            taken = {port.get("nodePort") for other in others for port in objects.items(other, "ports")}
            yield from self._node_ports(spec, taken, str(own))

    def _address(self, spec: Json, taken: set[Any], seed: str) -> Iterator[Cause]:
        asked = spec.get("clusterIP")
        if not asked:
            free = self._first_free(map(str, _from(self._services, seed)), taken)
            if free is None:
                yield causes.invalid("spec.clusterIPs", [], "failed to allocate IP: range is full")
                return
            spec["clusterIP"], spec["clusterIPs"] = free, [free]
        elif asked in taken or asked in self._promised:
            detail = f"failed to allocate IP {asked}: provided IP is already allocated"
            yield causes.invalid("spec.clusterIPs", [asked], detail)
        elif not _inside(asked, self._services):
            detail = f"failed to allocate IP {asked}: the provided IP is not in the valid range. "
            yield causes.invalid("spec.clusterIPs", [asked], f"{detail}The range of valid IPs is {self._services}")
        else:
            self._promised.add(asked)

    def _node_ports(self, spec: Json, taken: set[Any], seed: str) -> Iterator[Cause]:
        for index, port in enumerate(objects.items(spec, "ports")):
            asked = port.get("nodePort")
            if not asked:
                start = zlib.crc32(seed.encode()) % len(NODE_PORTS)
                port["nodePort"] = self._first_free([*NODE_PORTS[start:], *NODE_PORTS[:start]], taken)
            elif asked in taken:
                yield causes.invalid(f"spec.ports[{index}].nodePort", asked, "provided port is already allocated")
            elif asked not in NODE_PORTS:
                detail = f"provided port is not in the valid range. The range of valid ports is {NODE_PORTS[0]}-{NODE_PORTS[-1]}"
                yield causes.invalid(f"spec.ports[{index}].nodePort", asked, detail)

    def _first_free(self, choices: Iterable[Any], taken: set[Any]) -> Any:
        free = next((choice for choice in choices if choice not in taken and choice not in self._promised), None)
        if free is not None:
            self._promised.add(free)
        return free


def _from(network: Any, seed: str) -> Iterator[Any]:
    """The network's host addresses but the first, once around from a place that follows from `seed`.

    The first is left for the API server's own Service, as in Kubernetes; starting elsewhere each time keeps an address
    that was just given back from being given out at once.
    """
    usable = max(network.num_addresses - 3, 0)
    start = zlib.crc32(seed.encode()) % usable if usable else 0
    for step in range(usable):
        yield network.network_address + 2 + (start + step) % usable


def _inside(text: str, network: Any) -> bool:
    try:
        return ipaddress.ip_address(text) in network
    except ValueError:
        return False
