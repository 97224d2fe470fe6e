"""The verbs `pods`, `object` and `event`: wait until the cluster says so."""

from __future__ import annotations

import asyncio
import fnmatch
import re
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address
from typing import Any

from trunkline.adapters.kube import errors, resources
from trunkline.adapters.kube.client import Object
from trunkline.lab.cases import workloads
from trunkline.lab.cases.bench import Bench, StepFailed, key_of
from trunkline.lab.cases.model import Event, ObjectField, Pods

_PAUSE = 0.1  # seconds between two questions

Answer = tuple[bool, list[str]]


async def pods(bench: Bench, wanted: Pods) -> list[str]:
    """Wait for a namespace's pods, until nobody is about to make more of them or to take some away."""

    async def ask() -> Answer:
        # In this order: pods that were listed before their controller was done may be others by now.
        moving = await workloads.moving(bench, wanted.at)
        found = await bench.pods(wanted.at)
        leaving = [f"pod {key_of(pod)} is on its way out" for pod in found if pod["metadata"].get("deletionTimestamp")]
        wrong = [*moving, *leaving, *_wrong(found, wanted)]
        return not wrong, [*wrong, *(_describe(pod) for pod in found)]

    return await _until(ask, wanted.within)


async def object_field(bench: Bench, wanted: ObjectField) -> list[str]:
    """Wait for a field of an object."""
    resource = await bench.resource(wanted.kind)
    label = resource.label(wanted.name, wanted.namespace)

    async def ask() -> Answer:
        try:
            obj = await bench.kube.get(resource, wanted.name, wanted.namespace)
        except errors.NotFound:
            return wanted.gone, [f"{label} is not there"]
        found = look_up(obj, wanted.field)
        return not wanted.gone and found == wanted.equals, [f"{label}: {wanted.field} is {found!r}"]

    return await _until(ask, wanted.within)


async def event(bench: Bench, wanted: Event) -> list[str]:
    """Wait for an Event about an object ("Pod shop/web-0"), or about one of several ("Pod shop/web-*")."""
    kind, _, name = wanted.about.partition(" ")
    namespace, _, name = name.rpartition("/")

    async def ask() -> Answer:
        found, _ = await bench.kube.list(resources.EVENTS, namespace or "default")
        about = [each for each in found if _is_about(each, kind, name)]
        texts = [f"{each.get('type')} {each.get('reason')}: {each.get('message')}" for each in about]
        meant = [text for text in texts if all(part in text for part in wanted.contains)]
        return bool(meant), meant or [f"no Event of {wanted.about} says {' and '.join(wanted.contains)}", *texts]

    return await _until(ask, wanted.within)


def look_up(value: Any, path: str) -> Any:
    """The value at a path such as "status.usage.used" or "status.conditions[0].type"; None where there is none."""
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _wrong(found: list[Object], wanted: Pods) -> list[str]:
    ready = [pod for pod in found if _is_ready(pod)]
    pending = [pod for pod in found if pod.get("status", {}).get("phase") == "Pending"]
    spread = {pod["spec"].get("nodeName") for pod in ready}
    counts = (
        ("ready", wanted.ready, len(ready)),
        ("pending", wanted.pending, len(pending)),
        ("nodes", wanted.nodes, len(spread)),
    )
    wrong = [f"{what}: {number} wanted, {seen} seen" for what, number, seen in counts if number not in (None, seen)]
    if wanted.addresses:
        first, last = (IPv4Address(part.strip()) for part in wanted.addresses.split("-"))
        outside = [pod for pod in ready if not first <= IPv4Address(_address(pod)) <= last]
        wrong += [f"{key_of(pod)}: address {_address(pod)} is outside {wanted.addresses}" for pod in outside]
    addresses = {pod["metadata"]["name"]: _address(pod) for pod in found}
    exact = wanted.address.items()
    wrong += [
        f"{name}: address {text} wanted, {addresses.get(name)} seen"
        for name, text in exact
        if addresses.get(name) != text
    ]
    return wrong


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _address(pod: Object) -> str:
    return str(pod.get("status", {}).get("podIP") or "0.0.0.0")


def _describe(pod: Object) -> str:
    status = pod.get("status", {})
    state = "ready" if _is_ready(pod) else status.get("phase", "unknown")
    return f"pod {key_of(pod)}: {state}, {status.get('podIP') or 'no address'}, on {pod['spec'].get('nodeName') or 'no node'}"


def _is_about(each: Object, kind: str, name: str) -> bool:
    involved = each.get("involvedObject") or {}
    return bool(involved.get("kind") == kind and fnmatch.fnmatchcase(str(involved.get("name")), name))


async def _until(ask: Callable[[], Awaitable[Answer]], seconds: float) -> list[str]:
    """What `ask` saw when its answer was yes.

    Raises:
        StepFailed: it was no until the end; carries what was seen last.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        done, seen = await ask()
        if done:
            return seen
        if loop.time() > deadline:
            raise StepFailed("\n".join([f"not so after {seconds:.0f} s:", *seen]))
        await asyncio.sleep(_PAUSE)
