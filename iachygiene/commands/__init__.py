"""The command line: one module a command, imported when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

import click

from iachygiene import __version__
from iachygiene.interrupt import NotPossible


class Common(NamedTuple):
    """What the options shared by all commands say."""

    config: str | None = None
    isolated: bool = False
    color: str = "auto"
    quiet: int = 0
    verbose: int = 0


def common_options(command: Any) -> Any:
    """The options that stand before a command as well as behind it, the latter winning."""
    for decorate in (
        click.option("-v", "--verbose", count=True, help="Say more."),
        click.option("-q", "--quiet", count=True, help="Say less; twice: only the exit code."),
        click.option(
            "--color", type=click.Choice(["auto", "always", "never"]), help="When to colour."
        ),
        click.option("--isolated", is_flag=True, help="Use no configuration file."),
        click.option("--config", metavar="FILE", help="Use this configuration file."),
    ):
        command = decorate(command)
    return command


def _with_common_options(command: click.Command) -> None:
    """Let a command that does not take the shared options behind its name take them there."""
    taken = {name for option in command.params for name in option.opts}
    if {"--config", "--isolated", "--color", "--quiet", "--verbose"} <= taken:
        return

    def said(context: click.Context, option: click.Parameter, value: Any) -> None:
        if value:
            before: Common = context.obj or Common()
            context.obj = before._replace(**{str(option.name): value})

    def holder() -> None:
        """Carries the options."""

    for option in common_options(click.command()(holder)).params:
        if taken.isdisjoint(option.opts):
            option.callback = said
            option.expose_value = False
            command.params.append(option)


def common_of(context: click.Context, given: dict[str, Any]) -> Common:
    """What the shared options say in both places; takes those of the command out of `given`."""
    before: Common = context.obj or Common()
    own = {name: given.pop(name) for name in Common._fields if name in given}
    return before._replace(**{name: value for name, value in own.items() if value})


class _Group(click.Group):
    """Lists the modules of this folder and imports the one that is called."""

    def list_commands(self, _context: click.Context) -> list[str]:
        folder = os.path.dirname(__file__)
        names = [name[:-3] for name in os.listdir(folder) if name.endswith(".py")]
        return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        module = import_module(f"{__name__}.{name.replace('-', '_')}")
        command: click.Command = module.command
        if not isinstance(command, click.Group):
            _with_common_options(command)
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        first = arguments[0]
        known = self.list_commands(context)
        if first not in known and os.path.lexists(first):
            arguments = ["scan", *arguments]
        elif first not in known:
            from difflib import get_close_matches

            near = get_close_matches(first, known, 1)
            hint = f"\nhint: did you mean `{near[0]}`?" if near else ""
            raise click.UsageError(f"no such command or path: {first}{hint}", context)
        return super().resolve_command(context, arguments)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iachygiene", message="%(prog)s %(version)s")
@click.option("-C", "--directory", metavar="DIR", help="Act as if started there.")
@click.option(
    "--config",
    metavar="FILE",
    envvar="IACHYGIENE_CONFIG",
    show_envvar=True,
    help="Use this configuration file.",
)
@click.option("--isolated", is_flag=True, help="Use no configuration file.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="When to colour the output.",
)
@click.option("-q", "--quiet", count=True, help="Say less; twice: nothing but the exit code.")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.pass_context
def group(context: click.Context, /, directory: str | None, **common: Any) -> None:
    """Format and hygiene of Terraform, Dockerfiles, Kubernetes, Compose and npm packages."""
    if directory:
        try:
            os.chdir(directory)
        except OSError as error:
            reason = (error.strerror or "cannot be entered").lower()
            raise click.UsageError(f"cannot change to {directory}: {reason}", context) from None
    if common["isolated"]:
        common["config"] = None
    context.obj = Common(**common)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and give its exit code; errors are told on stderr."""
    asked = os.environ.get("_IACHYGIENE_COMPLETE")
    if asked:  # a shell wants words, see `completion`
        from click.shell_completion import shell_complete

        return shell_complete(group, {}, "iachygiene", "_IACHYGIENE_COMPLETE", asked)
    try:
        if not arguments:
            settings: Any = group.context_settings
            with click.Context(group, info_name="iachygiene", **settings) as context:
                click.echo(group.get_help(context))
            return 0
        # Not through `group.main`: that makes a closed pipe an ordinary exit with 1.
        with group.make_context("iachygiene", list(arguments)) as context:
            code = group.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.ClickException as error:
        from iachygiene.usage import told

        known = set(os.listdir(os.path.dirname(__file__)))
        called = [word for word in arguments if f"{word.replace('-', '_')}.py" in known]
        click.echo(told(error, " ".join(["iachygiene", *called[:1]])), err=True)
        return 2
    except (click.Abort, KeyboardInterrupt) as stop:
        click.echo("error: interrupted", err=True)
        leave(getattr(stop, "code", 130))
    except MemoryError:
        click.echo("error: out of memory", err=True)
        click.echo("hint: check fewer files at once, or raise the limit of the process", err=True)
        return 4
    except BrokenPipeError:
        _forget_stdout()
        return 141
    except OSError as error:
        _forget_stdout()
        reason = (error.strerror or str(error)).lower()
        click.echo(f"error: {reason}", err=True)
        return 4
    except NotPossible as reason:
        why, hint, code = reason.args
        click.echo(f"error: {why}\nhint: {hint}", err=True)
        return int(code)
    except Exception as error:  # the last resort: one line instead of a traceback
        return _internal_error(error, "-v" in arguments or "--verbose" in arguments)


def leave(code: int) -> NoReturn:
    """End the process now: programs are stopped, and no thread can hold the end up."""
    from iachygiene.tools import end

    end()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


def _forget_stdout() -> None:
    """Whoever read us is gone: keep the interpreter from flushing to them at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _internal_error(error: Exception, verbose: bool) -> int:
    cause = (str(error).splitlines() or [""])[0][:200]
    click.echo(f"error: internal: {type(error).__name__}: {cause}", err=True)
    if verbose:
        import traceback

        click.echo(traceback.format_exc(), err=True)
    else:
        click.echo("hint: this is a defect of iachygiene; run again with -v to report it", err=True)
    return 4
