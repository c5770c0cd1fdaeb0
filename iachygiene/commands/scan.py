"""`scan`: check files and report the combined result."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from iachygiene import output
from iachygiene.commands import Common, common_of, common_options, leave
from iachygiene.interrupt import Interrupted
from iachygiene.keys import FORMATS, KUBERNETES_VERSIONS, LEVELS, TOOLS
from iachygiene.rule import LANGUAGES

if TYPE_CHECKING:
    from iachygiene.cache import Cache
    from iachygiene.config import Config
    from iachygiene.discover import Listing, Place
    from iachygiene.engine import Options, Scan
    from iachygiene.files import Stored
    from iachygiene.model import Finding

_REPEATED = frozenset(("terraform validate", "shellcheck"))
"""Checks of programs that a scan does again once fixes have changed the files."""


def _codes(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> list[str]:
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def _rules_like(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Codes and names of rules that begin with some letters, for a shell."""
    from iachygiene.rule import briefs

    words = [word for rule in briefs().values() for word in (rule.code, rule.name)]
    return sorted(word for word in words if word.startswith(incomplete))


def _date(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value:
        from datetime import date

        try:
            value = date.fromisoformat(value).isoformat()
        except ValueError:
            raise click.UsageError(f"--today {value}: expected a date like 2027-01-31") from None
    return value


def _size(_context: click.Context, _option: click.Parameter, value: str | None) -> int:
    if value is None:
        return 0
    from iachygiene.keys import size

    number = value.rstrip(" BGKMik")
    found = size(f"{number} {value[len(number) :].strip() or 'B'}")
    if found is None:
        raise click.UsageError(f"--max-memory {value}: expected a size such as 512MiB")
    return found


def _rule_options(command: Any) -> Any:
    for name, text in (
        ("--extend-ignore", "Leave these rules out too."),
        ("--extend-select", "Run these rules too."),
        ("--ignore", "Leave these rules out."),
        ("--select", "Run these rules: codes, names, prefixes, peers' names, ALL, DEFAULT."),
    ):
        command = click.option(
            name,
            multiple=True,
            metavar="CODES",
            callback=_codes,
            shell_complete=_rules_like,
            help=text,
        )(command)
    return command


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@_rule_options
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["dockerfile", "kubernetes", "compose", "terraform", "npm", "project"]),
    help="Only this kind of file; repeatable.",
)
@click.option("--min-severity", type=click.Choice(LEVELS), help="Leave out what is below.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Replace the excluded paths.")
@click.option("--extend-exclude", multiple=True, metavar="GLOB", help="Exclude these too.")
@click.option("--force-exclude", is_flag=True, help="Exclude also what is named explicitly.")
@click.option("--no-gitignore", is_flag=True, help="Look at what git ignores as well.")
@click.option("--recurse-submodules", is_flag=True, help="Look into submodules as well.")
@click.option("--files-from", metavar="FILE", help="Read paths from a file; - is stdin.")
@click.option(
    "--stdin-filename", metavar="NAME", help="With PATH -: check standard input as this file."
)
@click.option("--fix", is_flag=True, help="Apply safe fixes.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply the other fixes too.")
@click.option("--diff", is_flag=True, help="Write nothing, print the fixes as a diff.")
@click.option(
    "--add-ignores",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[REASON]",
    help="Write a suppression comment above each finding that is left.",
)
@click.option("--fixable", is_flag=True, help="Report only findings that carry a fix.")
@click.option(
    "--fail-on", type=click.Choice([*LEVELS, "never"]), help="Lowest severity for exit code 1."
)
@click.option("--strict", is_flag=True, help="Anything not checked gives exit code 3.")
@click.option("--exit-zero", is_flag=True, help="Findings give exit code 0.")
@click.option("--no-suppressions", is_flag=True, help="Report what comments mute as well.")
@click.option("--baseline", metavar="FILE", help="Known findings, to be set aside.")
@click.option("--no-baseline", is_flag=True, help="Report what the baseline holds as well.")
@click.option("--staged", is_flag=True, help="Check the index, and report on what is staged.")
@click.option(
    "--since",
    metavar="REF",
    help="Report on what differs from the merge base with REF; auto finds a target branch.",
)
@click.option("--new-only", is_flag=True, help="With --since: only findings that were not there.")
@click.option("--changed-lines", is_flag=True, help="With --since: only findings on added lines.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="What stdout gets.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FMT=PATH",
    envvar="IACHYGIENE_REPORTS",
    show_envvar=True,
    help="Also write this report; repeatable.",
)
@click.option(
    "--report-link", metavar="TEMPLATE", help="Links of HTML: https://host/{path}#L{line}"
)
@click.option("--sarif-category", metavar="NAME", help="Tells several uploads of SARIF apart.")
@click.option("--sarif-suppressed", is_flag=True, help="Put what is muted into SARIF too.")
@click.option("--statistics", is_flag=True, help="Counts by rule.")
@click.option(
    "--show-files",
    is_flag=True,
    help="List the files with their kind and what decides it, then stop.",
)
@click.option(
    "--show-config",
    is_flag=False,
    flag_value="",
    metavar="[PATH]",
    help="Print the settings in force, for PATH if given, with their origin, then stop.",
)
@click.option(
    "--max-findings", type=click.IntRange(min=0), metavar="N", help="Print N, count the rest."
)
@click.option(
    "--kubernetes-version",
    type=click.Choice(KUBERNETES_VERSIONS),
    metavar="1.N",
    help="The version of Kubernetes that manifests are for.",
)
@click.option("--tool", "tools", multiple=True, metavar="NAME=auto|always|never")
@click.option(
    "--engine",
    type=click.Choice(["auto", "builtin", "terraform", "tofu"]),
    default="auto",
    show_default=True,
    help="What formats Terraform files; builtin starts no program at all.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For the whole run; what is not done by then is not checked.",
)
@click.option(
    "--max-memory",
    metavar="SIZE",
    callback=_size,
    help="Address space of a worker process, like 512MiB; 1GiB unless said.",
)
@click.option("--no-cache", is_flag=True, help="Judge everything anew, and remember nothing.")
@click.option(
    "--cache-dir",
    metavar="DIR",
    envvar="IACHYGIENE_CACHE_DIR",
    show_envvar=True,
    help="Where to remember verdicts.",
)
@click.option("--init", is_flag=True, help="Let validate install what modules need, elsewhere.")
@click.option("--trust-providers", is_flag=True, help="Let validate use installed providers.")
@click.option(
    "--today",
    metavar="DATE",
    default="",
    callback=_date,
    help="The date that suppressions see, like 2027-01-31.",
)
@click.option("--reproducible", is_flag=True, help="Leave dates and times out of reports.")
@click.option("--hook", metavar="ID", hidden=True)
@common_options
@click.pass_context
def command(context: click.Context, /, paths: tuple[str, ...], **given: Any) -> int:
    """Check files and report one combined result.

    Without PATH, everything in the repository around the working directory is checked.
    Exit codes: 0 clean, 1 findings, 2 usage, 3 incomplete, 4 internal.
    """
    from iachygiene.config import ConfigError

    common = common_of(context, given)
    source = context.get_parameter_source("reports")
    if common.isolated and source is click.core.ParameterSource.ENVIRONMENT:
        given["reports"] = ()
    given["reports"] = output.asked(given["reports"], given["format_"])
    try:
        return _scan(paths, given, common)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 2


