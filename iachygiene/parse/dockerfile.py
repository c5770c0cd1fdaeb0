"""Dockerfiles: instructions, stages and their inheritance, each word with its place.

The format is https://docs.docker.com/reference/dockerfile/; what is refused is what Docker
refuses. After a syntax error reading goes on with the next instruction.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.image import ImageRef, parse_image
from iachygiene.lazy import regex
from iachygiene.model import Broken, Comment, Job, Location, SourceFile, Span, Trouble
from iachygiene.parse.instructions import (
    DL1000,
    Copy,
    Flag,
    From,
    Healthcheck,
    Heredoc,
    Instruction,
    Onbuild,
    Pair,
    Refused,
    Run,
    Variables,
    build,
)
from iachygiene.parse.script import Command, Pipeline, Script, Text, Word
from iachygiene.parse.shell import MAX_NESTING, TOO_DEEP

if TYPE_CHECKING:
    from iachygiene.files import Tree
    from iachygiene.parse.builds import Build
    from iachygiene.parse.dockerignore import BuildContext
    from iachygiene.parse.project import StageFact

__all__ = [
    "Command",
    "Copy",
    "Dockerfile",
    "Flag",
    "From",
    "Healthcheck",
    "Heredoc",
    "Instruction",
    "Onbuild",
    "Pair",
    "Pipeline",
    "Ran",
    "Run",
    "Script",
    "Stage",
    "Use",
    "Variables",
    "Word",
    "comments",
    "expand",
    "facts",
    "load",
]

MAX_INSTRUCTIONS = 20_000
"""Instructions in one file, not counting FROM."""
MAX_STAGES = 1_000
MAX_HEREDOCS = 1_000
MAX_INSTRUCTION = 1024 * 1024
"""Code points in one instruction, its here-documents included."""

_DIRECTIVE = regex(r"#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.*)")
_HEREDOC = regex(r"<<(?!<)(-?)(\"[^\"\n]+\"|'[^'\n]+'|[^\s<>|&;()\"'`$\\]+)")
_QUOTED_OR_MARKER = regex(r"\\.|'[^']*'|\"(?:[^\"\\]|\\.)*\"|<<<|<<", re.DOTALL)
_RESUMES = regex(
    r"(?:FROM|RUN|CMD|LABEL|EXPOSE|ENV|ADD|COPY|ENTRYPOINT|VOLUME|USER|WORKDIR|ARG|ONBUILD"
    r"|STOPSIGNAL|HEALTHCHECK|SHELL)[ \t]"
)
_STAGE_PRAGMA = regex(r"#[ \t]*hadolint[ \t]+stage[ \t]+ignore[ \t]*=")
_VARIABLE = regex(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+])([^{}]*))?\})", re.ASCII)

MARKERS = (
    *(b"iachygiene", b"hadolint", b"shellcheck", b"check=", b"check ="),
    *(b"checkov:skip", b"trivy:ignore"),
)
"""What stands in a file with a comment that sets findings aside, ours or a peer's."""

_SHEBANG = regex(r"#![ \t]*(?:\S*/env[ \t]+)?(?:\S*/)?(\S*)")
_SHELLS = frozenset(("sh", "bash", "dash", "ash", "ksh", "zsh"))

_WITH_HEREDOCS = frozenset(("RUN", "COPY", "ADD", "ONBUILD"))


