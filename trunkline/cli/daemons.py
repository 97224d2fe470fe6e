"""The long-running programs: read a settings file, set up logging, run until a signal says stop.

SIGTERM and SIGINT cancel the program's main task, so that every `finally` runs; exit code 0 after a wanted stop.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from trunkline.kit import settings

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)

_config = click.option("--config", "path", required=True, type=click.Path(path_type=Path), help="Settings file (TOML).")


def _load(path: Path, kind: type[SettingsT]) -> SettingsT:
    try:
        text = path.read_text()
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from error
    return settings.decode(text, kind, name=str(path))


def _log_to_stderr() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def _run(program: Coroutine[Any, Any, None]) -> None:
    async def until_stopped() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await program
        except asyncio.CancelledError:
            return

    _log_to_stderr()
    asyncio.run(until_stopped())


@click.command()
@_config
@click.option("--restore", is_flag=True, help="Give the bridged interfaces back to the node as they were, and stop.")
@click.option("--retry", is_flag=True, help="Move the interfaces although an earlier move cut the node off.")
def agent(path: Path, restore: bool, retry: bool) -> None:
    """Run a node's agent: CNI server, uplink bridges, data-plane guard."""
    from trunkline.agent import main as program
    from trunkline.agent import trial
    from trunkline.agent.settings import Settings

    loaded = _load(path, Settings)
    if retry:
        trial.forgive(loaded)
    _run(program.restore(loaded) if restore else program.run(loaded))


@click.command()
@_config
def controller(path: Path) -> None:
    """Run the cluster's control program: addresses, northbound rows, statuses, webhooks."""
    from trunkline.controller import main as program
    from trunkline.controller.settings import Settings

    _run(program.run(_load(path, Settings)))


@click.command()
@_config
@click.option("--listen-fd", "listen_fds", type=int, multiple=True, help="An inherited listening socket to serve, too.")
def policy(path: Path, listen_fds: tuple[int, ...]) -> None:
    """Run the fabric's NSX-Policy-compatible manager."""
    from trunkline.policy import main as program
    from trunkline.policy import serving
    from trunkline.policy.settings import Settings

    loaded = _load(path, Settings)
    inherited = [socket.socket(fileno=number) for number in listen_fds]
    _run(program.run(loaded, sockets=[serving.listening(loaded.listen), *inherited]))


@click.group()
def standin() -> None:
    """The lab's stand-ins for Kubernetes: API server, controllers, kubelet."""


@standin.command()
@_config
@click.option("--listen-fd", "listen_fds", type=int, multiple=True, help="An inherited listening socket to serve, too.")
def apiserver(path: Path, listen_fds: tuple[int, ...]) -> None:
    """Run the stand-in Kubernetes API server."""
    from trunkline.standin.apiserver import main as program
    from trunkline.standin.apiserver.settings import Settings

    _run(program.run(_load(path, Settings), listen_fds=listen_fds))


@standin.command()
@_config
def kubelet(path: Path) -> None:
    """Run a lab kubelet."""
    from trunkline.standin.kubelet import main as program
    from trunkline.standin.kubelet.settings import Settings

    _run(program.run(_load(path, Settings)))


@standin.command()
@click.option("--kubeconfig", required=True, type=click.Path(path_type=Path), help="Which API server to work for.")
@click.option("--cluster-cidr", default="10.244.0.0/16", show_default=True, help="What nodes' podCIDRs are cut from.")
def controllers(kubeconfig: Path, cluster_cidr: str) -> None:
    """Run the scheduler, the workload controllers and the nodes' podCIDRs."""
    from ipaddress import IPv4Network

    from trunkline.standin import controllers as program

    _run(program.run(kubeconfig, cluster_cidr=IPv4Network(cluster_cidr)))
