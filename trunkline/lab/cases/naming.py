"""Names for what is another in every run: `{port/node-a}` in a policy path or body is the path of node-a's segment port.

{port/node-a}         the policy path of a machine's segment port, where the topology has it
{card/node-a}         the attachment id of a machine's card
{mac/node-a}          the MAC of a machine
{mac/vm/node-a/web}   the MAC of a container in it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from trunkline.lab import layout, targets, wiring
from trunkline.lab.cases.bench import Bench, StepFailed
from trunkline.lab.cases.model import Request
from trunkline.lab.fabric import attaching, vifs
from trunkline.lab.topology import VIF

_NAME = re.compile(r"\{(port|card|mac)/([^{}]+)\}")


def filled(bench: Bench, wanted: Request) -> Request:
    """The request with every name replaced.

    Raises:
        StepFailed: there is no such machine or container.
    """
    method, path = wanted.asked()
    changed = {method.lower(): _text(bench, path), "body": _value(bench, wanted.body)}
    return msgspec.structs.replace(wanted, **changed, answer=_value(bench, wanted.answer))


def _value(bench: Bench, value: Any) -> Any:
    if isinstance(value, str):
        return _text(bench, value)
    if isinstance(value, dict):
        return {key: _value(bench, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_value(bench, each) for each in value]
    return value


def _text(bench: Bench, text: str) -> str:
    return _NAME.sub(lambda found: _MEANINGS[found[1]](bench, found[2]), text)


def _port(bench: Bench, machine: str) -> str:
    return attaching.port_path(bench.lab, bench.drawn, _known(bench, machine))


def _card(bench: Bench, machine: str) -> str:
    return vifs.identity(bench.lab, _known(bench, machine))


def _mac(bench: Bench, place: str) -> str:
    machine, _, container = place.removeprefix(targets.CONTAINER).partition("/")
    host = layout.container_host(machine, container) if container else _known(bench, machine)
    if container and (machine, container) not in bench.drawn.containers():
        raise StepFailed(f"there is no container {container} in {machine}")
    return wiring.mac(bench.lab, host, VIF)


def _known(bench: Bench, machine: str) -> str:
    if machine not in bench.drawn.vifs():
        raise StepFailed(f"there is no machine {machine}; there are {', '.join(bench.drawn.vifs())}")
    return machine


_MEANINGS: Mapping[str, Callable[[Bench, str], str]] = {"port": _port, "card": _card, "mac": _mac}