class Stage:
    """One stage. `name` is "" without AS; `instructions` are those after FROM.

    `parent` is the earlier stage of this file that it builds on. `image` is the reference
    as written, `resolved` the same with the defaults of global ARGs filled in.
    """

    __slots__ = (
        *("_globals", "_last", "_variables", "base", "image", "index", "instructions"),
        *("name", "parent", "resolved"),
    )

    def __init__(
        self,
        base: From,
        index: int,
        parent: Stage | None,
        image: str | None,
        global_arguments: Mapping[str, str | None],
    ) -> None:
        self.base = base
        self._globals = global_arguments
        self.index = index
        self.name = base.name.text if base.name else ""
        self.parent = parent
        self.image: ImageRef = parse_image(base.image.text, base.image.location)
        self.resolved = self.image
        if image is not None and image != base.image.text:
            self.resolved = parse_image(image, base.image.location)
        self.instructions: list[Instruction] = []
        self._last: dict[str, Instruction] = {}
        self._variables: dict[str, str | None] | None = None

    def add(self, instruction: Instruction) -> None:
        """Take in the next instruction; only the reader does."""
        instruction.object = self.object
        self.instructions.append(instruction)
        self._last[instruction.keyword] = instruction

    @property
    def location(self) -> Location:
        """The FROM instruction."""
        return self.base.location

    @property
    def object(self) -> str:
        """The stage as people call it, by name or number."""
        return f"stage {self.name or self.index}"

    @property
    def image_name(self) -> str:
        """The reference without registry, tag and digest, as hadolint tells them apart.

        It takes a first component for a registry only where a dot is in it, so that a port
        of any other begins a tag.
        """
        registry = self.image.registry
        if registry is None or "." in registry.text:
            return self.image.repository.text
        host, colon, _ = registry.text.partition(":")
        return host if colon else f"{host}/{self.image.repository.text}"

    @property
    def builds_on_stage(self) -> bool:
        """Whether it starts from an earlier stage of this file."""
        return self.parent is not None

    @property
    def chain(self) -> list[Stage]:
        """The stage, the stage it builds on, and so on."""
        found: list[Stage] = []
        stage: Stage | None = self
        while stage is not None:
            found.append(stage)
            stage = stage.parent
        return found

    def last(self, keyword: str) -> Instruction | None:
        """The instruction of a keyword that is in effect at the end, inherited or own."""
        stage: Stage | None = self
        while stage is not None:
            if keyword in stage._last:
                return stage._last[keyword]
            stage = stage.parent
        return None

    @property
    def has_command(self) -> bool:
        """Whether CMD or ENTRYPOINT is set, inherited or own."""
        return self.last("CMD") is not None or self.last("ENTRYPOINT") is not None

    @property
    def runs(self) -> list[Run]:
        """The RUN instructions."""
        return [one for one in self.instructions if isinstance(one, Run)]

    @property
    def effective_user(self) -> Instruction | None:
        """The USER in effect at the end; None where only the base image could set one."""
        return self.last("USER")

    @property
    def effective_user_text(self) -> str | None:
        """What that USER names, variables replaced where their values are known."""
        user = self.effective_user
        if user is None:
            return None
        text = user.argument.text
        return text if "$" not in text else expand(text, self.variables) or text

    @property
    def healthcheck(self) -> Healthcheck | None:
        """The HEALTHCHECK in effect at the end, NONE included."""
        found = self.last("HEALTHCHECK")
        return found if isinstance(found, Healthcheck) else None

    @property
    def exposed_ports(self) -> list[Word]:
        """The ports of every EXPOSE, inherited ones first."""
        return [
            word
            for stage in reversed(self.chain)
            for instruction in stage.instructions
            if instruction.keyword == "EXPOSE"
            for word in instruction.words
        ]

    @property
    def variables(self) -> Mapping[str, str | None]:
        """ARG and ENV at the end of the stage; None where a value is not known."""
        if self._variables is None:
            known: dict[str, str | None] = {}
            for stage in reversed(self.chain):
                for instruction in stage.instructions:
                    if isinstance(instruction, Variables) and instruction.keyword != "LABEL":
                        _declare(instruction, known, self._globals)
            self._variables = known
        return self._variables


def _declare(
    instruction: Variables, known: dict[str, str | None], inherited: Mapping[str, str | None]
) -> None:
    for name, value in instruction.pairs:
        if value is not None:
            known[name.text] = expand(value.text, known)
        else:
            known.setdefault(name.text, inherited.get(name.text))


class Ran(NamedTuple):
    """A command that a RUN of a stage runs."""

    stage: Stage
    run: Run
    command: Command


class Use(NamedTuple):
    """A command, its RUN, and the stage as people call it."""

    command: Command
    run: Run
    object: str


