"""The node's Open vSwitch as the agent uses it: ask memory, write differences, wait for ovs-vswitchd and ovn-controller.

Every method may be repeated.  A write that changes nothing is not sent.  Memory may lag behind the database: whoever was told
of a change by somebody else, or acts on what is not there, asks it to catch up first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import msgspec

from trunkline.adapters import ovsdb
from trunkline.adapters.ovs import rows
from trunkline.kit import problems

NOT_OPENED = problems.register("TRK-0510", "Open vSwitch could not open a network device")
NOT_TAKEN = problems.register("TRK-0511", "ovs-vswitchd did not take a change in time")

INSTALLED = "ovn-installed"
"""The key that ovn-controller sets to "true" on an interface once all flows of its port are in place."""

_ANSWER_SECONDS = 10.0
"""How long a database may take to answer; chosen: it takes well under a millisecond, and a restart of its server about a second."""

_Ready = Callable[[rows.Interface], bool]


class BridgeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a bridge should be.  Keys of `other_config` and `external_ids` that are not named here are let be."""

    name: str
    datapath_type: str
    fail_mode: str | None = None
    other_config: dict[str, str] = {}
    external_ids: dict[str, str] = {}
    mtu: int | None = None


class PortSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A port with one interface of the same name; `options` are those of its type (a patch's peer)."""

    name: str
    external_ids: dict[str, str] = {}
    type: str = ""
    options: dict[str, str] = {}
    mac: str | None = None
    mtu: int | None = None


class Switch:
    """One node's Open vSwitch."""

    def __init__(self, client: ovsdb.Client, replica: ovsdb.Replica) -> None:
        self._client = client
        self.replica = replica

    # What is there

    async def caught_up(self) -> None:
        """Wait until memory holds what the database held when this was called.

        Raises:
            RemoteError: the database does not answer.
        """
        await self._client.caught_up(_ANSWER_SECONDS)

    @property
    def root(self) -> rows.OpenVSwitch | None:
        """The root row; None in a database that nobody has initialised."""
        return next(iter(self.replica.table(rows.OpenVSwitch).values()), None)

    def bridge(self, name: str) -> rows.Bridge | None:
        """The bridge called `name`."""
        return next((row for row in self.replica.table(rows.Bridge).values() if row.name == name), None)

    def interface(self, name: str) -> rows.Interface | None:
        """The interface called `name`, in whichever bridge."""
        return next((row for row in self.replica.table(rows.Interface).values() if row.name == name), None)

    def interfaces(self, external_ids: Mapping[str, str]) -> list[rows.Interface]:
        """The interfaces that carry all these external ids."""
        wanted = external_ids.items()
        return [row for row in self.replica.table(rows.Interface).values() if wanted <= row.external_ids.items()]

    def bridge_of(self, interface: rows.Interface) -> rows.Bridge | None:
        """The bridge that holds an interface."""
        port = self.port_of(interface)
        return next((row for row in self.replica.table(rows.Bridge).values() if port and port.uuid in row.ports), None)

    def port_of(self, interface: rows.Interface) -> rows.Port | None:
        """The port that an interface is in."""
        return next((row for row in self.replica.table(rows.Port).values() if interface.uuid in row.interfaces), None)

    def datapath(self, kind: str) -> rows.Datapath | None:
        """The capabilities row of a datapath type, once ovs-vswitchd has written it."""
        uuid = self.root.datapaths.get(kind) if self.root else None
        return self.replica.table(rows.Datapath).get(uuid) if uuid else None

    # What should be there

    async def initialise(self) -> None:
        """Give an empty database its root row (as `ovs-vsctl init` does)."""
        if self.root is None:
            await self._client.transact([ovsdb.insert("Open_vSwitch", {})])

    async def ensure_bridge(self, spec: BridgeSpec) -> None:
        """Make the bridge, or change what differs."""
        bridge = self.bridge(spec.name)
        await self.write(self._new_bridge(spec) if bridge is None else self._changed_bridge(bridge, spec))

    async def remove_bridge(self, name: str) -> None:
        """Remove a bridge and its ports, if it is there."""
        bridge = self.bridge(name)
        if bridge and self.root:
            gone = ovsdb.mutate("Open_vSwitch", ovsdb.by_uuid(self.root.uuid), [("bridges", "delete", {bridge.uuid})])
            await self.write([gone])

    async def ensure_port(self, bridge: str, spec: PortSpec) -> ovsdb.RowUuid:
        """Make the port or bring its external ids up to date; answers its interface.

        Raises:
            RemoteError: there is no such bridge.
        """
        present = self.interface(spec.name)
        if present is None:
            return await self._new_port(bridge, spec)
        changed = dict(spec.external_ids.items() - present.external_ids.items())
        if changed:
            # Only these keys: ovn-controller may be writing its own at this very moment.
            await self.write([ovsdb.mutate("Interface", ovsdb.by_uuid(present.uuid), _keys("external_ids", changed))])
        return present.uuid

    async def remove_ports(self, interfaces: Iterable[rows.Interface]) -> None:
        """Remove the ports of these interfaces from their bridges, as far as they are there."""
        operations = []
        for interface in interfaces:
            port, bridge = self.port_of(interface), self.bridge_of(interface)
            if port and bridge:
                operations.append(
                    ovsdb.mutate("Bridge", ovsdb.by_uuid(bridge.uuid), [("ports", "delete", {port.uuid})])
                )
        await self.write(operations)

    async def set_external_ids(self, wanted: Mapping[str, str], *, absent: Iterable[str] = ()) -> None:
        """Set keys of the root row's external ids and drop others."""
        if (root := self.root) is None:
            return
        changed = dict(wanted.items() - root.external_ids.items())
        gone = (set(absent) - wanted.keys()) & root.external_ids.keys()
        if changed or gone:
            mutations = _keys("external_ids", changed, gone)
            await self.write([ovsdb.mutate("Open_vSwitch", ovsdb.by_uuid(root.uuid), mutations)])

    async def set_tls(self, private_key: str, certificate: str, ca: str) -> None:
        """Name the key files of every TLS connection that OVS programs make."""
        if (root := self.root) is None:
            return
        wanted = {"private_key": private_key, "certificate": certificate, "ca_cert": ca}
        present = self.replica.table(rows.Ssl).get(root.ssl) if root.ssl else None
        if present is None:
            await self.write(
                [
                    ovsdb.insert("SSL", wanted, "ssl"),
                    ovsdb.update("Open_vSwitch", ovsdb.by_uuid(root.uuid), {"ssl": ovsdb.NamedUuid("ssl")}),
                ]
            )
        elif (present.private_key, present.certificate, present.ca_cert) != (private_key, certificate, ca):
            await self.write([ovsdb.update("SSL", ovsdb.by_uuid(present.uuid), wanted)])

    async def ensure_datapath(self, kind: str) -> None:
        """Make the row in which ovs-vswitchd writes what a datapath type can do (ovn-controller would make it later)."""
        root = self.root
        if root is None or kind in root.datapaths:
            return
        # Inserted, not updated: if ovn-controller has made one meanwhile, that one stays and ours is nobody's.
        added = [("datapaths", "insert", {kind: ovsdb.NamedUuid("datapath")})]
        await self.write(
            [
                ovsdb.insert("Datapath", {}, "datapath"),
                ovsdb.mutate("Open_vSwitch", ovsdb.by_uuid(root.uuid), added),
            ]
        )

    async def set_capability(self, datapath: rows.Datapath, name: str, value: str) -> None:
        """Overrule what ovs-vswitchd says of a datapath."""
        await self.write([ovsdb.mutate("Datapath", ovsdb.by_uuid(datapath.uuid), _keys("capabilities", {name: value}))])

    # What others do about it

    async def opened(self, interface: ovsdb.RowUuid, timeout: float) -> None:
        """Wait until ovs-vswitchd has opened the device.

        Raises:
            RemoteError: it cannot, or it did not within `timeout` seconds.
        """
        await self._wait(interface, lambda row: bool(row.ofport and row.ofport > 0), timeout)

    async def taken(self, timeout: float) -> None:
        """Wait until ovs-vswitchd has taken everything that is in the database now.

        Raises:
            TimeoutError: it did not within `timeout` seconds.
        """
        if (root := self.root) is None:
            return
        await self.write([ovsdb.mutate("Open_vSwitch", ovsdb.by_uuid(root.uuid), [("next_cfg", "+=", 1)])])
        asked = self.root.next_cfg if self.root else 0  # as it is since our write, which others' may have preceded
        await self.replica.wait_for(lambda: self.root is not None and self.root.cur_cfg >= asked, timeout)

    async def installed(self, interface: ovsdb.RowUuid, timeout: float) -> None:
        """Wait until ovn-controller has installed every flow of the port.

        Raises:
            RemoteError: ovs-vswitchd cannot open the device.
            TimeoutError: it did not happen within `timeout` seconds.
        """
        await self.replica.wait_for(
            lambda: self._state(interface, lambda row: row.external_ids.get(INSTALLED) == "true"), timeout
        )

    async def _wait(self, interface: ovsdb.RowUuid, ready: _Ready, timeout: float) -> None:
        try:
            await self.replica.wait_for(lambda: self._state(interface, ready), timeout)
        except TimeoutError:
            row = self.replica.table(rows.Interface).get(interface)
            problem = problems.Problem(
                code=NOT_TAKEN,
                object=f"interface {row.name if row else interface}",
                found=f"not opened after {timeout:g} s" if row else "somebody removed it",
                hint="see whether ovs-vswitchd runs",
            )
            raise problems.RemoteError(problems=[problem]) from None

    def _state(self, interface: ovsdb.RowUuid, ready: _Ready) -> bool:
        row = self.replica.table(rows.Interface).get(interface)
        if row is not None and row.ofport == -1:
            problem = problems.Problem(
                code=NOT_OPENED, object=f"interface {row.name}", found=row.error or "no reason given"
            )
            raise problems.RemoteError(problems=[problem])
        return row is not None and ready(row)

    # Operations

    async def write(self, operations: list[ovsdb.Operation]) -> None:
        """Carry out operations together, if there are any."""
        if operations:
            await self._client.transact(operations)

    async def _new_port(self, bridge: str, spec: PortSpec) -> ovsdb.RowUuid:
        holder = self.bridge(bridge)
        if holder is None:
            problem = problems.Problem(code=NOT_TAKEN, object=f"bridge {bridge}", found="no such bridge")
            raise problems.RemoteError(problems=[problem])
        answers = await self._client.transact(
            [
                ovsdb.insert("Interface", _interface(spec), "interface"),
                ovsdb.insert("Port", {"name": spec.name, "interfaces": {ovsdb.NamedUuid("interface")}}, "port"),
                ovsdb.mutate("Bridge", ovsdb.by_uuid(holder.uuid), [("ports", "insert", {ovsdb.NamedUuid("port")})]),
            ]
        )
        return ovsdb.RowUuid(answers[0]["uuid"])

    def _new_bridge(self, spec: BridgeSpec) -> list[ovsdb.Operation]:
        if self.root is None:
            return []
        own = PortSpec(name=spec.name, type="internal", mtu=spec.mtu)
        bridge = {
            "name": spec.name,
            "ports": {ovsdb.NamedUuid("port")},
            "datapath_type": spec.datapath_type,
            "fail_mode": spec.fail_mode,
            "other_config": spec.other_config,
            "external_ids": spec.external_ids,
        }
        return [
            ovsdb.insert("Interface", _interface(own), "interface"),
            ovsdb.insert("Port", {"name": spec.name, "interfaces": {ovsdb.NamedUuid("interface")}}, "port"),
            ovsdb.insert("Bridge", bridge, "bridge"),
            ovsdb.mutate(
                "Open_vSwitch", ovsdb.by_uuid(self.root.uuid), [("bridges", "insert", {ovsdb.NamedUuid("bridge")})]
            ),
        ]

    def _changed_bridge(self, bridge: rows.Bridge, spec: BridgeSpec) -> list[ovsdb.Operation]:
        wanted = {"datapath_type": spec.datapath_type, "fail_mode": spec.fail_mode}
        changed = {column: value for column, value in wanted.items() if getattr(bridge, column) != value}
        operations = [ovsdb.update("Bridge", ovsdb.by_uuid(bridge.uuid), changed)] if changed else []
        for column, keys in (("other_config", spec.other_config), ("external_ids", spec.external_ids)):
            if differing := dict(keys.items() - getattr(bridge, column).items()):
                operations.append(ovsdb.mutate("Bridge", ovsdb.by_uuid(bridge.uuid), _keys(column, differing)))
        own = self.interface(spec.name)
        if own and spec.mtu and own.mtu_request != spec.mtu:
            operations.append(ovsdb.update("Interface", ovsdb.by_uuid(own.uuid), {"mtu_request": spec.mtu}))
        return operations


def _keys(column: str, changed: Mapping[str, str], gone: Iterable[str] = ()) -> list[ovsdb.Mutation]:
    """Set some keys of a map and drop others.  Never the whole map: whose the other keys are may be writing them right now."""
    return [(column, "delete", {*changed, *gone}), (column, "insert", dict(changed))]


def _interface(spec: PortSpec) -> dict[str, object]:
    row = {
        "name": spec.name,
        "type": spec.type,
        "options": spec.options,
        "external_ids": spec.external_ids,
        "mac": spec.mac,
        "mtu_request": spec.mtu,
    }
    return {column: value for column, value in row.items() if value}


@asynccontextmanager
async def connect(remote: str) -> AsyncIterator[Switch]:
    """The Open vSwitch whose database is served at `remote`; waits until it is reachable.

    Raises:
        IntentError: the remote is not written as one.
    """
    async with ovsdb.Client(remote, "Open_vSwitch") as client:
        yield Switch(client, await client.replicate(*rows.ALL))
