"""The root command.  Subcommands are imported when they are called, so that `trunkline --help` stays quick.

Exit codes, everywhere: 0 done, 1 the answer is no, 2 bad usage, 3 could not reach.
"""

from __future__ import annotations

import importlib
import sys

import click

from trunkline.kit import problems

COMMANDS = {
    # name: (module, attribute, one line of help)
    "agent": ("trunkline.cli.daemons", "agent", "Run a node's agent."),
    "apply": ("trunkline.cli.objects", "apply", "Create or change objects from manifests."),
    "controller": ("trunkline.cli.daemons", "controller", "Run the cluster's control program."),
    "delete": ("trunkline.cli.objects", "delete", "Delete objects."),
    "describe": ("trunkline.cli.objects", "describe", "Show one object with its events."),
    "explain": ("trunkline.cli.explain", "explain", "Show which rows and addresses follow from an object."),
    "get": ("trunkline.cli.objects", "get", "List objects."),
    "ipam": ("trunkline.cli.explain", "ipam", "Who owns which address."),
    "lab": ("trunkline.cli.lab", "lab", "A virtual datacenter on this machine."),
    "policy": ("trunkline.cli.daemons", "policy", "Run the fabric's NSX-Policy-compatible manager."),
    "standin": ("trunkline.cli.daemons", "standin", "Run the lab's stand-ins for Kubernetes."),
    "validate": ("trunkline.cli.objects", "validate", "Check manifests without a cluster."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and (hint := problems.did_you_mean(args[0], COMMANDS)):
            ctx.fail(f"No such command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup)
@click.version_option(package_name="trunkline")
def root() -> None:
    """Routable pod addresses on your own VLANs, realised on OVN and Open vSwitch."""


def main() -> None:
    """Entry point of the `trunkline` program; turns our errors into lines on stderr and an exit code."""
    try:
        root()
    except problems.IntentError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except problems.RemoteError as error:
        click.echo(str(error), err=True)
        sys.exit(3)
    except problems.TrunklineError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