class Dockerfile:
    """One Dockerfile; `preamble` are the instructions before the first FROM.

    `directives` maps the names of parser directives (in lower case) to their values.
    `escape` is the character that continues lines. `comments` are the places of whole-line
    comments, those inside instructions included. `label_schema` maps the labels that the
    configuration asks for to what they hold; `strict_labels` says that there are no others.
    """

    __slots__ = (
        *("_builds", "_context", "_ran", "_runs", "_tree", "_uses", "comments", "directives"),
        *("escape", "file", "instructions", "label_schema", "path", "preamble", "stages"),
        "strict_labels",
    )

    def __init__(self, file: SourceFile, tree: Tree, settings: Mapping[str, Any]) -> None:
        self.file = file
        self.path = file.path
        self.directives: dict[str, str] = {}
        self.escape = "\\"
        self.instructions: list[Instruction] = []
        self.preamble: list[Instruction] = []
        self.stages: list[Stage] = []
        self.comments: list[Span] = []
        self.label_schema: Mapping[str, str] = settings.get("label-schema") or {}
        self.strict_labels = bool(settings.get("strict-labels"))
        self._tree = tree
        self._context: list[BuildContext | None] = []
        self._builds: list[Build] | None = None
        self._ran: dict[str, list[tuple[int, Ran]]] | None = None
        self._runs: list[tuple[Run, str]] | None = None
        self._uses: dict[str, list[Use]] | None = None

    @property
    def location(self) -> Location:
        """The file as a whole."""
        return Location(self.path)

    @property
    def final_stage(self) -> Stage | None:
        """The last stage: what a build without a target makes."""
        return self.stages[-1] if self.stages else None

    def of(self, *keywords: str) -> list[Instruction]:
        """The instructions of these keywords, without what ONBUILD holds."""
        return [one for one in self.instructions if one.keyword in keywords]

    def ran(self, *names: str) -> list[Ran]:
        """The commands of these names that the stages run, in order.

        Those of ONBUILD and of here-documents for other interpreters are left out.
        """
        if self._ran is None:
            self._ran = {}
            for number, ran in enumerate(self._every_command()):
                self._ran.setdefault(ran.command.name, []).append((number, ran))
        found = [numbered for name in names for numbered in self._ran.get(name, ())]
        if len(names) > 1:
            found.sort(key=lambda numbered: numbered[0])
        return [ran for _, ran in found]

    def _every_command(self) -> Iterator[Ran]:
        for stage in self.stages:
            for run in stage.runs:
                for command in () if _is_foreign(run) else run.script.commands:
                    yield Ran(stage, run, command)

    @property
    def runs(self) -> list[tuple[Run, str]]:
        """Every RUN with its stage, those of ONBUILD included."""
        if self._runs is None:
            self._runs = []
            for one in self.instructions:
                inner = one.trigger if isinstance(one, Onbuild) else one
                if isinstance(inner, Run):
                    self._runs.append((inner, one.object))
        return self._runs

    def uses(self, *names: str) -> list[Use]:
        """Every command of one of the names, those of ONBUILD included."""
        if self._uses is None:
            self._uses = {}
            for run, where in self.runs:
                for command in run.script.commands:
                    self._uses.setdefault(command.name, []).append(Use(command, run, where))
        found = [self._uses[name] for name in names if name in self._uses]
        if len(found) < 2:
            return found[0] if found else []
        return sorted((use for uses in found for use in uses), key=_place)

    @property
    def builds(self) -> list[Build]:
        """The Compose services that build the file."""
        if self._builds is None:
            from iachygiene.parse.builds import builds_of

            self._builds = builds_of(self.path, self._tree)
        return self._builds

    @property
    def context(self) -> BuildContext | None:
        """The directory that a build sends, None where it cannot be told."""
        if not self._context:
            from iachygiene.parse.dockerignore import find_context

            self._context.append(find_context(self, self._tree))
        return self._context[0]

    @property
    def own_directory(self) -> BuildContext:
        """The directory of the file as if a build sent that."""
        from iachygiene.parse.dockerignore import BuildContext

        return BuildContext(posixpath.dirname(self.path), self.path, self._tree)


def _is_foreign(run: Run) -> bool:
    """Whether a here-document names an interpreter that is no shell."""
    found = [_SHEBANG.match(heredoc.body.string) for heredoc in run.heredocs]
    return any(one is not None and one[1] not in _SHELLS for one in found)


def _place(use: Use) -> Span:
    return use.command.location.span


def expand(text: str, variables: Mapping[str, str | None]) -> str | None:
    """The text with its variables replaced; None where one is not known."""
    out: list[str] = []
    here = 0
    for found in _VARIABLE.finditer(text):
        value = variables.get(found[1] or found[2])
        if found[3] and value is None and "-" in found[3]:
            value = found[4]
        elif found[3] == ":-":
            value = value or found[4]
        elif found[3] and "+" in found[3] and value is not None:
            value = found[4] if value or found[3] == "+" else ""
        if value is None:
            return None
        out += (text[here : found.start()], value)
        here = found.end()
    out.append(text[here:])
    result = "".join(out)
    return None if "$" in "".join(out[::2]) else result


def load(job: Job, tree: Tree) -> Iterator[Dockerfile | Trouble]:
    """Read the Dockerfile of a job; raises `Broken` over a limit."""
    reader = _Reader(tree.read(job.paths[0]), tree, job.settings)
    reader.read()
    yield from reader.troubles
    yield reader.dockerfile


