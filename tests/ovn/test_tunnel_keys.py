"""Ports that learn ask for a tunnel key of their own, because northd gives keys of ports that went to ports that came."""

from __future__ import annotations

import itertools
from ipaddress import ip_interface

import msgspec

from trunkline import ovn
from trunkline.intent import model
from trunkline.ovn import names

CHILD = model.Network(id="infra/segments/child", kind=model.NetworkKind.OVERLAY)


def container(vif: str, tag: int) -> model.Port:
    return model.Port(id=f"{vif}/{tag}", network=CHILD.id, guard=model.Guard.NONE, parent=vif, tag=tag)


def asked(*containers: model.Port) -> dict[str, str | None]:
    """The key that each container's port asks for."""
    vifs = [
        model.Port(id=vif, network=CHILD.id, guard=model.Guard.NONE) for vif in {each.parent for each in containers}
    ]
    ports = {each.id: each for each in (*vifs, *containers)}
    rows = ovn.compile_rows(model.Intent(networks={CHILD.id: CHILD}, ports=ports)).rows
    options = {row.columns["name"]: row.columns["options"] for row in rows.values() if row.columns.get("parent_name")}
    return {name: chosen.get("requested-tnl-key") for name, chosen in options.items()}


def colliding() -> tuple[str, str]:
    """Two machines whose containers with tag 7 would ask for the same key."""
    seen: dict[int, str] = {}
    for vif in (f"vif-{number}" for number in itertools.count()):
        if (other := seen.setdefault(names.tunnel_key(f"{vif}/7"), vif)) != vif:
            return other, vif
    raise AssertionError("keys are finite")


def test_container_whose_tag_changes_asks_for_a_key_that_nobody_had() -> None:
    before = asked(container("a", 1002), container("b", 1002))
    after = asked(container("a", 1003), container("b", 1003))

    assert len({*before.values(), *after.values()}) == 4


def test_of_two_that_would_ask_for_one_key_neither_does_so_that_each_keeps_what_it_has() -> None:
    one, other = (container(vif, 7) for vif in colliding())

    assert asked(one, other) == {one.id: None, other.id: None}
    assert asked(one) == {one.id: str(names.tunnel_key(one.id))}


def test_guarded_container_has_any_key_because_nothing_is_learned_from_it() -> None:
    known = model.Host(mac="02:00:00:00:00:01", addresses=(ip_interface("10.2.0.21/24"),))
    guarded = msgspec.structs.replace(container("a", 1002), guard=model.Guard.ADDRESSES, hosts=(known,))

    assert asked(guarded) == {"a/1002": None}
