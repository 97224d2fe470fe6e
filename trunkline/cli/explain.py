"""`trunkline explain OBJECT` and `trunkline ipam why ADDRESS`: who has which address, and what follows from an object."""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import click

from trunkline.cli import sources
from trunkline.kit import problems

if TYPE_CHECKING:
    from trunkline.cli.tracing import Explanation
    from trunkline.cli.whereabouts import Answer

WHAT = "pod/NAMESPACE/NAME, ippool/NAME, node/NAME or row/UUID"

_output = click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="For programs.")


@click.group()
def ipam() -> None:
    """Who owns which address."""


@ipam.command()
@click.argument("address")
@sources.options
@_output
def why(address: str, output: str | None, **asked: Any) -> None:
    """Say who has ADDRESS and since when, or why nobody has it; exit code 1 when nobody has."""
    from trunkline.cli import whereabouts

    try:
        wanted = ipaddress.ip_address(address)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="ADDRESS") from error
    answer = asyncio.run(whereabouts.find(sources.choose(**asked), wanted))
    _print(answer, output, _show_answer)
    sys.exit(0 if answer.held else 1)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="OBJECT")
@sources.options
@_output
def explain(words: tuple[str, ...], output: str | None, **asked: Any) -> None:
    """Show what follows from OBJECT, or what a row follows from.

    OBJECT is pod/NAMESPACE/NAME, ippool/NAME, node/NAME or row/UUID (the beginning of a UUID is enough).
    """
    work = _tracer("/".join(words))
    found = asyncio.run(work(sources.choose(**asked)))
    _print(found, output, _show_explanation)


def _tracer(what: str) -> Callable[[sources.Sources], Coroutine[Any, Any, Explanation]]:
    """Who explains such an object."""
    from trunkline.cli import tracing

    match what.lower().split("/")[0], what.split("/")[1:]:
        case "pod" | "pods", [namespace, name]:
            return lambda asked: tracing.pod(asked, namespace, name)
        case "ippool" | "ippools", [name]:
            return lambda asked: tracing.ippool(asked, name)
        case "node" | "nodes", [name]:
            return lambda asked: tracing.node(asked, name)
        case "row", [uuid] if uuid:
            return lambda asked: tracing.row(asked, uuid)
    hint = problems.did_you_mean(what.split("/")[0], ("pod", "ippool", "node", "row"))
    raise click.UsageError(f"cannot explain {what!r}; say {WHAT}{f' ({hint})' if hint else ''}")


def _show_answer(answer: Answer) -> None:
    if not answer.standings:
        click.echo(f"{answer.address} is outside every pool.")
        return
    header = ("STATE", "HOLDER", "KEPT FOR", "REASON", "POOL", "NETWORK", "NODE", "SINCE")
    rows = [
        (each.state, each.holder, each.kept_for, each.reason, each.pool, each.network, each.node, each.since)
        for each in answer.standings
    ]
    _table(header, rows)


def _show_explanation(found: Explanation) -> None:
    click.echo(found.object)
    width = max(map(len, found.facts), default=0)
    for key, value in found.facts.items():
        click.echo(f"  {key.ljust(width)}  {value}")
    if found.addresses:
        click.echo()
        held = [(each.address, each.holder, each.pool, each.network) for each in found.addresses]
        _table(("ADDRESS", "HOLDER", "POOL", "NETWORK"), held)
    if found.rows:
        click.echo()
        rows = [(each.table, each.uuid, each.name, str(each.origin)) for each in found.rows]
        _table(("TABLE", "UUID", "NAME", "FOLLOWS FROM"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns that have something in them."""
    shown = [column for column in range(len(header)) if any(row[column] for row in rows)]
    lines = [[line[column] or "-" for column in shown] for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(shown))]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print(value: Any, form: str | None, show: Callable[[Any], None]) -> None:
    import msgspec

    if form is None:
        show(value)
    elif form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
    else:
        click.echo(msgspec.yaml.encode(value).decode(), nl=False)
