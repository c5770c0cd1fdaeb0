"""Wrong usage, in words: what is wrong, and on the next line what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import click


def told(error: click.ClickException, command: str) -> str:
    """The lines that say what is wrong, beginning with "error: "; `command` is what was called."""
    message = error.format_message()
    if message.startswith("Usage:"):  # a group without a command
        return message
    hint = ""
    if isinstance(error, click.NoSuchOption):
        message = f"no such option: {error.option_name}"
        hint = _meant(error.possibilities or ())
    elif message.startswith("No such command"):
        message, _, near = message.partition(". ")
        message = f"n{message[1:]}".rstrip(".")
        hint = f"d{near[1:]}".replace("'", "`") if near else ""
    elif isinstance(error, click.BadOptionUsage):
        message = message[:1].lower() + message[1:].rstrip(".")
    elif isinstance(error, click.MissingParameter):
        what = error.param.make_metavar(error.ctx) if error.param and error.ctx else "argument"
        message = f"{what} is missing"
    elif isinstance(error, click.BadParameter) and error.param is not None:
        message = message[:1].lower() + message[1:].rstrip(".")
        if isinstance(error.param.type, click.Choice):
            word = error.message.partition("'")[2].partition("'")[0]
            hint = _meant(get_close_matches(word, map(str, error.param.type.choices), 1, 0.5))
    if not hint and isinstance(error, click.UsageError) and "hint:" not in message:
        command = error.ctx.command_path if error.ctx else command
        hint = f"`{command} --help` tells how it is used"
    return f"error: {message}" + (f"\nhint: {hint}" if hint else "")


def _meant(words: Iterable[str]) -> str:
    shown = " or ".join(f"`{word}`" for word in words)
    return f"did you mean {shown}?" if shown else ""