def _scan(paths: Sequence[str], given: Mapping[str, Any], common: Common) -> int:
    from iachygiene.discover import locate

    if "-" in paths or given["stdin_filename"]:
        return _scan_stdin(paths, given, common)
    named = [*paths, *_paths_from(given["files_from"])]
    if given["files_from"] is not None and not named:
        click.echo("nothing to check", err=True)
        return 3 if given["strict"] else 0
    if given["hook"]:
        named = [path for path in named if os.path.lexists(path)]
        if paths and not named:
            return 0
    try:
        submodules = given["recurse_submodules"]
        place = locate(named, gitignore=not given["no_gitignore"], submodules=submodules)
    except FileNotFoundError as missing:
        raise click.UsageError(f"no such file or directory: {missing.args[0]}") from None
    config = _configuration(place.root, given, common)
    if not config.respect_gitignore:
        place = locate(named, gitignore=False)
    if given["show_config"] is not None:
        from iachygiene.decisions import show_config

        return show_config(place, config, given)
    options = _options(place, config, given)
    # Comments are written into files as they were judged, so all of them are read.
    if not given["no_cache"] and given["add_ignores"] is None:
        options = options._replace(cache=_cache(place.root, config, given["cache_dir"], common))
    listing, options, base = _narrowed(place, options, config, given, common)
    if given["show_files"]:
        from iachygiene.decisions import show_files

        return show_files(place.root, listing, config, options)
    if common.verbose:
        from iachygiene.decisions import say_decisions

        say_decisions(config, listing, options)
    from iachygiene.engine import run
    from iachygiene.progress import Progress

    progress = Progress(sys.stderr if _shows_progress(given, common) else None)
    try:
        scan = run(place.root, listing, config, options, progress)
    except Interrupted as stop:
        progress.end()
        if stop.scan is not None:
            _leave_early(stop, stop.scan, given, common)
        raise
    finally:
        progress.end()

    def again(stored: Stored | None = None) -> Scan:
        after = options._replace(fix=False, unsafe_fixes=False, stored=stored)
        return run(place.root, listing, config, after)

    return _finish(scan, again, place, base, config, given, common)


