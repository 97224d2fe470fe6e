"""`trunkline validate|apply|get|describe|delete`: objects of the cluster, with manifests read by our own careful reader.

`kubectl` does the same jobs; what these add is the reader's errors (line, column and repair for what was pasted) and
the dialects' own judgement before anything is sent.  `apply` keeps the annotation that `kubectl apply` keeps, so the
two can be mixed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml

from trunkline.cli import judging, merging
from trunkline.kit import manifests, problems

NO_KUBECONFIG = problems.register("TRK-0801", "No kubeconfig is known.")
NO_MANIFEST = problems.register("TRK-0802", "A manifest file cannot be read.")

_files = click.option("-f", "--filename", "files", multiple=True, help="Manifest file or folder; - reads stdin.")
_namespace = click.option("-n", "--namespace", default=None, help="Namespace of namespaced objects.")
_kubeconfig = click.option("--kubeconfig", envvar="KUBECONFIG", default=None, help="Which API server, and who asks.")

Object = dict[str, Any]


def _texts(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in files:
        if name == "-":
            yield "<stdin>", sys.stdin.read()
            continue
        path = Path(name)
        for file in _manifests_in(path) if path.is_dir() else [path]:
            try:
                yield str(file), file.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise problems.IntentError(
                    problems=[problems.Problem(code=NO_MANIFEST, object=str(file), found=str(error))]
                ) from error


def _manifests_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml", ".json"})


def load(files: Sequence[str]) -> list[manifests.Document]:
    """All documents of all files, in order.

    Raises:
        IntentError: everything that is wrong with any of them, gathered; the first repaired text is proposed.
    """
    if not files:
        raise click.UsageError("say which manifests: -f FILE")
    documents: list[manifests.Document] = []
    found: list[problems.Problem] = []
    proposals: list[str] = []
    for name, text in _texts(files):
        try:
            documents += manifests.load(text, name=name)
        except manifests.DamagedText as error:
            found += error.problems
            if error.repaired:
                proposals.append(f"\nRepaired, {name} reads:\n\n{error.repaired}")
    if found:
        lines = "\n".join(str(problem) for problem in found)
        raise problems.IntentError(lines + "".join(proposals), problems=found)
    return [document for document in documents if document.value]


def _run(kubeconfig: str | None, work: Callable[[Any], Awaitable[None]]) -> None:
    from trunkline.adapters.kube import Kube

    path = kubeconfig or str(Path.home() / ".kube" / "config")
    if not os.path.exists(path):
        hint = 'eval "$(trunkline lab env)" sets KUBECONFIG for a running lab'
        problem = problems.Problem(code=NO_KUBECONFIG, object=f"kubeconfig {path}", found="no such file", hint=hint)
        raise problems.RemoteError(problems=[problem])

    async def connected() -> None:
        async with Kube.connect(path, field_manager="trunkline") as kube:
            await work(kube)

    asyncio.run(connected())


@click.command()
@_files
def validate(files: tuple[str, ...]) -> None:
    """Check manifests without a cluster; exit 1 if any object is wrong."""
    documents = load(files)
    verdict = judging.judge(documents)
    for warning in verdict.warnings:
        click.echo(f"warning: {warning}", err=True)
    if verdict.found:
        raise problems.TrunklineError(problems=verdict.found)
    click.echo(f"{len(documents)} object{'s' if len(documents) != 1 else ''} in order")


@click.command()
@_files
@_namespace
@_kubeconfig
def apply(files: tuple[str, ...], namespace: str | None, kubeconfig: str | None) -> None:
    """Create or change objects from manifests.  Nothing is sent if any of them is wrong."""
    documents = load(files)
    verdict = judging.judge(documents)
    if verdict.found:
        raise problems.IntentError(problems=verdict.found)

    async def work(kube: Any) -> None:
        from trunkline.adapters.kube import discovery

        catalogue = await discovery.catalogue(kube)
        for document in documents:
            resource = catalogue.kind(document.value["apiVersion"], document.value["kind"])
            outcome = await merging.apply(kube, resource, document.value, namespace)
            click.echo(f"{_label(resource, document.value['metadata']['name'])} {outcome}")

    _run(kubeconfig, work)


@click.command()
@click.argument("what")
@click.argument("names", nargs=-1)
@_namespace
@click.option("-A", "--all-namespaces", is_flag=True, help="Objects of every namespace.")
@click.option("-o", "--output", type=click.Choice(["table", "wide", "yaml", "json", "name"]), default="table")
@_kubeconfig
def get(
    what: str, names: tuple[str, ...], namespace: str | None, all_namespaces: bool, output: str, kubeconfig: str | None
) -> None:
    """List objects: trunkline get pods -n ns-ap."""

    async def work(kube: Any) -> None:
        from trunkline.adapters.kube import discovery

        resource = (await discovery.catalogue(kube)).find(what)
        scope = None if all_namespaces or not resource.namespaced else namespace or "default"
        if output in {"table", "wide"}:
            await _tables(kube, resource, scope, names, wide=output == "wide", with_namespace=all_namespaces)
            return
        if names:
            items = [await kube.get(resource, name, scope) for name in names]
        else:
            items, _ = await kube.list(resource, scope)
        if output == "name":
            for item in items:
                click.echo(_label(resource, item["metadata"]["name"]))
            return
        one = items[0] if len(names) == 1 else {"apiVersion": "v1", "kind": "List", "items": items}
        click.echo(_text(one, output), nl=False)

    _run(kubeconfig, work)


@click.command()
@click.argument("what")
@click.argument("name")
@_namespace
@_kubeconfig
def describe(what: str, name: str, namespace: str | None, kubeconfig: str | None) -> None:
    """Show one object and what happened to it."""

    async def work(kube: Any) -> None:
        from trunkline.adapters.kube import discovery, resources

        resource = (await discovery.catalogue(kube)).find(what)
        scope = (namespace or "default") if resource.namespaced else None
        found = await kube.get(resource, name, scope)
        found["metadata"].pop("managedFields", None)
        click.echo(_text(found, "yaml"), nl=False)
        selector = f"involvedObject.uid={found['metadata']['uid']}"
        events, _ = await kube.list(resources.EVENTS, scope, field_selector=selector)
        click.echo("events:" if events else "events: none")
        for event in sorted(events, key=lambda item: item.get("lastTimestamp") or ""):
            count = f" (x{event['count']})" if event.get("count", 1) > 1 else ""
            click.echo(f"  {event.get('lastTimestamp')} {event['type']} {event['reason']}{count}: {event['message']}")

    _run(kubeconfig, work)


@click.command()
@click.argument("what", required=False)
@click.argument("names", nargs=-1)
@_files
@_namespace
@_kubeconfig
def delete(
    what: str | None, names: tuple[str, ...], files: tuple[str, ...], namespace: str | None, kubeconfig: str | None
) -> None:
    """Delete objects by name, or all that manifests name (those already gone are fine)."""
    documents = load(files) if files else []
    if not documents and not (what and names):
        raise click.UsageError("say what: trunkline delete pod NAME, or -f FILE")

    async def work(kube: Any) -> None:
        from trunkline.adapters.kube import discovery, errors

        catalogue = await discovery.catalogue(kube)
        targets = [(catalogue.find(what), name, namespace) for name in names] if what else []
        for document in reversed(documents):
            meta = document.value["metadata"]
            resource = catalogue.kind(document.value["apiVersion"], document.value["kind"])
            targets.append((resource, meta["name"], meta.get("namespace") or namespace))
        for resource, name, scope in targets:
            try:
                await kube.delete(resource, name, scope)
                click.echo(f"{_label(resource, name)} deleted")
            except errors.NotFound:
                if what:
                    raise
                click.echo(f"{_label(resource, name)} was gone already")

    _run(kubeconfig, work)


async def _tables(
    kube: Any, resource: Any, scope: str | None, names: Sequence[str], *, wide: bool, with_namespace: bool
) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    pages = [await kube.read(resource.path(scope, name), accept=accept) for name in names or (None,)]
    columns = pages[0]["columnDefinitions"]
    shown = [index for index, column in enumerate(columns) if wide or not column.get("priority")]
    lines = [[columns[index]["name"].upper() for index in shown]]
    rows = [row for page in pages for row in page.get("rows") or ()]
    lines += [["<none>" if row["cells"][i] in (None, "") else str(row["cells"][i]) for i in shown] for row in rows]
    if with_namespace and resource.namespaced:
        lines[0].insert(0, "NAMESPACE")
        for line, row in zip(lines[1:], rows, strict=True):
            line.insert(0, row["object"]["metadata"]["namespace"])
    if not rows:
        click.echo(f"No {resource.plural} found.", err=True)
        return
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _label(resource: Any, name: str) -> str:
    group = f".{resource.group}" if resource.group else ""
    return f"{resource.kind.lower()}{group}/{name}"


def _text(value: Object, output: str) -> str:
    if output == "json":
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
