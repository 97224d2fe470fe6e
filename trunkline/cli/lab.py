"""`trunkline lab ...`: a virtual datacenter on this machine.

Everything heavy is imported inside the commands, so that `--help` and completion stay quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trunkline.kit import problems

if TYPE_CHECKING:
    from trunkline.lab.state import Lab
    from trunkline.lab.topology import Topology

DEFAULT_TOPOLOGY = Path("labs/bare-metal.yaml")
DEFAULT_NAME = DEFAULT_TOPOLOGY.stem

_name = click.option("--name", help="Which lab; default: the only one that is up.")
_output = click.option(
    "-o", "--output", type=click.Choice(["json", "yaml"]), help="For programs; the default is for people."
)


@click.group()
def lab() -> None:
    """A virtual datacenter on this machine: namespaces, real daemons, real frames."""


@lab.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--name", help="Name of the lab; default: the topology's own.")
@click.option("--bare", is_flag=True, help="Wires, switches and hosts only; no cluster.")
def up(file: Path | None, name: str | None, bare: bool) -> None:
    """Bring a lab up, or what is missing of it."""
    from trunkline.lab import advice, progress, reading, up
    from trunkline.lab.state import Lab

    file = file or _default_topology()
    drawn = reading.load(file)
    chosen = Lab(name or drawn.name)
    with progress.on() as told:
        asyncio.run(up.up(chosen, drawn, file.read_text(), source=str(file), bare=bare, progress=told))
    click.echo(advice.next_steps(chosen, drawn))


@lab.command()
@_name
@click.option("--keep", is_flag=True, help="Keep the logs.")
@click.option("--all", "every", is_flag=True, help="Every lab of this checkout.")
def down(name: str | None, keep: bool, every: bool) -> None:
    """Take a lab down; nothing of it stays, however it ended."""
    from trunkline.lab import down, state

    labs = state.known() if every else [state.choose(name, default=DEFAULT_NAME)]
    for chosen in labs:
        removed = asyncio.run(down.down(chosen, keep_logs=keep))
        click.echo(f"{chosen.name}: {removed.processes} processes and {removed.namespaces} namespaces removed")


@lab.command()
@_name
@_output
def status(name: str | None, output: str | None) -> None:
    """Show hosts, their addresses and their programs; exit code 1 when something that should run does not."""
    from trunkline.lab import status

    chosen, drawn = _open(name)
    found = status.status(chosen, drawn)
    if output:
        _dump(found, output)
    else:
        _table(found)
    sys.exit(0 if found.well else 1)


@lab.command()
@_name
@click.option("--format", "form", type=click.Choice(["dot", "mermaid", "svg"]), default="dot", show_default=True)
@click.argument("file", type=click.Path(path_type=Path), required=False)
def graph(name: str | None, form: str, file: Path | None) -> None:
    """Draw a lab, or the topology in FILE, which need not be up."""
    from trunkline.lab import graph, reading

    drawn = reading.load(file) if file else _open(name)[1]
    click.echo(asyncio.run(graph.svg(drawn)) if form == "svg" else graph.TEXT_FORMATS[form](drawn), nl=False)


@lab.command()
@_name
@_output
def env(name: str | None, output: str | None) -> None:
    """Print what a shell needs to talk to the lab: eval "$(trunkline lab env)"."""
    from trunkline.lab import targets

    chosen, drawn = _open(name)
    found = targets.exports(chosen, drawn)
    if output:
        _dump(found, output)
    else:
        click.echo("\n".join(f"export {key}={shlex.quote(value)}" for key, value in found.items()))


_passing = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@lab.command(context_settings=_passing)
@_name
@click.argument("target", metavar="NAME")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
def exec(name: str | None, target: str, command: tuple[str, ...]) -> None:
    """Run a command in a host or a pod (pod/NAMESPACE/NAME); its exit code is the answer."""
    _become(name, target, command[1:] if command[0] == "--" else command)


@lab.command()
@_name
@click.argument("target", metavar="NAME")
def shell(name: str | None, target: str) -> None:
    """Open a shell in a host or a pod."""
    _become(name, target, ("bash", "--norc", "--noprofile"), PS1=f"[{target}] \\w# ")


@lab.command()
@_name
@click.argument("target", metavar="NAME")
@click.option("--filter", "expression", default="", metavar="EXPR", help="What to see, in tcpdump's language.")
@click.option("--interface", "-i", "interfaces", multiple=True, help="Where to listen; default: uplink, trunks, eth0.")
@click.option("--count", "-c", type=click.IntRange(min=1), help="Stop after so many frames.")
@click.option("--duration", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Stop after so long.")
@click.option("--write", "-w", type=click.Path(path_type=Path), metavar="PCAP", help="Write a file instead of lines.")
def capture(
    name: str | None,
    target: str,
    expression: str,
    interfaces: tuple[str, ...],
    count: int | None,
    duration: float | None,
    write: Path | None,
) -> None:
    """Show frames on an interface of a host or a pod, VLAN tags included."""
    from trunkline.lab import capture, targets

    chosen, drawn = _open(name)
    place = targets.find(chosen, drawn, target)
    where = targets.listening_places(place, interfaces)
    if len(where) > 1:
        if write:
            raise click.UsageError(f"--write takes one interface; choose one of {', '.join(where)} with --interface")
        _show(capture.show(place, where, expression, count or 0, click.echo), duration)
        return
    words = capture.tcpdump(where[0], expression, count=count or 0, write=write and write.resolve())
    limit = ("timeout", "--preserve-status", "--signal=INT", str(duration)) if duration else ()
    _replace([*limit, *targets.command(place, words)], targets.environment(chosen, drawn, place))


def _show(capture: Coroutine[Any, Any, None], duration: float | None) -> None:
    async def for_a_while() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration):
                await capture

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(for_a_while())


@lab.command()
@_name
@click.argument("globs", nargs=-1, metavar="[GLOB]...")
@click.option("--evidence", "-v", is_flag=True, help="Show what was seen, not only what failed.")
@click.option("--keep", is_flag=True, help="Leave the cases' objects in the cluster.")
@click.option("--up", "bring_up", is_flag=True, help="Bring the cases' topology up first, if it is not.")
def check(name: str | None, globs: tuple[str, ...], evidence: bool, keep: bool, bring_up: bool) -> None:
    """Run the lab cases whose names match (all of them, without a GLOB); exit code 1 when one fails."""
    from trunkline.lab.cases import finding, running

    found = finding.matching(globs)
    if bring_up:
        _bring_up(name, found[0].topologies[0])
    chosen, drawn = _open(name)
    report = asyncio.run(running.run_all(chosen, drawn, found, keep=keep, evidence=evidence, say=click.echo))
    click.echo(f"{report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed or not report.passed else 0)


_segment = click.option("--segment", default="", metavar="PATH", help="Another segment than the topology's.")


@lab.command()
@_name
@_segment
@click.argument("machine")
def attach(name: str | None, segment: str, machine: str) -> None:
    """Attach a machine to its segment, as a hypervisor manager does: the segment port first, then the card."""
    from trunkline.lab.fabric import verbs

    click.echo(asyncio.run(verbs.attach(*_open(name), machine, segment=segment)))


@lab.command()
@_name
@_segment
@click.argument("machine")
def detach(name: str | None, segment: str, machine: str) -> None:
    """Unplug a machine's card and delete its segment port."""
    from trunkline.lab.fabric import verbs

    click.echo(asyncio.run(verbs.detach(*_open(name), machine, segment=segment)))