def _leave_early(
    stop: Interrupted, scan: Scan, given: Mapping[str, Any], common: Common
) -> NoReturn:
    """Tell people what was found until a signal came; no report looks as if it were whole."""
    from iachygiene.report.options import ReportOptions

    form = given["format_"] or "text"
    readable = form in ("text", "concise")
    if not common.quiet > 1:
        options = ReportOptions.of(given, common, sys.stdout if readable else sys.stderr)
        text = "".join(output.render(form if readable else "text", scan.result, scan, options))
        click.echo(text, nl=False, err=not readable)
    click.echo(f"interrupted after {stop.judged} of {stop.total} files", err=True)
    leave(stop.code)


def _scan_stdin(paths: Sequence[str], given: Mapping[str, Any], common: Common) -> int:
    """Check standard input as if it were the contents of a file."""
    name = given["stdin_filename"]
    if tuple(paths) != ("-",) or not name:
        raise click.UsageError("standard input is checked by `scan --stdin-filename NAME -` alone")
    if given["fix"] or given["unsafe_fixes"] or given["staged"] or given["since"]:
        raise click.UsageError("standard input is neither fixed nor compared")
    from iachygiene.discover import Focus, locate
    from iachygiene.engine import run
    from iachygiene.ignores import Replaced

    directory = os.path.realpath(os.path.dirname(name) or ".")
    if not os.path.isdir(directory):
        raise click.UsageError(f"no such directory: {os.path.dirname(name)}")
    place = locate([])
    if os.path.commonpath([place.root, directory]) != place.root:
        place = locate([directory])
    real = os.path.join(directory, os.path.basename(name))
    path = os.path.relpath(real, place.root).replace(os.sep, "/")
    config = _configuration(place.root, given, common)
    data = sys.stdin.buffer.read(config.max_file_size + 1)
    options = _options(place, config, given)._replace(
        focus=Focus(frozenset((path,))),
        explicit=frozenset((path,)),
        engine="builtin",
        stored=Replaced({path: data}),
    )
    listing = place.listing
    if path not in listing.paths:
        listing = listing._replace(paths=sorted([*listing.paths, path]))
    if given["show_files"]:
        from iachygiene.decisions import show_files

        return show_files(place.root, listing, config, options)
    scan = run(place.root, listing, config, options)
    return _finish(scan, lambda: scan, place, None, config, given, common)


