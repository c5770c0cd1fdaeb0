"""Lines that are continued, and those that should not be."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.dockerfile import Dockerfile, Instruction
from iachygiene.rule import rule

_KEYWORD = regex(
    r"(?:FROM|RUN|CMD|LABEL|EXPOSE|ENV|ADD|COPY|ENTRYPOINT|VOLUME|USER|WORKDIR|ARG|ONBUILD"
    r"|STOPSIGNAL|HEALTHCHECK|SHELL)[ \t]+(?=[^\s=])"
)
_OPERATORS = ("&&", "||", "|", ";", "\\", "{", "(", ",", "=", "do", "then", "else")


@rule("DF5802", Dockerfile, Severity.INFO)
def trailing_escape_space(dockerfile: Dockerfile) -> Findings:
    r"""Blanks stand behind the character that continues a line.

    Docker takes them for nothing, other readers of the format do not, and one cannot see them.

    Bad:
        FROM debian:12
        RUN apt-get update \  
            && apt-get install -y curl
    Fixed:
        FROM debian:12
        RUN apt-get update \
            && apt-get install -y curl
    Good:
        FROM debian:12
        RUN apt-get update \
            && apt-get install -y curl
    Good: a text of its own
        FROM debian:12
        RUN cat > /a <<'EOF'
        a \  
        EOF
    """  # noqa: W291 - the blanks are what it is about
    text = dockerfile.file.text
    escape = re.escape(dockerfile.escape)
    pattern = re.compile(rf"(?<!{escape}){escape}([ \t]+)(?=\r?\n)")
    if not pattern.search(text):
        return
    for one in dockerfile.instructions:
        start, end = _lines_of(one)
        for found in pattern.finditer(text, start, end):
            place = Span(*found.span(1))
            line = text.rfind("\n", 0, place.start) + 1
            if text[line:].lstrip().startswith("#"):
                continue
            yield at(
                Location(dockerfile.path, place),
                "blanks stand behind the character that continues the line",
                object=one.object,
                fix=Fix("remove them", (Edit(place, ""),)),
            )


def _lines_of(one: Instruction) -> tuple[int, int]:
    """The lines of an instruction without those of its here-documents."""
    start, end = one.extent
    if one.heredocs:
        end = one.heredocs[0].body.origin(0)
    return start, end


@rule("DF5803", Dockerfile, Severity.WARNING, aliases=("buildkit:NoEmptyContinuation",))
def empty_continuation(dockerfile: Dockerfile) -> Findings:
    r"""An empty line stands within a continued instruction.

    Docker still reads over it and warns that it will not any more one day; then what follows
    becomes an instruction of its own. A line with a remark is fine.
    https://docs.docker.com/reference/build-checks/no-empty-continuation/

    Bad:
        FROM debian:12
        RUN apt-get update \

            && apt-get install -y curl
    Fixed:
        FROM debian:12
        RUN apt-get update \
            && apt-get install -y curl
    Good: a remark
        FROM debian:12
        RUN apt-get update \
            # what is needed
            && apt-get install -y curl
    """
    text = dockerfile.file.text
    for one in dockerfile.instructions:
        for span in _empty_lines(text, one, dockerfile.escape):
            yield at(
                Location(dockerfile.path, span),
                "an empty line stands within the instruction",
                object=one.object,
                fix=Fix("remove it", (Edit(span, ""),)),
            )


def _empty_lines(text: str, one: Instruction, escape: str) -> Iterator[Span]:
    start, end = _lines_of(one)
    if text.find("\n", start, end) == -1 or escape not in text[start:end]:
        return
    here = text.find("\n", start, end) + 1
    while 0 < here < end:
        stop = text.find("\n", here, end)
        stop = end if stop == -1 else stop + 1
        if not text[here:stop].strip() and stop < end:
            yield Span(here, stop)
        here = stop if stop < end else 0


@rule("DF5808", Dockerfile, Severity.ERROR)
def dangling_continuation(dockerfile: Dockerfile) -> Findings:
    r"""A line is continued, and what follows is an instruction or nothing.

    The next instruction becomes part of this one and never runs by itself: after `RUN make \`
    a line `USER app` is only two more words for make.

    Bad:
        FROM debian:12
        RUN make install \
        USER app
    Bad: at the end of the file
        FROM debian:12
        CMD ["/app"] \
    Good:
        FROM debian:12
        RUN make install
        USER app
    Good: words of a command
        FROM debian:12
        RUN apt-get install -y \
        curl
        RUN echo \
        COPY= \
        done
    """
    text = dockerfile.file.text
    escape = dockerfile.escape
    for one in dockerfile.instructions:
        start, end = _lines_of(one)
        lines = text[start:end].split("\n") if text.find("\n", start, end) != -1 else []
        offset = start
        before = ""
        for line in lines:
            found = _KEYWORD.match(line) if offset > start else None
            if found and before.rstrip().endswith(escape) and not _goes_on(before, escape):
                place = Location(dockerfile.path, Span(offset, offset + len(found[0].rstrip())))
                message = f'"{found[0].strip()}" is part of the {one.keyword} before it'
                yield at(place, message, object=one.object, related=[one.location])
                break
            if line.strip() and not line.lstrip().startswith("#"):
                before = line
            offset += len(line) + 1
    last = text.rstrip()
    if last.endswith(escape) and not last.endswith(escape * 2) and dockerfile.instructions:
        starts = [one.extent.start for one in dockerfile.instructions]
        one = dockerfile.instructions[bisect_right(starts, len(last)) - 1]
        inside = not one.heredocs and not last[last.rfind("\n") + 1 :].lstrip().startswith("#")
        if inside:
            place = Location(dockerfile.path, Span(len(last) - 1, len(last)))
            yield at(place, "the last line is continued, and nothing follows", object=one.object)


def _goes_on(line: str, escape: str) -> bool:
    """Whether a line ends in what wants more of a command behind it."""
    body = line.rstrip().removesuffix(escape).rstrip()
    return body.endswith(_OPERATORS)