@lab.command()
@_name
@click.argument("machine")
@click.argument("hypervisor")
def migrate(name: str | None, machine: str, hypervisor: str) -> None:
    """Carry a machine to another hypervisor while it runs."""
    from trunkline.lab.fabric import verbs

    click.echo(asyncio.run(verbs.migrate(*_open(name), machine, hypervisor)))


@lab.command(name="next")
@_name
def next_(name: str | None) -> None:
    """Say what to type next."""
    from trunkline.lab import advice

    click.echo(advice.next_steps(*_open(name)))


def _bring_up(name: str | None, topology: str) -> None:
    from trunkline.lab import state
    from trunkline.lab.cases import finding

    file = finding.root() / topology
    if not state.choose(name, default=file.stem).exists():
        click.get_current_context().invoke(up, file=file, name=name, bare=False)


def _open(name: str | None) -> tuple[Lab, Topology]:
    """A lab that is up, and the topology it came up with."""
    from trunkline.lab import reading, state

    chosen = state.choose(name, default=DEFAULT_NAME)
    chosen.read()
    return chosen, reading.load(chosen.topology_file)


def _default_topology() -> Path:
    """`labs/bare-metal.yaml` here, or in the checkout that this program belongs to."""
    beside = Path(sys.prefix).parent / DEFAULT_TOPOLOGY
    return beside if not DEFAULT_TOPOLOGY.exists() and beside.exists() else DEFAULT_TOPOLOGY


def _become(name: str | None, target: str, command: tuple[str, ...], **extra: str) -> None:
    from trunkline.lab import namespaces, targets

    namespaces.require_root()
    chosen, drawn = _open(name)
    place = targets.find(chosen, drawn, target)
    _replace(targets.command(place, command), {**targets.environment(chosen, drawn, place), **extra})


def _replace(command: list[str], environment: dict[str, str]) -> None:
    """Become the command: its terminal, signals and exit code are then nobody else's business."""
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, environment)
    except FileNotFoundError as error:
        raise problems.RemoteError(f"{command[0]} is not installed; `make deps` installs what is needed") from error


def _dump(value: Any, form: str) -> None:
    import msgspec

    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
    else:
        click.echo(msgspec.yaml.encode(value).decode(), nl=False)


def _table(found: Any) -> None:
    """One line per host; programs by name, those that are down marked so."""
    rows = [("HOST", "ROLE", "ADDRESSES", "PROGRAMS")]
    for host in found.hosts:
        programs = " ".join(
            name if pid else click.style(f"{name}:DOWN", fg="red") for name, pid in host.programs.items()
        )
        rows.append(
            (
                host.name,
                host.role,
                ",".join(host.addresses),
                programs if host.present else click.style("MISSING", fg="red"),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        click.echo("  ".join([*(row[column].ljust(widths[column]) for column in range(3)), row[3]]).rstrip())
