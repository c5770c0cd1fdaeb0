"""`completion`: the script that completes our words in a shell."""

from __future__ import annotations

import click

VARIABLE = "_IACHYGIENE_COMPLETE"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    For bash, for example, put `eval "$(iachygiene completion bash)"` into ~/.bashrc.
    """
    from click.shell_completion import get_completion_class

    from iachygiene.commands import group

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(group, {}, "iachygiene", VARIABLE).source())
    return 0
