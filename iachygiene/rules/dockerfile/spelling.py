"""How instructions are written: case, old forms, remarks in the wrong place."""

from __future__ import annotations

import re
from collections import Counter

from iachygiene.lazy import regex
from iachygiene.model import Edit, Finding, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, From, Instruction, Variables, Word
from iachygiene.rule import rule

_DIRECTIVE = regex(r"#[ \t]*(syntax|escape)[ \t]*=[ \t]*(\S+)[ \t]*", re.IGNORECASE)
_FRONTEND = regex(r"(?:[\w.-]+/)*[\w.-]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?", re.ASCII)
_AS = regex(r"(?<![ \t])[ \t]++(as)[ \t]++\S++[ \t]*+$", re.IGNORECASE)
_PLAIN = frozenset(("USER", "EXPOSE", "FROM", "COPY", "ADD", "WORKDIR", "ENV", "STOPSIGNAL"))
_MOVABLE = frozenset(("USER", "EXPOSE", "FROM", "COPY", "WORKDIR"))
_REMARK = regex(r"[ \t]#(?:[ \t]+\S.*|)$")


@rule(
    "DF5804",
    Dockerfile,
    Severity.INFO,
    default="off",
    aliases=("buildkit:ConsistentInstructionCasing", "buildkit:FromAsCasing"),
)
def instruction_case(dockerfile: Dockerfile) -> Findings:
    """The names of instructions are written now in capitals, now in small letters.

    Docker does not mind; readers do, and so does everybody who searches the file.
    https://docs.docker.com/reference/build-checks/consistent-instruction-casing/

    Bad:
        FROM debian:12
        run make
        CMD ["/app"]
    Fixed:
        FROM debian:12
        RUN make
        CMD ["/app"]
    Bad:
        FROM debian:12 as base
    Fixed:
        FROM debian:12 AS base
    Good:
        FROM debian:12 AS base
        RUN make
    Good: all of them in small letters
        from debian:12 as base
        run make
    """
    written = [(one, _word(one)) for one in dockerfile.instructions]
    cases = Counter("lower" if word.islower() else "upper" for _, word in written)
    lower = cases["lower"] > cases["upper"]
    for one, word in written:
        right = word.lower() if lower else word.upper()
        if word != right:
            start = one.text.origin(0)
            yield _recase(dockerfile, Span(start, start + len(word)), word, right, one.object)
    for one in dockerfile.instructions:
        found = _AS.search(one.text.string) if isinstance(one, From) else None
        if found:
            right = "as" if _word(one).islower() and lower else "AS"
            place = one.text.location(found.start(1), found.end(1)).span
            if found[1] != right and place.end - place.start == 2:
                yield _recase(dockerfile, place, found[1], right, one.object)


def _word(one: Instruction) -> str:
    return one.text.string.split(None, 1)[0]


def _recase(dockerfile: Dockerfile, span: Span, word: str, right: str, where: str) -> Finding:
    fix = Fix(f"write {right}", (Edit(span, right),))
    message = f'"{word}" is written unlike the others'
    return at(Location(dockerfile.path, span), message, object=where, fix=fix)


@rule("DF5805", Dockerfile, Severity.INFO, aliases=("buildkit:LegacyKeyValueFormat",))
def legacy_key_value(dockerfile: Dockerfile) -> Findings:
    """A variable or label is set in the old form without "=".

    In that form everything up to the end of the line is the value, so that a second pair on
    the line silently becomes part of the first.
    https://docs.docker.com/reference/build-checks/legacy-key-value-format/

    Bad:
        FROM debian:12
        ENV LANG C.UTF-8
    Fixed:
        FROM debian:12
        ENV LANG=C.UTF-8
    Bad: quoted where blanks are in the value
        FROM debian:12
        LABEL description A small tool
    Fixed:
        FROM debian:12
        LABEL description="A small tool"
    Good:
        FROM debian:12
        ENV LANG=C.UTF-8
        LABEL description="A small tool"
    """
    for one in dockerfile.of("ENV", "LABEL"):
        if not isinstance(one, Variables) or len(one.pairs) != 1:
            continue
        pair = one.pairs[0]
        first = one.text.string[one.rest :].split(None, 1)[0]
        if pair.value is None or "=" in first:
            continue
        message = f'"{pair.name.text}" is set without "="'
        yield at(pair, message, object=one.object, fix=_with_equals(pair.name, pair.value))


def _with_equals(name: Word, value: Word) -> Fix | None:
    raw = value.raw
    between = Span(name.location.span.end, value.location.span.start)
    if not raw or value.location.span.end - value.location.span.start != len(raw):
        return None
    if re.fullmatch(r"[^\s\"'\\]+|\"[^\"\\]*\"|'[^']*'", raw):
        return Fix("use =", (Edit(between, "="),))
    if '"' in raw or "'" in raw or "\\" in raw or "`" in raw:
        return None
    return Fix("use =", (Edit(between, "="), Edit(value.location.span, f'"{raw}"')))


@rule("DF5806", Dockerfile, Severity.WARNING)
def directive_too_late(dockerfile: Dockerfile) -> Findings:
    """A directive stands behind something else and has no effect.

    `# syntax=` and `# escape=` count only in the first lines; behind another remark, an empty
    line or an instruction they are remarks. The file is then read by another version of the
    format, or continued by another character, than it says.
    https://docs.docker.com/reference/dockerfile/#parser-directives

    Bad:
        # Builds the shop
        # syntax=docker/dockerfile:1
        FROM debian:12
    Bad:
        FROM debian:12
        # escape=`
        RUN make
    Good:
        # syntax=docker/dockerfile:1
        # Builds the shop
        FROM debian:12
    Good: prose
        FROM debian:12
        # syntax = the words of the language
        RUN make
    """
    text = dockerfile.file.text
    if "#" not in text or not re.search(r"#[ \t]*(?:syntax|escape)[ \t]*=", text, re.IGNORECASE):
        return
    first = dockerfile.instructions[0].extent.start if dockerfile.instructions else len(text)
    leading = True
    for start, end in dockerfile.comments:
        found = _DIRECTIVE.fullmatch(text, start, end)
        if leading:
            gap = text[:start].rpartition("\n")[0]
            leading = start < first and _only_directives(gap)
        if found is None or leading or not _is_meant(found[1].lower(), found[2]):
            continue
        place = Location(dockerfile.path, Span(start, end))
        yield at(place, f'"{found[1].lower()}" has no effect this far down')


