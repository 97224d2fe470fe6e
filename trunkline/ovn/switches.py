"""Networks and ports: logical switches and what is plugged into them."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.ovn import filters, names, schema
from trunkline.ovn.context import Context
from trunkline.ovn.identity import RowKey
from trunkline.ovn.rows import Draft

LOCALNET = "localnet"


def switch_key(network: str) -> RowKey:
    """The row of a network's switch, in which its ports live."""
    return RowKey(schema.SWITCH, model.Network.__name__, network)


def switch(network: model.Network, context: Context) -> Iterator[Draft]:
    """The switch, named as the network; an overlay network where nothing is has none.

    northd 23.03 computes every switch anew whatever changes, and a fabric has thousands of segments that wait for a first
    machine.  A VLAN network is never empty: its localnet port is there.

    `other_config:subnet` stays unset: with it OVN would hand out addresses itself.
    """
    if network.kind is model.NetworkKind.VLAN or context.is_used(network.id):
        yield Draft({"name": network.id})


def localnet_port(network: model.Network, context: Context) -> Iterator[Draft]:
    """The way out of a VLAN network: the bridge that each chassis maps to the physical network, tagged.

    VLAN 0 is no tag.
    """
    if network.kind is model.NetworkKind.VLAN:
        columns: schema.Columns = {
            "name": names.localnet_port(network.id, network.physical_network),
            "type": LOCALNET,
            "addresses": frozenset({"unknown"}),
            **_tag(network.vlan),
            "options": {"network_name": network.physical_network},
        }
        yield Draft(columns, part=LOCALNET, parent=switch_key(network.id))


def port(item: model.Port, context: Context) -> Iterator[Draft]:
    """An endpoint: the hosts behind it, which alone may send unless it has no guard; nested ones name parent and tag."""
    columns: schema.Columns = {
        "name": item.id,
        "addresses": _hosts(item.hosts) | ({"unknown"} if item.guard is model.Guard.NONE else set()),
        "port_security": _GUARDS[item.guard](item.hosts),
        "parent_name": item.parent or None,
        **_tag(item.tag),
        "options": _requested_chassis(item) | _requested_key(item, context),
    }
    groups = (filters.group_key(item.filter),) if item.filter else ()
    yield Draft(columns, parent=switch_key(item.network), lists=groups)


def _tag(tag: int) -> dict[str, int | None]:
    """What is asked for, and what northd makes of that; 0 leaves both empty.

    northd 23.03 copies the one to the other, but tells hypervisors of a new port before it does: until it has computed
    everything once more, a nested port would carry nothing while all concerned call it ready.
    """
    return {"tag": tag or None, "tag_request": tag or None}


def _hosts(hosts: tuple[model.Host, ...]) -> frozenset[str]:
    return frozenset(" ".join([host.mac, *(str(interface.ip) for interface in host.addresses)]) for host in hosts)


def _macs(hosts: tuple[model.Host, ...]) -> frozenset[str]:
    return frozenset(host.mac for host in hosts)


def _nobody(hosts: tuple[model.Host, ...]) -> frozenset[str]:
    return frozenset()


_GUARDS = {model.Guard.ADDRESSES: _hosts, model.Guard.MACS: _macs, model.Guard.NONE: _nobody}


def _requested_chassis(item: model.Port) -> dict[str, str]:
    """The first machine claims the port, the second gets a copy of its traffic."""
    machines = [machine for machine in (item.chassis, item.moving_to) if machine]
    return {"requested-chassis": ",".join(machines)} if machines else {}


def _requested_key(item: model.Port, context: Context) -> dict[str, str]:
    """A key of its own for a port that learns, so that nothing learned at a port that is gone is believed of a new one.

    northd 23.03 gives a new port the first key above those in use, also one that a port which went at the same time had,
    and then keeps the MACs (southbound `FDB`) that were learned there: two containers whose tag changes may swap keys, and
    each one's frames are sent back to it.  When two would ask for one key neither does: northd lets a port keep what it has.
    """
    if item.guard is not model.Guard.NONE or context.same_number(item):
        return {}
    return {"requested-tnl-key": str(names.tunnel_key(item.id))}
