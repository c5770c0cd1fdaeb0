"""The scripts that RUN gives to a shell, with the shell and the variables it has there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Location, Severity
from iachygiene.parse.dockerfile import Dockerfile, Stage
from iachygiene.parse.instructions import Instruction, Onbuild, Run, Variables
from iachygiene.parse.script import Text

_PRAGMA = regex(r"#[ \t]*hadolint[ \t]+shell[ \t]*=[ \t]*(\S.*)")
_NAME = regex(r"[A-Za-z_]\w*", re.ASCII)
_SHEBANG = regex(r"#![ \t]*(?:/usr/bin/env[ \t]+)?(?:\S*/)?([^\s/]+)")
_SHELLS = frozenset(("sh", "bash", "ksh", "dash", "ash"))
_OTHER_SHELLS = ("pwsh", "powershell", "cmd")
_DEFAULT_SHELL = "/bin/sh -c"


class RunScript(NamedTuple):
    """A script. `shell` is the program that reads it; `variables` are those set before it.

    `object` is the stage it belongs to.
    """

    shell: str
    variables: frozenset[str]
    text: Text
    object: str


class Replacement(NamedTuple):
    """What a checker would put in place of a range of a file."""

    location: Location
    text: str


class Remark(NamedTuple):
    """What a checker says of a place in a script; `code` is its name for that."""

    location: Location
    code: str
    severity: Severity
    message: str
    object: str
    replacements: tuple[Replacement, ...] = ()


class CheckedScripts(NamedTuple):
    """What a checker says of all scripts of one Dockerfile."""

    path: str
    remarks: Sequence[Remark]

    @property
    def location(self) -> Location:
        """The file as a whole."""
        return Location(self.path)


def run_scripts(dockerfile: Dockerfile) -> Iterator[RunScript]:
    """The scripts in shell form whose shell is of the kind that POSIX describes, in order."""
    pragmas = list(_pragmas(dockerfile))
    starts = [start for start, _ in pragmas]
    first = dockerfile.stages[0].base.extent.start if dockerfile.stages else 0
    before = bisect_left(starts, first)
    default = pragmas[before - 1][1] if before else _DEFAULT_SHELL
    ends: dict[int, tuple[str, frozenset[str]]] = {}
    for stage in dockerfile.stages:
        shell, variables = default, frozenset[str]()
        if stage.parent is not None:
            shell, variables = ends[stage.parent.index]
        here = stage.base.extent.end
        for instruction in stage.instructions:
            # A comment above an instruction counts from there on, as SHELL does.
            above = bisect_left(starts, instruction.extent.start)
            if above and starts[above - 1] > here:
                shell = pragmas[above - 1][1]
            here = instruction.extent.end
            if instruction.keyword == "SHELL":
                shell = " ".join(word.text for word in instruction.words)
            elif isinstance(instruction, Variables) and instruction.keyword != "LABEL":
                names = {pair.name.text for pair in instruction.pairs}
                variables = variables.union(filter(_NAME.fullmatch, names))
            else:
                yield from _script(instruction, shell, variables, stage)
        ends[stage.index] = shell, variables


def _pragmas(dockerfile: Dockerfile) -> Iterator[tuple[int, str]]:
    """Where a comment names the shell of what follows, and that shell."""
    text = dockerfile.file.text
    if "hadolint" not in text:
        return
    for start, end in dockerfile.comments:
        found = _PRAGMA.fullmatch(text, start, end)
        if found:
            yield start, found[1]


def _script(
    instruction: Instruction, shell: str, variables: frozenset[str], stage: Stage
) -> Iterator[RunScript]:
    run = instruction.trigger if isinstance(instruction, Onbuild) else instruction
    if not isinstance(run, Run) or run.exec_form is not None:
        return
    if any(other in shell for other in _OTHER_SHELLS):
        return
    text = run.script_text
    program = shell.split(None, 1)[0] if shell.split() else ""
    if run.is_heredoc:
        text = run.heredocs[0].body
        found = _SHEBANG.match(text.string) or _SHEBANG.match(f"#!{_reader_of(run)}")
        if found:
            if found[1] not in _SHELLS:
                return
            program = f"/bin/{found[1]}"
    yield RunScript(program, variables, text, stage.object)


def _reader_of(run: Run) -> str:
    """The program that the line of a here-document gives it to, "" for the shell."""
    marker = run.heredocs[0].location.span.end
    line = run.text.string
    rest = line[bisect_left(range(len(line)), marker, key=run.text.origin) :].split(None, 1)
    return rest[0] if rest and (rest[0][0].isalnum() or rest[0][0] == "/") else ""
