"""A pod's port from the runtime's word to working packets, and back: what ADD, DEL, CHECK, GC and STATUS do.

The record of what exists is Open vSwitch's own database and the kernel; the agent keeps none, so it may be killed between
any two lines.  ADD leaves nothing behind when it fails, and heals what an earlier agent left half-made; DEL removes what
there is and is content when there is nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from trunkline.adapters import ovsdb
from trunkline.adapters.netlink import namespace, pod
from trunkline.adapters.ovs.switch import INSTALLED, Switch
from trunkline.agent import labels, spec
from trunkline.agent.attachments import AttachmentSource, PodRef
from trunkline.agent.berths import Berths
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
        berths: Berths,
        *,
        timeout: float,
        not_ready: Callable[[], str],
    ) -> None:
        """`timeout` in seconds bounds one ADD; `not_ready` says why pods cannot be attached now ("" when they can)."""
        self._switch = switch
        self._source = source
        self._berths = berths
        self._timeout = timeout
        self._not_ready = not_ready

    async def handle(self, request: spec.Request, phases: Phases) -> bytes:
        """Carry a request out and answer what goes to standard output.

        Raises:
            Failure: with the specification's code.
        """
        try:
            return await self._handle(request, phases)
        except problems.RemoteError as error:
            raise spec.Failure(spec.TRY_AGAIN_LATER, str(error)) from error

    async def _handle(self, request: spec.Request, phases: Phases) -> bytes:
        match request.command:
            case "ADD":
                with self._berths.expect(_pod_of(request).key):
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

    # ADD

    async def _add(self, request: spec.Request, phases: Phases) -> bytes:
        _check_namespace(request.namespace)
        deadline = asyncio.get_running_loop().time() + self._timeout
        with phases.measure("attachment"):
            attachment = await self._source.wait(_pod_of(request), self._timeout)
        cable = self._cable(request, attachment)
        wanted = labels.PodLabels(
            key=request.key,
            network=request.config.name,
            namespace=request.namespace,
            pod=_pod_of(request).key,
            uid=attachment.uid,
            port=attachment.port,
            mac=attachment.mac,
            switch=attachment.network,
        )
        async with self._berths.hold(cable.pair.host_name):
            if not await self._stands(cable, wanted):
                await self._attach(cable, wanted, deadline, phases)
        return spec.result(request, attachment, cable.pair.host_name, cable.pair.host_mac)

    async def _attach(self, cable: pod.Cable, wanted: labels.PodLabels, deadline: float, phases: Phases) -> None:
        try:
            with phases.measure("berth"):
                if not await self._berths.is_free(cable.pair, wanted):
                    await self._clear_the_way(cable, wanted)
                    await self._berths.lay(cable.pair)
            await self._occupy(cable, wanted, deadline, phases)
        except BaseException as error:
            await asyncio.shield(self._berths.remove([cable.pair.host_name]))
            if isinstance(error, OSError):
                raise spec.Failure(spec.IO_FAILURE, f"the pod's cable cannot be made: {error.strerror}") from error
            raise

    async def _occupy(self, cable: pod.Cable, wanted: labels.PodLabels, deadline: float, phases: Phases) -> None:
        # Whose the port is must be known before the pod has anything that somebody would have to take away again.
        with phases.measure("ovs"):
            interface = await self._berths.register(cable.pair, wanted)
        # OVN can bind the port, if that is not done yet, while the pod's namespace is being set up.
        tasks = [
            asyncio.create_task(self._connect(cable, phases)),
            asyncio.create_task(self._await_flows(interface, wanted, deadline, phases)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _await_flows(
        self, interface: ovsdb.RowUuid, wanted: labels.PodLabels, deadline: float, phases: Phases
    ) -> None:
        try:
            with phases.measure("ovn"):
                await self._switch.installed(interface, deadline - asyncio.get_running_loop().time())
        except TimeoutError:
            raise spec.Failure.of(spec.TRY_AGAIN_LATER, _not_installed(wanted, self._timeout)) from None

    async def _connect(self, cable: pod.Cable, phases: Phases) -> None:
        with phases.measure("namespace"):
            try:
                await pod.connect(cable)
            except FileExistsError as error:
                raise spec.Failure.of(spec.INVALID_ENVIRONMENT, _name_taken(cable)) from error

    async def _stands(self, cable: pod.Cable, wanted: labels.PodLabels) -> bool:
        """Whether an earlier ADD has done it all."""
        present = self._switch.interface(cable.pair.host_name)
        if present is None or not wanted.external_ids().items() <= present.external_ids.items():
            return False
        return present.external_ids.get(INSTALLED) == "true" and not await pod.differences(cable)

    async def _clear_the_way(self, cable: pod.Cable, wanted: labels.PodLabels) -> None:
        """Remove what is in the way: a half-made port of this container, and the same pod's port in a former sandbox.

        Two interfaces with one `iface-id` would fight for the port; the one being added is the one that counts.
        """
        rivals = self._switch.interfaces(labels.of_key(wanted.key))
        rivals += self._switch.interfaces({**labels.POD, "iface-id": wanted.port})
        names = {row.name for row in rivals}
        if self._berths.has_port(cable.pair.host_name):
            names.add(cable.pair.host_name)
        if names:
            await self._berths.remove(names)

    def _cable(self, request: spec.Request, attachment: Attachment) -> pod.Cable:
        return pod.Cable(
            pair=self._berths.pair(attachment),
            namespace=request.namespace,
            name=request.key.interface,
            addresses=attachment.addresses,
            routes=spec.routes_of(attachment),
        )

    # DEL, CHECK, GC

    async def _remove(self, key: spec.AttachmentKey) -> None:
        # The runtime takes our word for it and does not come back, so a port that is there must be found.
        await self._switch.caught_up()
        found = self._names(key)
        for name in found:
            async with self._berths.hold(name):
                if name in self._names(key):  # meanwhile the pod's next sandbox may have taken it over
                    await self._berths.remove([name])
        if not found:
            await self._berths.remove_portless()

    def _names(self, key: spec.AttachmentKey) -> list[str]:
        return [row.name for row in self._switch.interfaces(labels.of_key(key))]

    async def _check(self, request: spec.Request) -> None:
        _check_namespace(request.namespace)
        added = spec.expected(request)
        await self._switch.caught_up()
        found = self._switch.interfaces(labels.of_key(request.key))
        if not found:
            raise spec.Failure.of(spec.NOT_AS_ADDED, _not_as_added(request, ["its port is not in Open vSwitch"]))
        wrong = await pod.differences(_cable_added(request, added, found[0].name))
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
        await self._switch.caught_up()
        for interface in self._switch.interfaces({**labels.POD, "trunkline-network": request.config.name}):
            key = labels.read(interface).key
            if key not in valid:
                _log.info("removing a port that the runtime does not know", container=key.container)
                await self._remove(key)


def _cable_added(request: spec.Request, added: spec.Expected, host_name: str) -> pod.Cable:
    mac, mtu = added.mac, added.mtu or 0
    return pod.Cable(
        pair=pod.Pair(host_name=host_name, host_mac=labels.host_mac(host_name), waiting="", mac=mac, mtu=mtu),
        namespace=request.namespace,
        name=request.key.interface,
        addresses=added.addresses,
        routes=added.routes,
    )


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


def _not_installed(wanted: labels.PodLabels, timeout: float) -> problems.Problem:
    return problems.Problem(
        code=NOT_INSTALLED,
        object=f"Pod {wanted.pod}",
        field="port",
        found=f"{wanted.port} without flows after {timeout:g} s",
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
