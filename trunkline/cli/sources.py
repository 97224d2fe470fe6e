"""Where questions about the network are answered: the Kubernetes API, Trunkline's store, OVN's northbound database.

Told by options, or found in the lab that is up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from trunkline.kit import problems

if TYPE_CHECKING:
    from trunkline.adapters.kube import Kube
    from trunkline.dialects.antrea.ippools import IPPool
    from trunkline.dialects.kubernetes.objects import Node
    from trunkline.ipam.book import Book

NOT_TOLD = problems.register("TRK-0804", "It is not known where to ask.")

CONNECT_SECONDS = 5.0
"""chosen: a database that is there answers in milliseconds"""

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--lab", help="Ask the programs of this lab; default: the only one that is up."),
    click.option("--kubeconfig", help="Ask this Kubernetes API; with --store, outside a lab."),
    click.option("--store", metavar="REMOTE", help="Trunkline's store, as OVSDB writes it: unix:/run/ovn/nb.sock."),
    click.option("--northbound", metavar="REMOTE", help="OVN's northbound database; default: where the store is."),
    click.option("--physical-network", default="trunk", show_default=True, help="As the controller's settings say."),
)


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask; remotes as OVSDB writes them, `kubeconfig` a path."""

    kubeconfig: str
    store: str
    northbound: str
    physical_network: str


def options(command: F) -> F:
    """Adds the options that `choose` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def choose(
    *, lab: str | None, kubeconfig: str | None, store: str | None, northbound: str | None, physical_network: str
) -> Sources:
    """What the options say, or the lab that they name.

    Raises:
        IntentError: there is no such lab, or the options leave something open.
    """
    if store is None and kubeconfig is None and northbound is None:
        return _of_lab(lab)
    if store is None or kubeconfig is None:
        missing = "--store" if store is None else "--kubeconfig"
        hint = f"add {missing}, or give none of them to ask the lab that is up"
        problem = problems.Problem(code=NOT_TOLD, object="options", found=f"no {missing}", hint=hint)
        raise problems.IntentError(problems=[problem])
    return Sources(
        kubeconfig=kubeconfig, store=store, northbound=northbound or store, physical_network=physical_network
    )


def _of_lab(name: str | None) -> Sources:
    from trunkline.lab import central, reading, state
    from trunkline.lab.topology import CONTROL_PLANE

    lab = state.choose(name, default="bare-metal")
    lab.read()
    drawn = reading.load(lab.topology_file)
    remote = central.northbound_remote(lab, CONTROL_PLANE)
    return Sources(
        kubeconfig=str(lab.kubeconfig),
        store=remote,
        northbound=remote,
        physical_network=drawn.cluster.physical_network,
    )


async def book(sources: Sources) -> Book:
    """All address leases, from the store.

    Raises:
        RemoteError: it cannot be reached.
    """
    from trunkline.adapters import store as stores
    from trunkline.ipam import book as books
    from trunkline.ipam import leases

    async with stores.Store(sources.store, connect_timeout=CONNECT_SECONDS) as store:
        return books.Book(leases.decode(claim.body) for claim in store.claims(leases.PREFIX))


async def pools(kube: Kube, sources: Sources) -> list[IPPool]:
    """Every IPPool; none where the cluster does not know the kind.

    Raises:
        RemoteError: the API server cannot be reached, or refuses.
    """
    from trunkline.adapters.kube import errors, resources
    from trunkline.dialects.antrea import ippools

    kind = resources.resource(ippools.GROUP, "v1beta1", "ippools", "IPPool", namespaced=False)
    try:
        found, _ = await kube.list(kind)
    except errors.NotFound:
        return []
    return [ippools.decode(raw, physical_network=sources.physical_network) for raw in found]


async def nodes(kube: Kube) -> list[Node]:
    """Every Node.

    Raises:
        RemoteError: the API server cannot be reached, or refuses.
    """
    from trunkline.adapters.kube import resources
    from trunkline.dialects.kubernetes import objects

    found, _ = await kube.list(resources.NODES)
    return [objects.node(raw) for raw in found]