def _cache(root: str, config: Config, named: str | None, common: Common) -> Cache | None:
    """The verdicts of earlier runs, None where their folder cannot be used.

    They are read while git is still at work on its listing.
    """
    from iachygiene.cache import Cache, folder, refusal

    directory = named or folder(os.environ)
    if directory is None:
        return None
    why = refusal(directory)
    if why and (named or common.verbose):
        click.echo(f"warning: no cache: {directory!a}: {why}", err=True)
    return None if why else Cache(directory, root, config.digest)


def _narrowed(
    place: Place, options: Options, config: Config, given: Mapping[str, Any], common: Common
) -> tuple[Listing, Options, str | None]:
    """The files, and what is asked of them, with baselines and with what git says of changes.

    The last is the commit that the files are compared with, None without one.
    """
    from iachygiene.baseline import in_force

    if not given["no_baseline"]:
        options = options._replace(baselines=in_force(place.root, config))
    asked = [name for name in ("new_only", "changed_lines") if given[name]]
    if (given["since"] or "").startswith("-"):
        raise click.UsageError("--since needs a revision: --since REF")
    if not (given["staged"] or given["since"]):
        if asked:
            raise click.UsageError(f"--{asked[0].replace('_', '-')} needs --since REF")
        return place.listing, options, None
    if given["staged"] and (given["since"] or options.fix):
        other = "--since" if given["since"] else "--fix and --diff"
        raise click.UsageError(f"--staged judges the index: it does not go with {other}")
    from iachygiene import changes
    from iachygiene.engine import tree_of

    tree = tree_of(place.root, place.listing, config, options)
    listing = place.listing
    try:
        if given["staged"]:
            listing, found = changes.index(place.root, listing, config, tree)
            if found.old.blobs:
                options = options._replace(engine="builtin", stored=found.old)
        else:
            base, name = changes.revision(place.root, given["since"])
            if given["since"] == "auto" and not common.quiet:
                click.echo(f"comparing with {name}", err=True)
            found = changes.since(place.root, base, listing, config, tree)
        if given["new_only"]:
            before = changes.findings_at(found, place.root, config, options)
            options = options._replace(baselines=(*options.baselines, before))
    except changes.NoHistory as reason:
        raise click.UsageError(str(reason)) from None
    if given["new_only"]:
        return listing, options, found.base
    if found.everything and not common.quiet:
        click.echo(f"everything is checked: {found.everything}", err=True)
    if given["changed_lines"]:
        options = options._replace(added=changes.added_lines(found, tree))
    focus = changes.focus_on(found, options.focus)
    return listing, options._replace(focus=focus, deleted=found.deleted), found.base or None


def _shows_progress(given: Mapping[str, Any], common: Common) -> bool:
    """Only a person at a terminal is shown progress: no hook, no job, nobody who wants quiet."""
    if common.quiet or given["hook"] or os.environ.get("CI"):
        return False
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _paths_from(source: str | None) -> list[str]:
    if source is None:
        return []
    if source == "-":
        data = sys.stdin.buffer.read()
    else:
        try:
            with open(source, "rb") as file:
                data = file.read()
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise click.UsageError(f"{source}: {reason}") from None
    separator = b"\0" if b"\0" in data else b"\n"
    return [os.fsdecode(line) for line in data.split(separator) if line]


