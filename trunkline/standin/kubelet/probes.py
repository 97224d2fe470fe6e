"""Probes: is a container started, ready, alive?  Asked from inside the pod's network namespace.

Source: Kubernetes documentation "Configure Liveness, Readiness and Startup Probes" for defaults and thresholds.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trunkline.standin.kubelet import namespaces, processes
from trunkline.standin.kubelet.containers import Command

Json = dict[str, Any]


class Target(msgspec.Struct, frozen=True):
    """The container asked: its namespace's path (None for the node's), its address, its spec and command."""

    netns: str | None
    address: str
    container: Json
    command: Command


async def verdicts(probe: Json, target: Target) -> AsyncIterator[tuple[bool, str]]:
    """What a probe finds, at first and whenever it differs from before, and why when it is bad.

    A verdict is given after `failureThreshold` failures in a row, or `successThreshold` successes.
    """
    thresholds = {True: probe.get("successThreshold", 1), False: probe.get("failureThreshold", 3)}
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    last: bool | None = None
    healthy: bool | None = None
    in_a_row = 0
    while True:
        found, why = await ask(probe, target)
        in_a_row = in_a_row + 1 if found is last else 1
        last = found
        if found is not healthy and in_a_row >= thresholds[found]:
            healthy = found
            yield healthy, why
        await asyncio.sleep(probe.get("periodSeconds", 10))


async def ask(probe: Json, target: Target) -> tuple[bool, str]:
    """Ask once: the answer, and why when it is no."""
    timeout = float(probe.get("timeoutSeconds", 1))
    try:
        async with asyncio.timeout(timeout + 1):
            if "exec" in probe:
                return await _exec(probe["exec"], target, timeout)
            if "httpGet" in probe:
                return await _visit(target, lambda: _http_get(probe["httpGet"], target, timeout))
            if "tcpSocket" in probe:
                return await _visit(target, lambda: _tcp(probe["tcpSocket"], target, timeout))
    except (OSError, http.client.HTTPException, TimeoutError) as error:
        return False, str(error) or "timed out"
    return False, f"the lab kubelet knows no probe of this kind: {', '.join(probe)}"


async def _exec(check: Json, target: Target, timeout: float) -> tuple[bool, str]:
    async with asyncio.timeout(timeout):
        command = target.command
        code, out, err = await processes.run(check["command"], command.env, netns=target.netns, cwd=command.cwd)
    return code == 0, (out + err).decode(errors="replace")[:500]


async def _visit(target: Target, call: Any) -> tuple[bool, str]:
    answer: tuple[bool, str] = await (
        namespaces.inside(target.netns, call) if target.netns else asyncio.to_thread(call)
    )
    return answer


def _http_get(check: Json, target: Target, timeout: float) -> tuple[bool, str]:
    connection = http.client.HTTPConnection(check.get("host") or target.address, _port(check, target), timeout=timeout)
    try:
        headers = {entry["name"]: entry["value"] for entry in check.get("httpHeaders") or ()}
        connection.request("GET", check.get("path") or "/", headers=headers)
        status = connection.getresponse().status
        return 200 <= status < 400, f"HTTP probe failed with statuscode: {status}"
    finally:
        connection.close()


def _tcp(check: Json, target: Target, timeout: float) -> tuple[bool, str]:
    socket.create_connection((check.get("host") or target.address, _port(check, target)), timeout).close()
    return True, ""


def _port(check: Json, target: Target) -> int:
    """The port by number, or by its name in the container's spec."""
    port: int | str = check["port"]
    named = {entry.get("name"): int(entry["containerPort"]) for entry in target.container.get("ports") or ()}
    return named[port] if port in named else int(port)
