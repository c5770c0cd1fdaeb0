"""Writing reports: to standard output, to files, to the step summary of a job."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from iachygiene.keys import FORMATS
from iachygiene.report.findings import is_sensitive

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.engine import Scan
    from iachygiene.model import Result
    from iachygiene.report.options import ReportOptions


_PLACES = ("-", "@summary")
"""What stands in place of the path of a file: standard output, the summary of a job."""


def render(form: str, result: Result, scan: Scan, options: ReportOptions) -> Iterator[str]:
    module = import_module(f"iachygiene.report.{form}")
    parts: Iterator[str] = module.render(result, scan.files, options)
    if form != "sarif":
        return parts
    text = "".join(parts)
    for line in module.left_out(text):
        click.echo(f"note: sarif: {line}", err=True)
    return iter((text,))


def asked(words: Sequence[str], form: str | None) -> list[tuple[str, str]]:
    """Formats and paths of `--report`, checked before anything is scanned.

    `form` is what `--format` says. The path "-" is standard output.
    """
    found = []
    for word in words:
        name, _, path = word.partition("=")
        if name not in FORMATS or not path:
            known = ", ".join(FORMATS)
            raise click.UsageError(f"--report {word}: expected FMT=PATH, FMT one of {known}")
        if path == "-" and form:
            raise click.UsageError(f"--format {form} and --report {word} go to one place")
        found.append((name, path))
    _refuse_doubles(found)
    return found


def reports(
    asked: Sequence[tuple[str, str]], config: Config, scan: Scan, commit: str | None
) -> list[tuple[str, str]]:
    """Formats and paths of all reports, those of the configuration first.

    Those lie below the root, and replace nothing that git tracks or a scan reads. `{format}`
    and `{commit}` in a path are filled in; where there is no commit, with "none".
    """

    def filled(form: str, path: str) -> str:
        return path.replace("{format}", form).replace("{commit}", commit or "none")

    found = []
    for form, path in config.reports:
        path = filled(form, path)
        if path != "@summary" and not config.trusted:
            inside = scan.tree.real_path(path)
            if not inside or inside.startswith(".git/") or _is_of_value(inside, scan):
                raise click.UsageError(f"the configuration may not write a report to {path!a}")
        found.append((form, path if path == "@summary" else scan.tree.absolute(path)))
    found += [(form, filled(form, path)) for form, path in asked]
    _refuse_doubles(found)
    return found


def _is_of_value(path: str, scan: Scan) -> bool:
    """Whether a file is more than a report that an earlier run wrote."""
    from iachygiene.discover import kind_by_name
    from iachygiene.git import Refusal, tracked_below

    if path not in scan.tree.listed:
        return False
    if kind_by_name(path) is not None:
        return True
    tracked = tracked_below(scan.tree.root, [path])
    if isinstance(tracked, Refusal):
        return tracked.why not in ("no-git", "not-a-repository")
    return path in tracked


def _refuse_doubles(reports: Sequence[tuple[str, str]]) -> None:
    paths = [path if path in _PLACES else os.path.realpath(path) for _, path in reports]
    if len(set(paths)) < len(paths):
        where = "standard output" if paths.count("-") > 1 else "one path"
        raise click.UsageError(f"two reports go to {where}")


def write_report(form: str, path: str, result: Result, scan: Scan, options: ReportOptions) -> bool:
    """Write one report beside its place and rename it; false, with a message, where it fails.

    One that tells of secrets is for its owner alone.
    """
    if path == "@summary":
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if not summary:
            click.echo("warning: no step summary here: GITHUB_STEP_SUMMARY is not set", err=True)
            return True
        return _append(summary, form, result, scan, options)
    from iachygiene.fix import remove

    text = "".join(render(form, result, scan, options))
    temporary = f"{path}.{os.urandom(6).hex()}"
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            return True
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        private = any(is_sensitive(one.rule) for one in result.findings)
        private = private or any(is_sensitive(one.finding.rule) for one in result.muted)
        mode = 0o600 if private else 0o666  # less what the umask takes away
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        return _not_written(path, error)
    finally:
        remove(temporary)
    return True


def _append(path: str, form: str, result: Result, scan: Scan, options: ReportOptions) -> bool:
    try:
        held = os.path.getsize(path) if os.path.exists(path) else 0
        text = "".join(render(form, result, scan, options._replace(room=options.room - held)))
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        return _not_written(path, error)
    return True


def _not_written(path: str, error: OSError) -> bool:
    reason = (error.strerror or "cannot be written").lower()
    click.echo(f"error: report not written: {path!a}: {reason}", err=True)
    return False