def comments(unit: Dockerfile) -> Iterator[Comment]:
    """The whole-line comments, each with the instruction or the line that it stands above.

    The scope of one inside an instruction is that; of another, what hadolint takes for its
    stage.
    """
    text = unit.file.text
    starts = [instruction.extent.start for instruction in unit.instructions]
    first = starts[0] if starts else len(text)
    below = Span(len(text), len(text))
    reach = below
    next_stage = len(text)
    for start, end in reversed(unit.comments):
        following = bisect_right(starts, start)
        if following and start < unit.instructions[following - 1].extent.end:
            # A row of comments reaches the same line; each is looked at once.
            if text[end : below.start].strip() or below.start == len(text):
                reach = _next_line(text, end)
            scope = unit.instructions[following - 1].extent
        else:
            is_last = following == len(starts)
            reach = Span(end, end) if is_last else unit.instructions[following].extent
            scope = _stage_below(end, reach, unit, next_stage)
            if _STAGE_PRAGMA.match(text, start):
                next_stage = scope.start
        below = Span(start, end)
        yield Comment(
            Location(unit.path, below), text[start + 1 : end], reach, start < first, scope
        )


def _stage_below(end: int, following: Span, unit: Dockerfile, last: int) -> Span:
    """What hadolint takes for the stage of a comment that ends at `end`.

    That is from the second line below the comment, or from the end of the instruction that
    it stands right above, to the end of the next FROM or to `last`, where the next comment
    of the kind begins to speak.
    """
    text = unit.file.text
    line = text.find("\n", end) + 1 or len(text)
    right_above = not text[line : following.start].strip(" \t") and following.start >= line
    start = following.end if right_above else text.find("\n", line) + 1 or len(text)
    bases = [stage.base.extent.end for stage in unit.stages]
    number = bisect_right(bases, following.end if right_above else end)
    until = bases[number] if number < len(bases) else len(text)
    return Span(start, max(start, min(until, last)))


def _next_line(text: str, here: int) -> Span:
    while (here := text.find("\n", here) + 1) > 0:
        end = text.find("\n", here)
        line = text[here : len(text) if end == -1 else end]
        if line.strip() and not line.lstrip().startswith("#"):
            return Span(here, here + len(line))
    return Span(len(text), len(text))


def facts(unit: Dockerfile) -> Iterator[StageFact]:
    """The stages: what they start from, as whom they run, what they expose and copy."""
    from iachygiene.parse.project import StageFact

    context = unit.context.directory if unit.context else None
    for stage in unit.stages:
        user = stage.effective_user
        check = stage.healthcheck
        base = stage.chain[-1]
        yield StageFact(
            unit.path,
            stage.name,
            stage is unit.stages[-1],
            stage.location,
            base.resolved.text,
            base.image.location,
            stage.effective_user_text,
            user.location if user else None,
            check.location if check and not check.disabled else None,
            tuple(expand(word.text, stage.variables) or "$" for word in stage.exposed_ports),
            tuple(_copied(stage)),
            context,
        )


def _copied(stage: Stage) -> Iterator[str]:
    """What a stage copies from the build context, with what it inherits."""
    from iachygiene.parse.dockerignore import clean

    for one in reversed(stage.chain):
        for instruction in one.instructions:
            if isinstance(instruction, Copy):
                for word in instruction.context_sources:
                    text = expand(word.text, stage.variables)
                    if text is not None:
                        yield clean(text)