def _configuration(root: str, given: Mapping[str, Any], common: Common) -> Config:
    from iachygiene.config import load

    config = load(root, file=common.config, isolated=common.isolated)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    changes: dict[str, Any] = {}
    for option, key in (
        ("select", "select"),
        ("ignore", "ignore"),
        ("extend_select", "extend-select"),
        ("extend_ignore", "extend-ignore"),
        ("exclude", "exclude"),
        ("extend_exclude", "extend-exclude"),
    ):
        if given[option]:
            changes[key] = list(given[option])
    if "project" in given["kinds"]:
        # What links files of several kinds needs them all; the rules are narrowed instead.
        others = [code for code, kind in LANGUAGES.items() if kind not in given["kinds"]]
        changes["extend-ignore"] = [*changes.get("extend-ignore", ()), *others]
    for option, key in (
        *(("min_severity", "min-severity"), ("fail_on", "fail-on")),
        ("baseline", "baseline"),
    ):
        if given[option]:
            changes[key] = given[option]
    for word in given["tools"]:
        name, _, policy = word.partition("=")
        if name not in TOOLS or policy not in ("auto", "always", "never"):
            known = ", ".join(TOOLS)
            raise click.UsageError(f"--tool {word}: expected NAME=auto|always|never, NAME {known}")
        changes.setdefault("tools", {})[name] = {"policy": policy}
    if given["kubernetes_version"]:
        changes["kubernetes"] = {"version": given["kubernetes_version"]}
    return config.with_command_line(changes) if changes else config


def _options(place: Place, config: Config, given: Mapping[str, Any]) -> Options:
    from iachygiene.engine import Options

    explicit = frozenset() if given["force_exclude"] or given["hook"] else place.explicit
    fixing = given["fix"] or given["unsafe_fixes"] or given["diff"]
    words = [*given["select"], *given["extend_select"]]
    return Options(
        focus=place.focus,
        explicit=explicit,
        kinds=frozenset() if "project" in given["kinds"] else frozenset(given["kinds"]),
        engine=given["engine"],
        required=_required(words, given),
        trust_providers=given["trust_providers"],
        init=given["init"] or config.tool("terraform")["init"],
        workers=1 if fixing else given["jobs"] or 0,
        fix=fixing,
        unsafe_fixes=given["unsafe_fixes"],
        suppressions=not given["no_suppressions"],
        strict=given["strict"],
        today=given["today"],
        timeout=given["timeout"] or 0,
        max_memory=given["max_memory"],
    )


def _required(words: Iterable[str], given: Mapping[str, Any]) -> frozenset[str]:
    """Codes of rules that need a program and were asked for by name."""
    always = {word.removesuffix("=always") for word in given["tools"] if word.endswith("=always")}
    named = [word for word in words if word[:3] in ("TF5", "DF6") or word.islower()]
    if not named and not always:
        return frozenset()
    from iachygiene.rule import rules_of

    return frozenset(
        rule.code
        for rule in (*rules_of("terraform"), *rules_of("dockerfile"))
        if rule.needs
        and (
            rule.needs in always
            or any(
                word == rule.name or (not word.islower() and rule.code.startswith(word))
                for word in named
            )
        )
    )


def _finish(
    scan: Scan,
    again: Callable[..., Scan],
    place: Place,
    base: str | None,
    config: Config,
    given: Mapping[str, Any],
    common: Common,
) -> int:
    """Write fixes and reports, and give the exit code. `again` scans what was written."""
    from iachygiene.report.options import ReportOptions

    if given["add_ignores"] is not None:
        return _add_ignores(scan, again, given["add_ignores"])

    code = scan.result.exit_code
    changed, refused = (0, False) if given["diff"] else _write_fixes(scan)
    if changed and any(tool.check in _REPEATED for tool in scan.result.tools):
        # What a program said was of the files as they were.
        scan = again()
        code = scan.result.exit_code
    difference = ""
    if given["diff"]:
        from iachygiene.fix import unified_diff

        difference = "".join(unified_diff(scan.tree))
        code = 1 if difference and code != 4 else code
    if given["hook"] and changed:
        code = code or 1
    if given["exit_zero"] and code == 1:
        code = 0
    about = _git(place, base, given, config)
    commit = None if about is None else about["commit"]
    reports = output.reports(given["reports"], config, scan, commit)
    on_stdout = [form for form, path in reports if path == "-"]
    form = given["format_"] or (on_stdout or [config.output_format])[0]
    forms = [form, *(form for form, _ in reports)]
    result = scan.result._replace(exit_code=code)
    if "json" in forms:
        result = result._replace(config_digest=config.digest)
    if given["fixable"]:
        result = result._replace(findings=[one for one in result.findings if one.fix])
    options = ReportOptions.of(
        given, common, sys.stdout, changed=changed, new_only=given["new_only"], git=about
    )
    if "github" in forms and base:
        from iachygiene.changes import added_since

        options = options._replace(added=added_since(base, place, config, scan.tree))
    failed = False
    for form, path in reports:
        if path != "-":
            failed |= not output.write_report(form, path, result, scan, options.for_file())
    silent = common.quiet > 1 or (given["hook"] and _nothing_to_say(scan, changed))
    if given["diff"]:
        click.echo(difference, nl=False)
    elif not silent:
        text = "".join(output.render(forms[0], result, scan, options))
        if result.counts or result.findings or forms[0] not in ("text", "concise"):
            # Not left to click: what is coloured on a pipe was asked for.
            click.echo(text, nl=False, color=options.color)
        else:
            click.echo(_nothing(place), err=True)
    return 4 if refused or failed else code