def _only_directives(text: str) -> bool:
    """Whether nothing but directives stands in a text."""
    return all(
        re.fullmatch(r"[ \t]*#[ \t]*[A-Za-z][A-Za-z0-9]*[ \t]*=[ \t]*\S.*", line)
        for line in text.split("\n")
        if text
    )


def _is_meant(name: str, value: str) -> bool:
    if name == "escape":
        return value in ("\\", "`")
    return "/" in value and _FRONTEND.fullmatch(value) is not None


@rule("DF5807", Dockerfile, Severity.ERROR)
def comment_in_argument(dockerfile: Dockerfile) -> Findings:
    """A remark stands behind an instruction and becomes part of it.

    `#` begins a remark only at the start of a line. Behind USER it is part of the name, behind
    COPY it and every word are sources, behind EXPOSE they are ports, and a JSON form with
    something behind it is no JSON form. https://docs.docker.com/reference/dockerfile/#format

    Bad:
        FROM debian:12
        EXPOSE 8080 # the API
    Fixed:
        FROM debian:12
        # the API
        EXPOSE 8080
    Bad:
        FROM debian:12
        USER 1000 # app
    Bad: no longer the JSON form
        FROM debian:12
        CMD ["/app"] # start
    Good:
        FROM debian:12
        # the API
        EXPOSE 8080
        RUN make # a remark for the shell
    Good: part of an address, or of a text
        FROM debian:12
        ADD https://github.com/example/tool.git#v1.2 /src
        ENV COLOR="red #1"
    """
    if " #" not in dockerfile.file.text and "\t#" not in dockerfile.file.text:
        return
    for one in dockerfile.instructions:
        found = _remark_of(one)
        if found is None:
            continue
        message = f'"{found[0].strip()[:40]}" is part of {one.keyword}'
        yield at(
            one.text.location(found.start() + 1, found.end()),
            message,
            object=one.object,
            fix=_move(dockerfile, one, found),
        )


def _remark_of(one: Instruction) -> re.Match[str] | None:
    string = one.text.string
    found = _REMARK.search(string, one.rest)
    if found is None or one.heredocs:
        return None
    if one.keyword in ("CMD", "ENTRYPOINT"):
        before = string[one.rest : found.start()].rstrip()
        return found if before.startswith("[") and before.endswith("]") else None
    if one.keyword not in _PLAIN:
        return None
    before = string[one.rest : found.start()]
    if before.count('"') % 2 or before.count("'") % 2:
        return None
    # Sources and values may well begin with "#"; several words behind it are a remark.
    if isinstance(one, (Copy, Variables)) and " " not in found[0].strip().lstrip("# "):
        return found if re.match(r"[ \t]#[ \t]", found[0]) else None
    return found


def _move(dockerfile: Dockerfile, one: Instruction, found: re.Match[str]) -> Fix | None:
    place = one.text.location(found.start(), found.end()).span
    if one.keyword not in _MOVABLE or place.end - place.start != len(found[0]):
        return None
    text = dockerfile.file.text
    start = one.extent.start
    line = text.rfind("\n", 0, start) + 1
    blanks = len(text[line : found.start() + start]) - len(text[line:start]) - found.start()
    if blanks or "\n" in text[start : place.end]:
        return None
    remark = found[0].strip()
    ending = "\r\n" if text[place.end : place.end + 2] == "\r\n" else "\n"
    before = text[start : place.start].rstrip(" \t")
    edits = (
        Edit(Span(line, line), f"{text[line:start]}{remark}{ending}"),
        Edit(Span(start + len(before), place.end), ""),
    )
    return Fix("give the remark its own line", edits)


@rule("DF5810", Dockerfile, Severity.INFO, default="off")
def stray_whitespace(dockerfile: Dockerfile) -> Findings:
    r"""The file does not end with a line end, or lines are indented by tabs.

    Both are matters of taste that make for noise in reviews.

    Bad:
        FROM debian:12
        RUN make \
        	install
    Fixed:
        FROM debian:12
        RUN make \
            install
    Good:
        FROM debian:12
        RUN make \
            install
    Good: tabs are taken away from the lines of such a here-document
        FROM debian:12
        RUN <<-EOF
        	make
        EOF
    """  # noqa: D206, E101 - the tabs are what it is about
    text = dockerfile.file.text
    if text and not text.endswith("\n"):
        end = Span(len(text), len(text))
        fix = Fix("add one", (Edit(end, "\n"),))
        yield at(Location(dockerfile.path, end), "the last line has no end", fix=fix)
    for one in dockerfile.instructions:
        start = text.rfind("\n", 0, one.extent.start) + 1
        stop = one.heredocs[0].body.origin(0) if one.heredocs else one.extent.end
        for found in re.finditer(r"^[ ]*\t[ \t]*", text[start:stop], re.MULTILINE):
            place = Span(start + found.start(), start + found.end())
            fix = Fix("use blanks", (Edit(place, found[0].replace("\t", "    ")),))
            message = "the line is indented by tabs"
            yield at(Location(dockerfile.path, place), message, object=one.object, fix=fix)