class _Reader:
    """One pass over the lines of a file."""

    def __init__(self, file: SourceFile, tree: Tree, settings: Mapping[str, Any]) -> None:
        self.dockerfile = Dockerfile(file, tree, settings)
        self.path = file.path
        self.lines = file.text.split("\n")
        self.starts = file.line_starts
        self.escape = "\\"
        self.troubles: list[Trouble] = []
        self.heredocs = 0
        self.count = 0
        self.globals: dict[str, str | None] = {}
        self.stages: dict[str, Stage] = {}
        self.ends: _HeredocEnds | None = None

    def read(self) -> None:
        line = self.directives()
        lines = self.lines
        while line < len(lines):
            stripped = lines[line].strip()
            if not stripped:
                line += 1
            elif stripped[0] == "#":
                self.comment(line, stripped)
                line += 1
            else:
                line = self.instruction(line)
        if not self.dockerfile.instructions and not self.troubles:
            # hadolint has nothing to say about such a file.
            self.trouble("the file holds no instruction", Span(0, 0), ("iachygiene:DF1000",))

    def trouble(self, message: str, span: Span, aliases: tuple[str, ...] = DL1000) -> None:
        self.troubles.append(Trouble("syntax", Location(self.path, span), message, aliases))

    def over(self, what: str, limit: int, start: int) -> Broken:
        message = f"{what} is over the limit of {limit:,}"
        return Broken(Trouble("over-limit", Location(self.path, Span(start, start)), message))

    def comment(self, line: int, stripped: str) -> None:
        start = self.starts[line] + self.lines[line].index("#")
        self.dockerfile.comments.append(Span(start, start + len(stripped)))

    def directives(self) -> int:
        """Read the parser directives and give the number of the first other line."""
        known = self.dockerfile.directives
        for line, raw in enumerate(self.lines):
            stripped = raw.strip()
            found = _DIRECTIVE.fullmatch(stripped)
            if not found or not found[2]:
                return line
            self.comment(line, stripped)
            name = found[1].lower()
            if name not in ("syntax", "escape", "check"):
                continue
            span = self.dockerfile.comments[-1]
            if name in known:
                self.trouble(f'a second "{name}" directive', span, ("iachygiene:DF1000",))
            elif name == "escape" and found[2] not in ("\\", "`"):
                self.trouble(f'"{found[2]}" cannot be the escape character', span)
            known.setdefault(name, found[2])
            if known.get("escape") == "`":
                self.escape = self.dockerfile.escape = "`"
        return len(self.lines)

    def instruction(self, line: int) -> int:
        """Read the instruction that begins on a line, and give the number of the next."""
        text, last = self.joined(line)
        start = text.origin(0)
        heredocs: list[Heredoc] = []
        if "<<" in text.string and text.string.split(None, 1)[0].upper() in _WITH_HEREDOCS:
            resume = self.read_heredocs(text, last, heredocs)
            if resume < 0:
                return -resume
            last = resume
        end = self.starts[last] + len(self.lines[last].rstrip("\r"))
        if end - start > MAX_INSTRUCTION:
            raise self.over("the length of an instruction", MAX_INSTRUCTION, start)
        try:
            self.add(build(text, heredocs, Span(start, end), self.escape))
        except Refused as refused:
            line_end = len(text.string[: text.first_piece].rstrip())
            place = refused.place.location if refused.place else text.location(0, line_end)
            self.trouble(str(refused), place.span, refused.aliases)
        return last + 1

    def joined(self, line: int) -> tuple[Text, int]:
        """The instruction with its continuation lines, and the number of the last of them."""
        raw = self.lines[line]
        begin = len(raw) - len(raw.lstrip())
        pieces: list[str] = []
        starts: list[int] = []
        origins: list[int] = []
        length = 0
        while True:
            cut = self.continuation(raw)
            piece = raw[begin:cut] if cut != -1 else raw[begin:].rstrip("\r")
            pieces.append(piece)
            starts.append(length)
            origins.append(self.starts[line] + begin)
            length += len(piece)
            begin = 0
            following = self.next_line(line + 1) if cut != -1 else 0
            if cut == -1 or following == len(self.lines):
                return Text(self.path, "".join(pieces), origins, starts), line
            line = following
            raw = self.lines[line]

    def continuation(self, raw: str) -> int:
        """Where the escape character stands that continues the line, -1 without one."""
        body = raw.rstrip(" \t\r")
        if not body.endswith(self.escape) or body.endswith(self.escape * 2):
            return -1
        return len(body) - 1

    def next_line(self, line: int) -> int:
        """The number of the next line that is neither blank nor a comment."""
        while line < len(self.lines):
            stripped = self.lines[line].strip()
            if stripped and stripped[0] != "#":
                break
            if stripped:
                self.comment(line, stripped)
            line += 1
        return line

    def read_heredocs(self, text: Text, last: int, found: list[Heredoc]) -> int:
        """Read the bodies behind the line `last`, and give the number of their last line.

        Without an end of one of them, that is reported and the number of the line to go on
        with is given negated.
        """
        if self.ends is None:
            self.ends = _HeredocEnds(self.dockerfile.file.text, self.lines)
        for marker in _heredoc_markers(text.string):
            self.heredocs += 1
            if self.heredocs > MAX_HEREDOCS:
                raise self.over("the number of here-documents", MAX_HEREDOCS, text.origin(0))
            name = marker[2].strip("\"'")
            location = text.location(marker.start(), marker.end())
            end = self.ends.find(name, bool(marker[1]), last + 1)
            if end is not None:
                body = self.body(last + 1, end)
                found.append(Heredoc(name, location, body, marker[2] == name))
                last = end
            elif name[0].isalpha() and text.string[marker.start() - 1].isspace():
                return -self.unfinished(name, location, last + 1)
        return last

    def body(self, first: int, end: int) -> Text:
        start = self.starts[first]
        string = self.dockerfile.file.text[start : self.starts[end]]
        return Text(self.path, string, (start,))

    def unfinished(self, name: str, location: Location, line: int) -> int:
        near = self.ends.near_miss(name, line) if self.ends else None
        message = f'the here-document "{name}" has no end'
        if near is not None:
            raw = self.lines[near].rstrip("\r")
            why = "is indented" if raw[:1].isspace() else "has blanks behind it"
            message += f": line {near + 1} {why}"
        aliases = (*DL1000, "iachygiene:DF5809")
        self.trouble(message, location.span, aliases)
        if near is not None:
            return near + 1
        while line < len(self.lines) and not _RESUMES.match(self.lines[line]):
            line += 1
        return line

    def add(self, instruction: Instruction) -> None:
        unit = self.dockerfile
        unit.instructions.append(instruction)
        if isinstance(instruction, From):
            self.add_stage(instruction)
            return
        self.count += 1
        if self.count > MAX_INSTRUCTIONS:
            start = instruction.extent.start
            raise self.over("the number of instructions", MAX_INSTRUCTIONS, start)
        if not unit.stages:
            unit.preamble.append(instruction)
            if isinstance(instruction, Variables) and instruction.keyword == "ARG":
                _declare(instruction, self.globals, {})
            return
        unit.stages[-1].add(instruction)
        run = instruction.trigger if isinstance(instruction, Onbuild) else instruction
        if isinstance(run, Run) and "<< " in run.text.string:
            below = self.dockerfile.file.text[run.extent.end :]
            run.ends_file = bool(below) and not below.strip("\r\n")
        # A short script cannot nest too deep, and need not be read before a rule asks for it.
        if (
            isinstance(run, Run)
            and (run.heredocs or len(run.text.string) > MAX_NESTING)
            and run.script.problem == TOO_DEEP
        ):
            self.troubles.append(Trouble("over-limit", run.location, TOO_DEEP))

    def add_stage(self, base: From) -> None:
        stages = self.dockerfile.stages
        if len(stages) >= MAX_STAGES:
            raise self.over("the number of stages", MAX_STAGES, base.extent.start)
        written = base.image.text
        image = expand(written, self.globals) if "$" in written else written
        parent = self.stages.get((image or written).lower())
        stage = Stage(base, len(stages), parent, image, self.globals)
        base.object = stage.object
        stages.append(stage)
        if stage.name:
            self.stages[stage.name.lower()] = stage