def _nothing(place: Place) -> str:
    """That nothing was checked, and why where a person named files."""
    if not place.explicit:
        return "nothing to check"
    from iachygiene.report.escape import clean

    names = ", ".join(sorted(place.explicit)[:3]) + (", …" if len(place.explicit) > 3 else "")
    return clean(f"nothing to check: no known kind of file: {names}", ascii_only=True)


def _add_ignores(scan: Scan, again: Callable[..., Scan], reason: str) -> int:
    """Comment every finding that is left; exit 1 where some take no comment."""
    from iachygiene.fix import NotWritten, write
    from iachygiene.ignores import Replaced, add, named
    from iachygiene.report.escape import clean
    from iachygiene.report.findings import counted

    def judge(contents: Mapping[str, bytes]) -> Sequence[Finding]:
        return again(Replaced(contents)).result.findings

    if os.path.lexists(reason):
        raise click.UsageError(
            f"--add-ignores takes {reason!a} for its reason"
            "\nhint: put paths before it, or write --add-ignores=REASON"
        )
    if "\n" in reason or "\r" in reason:
        raise click.UsageError("--add-ignores: a reason is one line")
    tree = scan.tree
    added = add(scan.result.findings, tree, reason, judge)
    failed = False
    for path, data in sorted(added.contents.items()):
        try:
            write(tree.root, path, tree.judged(path), data)
        except NotWritten as why:
            click.echo(f"error: not written: {path!a}: {why}", err=True)
            failed = True
    for line in named(added.left):
        click.echo(clean(line), err=True)
    files = counted(len(added.contents), "file")
    click.echo(f"{counted(added.muted, 'finding')} muted by comments in {files}")
    return 4 if failed else 1 if added.left else 0


def _write_fixes(scan: Scan) -> tuple[int, bool]:
    """Write what fixes changed; gives how many files, and whether any could not be."""
    if not scan.tree.overlay:
        return 0, False
    from iachygiene.fix import write_all

    changed, refused = 0, False
    for path, why in write_all(scan.tree):
        if why:
            click.echo(f"error: not fixed: {path!a}: {why}", err=True)
            refused = True
        else:
            changed += 1
    return changed, refused


def _nothing_to_say(scan: Scan, changed: int) -> bool:
    quiet = ("ok", "not-needed", "disabled")
    told = any(status.status not in quiet for status in scan.result.tools)
    result = scan.result
    return not (result.findings or result.crashes or result.unchecked or told or changed)


def _git(
    place: Place, base: str | None, given: Mapping[str, Any], config: Config
) -> Mapping[str, Any] | None:
    """What reports say of the commit, where one of them does; None where there is no git."""
    asked = [(given["format_"] or config.output_format, "-"), *given["reports"], *config.reports]
    forms = {form for form, _ in asked}
    named = any("{commit}" in path for _, path in asked)
    if not (named or {"json", "sarif", "markdown", "html"} & forms) or not place.listing.from_git:
        return None
    from iachygiene.git import head, origin

    remote = origin(place.root) if "sarif" in forms else None
    return {"commit": head(place.root), "dirty": None, "base": base, "remote": remote}
