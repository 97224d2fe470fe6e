"""Networks and ports: logical switches and what is plugged into them."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.intent import model
from trunkline.ovn import names, schema
from trunkline.ovn.context import Context
from trunkline.ovn.identity import RowKey
from trunkline.ovn.rows import Draft

LOCALNET = "localnet"


def switch_key(network: str) -> RowKey:
    """The row of a network's switch, in which its ports live."""
    return RowKey(schema.SWITCH, model.Network.__name__, network)


def switch(network: model.Network, context: Context) -> Iterator[Draft]:
    """The switch, named as the network.

    `other_config:subnet` stays unset: with it OVN would hand out addresses itself.
    """
    yield Draft({"name": network.id})


def localnet_port(network: model.Network, context: Context) -> Iterator[Draft]:
    """The way out of a VLAN network: the bridge that each chassis maps to the physical network, tagged.

    We set `tag_request`; northd copies it to `tag`, which has no room for "untagged", so VLAN 0 leaves both empty.
    """
    if network.kind is model.NetworkKind.VLAN:
        columns: schema.Columns = {
            "name": names.localnet_port(network.id),
            "type": LOCALNET,
            "addresses": frozenset({"unknown"}),
            "tag_request": network.vlan or None,
            "options": {"network_name": network.physical_network},
        }
        yield Draft(columns, part=LOCALNET, parent=switch_key(network.id))


def port(item: model.Port, context: Context) -> Iterator[Draft]:
    """An endpoint with known addresses, which are also the only ones it may send from, unless it forwards for others."""
    address = " ".join([item.mac, *(str(interface.ip) for interface in item.addresses)])
    columns: schema.Columns = {
        "name": item.id,
        "addresses": frozenset({address}),
        "port_security": frozenset({item.mac if item.forwards else address}),
        "options": {"requested-chassis": item.chassis} if item.chassis else {},
    }
    yield Draft(columns, parent=switch_key(item.network))