class _HeredocEnds:
    """The lines that can end a here-document of the file, by name."""

    def __init__(self, text: str, lines: Sequence[str]) -> None:
        names = {found[2].strip("\"'") for found in _HEREDOC.finditer(text)}
        self.exact: dict[str, list[int]] = {}
        self.tabbed: dict[str, list[int]] = {}
        self.near: dict[str, list[int]] = {}
        for number, line in enumerate(lines):
            name = line.strip()
            if name in names:
                bare = line.removesuffix("\r")
                self.near.setdefault(name, []).append(number)
                if bare.lstrip("\t") == name:
                    self.tabbed.setdefault(name, []).append(number)
                if bare == name:
                    self.exact.setdefault(name, []).append(number)

    def find(self, name: str, dash: bool, line: int) -> int | None:
        """The first line from `line` on that ends it."""
        return _first_from((self.tabbed if dash else self.exact).get(name, []), line)

    def near_miss(self, name: str, line: int) -> int | None:
        """The first line that would end it but for blanks."""
        return _first_from(self.near.get(name, []), line)


def _first_from(numbers: list[int], line: int) -> int | None:
    index = bisect_left(numbers, line)
    return numbers[index] if index < len(numbers) else None


def _heredoc_markers(string: str) -> Iterator[re.Match[str]]:
    """The markers outside of quotes."""
    here = 0
    while found := _QUOTED_OR_MARKER.search(string, here):
        here = found.end()
        if found[0] == "<<":
            marker = _HEREDOC.match(string, found.start())
            if marker:
                here = marker.end()
                yield marker
