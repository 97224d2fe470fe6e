"""A pod's port from the runtime's word to working packets, and back: what ADD, DEL, CHECK, GC and STATUS do.

The record of what exists is Open vSwitch's own database and the kernel; the agent keeps none, so it may be killed between
any two lines.  ADD leaves nothing behind when it fails, and heals what an earlier agent left half-made; DEL removes what
there is and is content when there is nothing.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import structlog

from trunkline.adapters.netlink import namespace, pod
from trunkline.adapters.ovs.switch import INSTALLED, PortSpec, Switch
from trunkline.agent import labels, spec
from trunkline.agent.attachments import AttachmentSource, PodRef
from trunkline.agent.phases import Phases
from trunkline.intent.attachment import Attachment
from trunkline.kit import problems

NOT_INSTALLED = problems.register("TRK-0505", "OVN did not install the pod's flows in time")
NAME_TAKEN = problems.register("TRK-0506", "The pod's namespace already has an interface of that name")
NO_NAMESPACE = problems.register("TRK-0507", "The pod's network namespace cannot be entered")
NOT_AS_ADDED = problems.register("TRK-0508", "A pod's interface is not as it was added")

_CHECK_SECONDS = 2.0
"""How long CHECK allows for what is still settling; chosen: many times what OVN takes."""

_log = structlog.get_logger(__name__)


class Ports:
    """Carries out CNI requests on one node."""

    def __init__(
        self,
        switch: Switch,
        source: AttachmentSource,
        *,
        bridge: str,
        checksum_offload: bool,
        timeout: float,
        not_ready: Callable[[], str],
    ) -> None:
        """`timeout` in seconds bounds one ADD; `not_ready` says why pods cannot be attached now ("" when they can)."""
        self._switch = switch
        self._source = source
        self._bridge = bridge
        self._checksum_offload = checksum_offload
        self._timeout = timeout
        self._not_ready = not_ready

    async def handle(self, request: spec.Request, phases: Phases) -> bytes:
        """Carry a request out and answer what goes to standard output.

        Raises:
            Failure: with the specification's code.
        """
        match request.command:
            case "ADD":
                return await self._add(request, phases)
            case "DEL":
                await self._remove(request.key)
            case "CHECK":
                await self._check(request)
            case "GC":
                await self._collect(request)
            case "STATUS":
                if reason := self._not_ready():
                    raise spec.Failure(spec.NOT_AVAILABLE, f"Trunkline is not ready on this node: {reason}")
        return b""

    async def collect_orphans(self) -> None:
        """Remove ports whose Pod and whose namespace are both gone: a DEL that never came."""
        await self._source.synced()
        known = self._source.uids()
        for interface in self._switch.interfaces(labels.POD):
            found = labels.read(interface)
            if found.uid not in known and not Path(found.namespace).exists():
                _log.info("removing an orphaned port", pod=found.pod, interface=interface.name)
                await self._remove(found.key)

    # ADD

    async def _add(self, request: spec.Request, phases: Phases) -> bytes:
        _check_namespace(request.namespace)
        deadline = asyncio.get_running_loop().time() + self._timeout
        with phases.measure("attachment"):
            attachment = await self._source.wait(_pod_of(request), self._timeout)
        cable = self._cable(request, attachment)
        known = labels.PodLabels(
            key=request.key,
            network=request.config.name,
            namespace=request.namespace,
            pod=_pod_of(request).key,
            uid=attachment.uid,
            port=attachment.port,
            mac=attachment.mac,
        )
        if not await self._stands(cable, known):
            await self._clear_the_way(known)
            try:
                await self._make(cable, known, deadline, phases)
            except BaseException:
                await asyncio.shield(self._remove(request.key))
                raise
        return spec.result(request, attachment, cable.host_name, cable.host_mac)

    async def _make(self, cable: pod.Cable, known: labels.PodLabels, deadline: float, phases: Phases) -> None:
        with phases.measure("veth"):
            await self._plug(cable)
        # OVN can bind the port while the pod's namespace is being set up.
        tasks = [
            asyncio.create_task(self._dress(cable, phases)),
            asyncio.create_task(self._join(cable, known, deadline, phases)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, cable: pod.Cable, known: labels.PodLabels, deadline: float, phases: Phases) -> None:
        try:
            with phases.measure("ovs"):
                port = PortSpec(name=cable.host_name, external_ids=known.external_ids())
                interface = await self._switch.ensure_port(self._bridge, port)
            with phases.measure("ovn"):
                await self._switch.installed(interface, deadline - asyncio.get_running_loop().time())
        except TimeoutError:
            raise spec.Failure.of(spec.TRY_AGAIN_LATER, _not_installed(known, self._timeout)) from None
        except problems.RemoteError as error:
            raise spec.Failure(spec.TRY_AGAIN_LATER, str(error)) from error

    async def _plug(self, cable: pod.Cable) -> None:
        try:
            await pod.plug(cable)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise spec.Failure.of(spec.UNKNOWN_CONTAINER, _no_namespace(cable.namespace, error)) from error
            # Which of the two names is taken?  The near one is ours by construction: a cable whose port never came to be.
            if not await pod.remove(cable.host_name) or await pod.is_taken(cable.namespace, cable.name):
                raise spec.Failure.of(spec.INVALID_ENVIRONMENT, _name_taken(cable)) from error
            await pod.plug(cable)

    async def _dress(self, cable: pod.Cable, phases: Phases) -> None:
        with phases.measure("namespace"):
            try:
                await pod.dress(cable)
            except OSError as error:
                raise spec.Failure(
                    spec.IO_FAILURE, f"the pod's interface cannot be set up: {error.strerror}"
                ) from error

    async def _stands(self, cable: pod.Cable, known: labels.PodLabels) -> bool:
        """Whether an earlier ADD has done it all."""
        present = self._switch.interface(cable.host_name)
        if present is None or not known.external_ids().items() <= present.external_ids.items():
            return False
        return present.external_ids.get(INSTALLED) == "true" and not await pod.differences(cable)

    async def _clear_the_way(self, known: labels.PodLabels) -> None:
        """Remove what is in the way: a half-made port of this container, and the same pod's port in a former sandbox.

        Two interfaces with one `iface-id` would fight for the port; the one being added is the one that counts.
        """
        rivals = self._switch.interfaces(labels.of_key(known.key))
        rivals += [row for row in self._switch.interfaces({**labels.POD, "iface-id": known.port}) if row not in rivals]
        for interface in rivals:
            await self._remove(labels.read(interface).key)

    def _cable(self, request: spec.Request, attachment: Attachment) -> pod.Cable:
        host_name = labels.host_name(request.key)
        return pod.Cable(
            host_name=host_name,
            host_mac=labels.host_mac(host_name),
            namespace=request.namespace,
            name=request.key.interface,
            mac=attachment.mac,
            mtu=attachment.mtu,
            addresses=attachment.addresses,
            routes=spec.routes_of(attachment),
            checksum_offload=self._checksum_offload,
        )

    def _cable_added(self, request: spec.Request, expected: spec.Expected) -> pod.Cable:
        host_name = labels.host_name(request.key)
        return pod.Cable(
            host_name=host_name,
            host_mac=labels.host_mac(host_name),
            namespace=request.namespace,
            name=request.key.interface,
            mac=expected.mac,
            mtu=expected.mtu or 0,
            addresses=expected.addresses,
            routes=expected.routes,
        )

    # DEL, CHECK, GC

    async def _remove(self, key: spec.AttachmentKey) -> None:
        interfaces = self._switch.interfaces(labels.of_key(key))
        await asyncio.gather(self._switch.remove_ports(interfaces), pod.remove(labels.host_name(key)))

    async def _check(self, request: spec.Request) -> None:
        _check_namespace(request.namespace)
        cable = self._cable_added(request, spec.expected(request))
        found = [row for row in self._switch.interfaces(labels.of_key(request.key)) if row.name == cable.host_name]
        if not found:
            raise spec.Failure.of(spec.NOT_AS_ADDED, _not_as_added(request, ["its port is not in Open vSwitch"]))
        wrong = await pod.differences(cable)
        try:
            await self._switch.installed(found[0].uuid, _CHECK_SECONDS)
        except TimeoutError:
            wrong.append("OVN has not installed its flows")
        except problems.RemoteError as error:
            wrong.append(str(error))
        if wrong:
            raise spec.Failure.of(spec.NOT_AS_ADDED, _not_as_added(request, wrong))

    async def _collect(self, request: spec.Request) -> None:
        valid = request.config.valid_attachments
        if valid is None:
            raise spec.Failure(spec.INVALID_CONFIG, "GC needs cni.dev/valid-attachments")
        for interface in self._switch.interfaces({**labels.POD, "trunkline-network": request.config.name}):
            key = labels.read(interface).key
            if key not in valid:
                _log.info("removing a port that the runtime does not know", container=key.container)
                await self._remove(key)


def _pod_of(request: spec.Request) -> PodRef:
    arguments = request.arguments
    try:
        return PodRef(arguments["K8S_POD_NAMESPACE"], arguments["K8S_POD_NAME"], arguments.get("K8S_POD_UID", ""))
    except KeyError as missing:
        raise spec.Failure(spec.INVALID_ENVIRONMENT, f"CNI_ARGS: {missing.args[0]} is missing") from None


def _check_namespace(path: str) -> None:
    try:
        own = namespace.is_own(path)
    except OSError as error:
        raise spec.Failure.of(spec.UNKNOWN_CONTAINER, _no_namespace(path, error)) from error
    if own:
        raise spec.Failure(spec.INVALID_ENVIRONMENT, "CNI_NETNS: this is the node's own network namespace")


def _no_namespace(path: str, error: OSError) -> problems.Problem:
    found = error.strerror or str(error)
    return problems.Problem(
        code=NO_NAMESPACE, object=f"namespace {path}", found=found, hint="let the runtime make it first"
    )


def _name_taken(cable: pod.Cable) -> problems.Problem:
    return problems.Problem(
        code=NAME_TAKEN,
        object=f"namespace {cable.namespace}",
        field="CNI_IFNAME",
        found=cable.name,
        allowed="a name that no interface there has",
    )


def _not_installed(known: labels.PodLabels, timeout: float) -> problems.Problem:
    return problems.Problem(
        code=NOT_INSTALLED,
        object=f"Pod {known.pod}",
        field="port",
        found=f"{known.port} without flows after {timeout:g} s",
        hint="see whether ovn-controller runs and the controller has written the port",
    )


def _not_as_added(request: spec.Request, wrong: list[str]) -> problems.Problem:
    return problems.Problem(
        code=NOT_AS_ADDED,
        object=f"container {request.key.container}",
        field=request.key.interface,
        found="; ".join(wrong),
        hint="delete the pod, so that it is added anew",
    )
